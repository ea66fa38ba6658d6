/* Checkpoints: when enough has been logged, each loop in turn gives the changed units of its
 * shards. A shard's units belong to one index: it is frozen while they are taken, which lasts
 * longer than a moment only when the keeper has no room for them. Then its loop sleeps until the
 * keeper has moved. A transaction that is not decided lies behind that index, as all that stands
 * behind it. */
#include "node/loop.h"

#include "base/must.h"

#define TURN_NOBODY UINT32_MAX

/* Where a loop is in giving its units. */
struct unit {
	uint32_t shard;         /* of loop.shards */
	bool is_begun, is_held; /* is_held: the unit below was refused and comes first */
	uint64_t index;         /* the shard's, when it was frozen */
	struct unit_key key;
	uint32_t len;
	uint8_t bytes[CHECKPOINT_UNIT_MAX];
};

static void begin(struct shard *s, struct unit *u)
{
	if (s->catalog)
		catalog_checkpoint_begin(s->catalog);
	else
		core_checkpoint_begin(s->core);
	u->index = shard_applied(s);
	s->is_frozen = u->is_begun = true;
	must(s->given == 0);
}

static bool next(struct shard *s, struct unit *u)
{
	if (u->is_held)
		return true;
	if (s->catalog)
		return catalog_checkpoint_next(s->catalog, &u->key, u->bytes, sizeof u->bytes,
					       &u->len);
	return core_checkpoint_next(s->core, &u->key, u->bytes, sizeof u->bytes, &u->len);
}

static void end(struct shard *s, struct unit *u)
{
	struct ckpt_shard c = { .shard = s->no,
				.index = u->index,
				.epoch = s->repl.epoch,
				.next_wall_ms = s->repl.wall_ms,
				.features = s->catalog ? catalog_features(s->catalog)
						       : core_features(s->core) };
	struct node *n = s->loop->node;
	journal_checkpoint_shard(n->journal, &c);
	if (s->core)
		core_checkpoint_close(s->core);
	s->given = atomic_load(&n->checkpoints_n) + 1;
	s->given_failed = journal_checkpoint_failed(n->journal);
	s->is_frozen = u->is_begun = false;
	shard_touch(s);
}

/* A checkpoint that failed (the disk was full) has changed nothing: what it was given is given
 * again to the next. */
static void settle(struct loop *l)
{
	const struct journal *j = l->node->journal;
	uint64_t failed = journal_checkpoint_failed(j);
	if (journal_checkpoint_done(j) + failed < l->shards[0].given)
		return;
	for (uint32_t i = 0; i < l->shards_n; i++) {
		struct shard *s = &l->shards[i];
		bool is_kept = failed == s->given_failed;
		if (s->given && s->catalog)
			catalog_checkpoint_end(s->catalog, is_kept);
		if (s->given && s->core) {
			keep_budget(l); /* the shard before has perhaps given some away */
			core_checkpoint_end(s->core, is_kept);
		}
		s->given = 0;
	}
}

/* False: the keeper has no room now. */
static bool shard_units(struct shard *s, struct unit *u)
{
	if (!u->is_begun)
		begin(s, u);
	while (next(s, u)) {
		u->is_held = !journal_checkpoint_put(s->loop->node->journal, s->no, u->key.queue,
						     u->key.chunk, slice_of(u->bytes, u->len));
		if (u->is_held)
			return false;
	}
	end(s, u);
	return true;
}

static bool loop_units(struct loop *l)
{
	if (!l->unit) {
		l->unit = mem_get(&l->memory.mem, sizeof *l->unit, "checkpoint");
		must(l->unit != NULL);
		l->unit->shard = 0;
		l->unit->is_begun = l->unit->is_held = false;
	}
	for (; l->unit->shard < l->shards_n; l->unit->shard++) {
		struct shard *s = &l->shards[l->unit->shard];
		if (!s->is_volatile && !shard_units(s, l->unit))
			return false;
	}
	mem_put(&l->memory.mem, l->unit, sizeof *l->unit);
	l->unit = NULL;
	return true;
}

/* Whoever sees that one is due has loop 0 begin it. False: the one before has not ended. */
static bool begin_one(struct loop *l)
{
	struct node *n = l->node;
	if (atomic_load(&n->checkpoint_turn) != TURN_NOBODY)
		return true;
	bool is_due = journal_checkpoint_is_due(n->journal);
	if (l->index != 0 && is_due)
		loop_wake(l, 0);
	if (l->index != 0 || !(is_due || atomic_load(&n->is_checkpoint_wanted)))
		return true;
	if (!journal_checkpoint_begin(n->journal))
		return false;
	atomic_store(&n->checkpoint_turn, 0);
	atomic_store(&n->is_checkpoint_wanted, false); /* never neither: it would look stopped */
	return true;
}

static void pass_on(struct loop *l)
{
	struct node *n = l->node;
	bool is_last = l->index + 1 == n->loops_n;
	if (is_last) {
		atomic_fetch_add(&n->checkpoints_n, 1);
		journal_checkpoint_end(n->journal);
	}
	atomic_store(&n->checkpoint_turn, is_last ? TURN_NOBODY : l->index + 1);
	if (!is_last || atomic_load(&n->is_checkpoint_wanted))
		loop_wake(l, is_last ? 0 : l->index + 1);
}

/* Loop 0 begins; each loop passes the turn to the next; the last one ends it. */
bool checkpoint_work(struct loop *l)
{
	struct node *n = l->node;
	bool is_open = begin_one(l);
	bool is_turn = atomic_load(&n->checkpoint_turn) == l->index;
	if (l->shards_n > 0 && l->shards[0].given)
		settle(l); /* behind the look at the turn: the one before has ended by now */
	bool is_given = is_turn && journal_checkpoint_is_open(n->journal) && loop_units(l);
	l->waits_for_keeper = !is_open || (is_turn && !is_given);
	if (is_given)
		pass_on(l);
	return is_given || (l->waits_for_keeper && journal_checkpoint_wait(n->journal, l->index));
}

bool checkpoint_is_waited_for(const struct loop *l)
{
	const struct node *n = l->node;
	uint32_t turn = atomic_load(&n->checkpoint_turn);
	if (l->waits_for_keeper)
		return !journal_checkpoint_is_waiting(n->journal, l->index);
	return turn == l->index ||
	       (l->index == 0 && turn == TURN_NOBODY && atomic_load(&n->is_checkpoint_wanted));
}
