/* catalog_for_tests -- a catalog with a log and a loop around it, so that tests read as stories.
 *
 *	struct world w;
 *	world_init(&w);
 *	declare_queue(&w, "q", QUEUE_DURABLE, "");
 *	must(bind_to(&w, "amq.topic", "q", "a.#") == ERR_OK);
 *	world_fini(&w);                        must()s that all memory came back
 */
#ifndef CORE_CATALOG_FOR_TESTS_H
#define CORE_CATALOG_FOR_TESTS_H
#include "base/digest.h"
#include "base/mem_for_tests.h"
#include "base/text.h"
#include "core/catalog.h"
#include "core/delay_store.h"
#include "msg/header.h"

#include <stdio.h>
#include <string.h>

/* What a session or a shard was told last, and how often. */
struct told {
	uint32_t replies_n, opens_n, drops_n, replays_n;
	uint64_t ticket;
	uint32_t err, op;
	char text[1200];
	uint64_t queue;   /* of the last open or drop */
	uint64_t session; /* whom the last of all was for */
	uint16_t shard;
};

/* Arguments in tests are words: "a=1 b=x c= d=2.5 e='7 f=t7" are an integer, a text, a void, a
 * real, a text of a digit, and a time. */
static inline struct rd words_begin(struct slice words)
{
	return rd_of(words);
}

static inline bool words_next(struct rd *r, struct header *out)
{
	const char *p = (const char *)r->p, *eq = r->n ? memchr(p, '=', r->n) : NULL;
	size_t n = 0;
	if (!eq)
		return false;
	while (n < r->n && p[n] != ' ')
		n++;
	struct slice value = slice_of(eq + 1, n - (size_t)(eq + 1 - p));
	*out = (struct header){ .name = slice_of(p, (size_t)(eq - p)) };
	const bool is_time = value.n > 1 && eq[1] == 't' && eq[2] >= '0' && eq[2] <= '9';
	value = slice_from(value, is_time);
	bool is_number = is_time || (value.n && eq[1] >= '0' && eq[1] <= '9');
	for (size_t i = 0; is_number && i < value.n; i++)
		if (value.p[i] != '.')
			out->number = out->number * 10 + (uint64_t)(value.p[i] - '0');
	if (is_number) {
		out->class = is_time                         ? HEADER_TIME
			     : memchr(value.p, '.', value.n) ? HEADER_REAL
							     : HEADER_INT;
	} else if (value.n) {
		out->class = HEADER_TEXT;
		out->octets = slice_from(value, eq[1] == '\'');
	}
	rd_skip(r, n + (n < r->n));
	return true;
}

static const struct header_ops words_ops = { .begin = words_begin, .next = words_next };

struct world {
	struct mem_for_tests heap, side;
	struct catalog *c;
	struct outcomes now, later;
	struct post held, fx;
	uint64_t session, ticket, index;
	bool waits; /* the log does not commit by itself */
	struct told told;
	struct run **log; /* what was logged, in order */
	size_t log_n, log_cap;
};

/* world_init makes an empty catalog; world_fini must()s that all memory came back. */
static inline void world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	w->heap = mem_for_tests((size_t)1 << 32);
	w->side = mem_for_tests((size_t)1 << 32);
	w->c = catalog_new(&w->heap.mem, 42);
	must(w->c != NULL);
	catalog_read_by(w->c, &words_ops);
	outcomes_init(&w->now, &w->side.mem);
	outcomes_init(&w->later, &w->side.mem);
	post_init(&w->held, 0, 1, &w->side.mem);
	post_init(&w->fx, 0, 1, &w->side.mem);
	w->session = session_handle(0, 1, 1);
}

/* world_fini ends it. */
static inline void world_fini(struct world *w)
{
	for (size_t i = 0; i < w->log_n; i++)
		free(w->log[i]);
	free(w->log);
	catalog_free(w->c);
	outcomes_fini(&w->now);
	outcomes_fini(&w->later);
	post_fini(&w->held);
	post_fini(&w->fx);
	must(w->heap.mem.used == 0 && w->side.mem.used == 0);
}

/* copy_of makes a run of its own from one that will not stay. */
static inline struct run *copy_of(const struct run *r)
{
	struct run *copy = malloc(r->len);
	must(copy != NULL);
	memcpy(copy, r, r->len);
	return copy;
}

/* world_log keeps an outcome as a journal would: without its session. */
static inline void world_log(struct world *w, const struct run *o)
{
	if (w->log_n == w->log_cap) {
		w->log_cap = w->log_cap ? 2 * w->log_cap : 64;
		w->log = realloc(w->log, w->log_cap * sizeof w->log[0]);
		must(w->log != NULL);
	}
	struct run *copy = copy_of(o);
	copy->session = 0;
	w->log[w->log_n++] = copy;
}

/* hear notes one reply, or one command to a shard. */
static inline void hear(struct told *t, struct run *r)
{
	struct slice text = run_tail(r);
	t->session = r->session;
	if (r->kind == FX_REPLY && r->n == 1) {
		struct reply_row *row = run_rows(r);
		t->replies_n++;
		t->ticket = r->arg;
		t->err = row->err;
		t->op = row->op;
		snprintf(t->text, sizeof t->text, "%.*s", (int)text.n, (const char *)text.p);
		return;
	}
	must(r->n == 0 &&
	     (r->kind == CMD_QUEUE_OPEN || r->kind == CMD_QUEUE_DROP || r->kind == CMD_REPLAY));
	t->opens_n += r->kind == CMD_QUEUE_OPEN;
	t->replays_n += r->kind == CMD_REPLAY;
	t->drops_n += r->kind == CMD_QUEUE_DROP;
	t->queue = r->queue;
	t->shard = r->shard;
	if (r->session)
		t->ticket = r->arg;
}

/* world_hear notes all that was told, as if every loop had seen the newest version. */
static inline void world_hear(struct world *w)
{
	for (struct batch *b = post_take(&w->held, 0), *next; b; b = next) {
		next = b->next;
		for (struct run *r = batch_first(b); r; r = batch_next(b, r))
			hear(&w->told, r);
		post_give_back(&w->held, b);
	}
	must(post_take(&w->fx, 0) == NULL);
}

/* world_apply commits and applies what is in one of the two queues of outcomes. */
static inline void world_apply(struct world *w, struct outcomes *from)
{
	uint64_t index;
	uint32_t ordinal;
	while (outcomes_unproposed(from)) {
		struct run *o = outcomes_unproposed(from);
		if (from == &w->later && o->flags & RUN_LOGGED) {
			world_log(w, o);
			w->index++;
		}
		outcomes_propose(from, w->index + 1, 0);
	}
	for (struct run *o; (o = outcomes_ready(from, UINT64_MAX, &index, &ordinal));) {
		catalog_apply(w->c, o, index, &w->held);
		outcomes_pop(from);
	}
	world_hear(w);
}

/* commit brings everything that waits through the log. */
static inline void commit(struct world *w)
{
	world_apply(w, &w->now);
	world_apply(w, &w->later);
}

/* ask gives the catalog one command; what it says is in w->told. */
static inline enum err ask(struct world *w, uint8_t kind, uint8_t flags, uint64_t queue,
			   struct slice tail)
{
	uint32_t len = (uint32_t)(sizeof(struct run) + tail.n + 7) & ~7u;
	struct run *r = malloc(len);
	must(r != NULL);
	*r = (struct run){ .len = len,
			   .tail_len = (uint32_t)tail.n,
			   .kind = kind,
			   .flags = flags,
			   .channel = 1,
			   .session = w->session,
			   .queue = queue,
			   .arg = ++w->ticket };
	if (tail.n)
		memcpy(r + 1, tail.p, tail.n);
	w->told.err = ERR_N;
	catalog_admit(w->c, r, 1000, &w->now, &w->later, &w->fx);
	free(r);
	world_apply(w, &w->now);
	if (!w->waits)
		commit(w);
	return (enum err)w->told.err;
}

/* declare_x declares an exchange; ERR_N: no answer yet. So do the others below. */
static inline enum err declare_x(struct world *w, const char *name, const char *type,
				 unsigned flags, const char *arguments)
{
	uint8_t buf[DECLARE_BYTES_MAX + 40000];
	struct declare_exchange d = { .name = slice_str(name),
				      .type = slice_str(type),
				      .arguments = slice_str(arguments),
				      .flags = (uint8_t)flags };
	uint32_t n = declare_exchange_put(&d, buf, sizeof buf);
	return ask(w, CMD_EXCHANGE_DECLARE, 0, 0, slice_of(buf, n));
}

static inline enum err delete_x(struct world *w, const char *name, unsigned flags)
{
	return ask(w, CMD_EXCHANGE_DELETE, (uint8_t)flags, 0, slice_str(name));
}

/* The shard is what the queue's name begins with, so that tests can choose it. */
static inline enum err declare_queue(struct world *w, const char *name, unsigned flags,
				     const char *arguments)
{
	uint8_t buf[DECLARE_BYTES_MAX + 40000];
	struct declare_queue d = { .name = slice_str(name),
				   .arguments = slice_str(arguments),
				   .flags = (uint8_t)flags,
				   .shard = (uint16_t)(1 + (uint8_t)name[0] % 16),
				   .owner = flags & QUEUE_EXCLUSIVE ? w->session : 0 };
	uint32_t n = declare_queue_put(&d, buf, sizeof buf);
	return ask(w, CMD_QUEUE_DECLARE, 0, 0, slice_of(buf, n));
}

/* declare_ruled declares a durable queue whose messages live for some time. */
static inline enum err declare_ruled(struct world *w, const char *name, uint64_t ttl_ms)
{
	uint8_t buf[DECLARE_BYTES_MAX], bytes[RULES_BYTES_MAX];
	struct queue_rules rules = rules_none();
	rules.message_ttl_ms = ttl_ms;
	struct declare_queue d = { .name = slice_str(name),
				   .flags = QUEUE_DURABLE,
				   .shard = 1,
				   .rules = slice_of(bytes,
						     rules_put(&rules, bytes, sizeof bytes)) };
	uint32_t n = declare_queue_put(&d, buf, sizeof buf);
	return ask(w, CMD_QUEUE_DECLARE, 0, 0, slice_of(buf, n));
}

/* declare_delay_store declares vhost 0's. */
static inline enum err declare_delay_store(struct world *w)
{
	uint8_t buf[DECLARE_BYTES_MAX], bytes[RULES_BYTES_MAX];
	const struct declare_queue d = delay_store_declares(0, bytes);
	return ask(w, CMD_QUEUE_DECLARE, 0, 0,
		   slice_of(buf, declare_queue_put(&d, buf, sizeof buf)));
}

/* bind_or_unbind asks for CMD_BIND or CMD_UNBIND. */
static inline enum err bind_or_unbind(struct world *w, uint8_t kind, const char *exchange,
				      const char *queue, const char *key, const char *arguments)
{
	uint8_t buf[DECLARE_BYTES_MAX + 40000];
	struct bind b = { slice_str(exchange),
			  slice_str(queue),
			  slice_str(key),
			  slice_str(arguments),
			  0,
			  false };
	uint32_t n = bind_put(&b, buf, sizeof buf);
	return ask(w, kind, 0, 0, slice_of(buf, n));
}

/* join_x binds an exchange to an exchange, or asks for CMD_UNBIND. */
static inline enum err join_x(struct world *w, uint8_t kind, const char *from, const char *to,
			      const char *key, const char *arguments)
{
	uint8_t buf[DECLARE_BYTES_MAX + 40000];
	struct bind b = {
		slice_str(from), slice_str(to), slice_str(key), slice_str(arguments), 0, true
	};
	uint32_t n = bind_put(&b, buf, sizeof buf);
	return ask(w, kind, 0, 0, slice_of(buf, n));
}

static inline enum err bind_to(struct world *w, const char *exchange, const char *queue,
			       const char *key)
{
	return bind_or_unbind(w, CMD_BIND, exchange, queue, key, "");
}

static inline enum err unbind_from(struct world *w, const char *exchange, const char *queue,
				   const char *key)
{
	return bind_or_unbind(w, CMD_UNBIND, exchange, queue, key, "");
}

static inline uint64_t id_of(const struct world *w, const char *queue)
{
	const struct queue_record *q = catalog_queue(catalog_view(w->c), 0, slice_str(queue));
	return q ? q->id : 0;
}

static inline bool has_x(const struct world *w, const char *name)
{
	return catalog_exchange(catalog_view(w->c), 0, slice_str(name)) != NULL;
}

/* remove_queue is what the shard sends when it has closed the queue. */
static inline enum err remove_queue(struct world *w, const char *queue)
{
	return ask(w, CMD_QUEUE_REMOVE, 0, id_of(w, queue), SLICE_EMPTY);
}

/* said compares the last refusal. */
static inline bool said(const struct world *w, const char *text)
{
	if (strcmp(w->told.text, text) == 0)
		return true;
	fprintf(stderr, "want %s\ngot  %s\n", text, w->told.text);
	return false;
}

/* digest_of is the digest of what lasts. */
static inline struct digest_sum digest_of(const struct catalog *c)
{
	struct digest d;
	digest_init(&d);
	catalog_digest(c, &d);
	return digest_end(&d);
}

/* everybody_has_seen lets all old versions go. */
static inline void everybody_has_seen(struct world *w)
{
	catalog_collect(w->c, catalog_version(catalog_view(w->c)));
}
#endif
