/* core_retain_for_tests -- a rig with a store of last messages; for tests only.
 *
 *	retain_keep(r, 1, "a.b");
 *	rig_commit(r);
 *	retain_find(r, "a.*");
 *	SAY("confirm 1-1 | found 1 | reply 5 OK 1 1");
 */
#ifndef CORE_CORE_RETAIN_FOR_TESTS_H
#define CORE_CORE_RETAIN_FOR_TESTS_H
#include "core/core_for_tests.h"
#include "core/core_retain.h"

#define Q 7u

/* retain_rig: the store is Q; it is 1,000 ms. */
static inline struct rig *retain_rig(void)
{
	struct rig *r = rig_new();
	struct queue_rules rules = rules_none();
	rules.retains = 1;
	rig_at(r, 1000);
	rig_open(r, Q, QUEUE_DURABLE | QUEUE_KEEPER | QUEUE_RETAINS, &rules);
	return r;
}

/* retain_store is what there is. */
static inline const struct retaining *retain_store(const struct rig *r)
{
	return core_find_queue(r->core, Q)->has->retain;
}

/* retain_message makes one with a key; number 0: it is empty. */
static inline uint64_t retain_message(struct rig *r, uint64_t number, const char *key)
{
	size_t key_n = strlen(key), bytes = 2 + key_n + sizeof number;
	if (r->filling && block_room(r->filling) < bytes + sizeof(struct msg) + 32) {
		block_close(r->filling);
		r->filling = NULL;
	}
	block_collect(&r->home);
	if (!r->filling)
		r->filling = block_take(&r->home, 0);
	struct block *b = r->filling;
	uint32_t off = (b->fill + 7u) & ~7u;
	uint8_t *p = (uint8_t *)b + off;
	p[0] = 0;
	p[1] = (uint8_t)key_n;
	memcpy(p + 2, key, key_n);
	memcpy(p + 2 + key_n, &number, sizeof number);
	b->fill = off + (uint32_t)bytes;
	struct msg *m = msg_new(b, &(struct msg){ .route_off = off,
						  .route_len = (uint16_t)(2 + key_n),
						  .props_off = off,
						  .body_off = off + 2 + (uint32_t)key_n,
						  .body_bytes = number ? sizeof number : 0,
						  .proto = 1 });
	must(m != NULL);
	block_give(b, 1);
	return msg_mem(m);
}

/* retain_until publishes one, whose number is its sequence, too; expiry: retain_expiry. */
static inline void retain_until(struct rig *r, uint64_t number, const char *key, uint64_t expiry)
{
	struct publish_row row = { .mem = retain_message(r, number, key),
				   .queue = Q,
				   .expiry_ms = expiry,
				   .flags = ENTRY_PERSISTENT | ENTRY_CONFIRM };
	row.bytes = msg_stored_bytes(msg_of(row.mem));
	rig_admit(r, rig_head(CMD_PUBLISH, 0, number), &row, sizeof row, 1);
	rig_give(r);
}

/* retain_keep: for ever. */
static inline void retain_keep(struct rig *r, uint64_t number, const char *key)
{
	retain_until(r, number, key, 0);
}

/* A position, as it is answered. */
struct retain_window {
	uint8_t at[RETAIN_CURSOR_BYTES];
	uint32_t at_n;
};

/* retain_find_as asks for at most `max`, from a position on; NULL: the beginning. */
static inline void retain_find_as(struct rig *r, uint8_t flags, const char *filter, uint32_t max,
				  const struct retain_window *from)
{
	struct run *cmd = (struct run *)(void *)r->cmd_bytes;
	struct credit_row want = { max, CREDIT_NO_LIMIT };
	size_t n = strlen(filter);
	*cmd = rig_head(CMD_FIND, Q, 5);
	cmd->flags = flags;
	cmd->n = 1;
	cmd->row_bytes = sizeof want;
	memcpy(cmd + 1, &want, sizeof want);
	uint8_t *tail = (uint8_t *)(cmd + 1) + sizeof want;
	tail[0] = (uint8_t)n;
	memcpy(tail + 1, filter, n);
	if (from)
		memcpy(tail + 1 + n, from->at, from->at_n);
	cmd->tail_len = (uint32_t)n + 1 + (from ? from->at_n : 0);
	core_admit(r->core, cmd, r->now_ms, &r->now, &r->later, &r->post);
	rig_apply(r);
	rig_give(r);
}

/* retain_find_from does so for keys without a number. */
static inline void retain_find_from(struct rig *r, const char *filter, uint32_t max,
				    const struct retain_window *from)
{
	retain_find_as(r, 0, filter, max, from);
}

/* retain_find: all of them, if they are few. */
static inline void retain_find(struct rig *r, const char *filter)
{
	retain_find_from(r, filter, 100, NULL);
}
#endif
