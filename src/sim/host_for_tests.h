/* host_for_tests -- the broker on a simulated machine, whose clock and threads the test turns.
 *
 *     fix_new -> settle, pass, loops_rest, mingle, hear ... -> fix_free
 */
#ifndef SIM_HOST_FOR_TESTS_H
#define SIM_HOST_FOR_TESTS_H
#include "base/bits.h"
#include "base/text.h"
#include "node/loop.h"
#include "sim/host.h"
#include "sim/talk.h"

#include <stdlib.h>

#define SELDOM (8 * (uint64_t)LIMIT_RECORD_BYTES_MAX) /* checkpoints */

struct fix {
	struct story story;
	struct host host;
};

static inline struct fix *fix_new(uint32_t pipe_bytes, uint64_t checkpoint_every_bytes)
{
	char room[200];
	struct text why = text_of(room, sizeof room);
	struct fix *f = calloc(1, sizeof *f);
	must(f != NULL);
	const struct host_setup s = {
		.loops_n = 2,
		.pipe_bytes = pipe_bytes,
		.segment_bytes = 4 * LIMIT_RECORD_BYTES_MAX,
		.checkpoint_every_bytes = checkpoint_every_bytes,
		.cache_bytes = 1048576,
		.disk_free_bytes = 1048576,
		.output_bytes = 65536,
		.unconfirmed_bytes = 1048576,
		.frame_max = 131072,
	};
	story_init(&f->story, false);
	host_init(&f->host, &f->story, 1, &s);
	enum err e = host_start(&f->host, &why);
	must(e == ERR_OK);
	return f;
}

/* Nobody has anything to do any more, at this time. */
static inline void settle(struct fix *f)
{
	uint32_t who;
	while ((who = host_runnable(&f->host)) != 0)
		host_step(&f->host, bits_highest(who)); /* the workers first */
	must(f->host.died == ERR_OK);
}

static inline void pass(struct fix *f, uint64_t ms)
{
	host_pass(&f->host, ms);
	settle(f);
}

static inline void fix_free(struct fix *f)
{
	if (!f->host.is_stopping)
		host_stop(&f->host);
	settle(f);
	must(host_is_stopped(&f->host));
	int64_t left = host_close(&f->host);
	must(left == 0);
	host_fini(&f->host);
	free(f);
}

/* Steps the loops alone, each as often as it wants; false: they never come to rest. */
static inline bool loops_rest(struct host *h)
{
	uint32_t loops = (1u << HOST_LOOPS_MAX) - 1, who;
	for (int n = 0; (who = host_runnable(h) & loops) != 0; n++) {
		if (n == 1000)
			return false;
		host_step(h, bits_lowest(who));
	}
	return true;
}

static inline uint32_t any_of(struct prng *p, uint32_t who)
{
	for (uint64_t n = prng_below(p, (uint64_t)__builtin_popcount(who)); n > 0; n--)
		who &= who - 1;
	return (uint32_t)bits_lowest(who);
}

/* Steps whoever wants to be, by chance, until nobody wants to. */
static inline void mingle(struct fix *f, struct prng *p)
{
	uint32_t who;
	while ((who = host_runnable(&f->host)) != 0)
		host_step(&f->host, any_of(p, who));
	must(f->host.died == ERR_OK);
}

/* How many methods of that kind have come, when nobody has anything to do any more. */
static inline uint32_t hear(struct fix *f, struct talk *k, struct prng *p,
			    enum amqp091_method_kind kind)
{
	uint32_t n = 0;
	bool is_end = false;
	do {
		struct amqp091_frame frame;
		struct amqp091_method m;
		mingle(f, p);
		while (talk_next(k, &frame)) {
			enum err e = amqp091_method_decode(frame.payload, &m);
			must(e == ERR_OK && m.kind != AMQP091_channel_close);
			n += m.kind == kind;
		}
	} while (talk_exchange(k, &f->host.socks, &is_end));
	must(!is_end);
	return n;
}
#endif
