/* A clean stop: goodbye to everybody, everything committed, a last checkpoint. */
#include "node/loop.h"

/* Nothing of this loop is on its way to a client or to the disk. A batch that it still has is
 * empty: what had records was submitted (loop_propose). */
static bool is_still(const struct loop *l)
{
	if (l->conns_n > 0 || l->flying || l->is_congested || !loader_is_idle(l) || l->forward)
		return false;
	for (uint32_t i = 0; i < l->shards_n; i++)
		if (l->shards[i].later.runs_n > 0)
			return false;
	return true;
}

/* Counts this loop once when it is quiet; the last one asks for the checkpoint. */
bool stop_work(struct loop *l)
{
	struct node *n = l->node;
	if (!l->is_stopping || l->is_counted_quiet || !is_still(l) || !inside_is_idle(l))
		return false;
	l->is_counted_quiet = true;
	if (atomic_fetch_add(&n->quiet_n, 1) + 1 < n->loops_n)
		return false;
	atomic_store(&n->is_checkpoint_wanted, true);
	if (l->index != 0)
		loop_wake(l, 0);
	return l->index == 0;
}

/* Time, or another loop, may give it something to do after it was counted: what that holds of
 * messages must be let go of. Messages that die now stay where they are (inside_work), so it ends.
 */
bool loop_is_stopped(const struct loop *l)
{
	const struct node *n = l->node;
	return l->is_counted_quiet && is_still(l) && !loop_has_mail(l) &&
	       atomic_load(&n->quiet_n) == n->loops_n && !atomic_load(&n->is_checkpoint_wanted) &&
	       atomic_load(&n->checkpoint_turn) == UINT32_MAX &&
	       journal_checkpoint_done(n->journal) + journal_checkpoint_failed(n->journal) ==
		       atomic_load(&n->checkpoints_n);
}
