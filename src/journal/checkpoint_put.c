#include "journal/checkpoint.h"

#include "journal/state.h"

/* The side of the loop whose turn it is, and what everybody may ask. */

bool journal_checkpoint_begin(struct journal *j)
{
	must(j->recover.is_ended);
	struct checkpoint *c = &j->checkpoint;
	if (atomic_load_explicit(&c->phase, memory_order_acquire) != CKPT_IDLE)
		return false;
	c->filling = NULL;
	c->given = (struct ckpt_shards){ 0 };
	atomic_store_explicit(&c->begun_at, journal_appended(j), memory_order_relaxed);
	atomic_store_explicit(&c->is_ended, false, memory_order_relaxed);
	atomic_store_explicit(&c->phase, CKPT_WANTED, memory_order_release);
	keeper_give_work(j);
	return true;
}

bool journal_checkpoint_is_open(const struct journal *j)
{
	must(j->recover.is_ended);
	return atomic_load_explicit(&j->checkpoint.phase, memory_order_acquire) == CKPT_OPEN;
}

static void pass_on(struct journal *j)
{
	struct checkpoint *c = &j->checkpoint;
	must(!c->filling || c->filling->len <= sizeof c->filling->at);
	bool is_in = !c->filling || spsc_push(&c->full, c->filling);
	must(is_in);
	c->filling = NULL;
	keeper_give_work(j);
}

bool journal_checkpoint_put(struct journal *j, uint16_t shard, uint64_t a, uint64_t b,
			    struct slice unit)
{
	struct checkpoint *c = &j->checkpoint;
	must(shard < JOURNAL_SHARDS_MAX && unit.n <= JOURNAL_UNIT_BYTES_MAX);
	if (!journal_checkpoint_is_open(j))
		return false;
	uint32_t space = unit_space((uint32_t)unit.n);
	if (c->filling && c->filling->len + space > sizeof c->filling->at)
		pass_on(j);
	if (!c->filling)
		c->filling = spsc_pop(&c->empty);
	if (!c->filling)
		return false;
	struct unit u = { unit.n ? UNIT_CONTENT : UNIT_GONE, shard, c->number, a, b, unit };
	unit_put(c->filling->at + c->filling->len, &u);
	c->filling->len += space;
	return true;
}

bool journal_checkpoint_wait(struct journal *j, uint32_t loop)
{
	uint64_t bit = (uint64_t)1 << loop;
	must(loop < j->loops_n);
	return (atomic_fetch_or(&j->checkpoint.waits, bit) & bit) == 0;
}

bool journal_checkpoint_is_waiting(const struct journal *j, uint32_t loop)
{
	must(loop < j->loops_n);
	return atomic_load(&j->checkpoint.waits) >> loop & 1;
}

void journal_checkpoint_shard(struct journal *j, const struct ckpt_shard *s)
{
	struct checkpoint *c = &j->checkpoint;
	must(s->shard < JOURNAL_SHARDS_MAX);
	must(atomic_load_explicit(&c->phase, memory_order_relaxed) != CKPT_IDLE);
	c->given.is_there[s->shard] = true;
	c->given.at[s->shard] = *s;
}

void journal_checkpoint_end(struct journal *j)
{
	struct checkpoint *c = &j->checkpoint;
	must(atomic_load_explicit(&c->phase, memory_order_relaxed) != CKPT_IDLE);
	pass_on(j);
	atomic_store_explicit(&c->is_ended, true, memory_order_release);
	keeper_give_work(j);
}

uint64_t journal_checkpoint_done(const struct journal *j)
{
	return atomic_load_explicit(&j->checkpoint.done, memory_order_acquire);
}

uint64_t journal_checkpoint_failed(const struct journal *j)
{
	return atomic_load_explicit(&j->checkpoint.failed, memory_order_acquire);
}

bool journal_checkpoint_is_due(const struct journal *j)
{
	const struct checkpoint *c = &j->checkpoint;
	must(j->recover.is_ended);
	uint64_t begun_at = atomic_load_explicit(&c->begun_at, memory_order_relaxed);
	return atomic_load_explicit(&c->phase, memory_order_relaxed) == CKPT_IDLE &&
	       journal_appended(j) - begun_at >= j->setup.checkpoint_every_bytes;
}
