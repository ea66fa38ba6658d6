/* A checker that cannot fail is no checker: each is told a lie, and must say so. */
#include "base/bits.h"
#include "node/inspect.h"
#include "node/loop.h"
#include "sim/bounds.h"
#include "sim/faults.h"
#include "sim/score.h"
#include "sim/twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- the oracle, with a queue, a publisher and a consumer ---------------------------------- */

#define BYTES          100u
#define STOP_STEPS_MAX 400000

struct fix {
	struct story story;
	struct oracle oracle;
	uint64_t now_ms;
	uint32_t publisher, consumer; /* channels of clients 0 and 1 */
	struct oracle_order order;
};

static struct fix *fix_new(void)
{
	struct fix *f = calloc(1, sizeof *f);
	struct prng r = prng_of(1);
	must(f != NULL);
	story_init(&f->story, false);
	oracle_init(&f->oracle, &f->story, &f->now_ms, &r);
	oracle_queue_set(&f->oracle, PLACE_d0, LIFE_THERE);
	for (uint32_t i = 0; i < 2; i++)
		oracle_connected(&f->oracle, i);
	f->publisher = oracle_channel(&f->oracle);
	f->consumer = oracle_channel(&f->oracle);
	return f;
}

/* What was wrong must contain `what`; "": nothing may have been wrong. */
static void fix_free(struct fix *f, const char *what)
{
	if (!strstr(f->story.wrong, what) || f->story.is_wrong != (what[0] != '\0'))
		fprintf(stderr, "wanted: %s\nsaid: %s\n", what, f->story.wrong);
	must(strstr(f->story.wrong, what) && f->story.is_wrong == (what[0] != '\0'));
	oracle_fini(&f->oracle);
	free(f);
}

static uint32_t publish_to(struct fix *f, uint32_t queue, uint8_t flags)
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

static uint32_t publish(struct fix *f)
{
	return publish_to(f, PLACE_d0, LETTER_PERSISTENT | LETTER_CONFIRM);
}

static uint32_t publish_confirmed(struct fix *f)
{
	uint32_t id = publish(f);
	oracle_confirmed(&f->oracle, id);
	return id;
}

/* The broker gives a message, with one byte of the body changed if `flip` is not 0. */
static uint32_t deliver(struct fix *f, uint32_t id, uint8_t flip)
{
	uint8_t body[BYTES], props[LETTER_PROPS_MAX];
	struct letter l = {
		.id = id, .publisher = f->publisher, .bytes = BYTES, .is_persistent = true
	};
	letter_put(&l, body);
	body[BYTES - 1] ^= flip;
	struct oracle_delivery d = { .client = 1,
				     .queue = PLACE_d0,
				     .channel = f->consumer,
				     .key = slice_str("d0"),
				     .props = letter_props(&l, props),
				     .body = slice_of(body, BYTES),
				     .order = &f->order };
	return oracle_deliver(&f->oracle, &d);
}

static void an_honest_broker_is_believed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	uint32_t a = publish_confirmed(f), b = publish_confirmed(f);
	oracle_settle(&f->oracle, deliver(f, a, 0), 1, f->consumer);
	oracle_settle(&f->oracle, deliver(f, b, 0), 1, f->consumer);
	oracle_quiet(&f->oracle, 3, true, true);
	oracle_crash(&f->oracle, false);
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "");
}

static void a_confirmed_message_that_is_lost_is_missed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	(void)publish_confirmed(f);
	oracle_crash(&f->oracle, false);
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "1 messages of d0 are lost");
}

static void one_that_was_not_confirmed_may_be_lost(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	(void)publish(f);
	oracle_crash(&f->oracle, false);
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "");
}

static void an_invented_message_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	uint32_t id = publish_confirmed(f);
	(void)deliver(f, id + 1, 0);
	fix_free(f, "a message that nobody has sent");
}

static void a_changed_body_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	(void)deliver(f, publish_confirmed(f), 1);
	fix_free(f, "but not as it was sent");
}

static void what_was_acknowledged_must_not_come_back(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	uint32_t id = publish_confirmed(f);
	oracle_settle(&f->oracle, deliver(f, id, 0), 1, f->consumer);
	oracle_quiet(&f->oracle, 3, true, true);
	oracle_crash(&f->oracle, false);
	oracle_connected(&f->oracle, 1);
	(void)deliver(f, id, 0);
	fix_free(f, "is gone: settled");
}

static void a_message_is_given_to_one_at_a_time(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	uint32_t id = publish_confirmed(f);
	(void)deliver(f, id, 0);
	(void)deliver(f, id, 0);
	fix_free(f, "is held by somebody");
}

static void messages_of_a_publisher_keep_their_order(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	uint32_t a = publish_confirmed(f), b = publish_confirmed(f);
	(void)deliver(f, b, 0);
	(void)deliver(f, a, 0);
	fix_free(f, "came behind a later message of its publisher");
}

static void a_message_is_confirmed_once(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	oracle_confirmed(&f->oracle, publish_confirmed(f));
	fix_free(f, "was confirmed twice");
}

static void a_return_of_what_has_a_queue_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	oracle_returned(&f->oracle, publish_to(f, PLACE_d0, LETTER_MANDATORY));
	fix_free(f, "was returned, though d0 was bound");
}

/* The consumer has asked for a queue that went meanwhile: his channel ends, and with it the queue
 * that it alone consumed, before he hears of it. */
static void a_queue_may_go_with_a_channel_that_ends_unheard(void **state)
{
	(void)state;
	struct fix *f = fix_new();
	struct oracle *o = &f->oracle;
	oracle_queue_set(o, PLACE_b0, LIFE_THERE);
	oracle_queue_set(o, PLACE_a0, LIFE_THERE);
	const struct oracle_ask ask = { oracle_tick(o), PLACE_a0, true, false };
	oracle_asked(o, f->consumer, &ask);
	oracle_queue_set(o, PLACE_a0, LIFE_MAYBE);
	oracle_returned(o, publish_to(f, PLACE_b0, LETTER_MANDATORY));
	fix_free(f, "");
}

static struct fix *fix_of(struct place_rule rule)
{
	struct fix *f = fix_new();
	f->oracle.places.rule[PLACE_d0] = rule;
	return f;
}

static void what_comes_after_its_time_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .ttl_ms = 10 });
	const uint32_t id = publish_confirmed(f);
	f->now_ms += 10;
	oracle_quiet(&f->oracle, 3, true, true);
	(void)deliver(f, id, 0);
	fix_free(f, "is gone");
}

static void what_is_gone_before_its_time_is_missed(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .ttl_ms = 10 });
	(void)publish_confirmed(f);
	f->now_ms += 9;
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "1 messages of d0 are lost");
}

static void what_may_have_expired_is_not_missed(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .ttl_ms = 10 });
	(void)publish_confirmed(f);
	f->now_ms += 10;
	oracle_drained(&f->oracle, PLACE_d0);
	fix_free(f, "");
}

static void a_queue_with_too_many_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .length_max = 2 });
	for (int i = 0; i < 3; i++)
		(void)publish_confirmed(f);
	const uint64_t event = oracle_tick(&f->oracle);
	oracle_look(&f->oracle, PLACE_d0, 1, event);
	oracle_count_is(&f->oracle, PLACE_d0, event, 3);
	fix_free(f, "d0 has 3 ready messages, more than 2");
}

static void a_refusal_with_room_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .length_max = 2, .is_rejecting = true });
	oracle_refused(&f->oracle, publish(f));
	fix_free(f, "was refused, though there was room");
}

static void what_was_refused_must_not_come(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .length_max = 1, .is_rejecting = true });
	(void)publish_confirmed(f);
	const uint32_t id = publish(f);
	oracle_refused(&f->oracle, id);
	(void)deliver(f, id, 0);
	fix_free(f, "is gone");
}

static void a_low_priority_before_a_high_one_is_noticed(void **state)
{
	(void)state;
	struct fix *f = fix_of((struct place_rule){ .kind = PLACE_RANKED });
	struct oracle *o = &f->oracle;
	uint32_t low = publish_confirmed(f), high = low;
	while (place_priority(high) <= place_priority(low))
		high = publish_confirmed(f);
	oracle_users(o, PLACE_d0, 1);
	const uint64_t event = oracle_tick(o);
	oracle_look(o, PLACE_d0, 1, event);
	oracle_got(o, deliver(f, low, 0), event);
	fix_free(f, "of a higher priority is ready");
}

/* ---- the world ----------------------------------------------------------------------------- */

static struct world *world_new(void)
{
	struct world *w = malloc(sizeof *w);
	must(w != NULL);
	world_init(w, 2, 2, false);
	bool is_up = world_start(w) && world_work(w, 300);
	must(is_up);
	return w;
}

/* Whatever was said of it, the broker is well: it stops, and gives everything back. */
static void broker_end(struct host *h)
{
	uint32_t who;
	h->workers[NET_WRITER].stalled_until_ms = 0;
	host_stop(h);
	for (uint32_t n = 0; !host_is_stopped(h); n++) {
		must(n < STOP_STEPS_MAX);
		if ((who = host_runnable(h)) != 0)
			host_step(h, bits_highest(who)); /* the workers first */
		else
			host_pass(h, 1);
	}
	int64_t left = host_close(h);
	must(left == 0);
}

static void world_free(struct world *w, const char *what)
{
	if (!strstr(w->story.wrong, what))
		fprintf(stderr, "wanted: %s\nsaid: %s\n", what, w->story.wrong);
	must(w->story.is_wrong && strstr(w->story.wrong, what));
	broker_end(&w->host);
	world_fini(w);
	free(w);
}

static void memory_that_grows_is_noticed(void **state)
{
	(void)state;
	struct world *w = world_new();
	bounds_check(w);
	must(!w->story.is_wrong);
	struct mem *m = &w->host.loops[0].loop->memory.mem;
	size_t n = (size_t)bounds_bytes(w);
	void *leak = mem_get(m, n, "leak");
	bounds_check(w);
	mem_put(m, leak, n);
	world_free(w, "its bound is");
}

static void blocks_that_pile_up_are_noticed(void **state)
{
	(void)state;
	struct world *w = world_new();
	struct block_home *home = &w->host.loops[0].loop->home;
	const uint64_t n = bounds_bytes(w) + w->host.loops_n * (uint64_t)NODE_PINNED_BYTES;
	struct block *leak = block_take(home, (uint32_t)n);
	bounds_check(w);
	block_close(leak);
	world_free(w, "bytes of blocks");
}

static void a_broker_that_does_not_answer_is_noticed(void **state)
{
	(void)state;
	struct world *w = world_new();
	w->host.workers[NET_WRITER].stalled_until_ms = UINT64_MAX;
	w->temper.drop = w->temper.leave = w->temper.close = 0; /* all are patient */
	for (uint32_t n = 0; n < 1000000 && world_step(w); n++)
		;
	world_free(w, "waits in vain");
}

static void a_confirm_that_never_comes_is_noticed(void **state)
{
	(void)state;
	struct world *w = world_new();
	bool is_well = world_settle(w);
	must(is_well);
	for (uint32_t i = 0; i < PLACE_CLIENTS; i++)
		w->client[i].channel[0].unconfirmed_n += w->client[i].channel[0].is_confirming;
	is_well = world_settle(w);
	must(!is_well);
	world_free(w, "waits in vain for the confirm of m");
}

static void another_state_is_noticed(void **state)
{
	(void)state;
	struct world *w = world_new();
	for (int i = 0; i < 2; i++) { /* each stop leaves a checkpoint */
		bool is_on = world_stop(w) && world_start(w) && world_work(w, w->ops_n + 300);
		must(is_on);
	}
	must(w->story.told_n[STORY_twin] > 0);
	struct sim_disk *earlier = sim_disk_clone(w->host.disk);
	bool is_well = world_work(w, w->ops_n + 300) && world_settle(w);
	must(is_well);
	twin_compare(w, earlier);
	world_free(w, "make another state");
}

static void a_run_without_faults_is_no_run(void **state)
{
	(void)state;
	struct world *w = world_new();
	score_check(w, 300);
	world_free(w, "a run is to have 2 cuts of the power, and this had 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_honest_broker_is_believed),
		cmocka_unit_test(a_confirmed_message_that_is_lost_is_missed),
		cmocka_unit_test(one_that_was_not_confirmed_may_be_lost),
		cmocka_unit_test(an_invented_message_is_noticed),
		cmocka_unit_test(a_changed_body_is_noticed),
		cmocka_unit_test(what_was_acknowledged_must_not_come_back),
		cmocka_unit_test(a_message_is_given_to_one_at_a_time),
		cmocka_unit_test(messages_of_a_publisher_keep_their_order),
		cmocka_unit_test(a_message_is_confirmed_once),
		cmocka_unit_test(a_return_of_what_has_a_queue_is_noticed),
		cmocka_unit_test(a_queue_may_go_with_a_channel_that_ends_unheard),
		cmocka_unit_test(what_comes_after_its_time_is_noticed),
		cmocka_unit_test(what_is_gone_before_its_time_is_missed),
		cmocka_unit_test(what_may_have_expired_is_not_missed),
		cmocka_unit_test(a_queue_with_too_many_is_noticed),
		cmocka_unit_test(a_refusal_with_room_is_noticed),
		cmocka_unit_test(what_was_refused_must_not_come),
		cmocka_unit_test(a_low_priority_before_a_high_one_is_noticed),
		cmocka_unit_test(memory_that_grows_is_noticed),
		cmocka_unit_test(blocks_that_pile_up_are_noticed),
		cmocka_unit_test(a_broker_that_does_not_answer_is_noticed),
		cmocka_unit_test(a_confirm_that_never_comes_is_noticed),
		cmocka_unit_test(another_state_is_noticed),
		cmocka_unit_test(a_run_without_faults_is_no_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
