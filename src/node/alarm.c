/* Alarms: memory and free disk against their watermarks; publishers wait while one stands. */
#include "node/loop.h"

#include "base/ablate.h"

#define BILLION 1e9

static uint64_t part_of_memory(const struct node *n, double ratio)
{
	return (uint64_t)((double)n->setup.memory_bytes * ratio);
}

void alarm_limits_begin(struct node *n)
{
	const struct config *c = n->config;
	atomic_store(&n->memory_limit, c->memory_watermark_bytes > 0
					       ? (uint64_t)c->memory_watermark_bytes
					       : part_of_memory(n, c->memory_watermark_ratio));
	atomic_store(&n->disk_limit, c->disk_free_limit_ratio > 0
					     ? part_of_memory(n, c->disk_free_limit_ratio)
					     : (uint64_t)c->disk_free_limit_bytes);
}

uint64_t alarm_memory_limit(const struct node *n)
{
	return atomic_load_explicit(&n->memory_limit, memory_order_relaxed);
}

uint64_t alarm_disk_limit(const struct node *n)
{
	return atomic_load_explicit(&n->disk_limit, memory_order_relaxed);
}

/* This turn's end looks at the alarms, and wakes the other loops if one comes or goes. What is free
 * was perhaps looked at long ago. */
uint64_t alarm_bound(struct loop *l, const struct run *cmd)
{
	struct node *n = l->node;
	bool is_disk = cmd->flags & BOUND_DISK;
	uint64_t limit = cmd->queue;
	if (cmd->flags & BOUND_RELATIVE)
		limit = part_of_memory(n, (double)cmd->queue / BILLION);
	atomic_store(is_disk ? &n->disk_limit : &n->memory_limit, limit);
	if (is_disk)
		journal_look_free(n->journal);
	struct log_value v = log_u64(limit);
	loop_log(l, is_disk ? LOG_disk_limit_set : LOG_memory_limit_set, &v, 1);
	return limit;
}

int64_t alarm_memory_used(const struct node *n)
{
	int64_t used = 0;
	for (uint32_t i = 0; i < n->loops_n; i++)
		used += atomic_load_explicit(&n->loops[i].used_bytes, memory_order_relaxed);
	return used;
}

static void set_alarm(struct loop *l, uint32_t alarm, bool is_on)
{
	struct node *n = l->node;
	uint32_t old = is_on ? atomic_fetch_or(&n->alarms, alarm)
			     : atomic_fetch_and(&n->alarms, ~alarm);
	if (((old & alarm) != 0) == is_on)
		return;
	enum log_id id = alarm == ALARM_MEMORY
				 ? (is_on ? LOG_memory_alarm_set : LOG_memory_alarm_cleared)
				 : (is_on ? LOG_disk_alarm_set : LOG_disk_alarm_cleared);
	struct log_value v[2] = { log_u64((uint64_t)alarm_memory_used(n)),
				  log_u64(alarm_memory_limit(n)) };
	if (alarm == ALARM_DISK) {
		v[0] = log_u64(journal_free_bytes(n->journal));
		v[1] = log_u64(alarm_disk_limit(n));
		journal_space_is_short(n->journal, is_on);
	}
	loop_log(l, id, v, 2);
	for (uint32_t i = 0; i < n->loops_n; i++)
		if (i != l->index)
			loop_wake(l, i);
}

/* While publishers wait nothing is written, so nobody would see that there is room again, and no
 * checkpoint would be due, which alone lets go of the segments that consumers have emptied. */
static void look_free(struct loop *l, uint32_t alarms)
{
	if (l->index != 0)
		return;
	if (!(alarms & ALARM_DISK)) {
		l->look_free_ms = UINT64_MAX;
	} else if (l->look_free_ms == UINT64_MAX) {
		l->look_free_ms = l->now_ms + LIMIT_LOOK_FREE_EVERY_MS;
	} else if (l->look_free_ms <= l->now_ms) {
		if (!l->is_stopping) /* that asks for its own */
			atomic_store(&l->node->is_checkpoint_wanted, true);
		journal_look_free(l->node->journal);
		l->look_free_ms = l->now_ms + LIMIT_LOOK_FREE_EVERY_MS;
	}
}

/* Blocks count as used until their home collects them, and it may be asleep: while memory is short
 * it is woken for them. */
static void wake_homes(struct loop *l)
{
	for (uint32_t i = 0; i < l->node->loops_n; i++)
		if (i != l->index && block_is_returned(&l->node->loops[i].home))
			loop_wake(l, i);
}

/* Set at the mark, cleared a sixteenth below it: no flapping. */
bool alarms_look(struct loop *l)
{
	struct node *n = l->node;
	/* Whoever sees an alarm sees the bound that it came with, too (alarm_bound). */
	uint32_t alarms = atomic_load_explicit(&n->alarms, memory_order_acquire);
	int64_t limit = (int64_t)alarm_memory_limit(n), used = alarm_memory_used(n);
	atomic_store_explicit(&n->is_memory_short, used > limit / 2, memory_order_relaxed);
	if (!(alarms & ALARM_MEMORY) && used > limit)
		set_alarm(l, ALARM_MEMORY, true);
	else if ((alarms & ALARM_MEMORY) && used < limit - limit / 16)
		set_alarm(l, ALARM_MEMORY, false);
	uint64_t disk = journal_free_bytes(n->journal), least = alarm_disk_limit(n);
	if (!(alarms & ALARM_DISK) && disk < least)
		set_alarm(l, ALARM_DISK, true);
	else if ((alarms & ALARM_DISK) && disk > least + least / 16)
		set_alarm(l, ALARM_DISK, false);
	alarms = atomic_load_explicit(&n->alarms, memory_order_relaxed);
	look_free(l, alarms);
	if (alarms & ALARM_MEMORY)
		wake_homes(l);
	if (alarms == l->alarms_seen)
		return false;
	static const char *const reasons[4] = { "", "low on memory", "low on disk",
						"low on memory & disk" };
	l->alarms_seen = alarms;
	l->world.is_blocked = alarms != 0 && !ABLATED(alarm);
	l->world.blocked_reason = slice_str(reasons[alarms & 3]);
	conns_alarm(l);
	return true;
}
