#include "session/manage/manage.h"

#include "base/byteorder.h"
#include "base/must.h"
#include "base/rd.h"
#include "core/fact.h"
#include "session/defaults.h"
#include "session/manage/item.h"
#include "session/queue_args.h"
#include "wire/amqp091/table.h"

#define IMPORTS_MAX   128u /* asked and not answered */
#define ASKED_FOR_ONE 2u   /* at most */

/* What an item that was asked for is, for a refusal. */
struct manage_asked {
	uint64_t ticket; /* 0: free */
	bool is_meaning; /* of a thing that counts itself */
	char about[248];
};

/* ---- what is said of an item -------------------------------------------------------------- */

static void describe_fact(struct slice bytes, struct text *t)
{
	struct fact f;
	enum err e = fact_get(bytes, &f);
	must(e == ERR_OK);
	text_puts(t, fact_word(f.kind));
	for (uint8_t i = 0; i < f.names_n; i++)
		text_put_quoted_printable(t, i ? ", " : " ", f.name[i]);
}

/* Of an item that is sound. */
static void describe(struct slice item, struct text *t)
{
	struct declare_queue q;
	struct declare_exchange x;
	struct bind b;
	struct rd r = rd_of(slice_from(item, 1));
	if (item.p[0] == ITEM_FACT || item.p[0] == ITEM_FORGET) {
		describe_fact(rd_rest(&r), t);
		return;
	}
	struct slice vhost = rd_str8(&r), tail = rd_rest(&r);
	if (item.p[0] == ITEM_QUEUE && declare_queue_get(tail, &q) == ERR_OK) {
		text_put_quoted_printable(t, "queue ", q.name);
	} else if (item.p[0] == ITEM_EXCHANGE && declare_exchange_get(tail, &x) == ERR_OK) {
		text_put_quoted_printable(t, "exchange ", x.name);
	} else {
		enum err e = bind_get(tail, &b);
		must(e == ERR_OK);
		text_put_quoted_printable(t, "binding of ", b.exchange);
		text_put_quoted_printable(t, " to ", b.queue);
	}
	text_put_quoted_printable(t, " in vhost ", vhost);
}

static void say(struct manage *m, struct session_world *w, struct slice about, struct slice what)
{
	must(m->phase == MANAGE_IMPORTING);
	m->import.refused_n++;
	sendq_copy(&m->session.sendq, w->mem, slice_str("refused: "));
	sendq_copy(&m->session.sendq, w->mem, about);
	sendq_copy(&m->session.sendq, w->mem, slice_str(": "));
	sendq_copy(&m->session.sendq, w->mem, what);
	sendq_copy(&m->session.sendq, w->mem, slice_str("\n"));
}

/* The place of what was asked with that ticket; 0: a free one. */
static struct manage_asked *asked_of(struct manage *m, struct session_world *w, uint64_t ticket)
{
	const size_t bytes = IMPORTS_MAX * sizeof(struct manage_asked);
	if (!m->import.asked) {
		m->import.asked = mem_get(w->mem, bytes, "import");
		must(m->import.asked != NULL);
		memset(m->import.asked, 0, bytes);
	}
	for (uint32_t i = 0; i < IMPORTS_MAX; i++)
		if (m->import.asked[i].ticket == ticket)
			return &m->import.asked[i];
	return NULL;
}

void manage_import_free(struct manage *m, struct session_world *w)
{
	must(m->import.asked_n >= m->import.answered_n);
	if (m->import.asked)
		mem_put(w->mem, m->import.asked, IMPORTS_MAX * sizeof *m->import.asked);
	m->import.asked = NULL;
}

/* ---- asking ------------------------------------------------------------------------------- */

static void post(struct manage *m, struct session_world *w, struct slice item, enum cmd kind,
		 struct slice tail)
{
	struct manage_asked *a = asked_of(m, w, 0);
	must(a && tail.n > 0);
	struct text t = text_of(a->about, sizeof a->about);
	describe(item, &t);
	a->ticket = ++m->ticket;
	a->is_meaning = item.p[0] == ITEM_FACT &&
			(tail.p[0] == FACT_VHOST_TYPE || tail.p[0] == FACT_MAPPING);
	const struct run r = { .kind = (uint8_t)kind,
			       .session = m->session.handle,
			       .arg = a->ticket };
	m->import.asked_n++;
	(void)post_run(w->post, w->post->loop_of_shard[0], &r, NULL, 0, 0, tail);
}

/* Room for a declaration of `n` bytes, its arguments with a type, and both with their rules. */
static size_t room_of(size_t n)
{
	must(n < ITEM_BYTES_MAX);
	return 2 * (n + DEFAULTS_TYPE_BYTES) + RULES_BYTES_MAX;
}

/* The declaration with that type, and the rules that it brings, behind its arguments in the room.
 * Nothing: it may not have that type, `why` says so. */
static struct slice retype(const struct session_world *w, struct slice vhost, enum queue_type type,
			   struct declare_queue *d, struct wr room, struct text *why)
{
	uint8_t rules_bytes[RULES_BYTES_MAX];
	struct queue_rules rules;
	defaults_type_put(&room, d->arguments, type);
	d->arguments = wr_done(&room);
	must(wr_ok(&room));
	if (w->limits->rules_of(vhost, d, &rules, why) != ERR_OK)
		return SLICE_EMPTY;
	d->rules = slice_of(rules_bytes, rules_put(&rules, rules_bytes, sizeof rules_bytes));
	uint8_t *to = room.p + room.n;
	uint32_t n = declare_queue_put(d, to, (uint32_t)(room.cap - room.n));
	must(n > 0);
	return slice_of(to, n);
}

/* A copy of the declaration in the room; a queue that names no type gets its virtual host's, or the
 * setting's. */
static struct slice copy(const struct session_world *w, struct slice item, struct slice tail,
			 struct wr room, struct text *why)
{
	struct rd r = rd_of(slice_from(item, 1));
	struct slice vhost = rd_str8(&r);
	struct declare_queue d;
	enum queue_type type;
	must(room.cap >= tail.n);
	if (item.p[0] == ITEM_QUEUE && declare_queue_get(tail, &d) == ERR_OK &&
	    defaults_type(w, vhost, &d, &type))
		return retype(w, vhost, type, &d, room, why);
	wr_slice(&room, tail);
	return wr_done(&room);
}

/* What the view shows already is compared as for a client who declares it again: the file has no
 * sizes of integers, and which arguments count is not for the catalog to say. */
static bool is_there(const struct manage *m, const struct session_world *w, struct slice vhost,
		     enum item kind, struct slice whole, struct text *why)
{
	const struct access trusted = access_of_operator(vhost);
	const struct queue_args args = { &trusted, w, why };
	const struct exchange *x = NULL;
	const struct queue_record *q = NULL;
	struct declare_exchange dx;
	struct declare_queue dq;
	enum err e = ERR_OK;
	if (kind == ITEM_EXCHANGE && declare_exchange_get(whole, &dx) == ERR_OK)
		x = catalog_exchange(w->view, dx.vhost, dx.name);
	else if (kind == ITEM_QUEUE && declare_queue_get(whole, &dq) == ERR_OK)
		q = catalog_queue(w->view, dq.vhost, dq.name);
	if (x)
		e = exchange_declare_same(&args, x, &dx);
	else if (q)
		e = queue_declare_same(&args, q, &dq, m->session.handle);
	must((e == ERR_OK) == (why->n == 0));
	return x || q;
}

static void declare_in(struct manage *m, struct session_world *w, enum cmd kind, struct slice item,
		       struct slice tail, uint16_t vhost)
{
	const size_t cap = room_of(tail.n);
	uint8_t *room = mem_get(w->mem, cap, "import");
	char about[400], words[SESSION_WORDS_MAX];
	struct text t = text_of(about, sizeof about), why = text_of(words, sizeof words);
	must(room != NULL);
	struct slice whole = copy(w, item, tail, wr_of(room, cap), &why);
	bool is_done = whole.n == 0;
	if (!is_done) {
		struct rd r = rd_of(slice_from(item, 1));
		store_le16(room + (whole.p - room), vhost);
		is_done = is_there(m, w, rd_str8(&r), (enum item)item.p[0], whole, &why);
	}
	if (why.n > 0) {
		describe(item, &t);
		say(m, w, text_slice(&t), text_slice(&why));
	} else if (is_done) {
		m->import.good_n++;
	} else {
		post(m, w, item, kind, whole);
	}
	mem_put(w->mem, room, cap);
}

/* A declaration in a virtual host, whose number is filled in. ERR_BUSY: ask again when what was
 * asked before is answered. */
static enum err declare(struct manage *m, struct session_world *w, enum cmd kind, struct slice item)
{
	struct rd r = rd_of(slice_from(item, 1));
	struct slice vhost = rd_str8(&r), tail = rd_rest(&r);
	uint16_t number;
	if (!rd_ok(&r) || tail.n < 2)
		return ERR_MALFORMED;
	if (catalog_vhost(w->view, vhost, &number) != ERR_OK) {
		char about[400], room[400];
		struct text t = text_of(about, sizeof about), why = text_of(room, sizeof room);
		if (m->import.asked_n > m->import.answered_n)
			return ERR_BUSY;
		describe(item, &t);
		text_put_quoted_printable(&why, "vhost ", vhost);
		text_puts(&why, " does not exist");
		say(m, w, text_slice(&t), text_slice(&why));
		return ERR_OK;
	}
	declare_in(m, w, kind, item, tail, number);
	return ERR_OK;
}

/* A new virtual host gets the limits that the settings have for it. */
static void put_fact(struct manage *m, struct session_world *w, struct slice item,
		     struct slice body)
{
	uint8_t bytes[1 + 16 + 256 + FACT_LIMITS_BYTES] = { ITEM_FACT }, value[FACT_LIMITS_BYTES];
	struct fact_limits l;
	struct fact f;
	enum err e = fact_get(body, &f);
	must(e == ERR_OK);
	bool is_new = f.kind == FACT_VHOST &&
		      !catalog_fact(w->view, FACT_VHOST, f.name[0], SLICE_EMPTY, SLICE_EMPTY);
	post(m, w, item, CMD_FACT_PUT, body);
	if (!is_new || !defaults_limits(w->limits, w->patterns, f.name[0], &l))
		return;
	f = fact_of(FACT_VHOST_LIMITS, f.name[0], SLICE_EMPTY, SLICE_EMPTY);
	fact_limits_put(&l, value);
	f.value = slice_of(value, sizeof value);
	uint32_t n = fact_put(&f, bytes + 1, sizeof bytes - 1);
	must(n > 0);
	post(m, w, slice_of(bytes, 1 + n), CMD_FACT_PUT, slice_of(bytes + 1, n));
}

static bool is_sound(enum item kind, struct slice body)
{
	struct declare_queue q;
	struct declare_exchange x;
	struct bind b;
	struct fact f;
	struct rd r = rd_of(body);
	must(kind >= ITEM_FACT && kind <= ITEM_FORGET);
	if (kind != ITEM_FACT && kind != ITEM_FORGET)
		(void)rd_str8(&r);
	struct slice tail = rd_rest(&r);
	switch (kind) {
	case ITEM_FACT:
	case ITEM_FORGET: return fact_get(tail, &f) == ERR_OK;
	case ITEM_QUEUE:
		return declare_queue_get(tail, &q) == ERR_OK && q.owner == 0 && q.name.n > 0 &&
		       !(q.flags & QUEUE_EXCLUSIVE) && q.shard > 0 && q.shard <= LIMIT_SHARD_DATA_N;
	case ITEM_EXCHANGE: return declare_exchange_get(tail, &x) == ERR_OK;
	case ITEM_BINDING: break;
	}
	return bind_get(tail, &b) == ERR_OK;
}

static enum err take(struct manage *m, struct session_world *w, struct slice item)
{
	must(item.n > 0);
	struct slice body = slice_from(item, 1);
	uint8_t kind = item.p[0];
	if (kind < ITEM_FACT || kind > ITEM_FORGET || !is_sound((enum item)kind, body))
		return ERR_MALFORMED;
	/* What is declared looks at its virtual host as these facts make it. */
	const bool is_fact = kind == ITEM_FACT || kind == ITEM_FORGET;
	if (!is_fact && m->import.has_facts && m->import.asked_n > m->import.answered_n)
		return ERR_BUSY;
	m->import.has_facts = is_fact;
	switch ((enum item)kind) {
	case ITEM_FACT: put_fact(m, w, item, body); return ERR_OK;
	case ITEM_FORGET: post(m, w, item, CMD_FACT_DELETE, body); return ERR_OK;
	case ITEM_QUEUE: return declare(m, w, CMD_QUEUE_DECLARE, item);
	case ITEM_EXCHANGE: return declare(m, w, CMD_EXCHANGE_DECLARE, item);
	case ITEM_BINDING: break;
	}
	return declare(m, w, CMD_BIND, item);
}

bool manage_import_may_read(const struct manage *m)
{
	uint64_t waiting = m->import.asked_n - m->import.answered_n;
	must(waiting <= IMPORTS_MAX);
	return m->import.is_blocked ? waiting == 0 : waiting + ASKED_FOR_ONE <= IMPORTS_MAX;
}

static void finish_if_done(struct manage *m, struct session_world *w)
{
	char room[100];
	struct text t = text_of(room, sizeof room);
	if (!m->import.is_read || m->import.asked_n > m->import.answered_n)
		return;
	text_putf(&t, "imported: %llu\nrefused: %llu\n", (unsigned long long)m->import.good_n,
		  (unsigned long long)m->import.refused_n);
	sendq_copy(&m->session.sendq, w->mem, text_slice(&t));
	must(m->phase == MANAGE_IMPORTING);
	m->phase = MANAGE_DONE;
}

enum feed manage_import_feed(struct manage *m, struct session_world *w, struct slice in,
			     uint32_t *out_used, uint32_t *out_need)
{
	*out_used = 0;
	must(m->phase == MANAGE_IMPORTING);
	m->import.is_blocked = false;
	while (!m->import.is_read) {
		struct slice rest = slice_from(in, *out_used);
		*out_need = 4;
		if (rest.n >= 4)
			*out_need = 4 + load_le32(rest.p);
		if (rest.n >= 4 && *out_need > ITEM_BYTES_MAX) {
			manage_refuse(m, w, slice_str("an item is too large"));
			return FEED_CLOSE;
		}
		if (rest.n < *out_need)
			return FEED_MORE;
		if (!manage_import_may_read(m))
			return FEED_WAIT;
		enum err e = ERR_OK;
		m->import.is_read = *out_need == 4;
		if (!m->import.is_read)
			e = take(m, w, slice_sub(rest, 4, *out_need - 4));
		if (e == ERR_BUSY) {
			m->import.is_blocked = true;
			return FEED_WAIT;
		}
		if (e != ERR_OK) {
			manage_refuse(m, w, slice_str("an item makes no sense"));
			return FEED_CLOSE;
		}
		*out_used += *out_need;
	}
	*out_used = (uint32_t)in.n;
	*out_need = 1;
	finish_if_done(m, w);
	return m->phase == MANAGE_DONE ? FEED_CLOSE : FEED_MORE;
}

void manage_imported(struct manage *m, struct session_world *w, struct run *fx)
{
	const struct reply_row *row = run_rows(fx);
	must(fx->n == 1);
	struct manage_asked *a = NULL; /* they come in any order */
	if (m->phase == MANAGE_IMPORTING && m->import.asked && fx->arg != 0)
		a = asked_of(m, w, fx->arg);
	if (!a)
		return;
	m->import.answered_n++;
	if (row->err != ERR_OK)
		say(m, w, slice_str(a->about), run_tail(fx));
	else
		m->import.good_n += !a->is_meaning;
	a->ticket = 0;
	finish_if_done(m, w);
}
