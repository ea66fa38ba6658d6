#include "sim/archive.h"

#include "base/rd.h"
#include "core/retain_store.h"
#include "session/publisher.h"

#define WINDOW   5u   /* found at once */
#define POSITION 600u /* bytes of one, at most */
#define NOBODY   UINT32_MAX

struct archive {
	struct session session; /* first */
	struct asker asker;
	struct publisher publisher;
	uint32_t ticket; /* of a command that is not answered yet */
	bool is_finding, is_all, is_gone;
	uint32_t rows_n, loaded_n;
	uint32_t number[WINDOW]; /* of the messages in the window */
	uint32_t filter_n, position_n;
	uint8_t filter[LIMIT_SHORTSTR], position[POSITION];
};

static struct archive *archive_of(struct session *s)
{
	must(s->ops == &archive_session_ops);
	return (struct archive *)(void *)s;
}

static void say(struct archive *a, struct session_world *w, char what, uint32_t number)
{
	uint8_t bytes[5] = { (uint8_t)what };
	store_le32(bytes + 1, number);
	sendq_copy(&a->session.sendq, w->mem, slice_of(bytes, what == 'e' ? 1 : 5));
}

/* ---- kept --------------------------------------------------------------------------------- */

static void declare(struct archive *a, struct session_world *w)
{
	uint8_t buf[DECLARE_BYTES_MAX];
	uint32_t n = retain_store_declare(a->asker.vhost, buf, sizeof buf);
	must(a->ticket == TICKET_NONE);
	a->ticket = ask_ticket(&a->asker);
	ask_catalog(&a->asker, w->post, CMD_QUEUE_DECLARE, 0, a->ticket, slice_of(buf, n));
}

static void keep(struct archive *a, struct session_world *w, const struct queue_record *store,
		 struct slice route, uint64_t expiry_ms, uint32_t number, struct slice body)
{
	const struct route nowhere = { 0 };
	const struct route_hit hit = { .route = &nowhere };
	const struct publication what = { .store = store, .expiry_ms = expiry_ms };
	struct block *b = block_take(w->home, (uint32_t)(route.n + body.n) + 64);
	must(b != NULL);
	uint32_t off = b->fill;
	memcpy((uint8_t *)b + off, route.p, route.n);
	if (body.n)
		memcpy((uint8_t *)b + off + route.n, body.p, body.n);
	b->fill = off + (uint32_t)(route.n + body.n);
	struct msg *m = msg_new(b, &(struct msg){ .route_off = off,
						  .route_len = (uint16_t)route.n,
						  .props_off = off,
						  .body_off = off + (uint32_t)route.n,
						  .body_bytes = (uint32_t)body.n,
						  .flags = MSG_PERSISTENT,
						  .proto = MSG_AMQP091 });
	must(m != NULL);
	publisher_send(&a->publisher, w, &a->asker, &what, &hit, m, number);
	block_close(b);
}

/* False: the store has to be made first, or it is not whole yet. */
static bool on_keep(struct archive *a, struct session_world *w, struct rd *r)
{
	const uint8_t *at = r->p;
	(void)rd_str8(r);
	(void)rd_str8(r);
	struct slice route = slice_of(at, (size_t)(r->p - at));
	uint64_t expiry_ms = rd_le64(r);
	uint32_t number = rd_le32(r), n = rd_le32(r);
	struct slice body = rd_take(r, n);
	if (!rd_ok(r))
		return false;
	const struct queue_record *store = retain_store(w->view, a->asker.vhost);
	if (!store)
		declare(a, w);
	else
		keep(a, w, store, route, expiry_ms, number, body);
	return store != NULL;
}

/* ---- found -------------------------------------------------------------------------------- */

static void window(struct archive *a, struct session_world *w, const struct queue_record *store)
{
	uint8_t tail[1 + LIMIT_SHORTSTR + POSITION] = { (uint8_t)a->filter_n };
	const struct credit_row want = { WINDOW, CREDIT_NO_LIMIT };
	a->ticket = ask_ticket(&a->asker);
	const struct run head = { .kind = CMD_FIND,
				  .channel = a->asker.channel,
				  .session = a->asker.session,
				  .shard = store->shard,
				  .queue = store->id,
				  .arg = a->ticket };
	memcpy(tail + 1, a->filter, a->filter_n);
	memcpy(tail + 1 + a->filter_n, a->position, a->position_n);
	(void)post_run(w->post, w->post->loop_of_shard[store->shard], &head, &want, sizeof want, 1,
		       slice_of(tail, 1 + a->filter_n + a->position_n));
}

static void go_on(struct archive *a, struct session_world *w)
{
	const struct queue_record *store = retain_store(w->view, a->asker.vhost);
	if (!store || a->is_all) {
		a->is_finding = false;
		say(a, w, 'e', 0);
	} else {
		window(a, w, store);
	}
}

static bool on_find(struct archive *a, struct session_world *w, struct rd *r)
{
	struct slice filter = rd_str8(r);
	if (!rd_ok(r))
		return false;
	must(!a->is_finding);
	memcpy(a->filter, filter.p, filter.n);
	a->filter_n = (uint32_t)filter.n;
	a->position_n = a->rows_n = a->loaded_n = 0;
	a->is_all = false;
	a->is_finding = true;
	go_on(a, w);
	return true;
}

/* A window's messages have come, and its answer. */
static void window_done(struct archive *a, struct session_world *w)
{
	if (!a->is_finding || a->ticket != TICKET_NONE || a->loaded_n < a->rows_n)
		return;
	for (uint32_t i = 0; i < a->rows_n; i++)
		if (a->number[i] != NOBODY)
			say(a, w, 'f', a->number[i]);
	a->rows_n = a->loaded_n = 0;
	if (!a->is_gone)
		go_on(a, w);
}

static void found(struct archive *a, struct session_world *w, const struct run *fx)
{
	const struct deliver_row *row = (const void *)(fx + 1);
	must(fx->flags & DELIVER_FOUND && fx->arg == a->ticket && fx->n <= WINDOW);
	for (uint32_t i = 0; i < fx->n; i++)
		loads_put(w->loads, (struct load){ .session = a->session.handle,
						   .ticket = i,
						   .loc = row[i].loc,
						   .bytes = row[i].bytes,
						   .flags = row[i].flags });
	a->rows_n = fx->n;
}

static void archive_loaded(struct session *s, struct session_world *w, uint64_t ticket,
			   uint64_t mem)
{
	struct archive *a = archive_of(s);
	must(ticket < a->rows_n && a->loaded_n < a->rows_n);
	a->number[ticket] = NOBODY;
	if (mem) {
		struct slice body = msg_piece(msg_of(mem), 0);
		must(body.n >= 4);
		a->number[ticket] = load_le32(body.p);
		msg_unref(mem, 1);
	}
	a->loaded_n++;
	window_done(a, w);
}

/* ---- the conversation --------------------------------------------------------------------- */

static struct session *archive_new(struct session_world *w, uint64_t handle, struct slice peer,
				   bool is_loopback)
{
	(void)peer;
	(void)is_loopback;
	struct archive *a = mem_get(w->mem, sizeof *a, "session");
	if (!a)
		return NULL;
	*a = (struct archive){ .session = { .ops = &archive_session_ops, .handle = handle },
			       .asker = { .session = handle, .channel = 1 } };
	publisher_init(&a->publisher);
	return &a->session;
}

static enum feed archive_feed(struct session *s, struct session_world *w, struct block *b,
			      uint32_t *io_off, uint32_t *out_need, uint32_t *out_loop)
{
	struct archive *a = archive_of(s);
	(void)out_loop;
	while (b->fill > *io_off && !a->is_finding && a->ticket == TICKET_NONE) {
		struct rd r = rd_of(slice_of((const uint8_t *)b + *io_off, b->fill - *io_off));
		uint8_t what = rd_u8(&r);
		must(what == 'K' || what == 'F');
		if (!(what == 'K' ? on_keep(a, w, &r) : on_find(a, w, &r)))
			break;
		*io_off = b->fill - (uint32_t)rd_left(&r);
	}
	if (a->is_finding || a->ticket != TICKET_NONE)
		return FEED_WAIT;
	*out_need = b->fill - *io_off + 1;
	return FEED_MORE;
}

static void archive_tell(struct session *s, struct session_world *w, struct run *fx)
{
	struct archive *a = archive_of(s);
	const struct reply_row *what = (const void *)(fx + 1);
	if (fx->kind == FX_CONFIRM || fx->kind == FX_REFUSED) {
		publisher_confirmed(&a->publisher, fx);
		return;
	}
	if (fx->kind == FX_DELIVER) {
		found(a, w, fx);
		return;
	}
	if (fx->kind != FX_REPLY)
		return;
	must(fx->arg == a->ticket && what->err == ERR_OK);
	a->ticket = TICKET_NONE;
	if (what->op != CMD_FIND)
		return;
	must(what->a == a->rows_n && run_tail(fx).n <= sizeof a->position);
	a->is_all = what->b != 0;
	a->position_n = (uint32_t)run_tail(fx).n;
	memcpy(a->position, run_tail(fx).p, a->position_n);
	window_done(a, w);
}

static bool archive_ready(const struct session *s, const struct session_world *w)
{
	const struct archive *a = (const struct archive *)(const void *)s;
	(void)w;
	return !a->is_finding && a->ticket == TICKET_NONE;
}

static void archive_pump(struct session *s, struct session_world *w)
{
	struct archive *a = archive_of(s);
	uint64_t word;
	bool is_refused;
	while (publisher_next(&a->publisher, &word, &is_refused))
		say(a, w, is_refused ? 'r' : 'k', (uint32_t)word);
}

static uint64_t archive_deadline(const struct session *s)
{
	(void)s;
	return UINT64_MAX;
}

static enum feed archive_tick(struct session *s, struct session_world *w)
{
	(void)s;
	(void)w;
	return FEED_MORE;
}

static void archive_stop(struct session *s, struct session_world *w, struct slice why)
{
	(void)why;
	(void)s;
	(void)w;
}

static bool archive_gone(struct session *s, struct session_world *w)
{
	struct archive *a = archive_of(s);
	(void)w;
	a->is_gone = true;
	return a->ticket == TICKET_NONE && a->loaded_n == a->rows_n;
}

static void archive_free(struct session *s, struct session_world *w)
{
	struct archive *a = archive_of(s);
	publisher_fini(&a->publisher, w->mem);
	sendq_fini(&a->session.sendq, w->mem);
	mem_put(w->mem, a, sizeof *a);
}

static void archive_dump(const struct session *s, const struct session_world *w, struct text *out)
{
	(void)s;
	(void)w;
	(void)out;
}

const struct session_ops archive_session_ops = {
	.name = "archive",
	.new = archive_new,
	.feed = archive_feed,
	.tell = archive_tell,
	.ready = archive_ready,
	.pump = archive_pump,
	.loaded = archive_loaded,
	.deadline = archive_deadline,
	.tick = archive_tick,
	.stop = archive_stop,
	.gone = archive_gone,
	.free = archive_free,
	.dump = archive_dump,
};
