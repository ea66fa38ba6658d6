/* core_for_tests -- one core with a log that commits when the test says so; for tests only.
 *
 * A rig plays the node: it admits, proposes records, commits them, gives, and writes down every
 * effect as text, message by message: SAY compares it with the story that the test tells.
 *
 *	rig_publish(&r, Q, 1, 3, ENTRY_PERSISTENT | ENTRY_CONFIRM);
 *	rig_commit(&r);
 *	SAY("c1: 1 2 3 | confirm 1-3");
 *
 * Message number n is a body of 8 bytes. Session 1, channel 1, unless told.
 */
#ifndef CORE_CORE_FOR_TESTS_H
#define CORE_CORE_FOR_TESTS_H
#include "base/byteorder.h"
#include "base/digest.h"
#include "base/mem_for_tests.h"
#include "base/text.h"
#include "core/core_block_for_tests.h"
#include "core/core_state.h"
#include "core/logged.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define RIG_STORED_BYTES (MSG_STORED_HEAD_BYTES + 2u + 8u)
#define RIG_RECORDS_MAX  20000u
#define RIG_SAID_BYTES   262144u

struct rig_record {
	uint8_t *bytes;
	uint32_t len;
};

/* One effect row, as a test may want to look at it. */
struct rig_fx {
	struct run run;
	uint64_t number;   /* of a delivered message */
	uint64_t returned; /* what the run says of its only row */
	struct deliver_row deliver;
	struct confirm_row confirm;
	struct reply_row reply;
	struct slice tail;
};

/* Units that cores want read (core_wants_take), in their order. */
#define RIG_WANTED_MAX 4096u

struct rig {
	struct mem_for_tests heap;
	struct mem blocks;
	struct block_home home;
	struct block *filling;
	struct core *core;
	struct outcomes now, later;
	struct post post;
	struct rig_record log[RIG_RECORDS_MAX];
	uint64_t now_ms;
	uint64_t proposed, committed; /* record i of the log has index i, from 1 on */
	int64_t live_bytes;           /* stored by applied records and not freed */
	uint64_t entries_max;         /* core_entries_limit of cores to come */
	struct slice (*unit)(struct rig *r, struct unit_key key); /* of the newest checkpoint */
	struct unit_key wanted[RIG_WANTED_MAX];
	uint32_t wanted_n;
	bool is_slow; /* what is wanted comes by rig_bring and rig_commit only */
	void (*see)(struct rig *r, const struct rig_fx *fx); /* fx NULL: no more for now */
	void *see_arg;
	struct text said;
	char said_bytes[RIG_SAID_BYTES];
	_Alignas(8) uint8_t cmd_bytes[sizeof(struct run) + LIMIT_RUN_ROWS_MAX * 32];
};

/* Blocks of messages need their alignment. */
static inline void *rig_block_get(struct mem *m, size_t n, const char *kind)
{
	(void)m;
	(void)kind;
	return aligned_alloc(BLOCK_ALIGN, n);
}

static inline void rig_block_put(struct mem *m, void *own_p, size_t n)
{
	(void)m;
	(void)n;
	free(own_p);
}

/* rig_start begins with an empty core. */
static inline void rig_start(struct rig *r)
{
	outcomes_init(&r->now, &r->heap.mem);
	outcomes_init(&r->later, &r->heap.mem);
	r->core = core_new(&r->heap.mem, 3);
	must(r->core != NULL);
	core_entries_limit(r->core, r->entries_max);
	r->wanted_n = 0;
}

/* rig_new: a rig with an empty log. */
static inline struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof *r);
	must(r != NULL);
	r->heap = mem_for_tests((size_t)1 << 32);
	r->entries_max = UINT64_MAX;
	r->blocks = (struct mem){ .get = rig_block_get,
				  .put = rig_block_put,
				  .max = (size_t)1 << 32 };
	block_home_init(&r->home, &r->blocks, 4);
	post_init(&r->post, 0, 2, &r->heap.mem);
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
	rig_start(r);
	return r;
}

/* ---- messages ---------------------------------------------------------------------------- */

/* rig_message makes message `number` with `refs` references for rows. */
static inline uint64_t rig_message(struct rig *r, uint64_t number, int64_t refs)
{
	const uint32_t bytes = 16;
	uint32_t off;
	struct block *b = block_with_room(&r->home, &r->filling, bytes, &off);
	memcpy((uint8_t *)b + off, "\0\0\0\0\0\0\0", 8);
	memcpy((uint8_t *)b + off + 8, &number, 8);
	b->fill = off + bytes;
	struct msg *m = msg_new(b, &(struct msg){ .route_off = off,
						  .route_len = 2,
						  .body_off = off + 8,
						  .body_bytes = 8,
						  .props_off = off,
						  .proto = 1 });
	must(m && msg_stored_bytes(m) == RIG_STORED_BYTES);
	block_give(b, refs);
	return msg_mem(m);
}

#define RIG_MOVED 0x80000000u /* set in a loc: the same message at another place */
#define RIG_PLACE 64u         /* where a record's body begins in its segment, which has its index */

/* rig_number reads the number of a message, in memory or, `bytes` long, in the log. */
static inline uint64_t rig_number(const struct rig *r, uint64_t mem, uint64_t loc, uint32_t bytes)
{
	uint64_t number;
	const uint8_t *body;
	if (mem) {
		body = msg_piece(msg_of(mem), 0).p;
	} else {
		const struct rig_record *rec = &r->log[loc >> 32];
		uint32_t off = ((uint32_t)loc & ~RIG_MOVED) - RIG_PLACE;
		must(rec->bytes && off + bytes <= rec->len);
		body = rec->bytes + off + bytes - 8;
	}
	memcpy(&number, body, sizeof number);
	return number;
}

/* ---- effects ----------------------------------------------------------------------------- */

/* rig_tell writes one effect down, or shows it to the test. */
static inline void rig_tell(struct rig *r, const struct rig_fx *f)
{
	struct text *t = &r->said;
	const struct run *run = &f->run;
	if (r->see) {
		r->see(r, f);
		return;
	}
	if (t->n)
		text_puts(t, " | ");
	if (run->kind == FX_DELIVER && run->flags & DELIVER_GET)
		text_putf(t, "got%s", "");
	else if (run->kind == FX_DELIVER && run->flags & DELIVER_FOUND)
		text_puts(t, "found");
	else if (run->kind == FX_DELIVER)
		text_putf(t, "c%llu", (unsigned long long)run->arg);
	else if (run->kind == FX_DEAD_LETTER)
		text_putf(t, "dead%u", run->flags);
	if (run->kind == FX_DELIVER || run->kind == FX_DEAD_LETTER)
		text_putf(t, " %llu%s%s%s", (unsigned long long)f->number,
			  f->deliver.flags & ENTRY_REDELIVERED ? "r" : "",
			  f->deliver.flags & ENTRY_FIRST ? "f" : "",
			  f->deliver.flags & ENTRY_SETTLE ? "!" : "");
	else if (run->kind == FX_CONFIRM)
		text_putf(t, "confirm %llu-%llu", (unsigned long long)(run->arg + f->confirm.first),
			  (unsigned long long)(run->arg + f->confirm.first + f->confirm.n - 1));
	else if (run->kind == FX_REFUSED)
		text_putf(t, "refused %llu-%llu", (unsigned long long)(run->arg + f->confirm.first),
			  (unsigned long long)(run->arg + f->confirm.first + f->confirm.n - 1));
	else if (run->kind == FX_REPLY)
		text_putf(t, "reply %llu %s %llu %llu", (unsigned long long)run->arg,
			  err_words[f->reply.err].name, (unsigned long long)f->reply.a,
			  (unsigned long long)f->reply.b);
	else if (run->kind == FX_CANCELLED)
		text_putf(t, "cancelled %llu", (unsigned long long)run->arg);
	else
		text_putf(t, "command %u queue %llu", run->kind, (unsigned long long)run->queue);
	if (f->returned)
		text_putf(t, "+%llu", (unsigned long long)f->returned);
}

/* rig_tell_run tells a run row by row, and drops what the rows own. */
static inline void rig_tell_run(struct rig *r, struct run *run)
{
	struct rig_fx f = { .run = *run, .tail = run_tail(run) };
	if (run->n == 0)
		rig_tell(r, &f);
	for (uint32_t i = 0; i < run->n; i++) {
		if (run->kind == FX_DELIVER || run->kind == FX_DEAD_LETTER) {
			f.deliver = ((struct deliver_row *)run_rows(run))[i];
			f.number = rig_number(r, f.deliver.mem, f.deliver.loc, f.deliver.bytes);
			if (f.deliver.mem)
				msg_unref(f.deliver.mem, 1);
			if (run->kind == FX_DELIVER && f.deliver.flags & ENTRY_RETURNED)
				f.returned = load_le64(run_tail(run).p + run_tail(run).n - 8);
		} else if (run->kind == FX_CONFIRM || run->kind == FX_REFUSED) {
			f.confirm = ((struct confirm_row *)run_rows(run))[i];
		} else if (run->kind == FX_REPLY) {
			f.reply = ((struct reply_row *)run_rows(run))[i];
		}
		rig_tell(r, &f);
	}
}

/* rig_effects tells everything that the core has posted. */
static inline void rig_effects(struct rig *r)
{
	for (uint32_t loop = 0; loop < 2; loop++)
		for (struct batch *b = post_take(&r->post, loop), *next; b; b = next) {
			next = b->next;
			for (struct run *run = batch_first(b); run; run = batch_next(b, run))
				rig_tell_run(r, run);
			post_give_back(&r->post, b);
		}
	if (r->see)
		r->see(r, NULL);
}

/* ---- the log ----------------------------------------------------------------------------- */

/* rig_freed takes over what is freed. */
static inline void rig_freed(struct rig *r)
{
	struct freed f;
	while (core_freed_take(r->core, &f, 1))
		r->live_bytes -= (int64_t)f.bytes;
}

/* rig_place gives the messages of a committed run their place. */
static inline void rig_place(struct rig *r, struct run *o, uint64_t index)
{
	struct add_row *row = run_rows(o);
	if (!outcome_adds(o->kind) || !(o->flags & RUN_LOGGED))
		return;
	for (uint32_t i = 0; i < o->n; i++) {
		row[i].loc += index << 32 | RIG_PLACE;
		r->live_bytes += row[i].bytes;
	}
}

/* rig_apply applies what need not wait, and what is committed. */
static inline void rig_apply(struct rig *r)
{
	uint64_t index;
	uint32_t ordinal;
	struct run *o;
	while (outcomes_unproposed(&r->now))
		outcomes_propose(&r->now, 1, 0);
	while ((o = outcomes_ready(&r->now, 1, &index, &ordinal)) != NULL) {
		core_apply(r->core, o, index, ordinal, &r->post);
		outcomes_pop(&r->now);
	}
	while ((o = outcomes_ready(&r->later, r->committed + 1, &index, &ordinal)) != NULL) {
		if (index > r->committed + 1) /* tags are one more than indexes: 0 is no tag */
			break;
		rig_place(r, o, index - 1);
		core_apply(r->core, o, index - 1, ordinal, &r->post);
		outcomes_pop(&r->later);
	}
}

static inline void rig_give_once(struct rig *r)
{
	core_give(r->core, r->now_ms, &r->now, &r->later, &r->post);
	must(r->now.runs_n == 0);
	rig_freed(r);
	rig_effects(r);
	must(r->wanted_n < RIG_WANTED_MAX);
	r->wanted_n += core_wants_take(r->core, r->wanted + r->wanted_n,
				       RIG_WANTED_MAX - r->wanted_n);
}

/* rig_bring lets the first units that are wanted come. */
static inline void rig_bring(struct rig *r, uint32_t n)
{
	for (; n > 0 && r->wanted_n > 0; n--) {
		struct unit_key key = r->wanted[0];
		memmove(r->wanted, r->wanted + 1, --r->wanted_n * sizeof key);
		core_warm(r->core, key, r->unit(r, key));
		rig_give_once(r);
	}
}

/* rig_give is the end of a turn. */
static inline void rig_give(struct rig *r)
{
	rig_give_once(r);
	if (!r->is_slow)
		rig_bring(r, UINT32_MAX);
}

/* rig_propose puts everything in `later` into at most one new record. */
static inline void rig_propose(struct rig *r)
{
	static uint8_t body[1 << 20];
	struct wr w = wr_of(body, sizeof body);
	struct logged_last last = { 0 };
	uint32_t ordinal = 0;
	struct run *o;
	while ((o = outcomes_unproposed(&r->later)) != NULL) {
		if (o->flags & RUN_LOGGED) {
			uint32_t need = logged_bytes(o, &last);
			size_t before = w.n;
			logged_put(o, &w, &last);
			must(w.n == before + need);
		}
		outcomes_propose(&r->later, r->proposed + 1 + (w.n > 0), ordinal);
		ordinal += o->flags & RUN_LOGGED && outcome_enters(o->kind) ? o->n : 0;
	}
	if (w.n == 0)
		return;
	must(++r->proposed < RIG_RECORDS_MAX);
	struct rig_record *rec = &r->log[r->proposed];
	free(rec->bytes);
	*rec = (struct rig_record){ malloc(w.n), (uint32_t)w.n };
	must(rec->bytes != NULL);
	memcpy(rec->bytes, body, w.n);
}

/* rig_commit commits everything, and what comes of it, until nothing waits. */
static inline void rig_commit(struct rig *r)
{
	do {
		rig_propose(r);
		r->committed = r->proposed;
		rig_apply(r);
		rig_give(r);
		rig_bring(r, UINT32_MAX);
	} while (r->later.runs_n);
}

/* rig_commit_to commits up to one record only. */
static inline void rig_commit_to(struct rig *r, uint64_t index)
{
	must(index >= r->committed && index <= r->proposed);
	r->committed = index;
	rig_apply(r);
	rig_give(r);
}

/* ---- commands ---------------------------------------------------------------------------- */

#define RIG_SESSION(n) session_handle(0, (n), 1)

/* rig_head: a command of session 1, channel 1. */
static inline struct run rig_head(uint8_t kind, uint64_t queue, uint64_t arg)
{
	return (struct run){ .kind = kind,
			     .channel = 1,
			     .session = RIG_SESSION(1),
			     .shard = 3,
			     .queue = queue,
			     .arg = arg };
}

/* rig_admit lets one command happen, and everything that need not wait for the log. */
static inline void rig_admit(struct rig *r, struct run head, const void *rows, uint32_t row_bytes,
			     uint32_t n)
{
	struct run *cmd = (struct run *)(void *)r->cmd_bytes;
	must(n <= LIMIT_RUN_ROWS_MAX && row_bytes <= 32);
	*cmd = head;
	cmd->n = (uint16_t)n;
	cmd->row_bytes = (uint8_t)row_bytes;
	if (n)
		memcpy(cmd + 1, rows, n * row_bytes);
	core_admit(r->core, cmd, r->now_ms, &r->now, &r->later, &r->post);
	rig_apply(r);
	rig_effects(r);
}

/* rig_do: a command without rows, and a turn's end. */
static inline void rig_do(struct rig *r, uint8_t kind, uint64_t queue, uint64_t arg, uint8_t flags)
{
	struct run head = rig_head(kind, queue, arg);
	head.flags = flags;
	rig_admit(r, head, NULL, 0, 0);
	rig_give(r);
}

/* rig_open opens a queue with rules; nobody asks, so nobody is answered. */
static inline void rig_open(struct rig *r, uint64_t queue, uint8_t flags,
			    const struct queue_rules *rules)
{
	struct run *cmd = (struct run *)(void *)r->cmd_bytes;
	*cmd = rig_head(CMD_QUEUE_OPEN, queue, 0);
	cmd->session = 0;
	cmd->flags = flags;
	cmd->tail_len = rules_put(rules, (uint8_t *)(cmd + 1), RULES_BYTES_MAX);
	core_admit(r->core, cmd, r->now_ms, &r->now, &r->later, &r->post);
	rig_apply(r);
	rig_give(r);
}

/* rig_at: it is that late; what is due happens. */
static inline void rig_at(struct rig *r, uint64_t now_ms)
{
	must(now_ms >= r->now_ms);
	r->now_ms = now_ms;
	if (core_deadline(r->core) <= now_ms)
		core_tick(r->core, now_ms, &r->now, &r->later, &r->post);
	rig_give(r);
}

/* rig_publish publishes messages first .. first + n - 1, which are their sequences too. */
static inline void rig_publish(struct rig *r, uint64_t queue, uint64_t first, uint32_t n,
			       uint8_t flags)
{
	struct publish_row row[LIMIT_RUN_ROWS_MAX];
	for (uint32_t i = 0; i < n; i++)
		row[i] = (struct publish_row){ .mem = rig_message(r, first + i, 1),
					       .queue = queue,
					       .bytes = RIG_STORED_BYTES,
					       .seq_delta = (uint16_t)i,
					       .flags = flags };
	rig_admit(r, rig_head(CMD_PUBLISH, 0, first), row, sizeof *row, n);
	rig_give(r);
}

/* rig_subscribe_at: with a priority. */
static inline void rig_subscribe_at(struct rig *r, uint64_t queue, uint64_t consumer, uint8_t flags,
				    uint32_t messages, int64_t priority)
{
	struct subscribe_row row = { { messages, CREDIT_NO_LIMIT }, priority };
	struct run head = rig_head(CMD_SUBSCRIBE, queue, consumer);
	head.flags = flags;
	rig_admit(r, head, &row, sizeof row, 1);
	rig_give(r);
}

/* rig_subscribe: bytes of credit are no matter. */
static inline void rig_subscribe(struct rig *r, uint64_t queue, uint64_t consumer, uint8_t flags,
				 uint32_t messages)
{
	rig_subscribe_at(r, queue, consumer, flags, messages, 0);
}

/* rig_settle settles one position. */
static inline void rig_settle(struct rig *r, uint64_t queue, uint64_t consumer, uint64_t pos,
			      enum settle how)
{
	struct settle_row row = { .pos = pos, .how = how };
	rig_admit(r, rig_head(CMD_SETTLE, queue, consumer), &row, sizeof row, 1);
	rig_give(r);
}

/* ---- the end ----------------------------------------------------------------------------- */

/* rig_free demands that every message and every byte has come home. */
static inline void rig_free(struct rig *r)
{
	core_free(r->core);
	outcomes_fini(&r->now);
	outcomes_fini(&r->later);
	post_fini(&r->post);
	if (r->filling)
		block_close(r->filling);
	block_home_fini(&r->home);
	must(r->heap.mem.used == 0 && r->blocks.used == 0);
	for (uint32_t i = 0; i < RIG_RECORDS_MAX; i++)
		free(r->log[i].bytes);
	free(r);
}

/* rig_say compares what was said since the last time with the story. */
static inline void rig_say(struct rig *r, const char *want, const char *file, int line)
{
	core_check(r->core);
	if (strcmp(r->said.p, want) != 0) {
		fprintf(stderr, "%s:%d\n want %s\n got  %s\n", file, line, want, r->said.p);
		abort();
	}
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
}
#define SAY(want) rig_say(r, want, __FILE__, __LINE__)
#include "core/core_replay_for_tests.h"
#endif
