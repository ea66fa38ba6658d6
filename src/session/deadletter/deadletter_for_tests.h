/* deadletter_for_tests -- a publisher of dead letters with a catalog, to tell stories with.
 *
 *	struct rig *r = rig_new();
 *	declare_mortal(r, "work", "", "dead", DEAD_LETTER_AT_MOST_ONCE);
 *	die(r, "work", DEAD_REJECTED, 601, message(r, "work", "one", MSG_AMQP091));
 *	SAY("1:dead!p 'one'");                 what it posts, as text
 *	rig_free(r);                           must()s that all memory came back
 */
#ifndef SESSION_DEADLETTER_FOR_TESTS_H
#define SESSION_DEADLETTER_FOR_TESTS_H
#include "core/catalog_for_tests.h"
#include "session/deadletter/deadletter.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define HANDLE session_handle(0, 9, 1)

/* A publisher of dead letters with a catalog; what it posts is written down as text. */
struct rig {
	struct world world;
	struct mem blocks;
	struct block_home home;
	struct post post;
	struct session_world sw;
	struct session_limits limits;
	struct loads loads;
	struct stores stores;
	struct session *letters;
	struct block *block;
	struct text said;
	char said_bytes[4096];
	char last_props[1024]; /* of the message that was published last */
	bool is_to_keep;       /* that message; else it is given back */
	bool is_alive;         /* what is published has not died */
	uint64_t last;
};

static inline void *block_get(struct mem *m, size_t n, const char *kind)
{
	(void)m;
	(void)kind;
	return aligned_alloc(BLOCK_ALIGN, n);
}

static inline void block_put(struct mem *m, void *own_p, size_t n)
{
	(void)m;
	(void)n;
	free(own_p);
}

static inline struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof *r);
	must(r != NULL);
	world_init(&r->world);
	r->blocks = (struct mem){ .get = block_get, .put = block_put, .max = (size_t)1 << 30 };
	block_home_init(&r->home, &r->blocks, 4);
	post_init(&r->post, 0, 1, &r->world.side.mem);
	r->limits.unconfirmed_bytes_max = 1 << 20;
	r->loads.mem = r->stores.mem = &r->world.side.mem;
	r->sw = (struct session_world){ .limits = &r->limits,
					.post = &r->post,
					.mem = &r->world.side.mem,
					.home = &r->home,
					.loads = &r->loads,
					.stores = &r->stores,
					.now_ms = 1000,
					.wall_ms = 5000 };
	r->sw.view = catalog_view(r->world.c);
	r->letters = deadletter_session_ops.new(&r->sw, HANDLE, SLICE_EMPTY, true);
	r->block = block_take(&r->home, 0);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	return r;
}

static inline void rig_free(struct rig *r)
{
	struct mem *side = &r->world.side.mem;
	deadletter_session_ops.free(r->letters, &r->sw);
	block_close(r->block);
	block_collect(&r->home);
	block_home_fini(&r->home);
	must(r->blocks.used == 0);
	mem_put(side, r->loads.at, r->loads.cap * sizeof *r->loads.at);
	mem_put(side, r->stores.at, r->stores.cap * sizeof *r->stores.at);
	post_fini(&r->post);
	world_fini(&r->world);
	free(r);
}

/* ---- what it says ------------------------------------------------------------------------- */

static inline const char *name_of(const struct rig *r, uint64_t queue)
{
	static char name[256];
	const struct queue_record *q = catalog_queue_by_id(catalog_view(r->world.c), queue);
	snprintf(name, sizeof name, "%.*s", q ? (int)queue_record_name(q).n : 1,
		 q ? (const char *)queue_record_name(q).p : "?");
	return name;
}

static inline void say_publish(struct rig *r, const struct run *run, const struct publish_row *row)
{
	const struct msg *m = msg_of(row->mem);
	struct slice props = msg_props(m), body = msg_piece_n(m) ? msg_piece(m, 0) : SLICE_EMPTY;
	assert_true((m->flags & MSG_DEAD) == 0 ? r->is_alive : !r->is_alive);
	snprintf(r->last_props, sizeof r->last_props, "%.*s", (int)props.n, (const char *)props.p);
	text_putf(&r->said, "%s%llu:%s%s%s '%.*s'", r->said.n ? " | " : "",
		  (unsigned long long)(run->arg + row->seq_delta), name_of(r, row->queue),
		  row->flags & ENTRY_CONFIRM ? "!" : "", row->flags & ENTRY_PERSISTENT ? "p" : "",
		  m->proto == MSG_CHUNKS ? 3 : (int)body.n,
		  m->proto == MSG_CHUNKS ? "big" : (const char *)body.p);
	if (r->is_to_keep)
		r->last = row->mem;
	else
		msg_unref(row->mem, 1);
}

static inline void say_other(struct rig *r, struct run *run)
{
	text_puts(&r->said, r->said.n ? " | " : "");
	if (run->kind == FX_REPLY) {
		const struct reply_row *row = run_rows(run);
		assert_true(row->op == CMD_BIND && row->err == ERR_OK);
		text_putf(&r->said, "bound %llu", (unsigned long long)run->arg);
		return;
	}
	assert_true(run->session == HANDLE);
	assert_true(run->kind == CMD_GET || run->kind == CMD_QUEUE_STAT);
	text_putf(&r->said, "%s %s", run->kind == CMD_GET ? "get" : "stat", name_of(r, run->queue));
}

static inline void say_run(struct rig *r, struct run *run)
{
	if (run->n == 0 || run->kind == FX_REPLY) {
		say_other(r, run);
		return;
	}
	assert_true(run->session == HANDLE);
	for (uint32_t i = 0; i < run->n; i++) {
		if (run->kind == CMD_PUBLISH) {
			say_publish(r, run, (struct publish_row *)run_rows(run) + i);
			continue;
		}
		const struct settle_row *row = (struct settle_row *)run_rows(run) + i;
		assert_int_equal(run->kind, CMD_SETTLE);
		assert_true(row->how == SETTLE_ACCEPT || row->how == SETTLE_RELEASE);
		text_putf(&r->said, "%s%s %s %llu", r->said.n ? " | " : "",
			  row->how == SETTLE_ACCEPT ? "settle" : "back", name_of(r, run->queue),
			  (unsigned long long)row->pos);
	}
}

static inline void say(struct rig *r, const char *want, int line)
{
	r->sw.view = catalog_view(r->world.c);
	deadletter_session_ops.pump(r->letters, &r->sw);
	for (struct batch *b = post_take(&r->post, 0), *next; b; b = next) {
		next = b->next;
		for (struct run *run = batch_first(b); run; run = batch_next(b, run))
			say_run(r, run);
		post_give_back(&r->post, b);
	}
	if (strcmp(r->said.p, want) != 0) {
		fprintf(stderr, "line %d\n want %s\n got  %s\n", line, want, r->said.p);
		abort();
	}
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
}
#define SAY(want) say(r, want, __LINE__)

/* ---- what it is told ---------------------------------------------------------------------- */

/* Declares a durable queue whose dead letters go to `exchange` with `key` (NULL: their own). */
static inline void declare_mortal(struct rig *r, const char *name, const char *exchange,
				  const char *key, enum dead_letter_strategy strategy)
{
	uint8_t buf[DECLARE_BYTES_MAX], bytes[RULES_BYTES_MAX];
	struct queue_rules rules = rules_none();
	rules.has_dead_letter_exchange = true;
	rules.dead_letter_exchange = slice_str(exchange);
	rules.has_dead_letter_key = key != NULL;
	rules.dead_letter_key = key ? slice_str(key) : SLICE_EMPTY;
	rules.dead_letter_strategy = strategy;
	struct declare_queue d = { .name = slice_str(name),
				   .flags = QUEUE_DURABLE,
				   .shard = (uint16_t)(1 + (uint8_t)name[0] % 16),
				   .rules = slice_of(bytes,
						     rules_put(&rules, bytes, sizeof bytes)) };
	uint32_t n = declare_queue_put(&d, buf, sizeof buf);
	(void)ask(&r->world, CMD_QUEUE_DECLARE, 0, 0, slice_of(buf, n));
	assert_true(id_of(&r->world, name) != 0);
}

/* A message that was published to the default exchange with `key`. */
static inline uint64_t message(struct rig *r, const char *key, const char *body, uint8_t proto)
{
	struct block *b = r->block;
	struct wr w = wr_of((uint8_t *)b + b->fill, block_room(b));
	uint32_t at = b->fill;
	wr_u8(&w, 0);
	wr_str8(&w, slice_str(key));
	uint32_t props = at + (uint32_t)w.n;
	wr_u16(&w, 0);
	uint32_t off = at + (uint32_t)w.n;
	wr_slice(&w, slice_str(body));
	b->fill = (at + (uint32_t)w.n + 7) & ~7u;
	const struct msg *m = msg_new(b, &(struct msg){ .route_off = at,
							.route_len = (uint16_t)(props - at),
							.props_off = props,
							.props_len = 2,
							.body_off = off,
							.body_bytes = (uint32_t)strlen(body),
							.proto = proto,
							.flags = MSG_PERSISTENT });
	block_give(b, 1);
	return msg_mem(m);
}

static inline void die(struct rig *r, const char *queue, enum dead_reason reason, uint64_t pos,
		       uint64_t mem)
{
	const struct queue_record *q = catalog_queue(catalog_view(r->world.c), 0, slice_str(queue));
	struct {
		struct run run;
		struct deliver_row row;
	} fx = { { .kind = FX_DEAD_LETTER,
		   .flags = (uint8_t)reason,
		   .n = 1,
		   .row_bytes = sizeof(struct deliver_row),
		   .session = HANDLE,
		   .shard = q->shard,
		   .queue = q->id },
		 { .mem = mem, .loc = mem ? 0 : 77, .pos = pos, .bytes = 20 } };
	deadletter_session_ops.tell(r->letters, &r->sw, &fx.run);
}

static inline void answer(struct rig *r, uint8_t kind, uint64_t seq, uint32_t n)
{
	struct {
		struct run run;
		struct confirm_row row;
	} fx = { { .kind = kind, .n = 1, .session = HANDLE, .arg = seq }, { 0, n } };
	deadletter_session_ops.tell(r->letters, &r->sw, &fx.run);
}

static inline void confirm(struct rig *r, uint64_t seq, uint32_t n)
{
	answer(r, FX_CONFIRM, seq, n);
}
#endif
