/* Sessions of the broker's own, which have no connection: for each loop the publisher of dead
 * letters. Its handle names a slot that no connection ever has. */
#include "node/loop.h"

#include "base/must.h"
#include "session/deadletter/deadletter.h"

enum err inside_new(struct loop *l)
{
	uint64_t handle = session_handle(l->index, SESSION_SLOT_INSIDE, 1);
	l->letters = deadletter_session_ops.new(&l->world, handle, SLICE_EMPTY, true);
	if (!l->letters)
		return ERR_LIMIT;
	for (uint32_t i = 0; i < l->shards_n; i++)
		if (l->shards[i].core)
			core_dead_to(l->shards[i].core, handle);
	return ERR_OK;
}

void inside_free(struct loop *l)
{
	if (l->letters)
		l->letters->ops->free(l->letters, &l->world);
	l->letters = NULL;
}

struct session *inside_of(struct loop *l, uint64_t session)
{
	must_if(session_slot(session) == SESSION_SLOT_INSIDE, session_loop(session) == l->index);
	return session_slot(session) == SESSION_SLOT_INSIDE ? l->letters : NULL;
}

void inside_tell(struct loop *l, struct session *s, struct run *fx)
{
	must(s == l->letters);
	s->ops->tell(s, loop_world(l), fx);
	l->is_inside_touched = true;
}

void inside_loaded(struct loop *l, struct session *s, uint64_t ticket, uint64_t mem)
{
	must(s == l->letters);
	s->ops->loaded(s, loop_world(l), ticket, mem);
	l->is_inside_touched = true;
}

/* What dies when the loop has said that it is quiet stays in its queue, and dies again; and what
 * nobody took before is not tried again. */
bool inside_work(struct loop *l)
{
	uint64_t version = l->seen_version;
	if (l->is_counted_quiet || (!l->is_inside_touched && l->inside_version == version))
		return false;
	l->is_inside_touched = false;
	l->inside_version = version;
	l->letters->ops->pump(l->letters, loop_world(l));
	return true;
}

void inside_wait(struct loop *l)
{
	const bool waits = deadletter_waits(l->letters) || l->world.watchers_n > 0;
	if (atomic_load_explicit(&l->waits_for_view, memory_order_relaxed) != waits)
		atomic_store(&l->waits_for_view, waits);
}

void inside_tick(struct loop *l)
{
	struct session *s = l->letters;
	if (inside_deadline(l) <= l->now_ms)
		(void)s->ops->tick(s, loop_world(l));
}

uint64_t inside_deadline(const struct loop *l)
{
	must(l->letters != NULL);
	return l->is_counted_quiet ? UINT64_MAX : l->letters->ops->deadline(l->letters);
}

bool inside_is_idle(const struct loop *l)
{
	must(l->letters != NULL);
	return deadletter_is_idle(l->letters);
}

void inside_dump(const struct loop *l, struct text *out)
{
	if (l->letters)
		l->letters->ops->dump(l->letters, &l->world, out);
}
