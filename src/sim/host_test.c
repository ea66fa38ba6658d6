/* What the broker does when only time passes: on a clock that the test turns. */
#include "journal/journal.h"
#include "sim/host_for_tests.h"
#include "wire/amqp091/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t free_bytes(struct fix *f)
{
	struct disk *d = sim_disk_port(f->host.disk);
	uint64_t n;
	enum err e = d->ops->free_bytes(d, &n);
	must(e == ERR_OK);
	return n;
}

static void free_space_is_looked_at_only_while_it_is_short(void **state)
{
	(void)state;
	struct fix *f = fix_new(4096, SELDOM);
	struct host *h = &f->host;
	settle(f);
	must(host_deadline(h) == UINT64_MAX);
	uint64_t all = UINT64_C(1) << 40; /* without a bound */
	sim_disk_faults(h->disk)->bytes_max = all - free_bytes(f) + 1000;
	must(free_bytes(f) == 1000);
	pass(f, 60000);
	must(h->logged[LOG_disk_alarm_set] == 0);
	journal_look_free(node_journal(h->node));
	h->workers[NET_KEEPER].is_awake = true;
	settle(f);
	must(h->logged[LOG_disk_alarm_set] == 1);
	pass(f, LIMIT_LOOK_FREE_EVERY_MS);
	must(h->logged[LOG_disk_alarm_cleared] == 0);
	sim_disk_faults(h->disk)->bytes_max = 0;
	pass(f, LIMIT_LOOK_FREE_EVERY_MS - 1);
	must(h->logged[LOG_disk_alarm_cleared] == 0);
	pass(f, 1);
	must(h->logged[LOG_disk_alarm_cleared] == 1);
	must(host_deadline(h) == UINT64_MAX);
	fix_free(f);
}

static void who_does_not_read_his_last_bytes_is_closed_all_the_same(void **state)
{
	(void)state;
	struct fix *f = fix_new(64, SELDOM);
	struct host *h = &f->host;
	struct sock *k = sock_connect(&h->socks, 1);
	static const uint8_t greeting[] = "AMQP\x00\x00\x09\x01";
	for (uint32_t sent = 0; sent < 8;) {
		sent += sock_send(&h->socks, k, greeting + sent, 8 - sent);
		settle(f);
	}
	pass(f, LIMIT_HANDSHAKE_TIMEOUT_MS); /* over, but connection.start is still on its way */
	must(k->state == SOCK_OPEN);
	pass(f, LIMIT_CLOSE_TIMEOUT_MS - 1);
	must(k->state == SOCK_OPEN);
	pass(f, 1);
	must(k->state == SOCK_SHUT);
	must(host_deadline(h) == UINT64_MAX);
	fix_free(f);
}

static void loops_sleep_while_a_checkpoint_waits_for_the_keeper(void **state)
{
	(void)state;
	struct fix *f = fix_new(4096, SELDOM);
	struct host *h = &f->host;
	settle(f);
	host_stop(h); /* which asks for one */
	must(loops_rest(h));
	must(!host_is_stopped(h));
	for (int n = 0; !host_is_stopped(h); n++) {
		must(n < 1000);
		host_step(h, HOST_KEEPER);
		must(loops_rest(h));
	}
	must(journal_checkpoint_done(node_journal(h->node)) == 1);
	fix_free(f);
}

#define PARTS 6u /* of a transaction: queues on several shards of both loops */

static struct slice part_name(uint32_t i)
{
	static const char *const names[PARTS] = { "a", "b", "c", "d", "e", "f" };
	return slice_str(names[i]);
}

/* Says what there is to say and steps who wants it, but the writer only if `writes`. Counts the
 * answers to commits, and adds up the messages that declarations tell of. */
static void speak(struct fix *f, struct talk *k, bool writes, uint32_t *commits, uint32_t *messages)
{
	uint32_t mask = writes ? UINT32_MAX : ~(1u << HOST_WRITER), who;
	bool is_end = false;
	do {
		struct amqp091_frame frame;
		struct amqp091_method m;
		while ((who = host_runnable(&f->host) & mask) != 0)
			host_step(&f->host, bits_highest(who));
		for (bool is_more = talk_next(k, &frame); is_more; is_more = talk_next(k, &frame)) {
			if (frame.type != AMQP091_FRAME_METHOD)
				continue;
			enum err e = amqp091_method_decode(frame.payload, &m);
			must(e == ERR_OK && m.kind != AMQP091_channel_close);
			*commits += m.kind == AMQP091_tx_commit_ok;
			if (m.kind == AMQP091_queue_declare_ok)
				*messages += m.queue_declare_ok.message_count;
		}
	} while (talk_exchange(k, &f->host.socks, &is_end));
	must(!is_end && f->host.died == ERR_OK);
}

static void transact(struct talk *k)
{
	const struct amqp091_method commit = { .kind = AMQP091_tx_commit };
	const struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode,
					     .delivery_mode = 2 };
	for (uint32_t i = 0; i < PARTS; i++) {
		TALK(k, 1, basic_publish, .routing_key = part_name(i));
		talk_content(k, &props, slice_str("part"));
	}
	talk_say(k, 1, &commit);
}

static void must_have(struct fix *f, uint32_t n)
{
	struct talk *k = calloc(1, sizeof *k);
	uint32_t commits = 0, messages = 0;
	must(k != NULL);
	talk_begin(k, sock_connect(&f->host.socks, 0));
	for (uint32_t i = 0; i < PARTS; i++)
		TALK(k, 1, queue_declare, .queue = part_name(i), .durable = true);
	speak(f, k, true, &commits, &messages);
	must(messages == n);
	sock_drop(k->sock, true);
	free(k);
}

/* The transaction's parts are durable, its decision is not: with a checkpoint made meanwhile, a
 * crash finds all of it or nothing. */
static void a_checkpoint_waits_for_no_transaction(void **state)
{
	(void)state;
	for (uint32_t decided = 0; decided < 2; decided++) {
		char room[200];
		struct text why = text_of(room, sizeof room);
		struct fix *f = fix_new(65536, 1);
		struct host *h = &f->host;
		struct talk *k = calloc(1, sizeof *k);
		const struct amqp091_method select = { .kind = AMQP091_tx_select };
		uint32_t commits = 0, messages = 0;
		must(k != NULL);
		must_have(f, 0);
		talk_begin(k, sock_connect(&h->socks, 0));
		talk_say(k, 1, &select);
		transact(k);
		speak(f, k, true, &commits, &messages);
		transact(k);
		speak(f, k, false, &commits, &messages);
		uint64_t before = journal_checkpoint_done(node_journal(h->node));
		host_step(h, HOST_WRITER);
		speak(f, k, false, &commits, &messages);
		must(commits == 1);
		must(journal_checkpoint_done(node_journal(h->node)) == before + 1);
		if (decided)
			host_step(h, HOST_WRITER);
		free(k);
		host_forget(h);
		sim_disk_crash(h->disk);
		sim_disk_restart(h->disk);
		enum err e = host_start(h, &why);
		must(e == ERR_OK);
		must_have(f, PARTS * (1 + decided));
		fix_free(f);
	}
}

/* The catalog's loop holds an answer until the other one has seen the change; it must not sleep on
 * it when that happens just before it falls asleep. */
static void a_declaration_is_answered_whichever_loop_falls_asleep_when(void **state)
{
	(void)state;
	struct prng p = prng_of(1);
	struct fix *f = fix_new(65536, SELDOM);
	struct talk *k[2] = { calloc(1, sizeof *k[0]), calloc(1, sizeof *k[1]) };
	for (uint32_t i = 0; i < 2; i++) {
		must(k[i] != NULL);
		talk_begin(k[i], sock_connect(&f->host.socks, i));
		must(hear(f, k[i], &p, AMQP091_channel_open_ok) == 1);
	}
	for (uint32_t i = 0; i < 500; i++) {
		TALK(k[i & 1], 1, queue_declare, .queue = part_name(i % PARTS));
		must(hear(f, k[i & 1], &p, AMQP091_queue_declare_ok) == 1);
		TALK(k[i >> 1 & 1], 1, queue_delete, .queue = part_name(i % PARTS));
		must(hear(f, k[i >> 1 & 1], &p, AMQP091_queue_delete_ok) == 1);
	}
	for (uint32_t i = 0; i < 2; i++) {
		sock_drop(k[i]->sock, true);
		free(k[i]);
	}
	fix_free(f);
}

/* A loop sleeps while the catalog changes, and what it wakes for is a socket: its connection has no
 * session yet when all that watch the catalog are told. */
static void who_comes_to_a_loop_with_a_catalog_to_see_is_let_in(void **state)
{
	(void)state;
	struct prng p = prng_of(1);
	struct fix *f = fix_new(65536, SELDOM);
	struct session_world *other = &f->host.loops[1].loop->world;
	struct talk *k[1 + PARTS];
	uint32_t who;
	bool is_end;
	for (uint32_t i = 0; i <= PARTS; i++) {
		k[i] = calloc(1, sizeof *k[i]);
		must(k[i] != NULL);
		if (i > 0) {
			TALK(k[0], 1, queue_declare, .queue = part_name(i - 1));
			(void)talk_exchange(k[0], &f->host.socks, &is_end);
			while ((who = host_runnable(&f->host) & ~(1u << 1)) != 0)
				host_step(&f->host, bits_highest(who));
		}
		other->watchers_n++;
		talk_begin(k[i], sock_connect(&f->host.socks, i > 0));
		must(hear(f, k[i], &p, AMQP091_channel_open_ok) == 1);
		must(i == 0 || hear(f, k[0], &p, AMQP091_queue_declare_ok) == 1);
		other->watchers_n--;
	}
	for (uint32_t i = 0; i <= PARTS; i++) {
		sock_drop(k[i]->sock, true);
		free(k[i]);
	}
	fix_free(f);
}

/* Messages that die one after the other, and where their letters come to. */
static void declare_mortal(struct talk *k, struct prng *p)
{
	uint8_t buf[200];
	struct wr w = wr_of(buf, sizeof buf);
	amqp091_put_str(&w, "x-dead-letter-exchange", SLICE_EMPTY);
	amqp091_put_str(&w, "x-dead-letter-routing-key", part_name(PARTS - 1));
	for (uint32_t i = 0; i + 1 < PARTS; i++)
		TALK(k, 1, queue_declare, .queue = part_name(i), .durable = true,
		     .arguments = wr_done(&w));
	for (uint32_t i = 0; i < 30; i++) {
		char life[12];
		struct text t = text_of(life, sizeof life);
		text_putf(&t, "%u", (uint32_t)prng_below(p, 60));
		const struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode |
							      AMQP091_HAS_expiration,
						     .delivery_mode = 2,
						     .expiration = text_slice(&t) };
		TALK(k, 1, basic_publish, .routing_key = part_name(i % (PARTS - 1)));
		talk_content(k, &props, slice_str("mortal"));
	}
}

/* A loop that has nothing to do any more may be given something by time, or by another one. */
static void what_dies_while_the_broker_stops_is_let_go_of(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct prng p = prng_of(seed);
		struct fix *f = fix_new(65536, SELDOM);
		for (uint32_t i = 0; i < 2; i++) { /* queues lie where they are declared */
			struct talk *k = calloc(1, sizeof *k);
			must(k != NULL);
			talk_begin(k, sock_connect(&f->host.socks, i));
			if (i == 0)
				TALK(k, 1, queue_declare, .queue = part_name(PARTS - 1),
				     .durable = true);
			else
				declare_mortal(k, &p);
			(void)hear(f, k, &p, AMQP091_channel_open_ok);
			sock_drop(k->sock, true);
			free(k);
		}
		host_stop(&f->host);
		while (!host_is_stopped(&f->host)) {
			uint32_t who = host_runnable(&f->host);
			if (who)
				host_step(&f->host, any_of(&p, who));
			if (!who || prng_chance(&p, 1, 4))
				host_pass(&f->host, 1);
		}
		int64_t left = host_close(&f->host);
		must(left == 0);
		host_fini(&f->host);
		free(f);
	}
}

/* A queue that is full, or one whose dead letters are to come there, and do not. */
static void declare_full(struct talk *k, bool is_source)
{
	uint8_t buf[300];
	struct wr w = wr_of(buf, sizeof buf);
	const struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode |
						      AMQP091_HAS_expiration,
					     .delivery_mode = 2,
					     .expiration = slice_str(is_source ? "5" : "99999") };
	amqp091_put_str(&w, "x-overflow", slice_str("reject-publish"));
	amqp091_put_str(&w, "x-queue-type", slice_str("quorum"));
	if (is_source) {
		amqp091_put_str(&w, "x-dead-letter-exchange", SLICE_EMPTY);
		amqp091_put_str(&w, "x-dead-letter-routing-key", part_name(0));
		amqp091_put_str(&w, "x-dead-letter-strategy", slice_str("at-least-once"));
	} else {
		amqp091_put_int(&w, "x-max-length", 1);
	}
	TALK(k, 1, queue_declare, .queue = part_name(is_source), .durable = true,
	     .arguments = wr_done(&w));
	for (uint32_t i = 0; i < 5; i++) {
		TALK(k, 1, basic_publish, .routing_key = part_name(is_source));
		talk_content(k, &props, slice_str("late"));
	}
}

/* Loops alone: nobody serves the disk. */
static void settle_loops(struct fix *f)
{
	uint32_t who, workers = 1u << HOST_WRITER | 1u << HOST_KEEPER;
	while ((who = host_runnable(&f->host) & ~workers) != 0)
		host_step(&f->host, bits_highest(who));
	must(f->host.died == ERR_OK);
}

/* Letters that nobody takes are read and tried again every now and then: not when the broker stops.
 */
static void what_waits_for_its_place_stays_when_the_broker_stops(void **state)
{
	(void)state;
	for (uint32_t stops = 0; stops < 2; stops++) {
		struct prng p = prng_of(1);
		struct fix *f = fix_new(65536, SELDOM);
		for (uint32_t i = 0; i < 2; i++) {
			struct talk *k = calloc(1, sizeof *k);
			must(k != NULL);
			talk_begin(k, sock_connect(&f->host.socks, i));
			declare_full(k, i == 1);
			(void)hear(f, k, &p, AMQP091_channel_open_ok);
			sock_drop(k->sock, true);
			free(k);
			settle(f);
		}
		pass(f, 10);
		const uint64_t before = sim_disk_count(f->host.disk)->reads;
		if (stops)
			host_stop(&f->host);
		settle_loops(f); /* the last checkpoint takes long */
		must(!host_is_stopped(&f->host));
		host_pass(&f->host, LIMIT_DEAD_LETTER_RETRY_MS);
		settle_loops(f);
		settle(f);
		must((sim_disk_count(f->host.disk)->reads > before) == !stops);
		fix_free(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(free_space_is_looked_at_only_while_it_is_short),
		cmocka_unit_test(who_does_not_read_his_last_bytes_is_closed_all_the_same),
		cmocka_unit_test(loops_sleep_while_a_checkpoint_waits_for_the_keeper),
		cmocka_unit_test(a_checkpoint_waits_for_no_transaction),
		cmocka_unit_test(a_declaration_is_answered_whichever_loop_falls_asleep_when),
		cmocka_unit_test(who_comes_to_a_loop_with_a_catalog_to_see_is_let_in),
		cmocka_unit_test(what_dies_while_the_broker_stops_is_let_go_of),
		cmocka_unit_test(what_waits_for_its_place_stays_when_the_broker_stops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
