/* core_select_for_tests -- what tests of selectors share: messages that say their number, a queue
 * of them, and the node's part of reading them.
 *
 * Only for tests; one thread.
 */
#ifndef CORE_CORE_SELECT_FOR_TESTS_H
#define CORE_CORE_SELECT_FOR_TESTS_H
#include "core/core_for_tests.h"
#include "core/core_select.h"
#include "core/sql.h"

#define Q 7u

static uint64_t where; /* the queue of what is published and subscribed: Q */

/* ---- messages that say their number, as "n" ----------------------------------------------- */

static inline struct rd begin(struct slice props)
{
	return rd_of(props);
}

static inline bool next(struct rd *r, struct header *out)
{
	uint64_t n = rd_le64(r);
	if (!rd_ok(r))
		return false;
	*out = (struct header){ .name = slice_str("n"), .class = HEADER_INT, .number = n };
	return true;
}

static inline bool property(struct slice props, enum header_property which, struct header *out)
{
	(void)props;
	(void)which;
	(void)out;
	return false;
}

static inline const struct header_ops *views(uint8_t encoding)
{
	static const struct header_ops ops = { begin, next, property };
	must(encoding == 1);
	return &ops;
}

#define BYTES (RIG_STORED_BYTES + 8u)

static inline uint64_t message(struct rig *r, uint64_t number)
{
	const uint32_t bytes = 16 + 8;
	uint32_t off;
	struct block *b = block_with_room(&r->home, &r->filling, bytes, &off);
	memset((uint8_t *)b + off, 0, 8);
	memcpy((uint8_t *)b + off + 8, &number, 8);
	memcpy((uint8_t *)b + off + 16, &number, 8);
	b->fill = off + bytes;
	struct msg *m = msg_new(b, &(struct msg){ .route_off = off,
						  .route_len = 2,
						  .props_off = off + 8,
						  .props_len = 8,
						  .body_off = off + 16,
						  .body_bytes = 8,
						  .proto = 1 });
	must(m && msg_stored_bytes(m) == BYTES);
	block_give(b, 1);
	return msg_mem(m);
}

static inline void publish(struct rig *r, uint64_t first, uint32_t n, uint8_t flags)
{
	struct publish_row row[LIMIT_RUN_ROWS_MAX];
	for (uint32_t i = 0; i < n; i++)
		row[i] = (struct publish_row){ .mem = message(r, first + i),
					       .queue = where,
					       .bytes = BYTES,
					       .seq_delta = (uint16_t)i,
					       .flags = flags };
	rig_admit(r, rig_head(CMD_PUBLISH, 0, first), row, sizeof *row, n);
	rig_give(r);
}

static inline void publish_many(struct rig *r, uint64_t first, uint32_t n, uint8_t flags)
{
	for (uint32_t i = 0; i < n; i += 100)
		publish(r, first + i, 100, flags);
	rig_commit(r);
}

/* ---- the rig's part of the node ------------------------------------------------------------ */

/* A message that is wanted is read from the log. False: none is. */
static inline bool read_one(struct rig *r, bool is_readable)
{
	struct core_look one;
	const struct msg *m = NULL;
	if (!core_look_wanted(r->core, &one))
		return false;
	const struct rig_record *rec = &r->log[one.loc >> 32];
	uint32_t off = ((uint32_t)one.loc & ~RIG_MOVED) - RIG_PLACE;
	must(rec->bytes && off + one.bytes <= rec->len);
	struct block *b = block_take(&r->home, 0);
	must(b != NULL);
	memcpy((uint8_t *)b + b->fill, rec->bytes + off, one.bytes);
	b->fill += one.bytes;
	enum err e = msg_load(b, b->fill - one.bytes, one.bytes, &m);
	must(e == ERR_OK);
	(void)core_looked(r->core, &one, is_readable ? m : NULL);
	block_close(b);
	block_collect(&r->home);
	return true;
}

static inline uint32_t read_all(struct rig *r)
{
	uint32_t n = 0;
	while (core_has_looks(r->core)) {
		while (read_one(r, true))
			n++;
		rig_give(r);
		rig_commit(r);
		core_check(r->core);
	}
	return n;
}

static inline void subscribe(struct rig *r, uint64_t consumer, uint8_t flags, uint32_t messages,
			     const char *selector)
{
	static uint8_t code[SQL_CODE_MAX];
	uint32_t n = 0;
	struct run *cmd = (struct run *)(void *)r->cmd_bytes;
	enum err e = sql_compile(slice_str(selector), 0, code, &n);
	must(e == ERR_OK && n < 4096);
	*cmd = rig_head(CMD_SUBSCRIBE, where, consumer);
	cmd->flags = flags;
	cmd->n = 1;
	cmd->row_bytes = sizeof(struct subscribe_row);
	cmd->tail_len = n;
	*(struct subscribe_row *)(void *)(cmd + 1) = (struct subscribe_row){
		{ messages, CREDIT_NO_LIMIT }, 0
	};
	memcpy((uint8_t *)(cmd + 1) + cmd->row_bytes, code, n);
	core_admit(r->core, cmd, r->now_ms, &r->now, &r->later, &r->post);
	rig_apply(r);
	rig_effects(r);
	rig_give(r);
}

static inline void hush(struct rig *r)
{
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
}

static inline struct rig *rig_with_queue(void)
{
	struct rig *r = rig_new();
	where = Q;
	core_views(r->core, views);
	core_cache_limit(r->core, UINT64_MAX);
	rig_do(r, CMD_QUEUE_OPEN, Q, 1, QUEUE_DURABLE);
	hush(r);
	return r;
}
#endif
