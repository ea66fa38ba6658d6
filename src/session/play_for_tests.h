/* play_for_tests -- what an input of a session's fuzz target plays: deeds of three clients.
 *
 *	play_begin -> play_all -> what the target itself looks at -> play_end
 *
 * An input is a list of deeds. A byte from DEED_FATE on is a turn of fate; one below it is what the
 * current client says, and may take more of the input. Corpora lie on these numbers: none of them
 * gets another meaning.
 */
#ifndef SESSION_PLAY_FOR_TESTS_H
#define SESSION_PLAY_FOR_TESTS_H
#include "session/harness_for_tests.h"

#define DEED_FATE       224u
#define PLAY_CLIENTS    3
#define PLAY_OUTPUT_MAX (1u << 17)

struct play {
	struct world *w;
	struct client *clients[PLAY_CLIENTS];
	unsigned at, opened_n;
};

/* What is a protocol's own. */
struct play_ops {
	const struct session_ops *ops;
	/* enter says what a client says first; it is the `no`th, from 0 on. */
	void (*enter)(struct client *c, unsigned no);
	/* say does the deed at the beginning of `in`, and gives how many bytes that was. */
	size_t (*say)(struct client *c, struct slice in);
	/* fate is the turns FATE_OWN and FATE_OWN + 1. */
	void (*fate)(struct play *p, unsigned which);
};

#define FATE_OWN 11
#define FATE_N   14

static inline struct play play_begin(void)
{
	struct play p = { .w = world_new() };
	p.w->limits.output_bytes_max = PLAY_OUTPUT_MAX;
	p.w->limits.unconfirmed_bytes_max = PLAY_OUTPUT_MAX;
	p.w->limits.message_bytes_max = 1 << 20;
	return p;
}

static inline void play_drop(struct play *p)
{
	if (p->clients[p->at])
		client_lost(p->clients[p->at]);
	p->clients[p->at] = NULL;
}

static inline void play_fate(struct play *p, const struct play_ops *ops, unsigned which)
{
	struct world *w = p->w;
	switch (which) {
	case 0: play_drop(p); break;
	case 1: p->at = 0; break;
	case 2: p->at = 1; break;
	case 3: p->at = 2; break;
	case 4: w->is_log_held = !w->is_log_held; break;
	case 5: w->is_not_reading = !w->is_not_reading; break;
	case 6: w->is_dripping = !w->is_dripping; break;
	case 7: w->sw.is_blocked = !w->sw.is_blocked; break;
	case 8: (void)world_later(w, 60000); break;
	case 9: w->is_losing_reads = !w->is_losing_reads; break;
	case 10:
		for (int i = 1; i < WORLD_SHARDS; i++)
			core_cache_limit(w->shard[i].core, 0);
		break;
	case FATE_OWN:
	case FATE_OWN + 1: ops->fate(p, which); break;
	default: world_run(w);
	}
}

/* play_octets says up to `n` octets as they are, and gives how many there were. */
static inline size_t play_octets(struct client *c, struct slice octets, size_t n)
{
	n = n < octets.n ? n : octets.n;
	client_write(c, octets.p, n);
	return n;
}

static inline struct client *play_client(struct play *p, const struct play_ops *ops)
{
	struct client **c = &p->clients[p->at];
	if (*c && (*c)->is_closed)
		play_drop(p);
	if (!*c) {
		*c = client_of(p->w, ops->ops, true);
		ops->enter(*c, p->opened_n++);
		world_run(p->w);
	}
	return *c;
}

/* play_all plays an input to its end, and then everything that was held back. */
static inline void play_all(struct play *p, const struct play_ops *ops, struct slice in)
{
	while (in.n > 0) {
		size_t n = 1;
		if (in.p[0] >= DEED_FATE)
			play_fate(p, ops, (in.p[0] - DEED_FATE) % FATE_N);
		else
			n = ops->say(play_client(p, ops), in);
		in = slice_from(in, n);
	}
	p->w->sw.is_blocked = p->w->is_not_reading = p->w->is_log_held = false;
	world_run(p->w);
}

static inline void play_end(struct play *p)
{
	for (int i = 0; i < PLAY_CLIENTS; i++)
		must(!p->clients[i] || p->clients[i]->s->sendq.bytes < 4 * PLAY_OUTPUT_MAX);
	world_free(p->w);
}
#endif
