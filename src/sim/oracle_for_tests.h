/* oracle_for_tests -- an oracle with a publisher and a consumer who are made up: tests tell it
 * what they are said to have sent and got.
 */
#ifndef SIM_ORACLE_FOR_TESTS_H
#define SIM_ORACLE_FOR_TESTS_H
#include "sim/oracle.h"

#include <stdio.h>
#include <stdlib.h>

#define BYTES 100u /* a message's body */

struct fix {
	struct story story;
	struct oracle oracle;
	uint64_t now_ms;
	uint32_t publisher, consumer; /* channels of clients 0 and 1 */
	struct oracle_order order;    /* of what the consumer gets */
	struct oracle_reading reading;
};

/* fix_with has one queue, as it is after its declaration. */
static inline struct fix *fix_with(uint32_t queue)
{
	struct fix *f = calloc(1, sizeof *f);
	struct prng r = prng_of(1);
	must(f != NULL);
	story_init(&f->story, false);
	oracle_init(&f->oracle, &f->story, &f->now_ms, &r);
	oracle_queue_set(&f->oracle, queue, LIFE_THERE);
	for (uint32_t i = 0; i < 2; i++)
		oracle_connected(&f->oracle, i);
	f->publisher = oracle_channel(&f->oracle);
	f->consumer = oracle_channel(&f->oracle);
	f->reading.is_exact = true;
	return f;
}

/* What was wrong must contain `what`; "": nothing may have been wrong. */
static inline void fix_free(struct fix *f, const char *what)
{
	if (!strstr(f->story.wrong, what) || f->story.is_wrong != (what[0] != '\0'))
		fprintf(stderr, "wanted: %s\nsaid: %s\n", what, f->story.wrong);
	must(strstr(f->story.wrong, what) && f->story.is_wrong == (what[0] != '\0'));
	oracle_fini(&f->oracle);
	free(f);
}

static inline uint32_t publish_to(struct fix *f, uint32_t queue, uint8_t flags)
{
	struct message m = { .publisher = f->publisher,
			     .exchange = PLACE_X_default,
			     .key = (uint8_t)queue,
			     .bytes = BYTES,
			     .flags = flags };
	uint32_t id = oracle_publish(&f->oracle, 0, &m);
	(void)oracle_routed(&f->oracle, id);
	return id;
}

/* deliver_from: the consumer gets what publish_to has sent. */
static inline void deliver_from(struct fix *f, uint32_t queue, uint32_t id)
{
	uint8_t body[BYTES], props[LETTER_PROPS_MAX];
	const struct letter l = oracle_letter(&f->oracle, id);
	letter_put(&l, body);
	struct oracle_delivery d = { .client = 1,
				     .queue = queue,
				     .channel = f->consumer,
				     .key = slice_str(place_queues[queue].name),
				     .props = letter_props(&l, props),
				     .body = slice_of(body, sizeof body) };
	(void)oracle_deliver(&f->oracle, &d);
}
#endif
