#include "session/receiver.h"

#include "session/kit_for_tests.h"
#include "msg/big.h"

#include <stdio.h>

static struct kit *kit;
static struct receiver receiver;
static struct farewell farewell;
static const struct queue_record queue = { .id = KIT_QUEUE, .shard = KIT_SHARD };

static void deliver(struct session *s, struct session_world *w, struct taker *k,
		    const struct deliver_row *row)
{
	must(s == &kit->session && w == &kit->w && k->queue == KIT_QUEUE);
	const struct msg *m = msg_of(row->mem);
	struct slice body = msg_piece(m, 0);
	if (body.n > 1)
		text_putf(&kit->said, "%s %u %.*s; ", m->flags == MSG_PERSISTENT ? "kept" : "got",
			  m->proto, (int)body.n, (const char *)body.p);
	else
		text_putf(&kit->said, "got %.1s; ", (const char *)body.p);
}

static void ended(struct session *s, struct session_world *w, struct taker *k, bool is_cancelled)
{
	must(s == &kit->session && w == &kit->w && k->waiting_n == 0);
	text_puts(&kit->said, is_cancelled ? "cancelled; " : "ended; ");
}

static void word(struct kit *k, struct run *r)
{
	static const char *const how[] = { "accept", "release", "reject", "fail" };
	const struct settle_row *s = run_rows(r);
	const struct credit_row *c = run_rows(r);
	switch (r->kind) {
	case CMD_SETTLE:
		for (uint32_t i = 0; i < r->n; i++)
			text_putf(&k->said, "%s %u; ", how[s[i].how], (unsigned)s[i].pos);
		return;
	case CMD_SUBSCRIBE:
		text_putf(&k->said, "subscribe %u; ",
			  c->messages == CREDIT_NO_LIMIT ? 0 : c->messages);
		return;
	case CMD_CREDIT: text_putf(&k->said, "credit %u; ", c->messages); return;
	case CMD_UNSUBSCRIBE:
		text_puts(&k->said, r->flags & UNSUBSCRIBE_ENDING ? "end; " : "unsubscribe; ");
		return;
	case CMD_QUEUE_STAT: text_puts(&k->said, "stat; "); return;
	case CMD_CONNECTION_GONE: text_puts(&k->said, "gone; "); return;
	default: must(!"a command that nobody expected");
	}
}

static void said(const char *words)
{
	kit_posted(kit, word);
	kit_expect(kit, words);
}

static int begin(void **s)
{
	static const struct receiver_ops ops = { .deliver = deliver, .ended = ended };
	kit = kit_new();
	farewell = (struct farewell){ 0 };
	receiver_init(&receiver, &ops, &kit->session, &kit->asker);
	*s = kit;
	return 0;
}

static int end(void **s)
{
	must(*s == kit);
	receiver_fini(&receiver, &kit->w);
	farewell_fini(&farewell, &kit->heap.mem);
	kit_free(kit);
	return 0;
}

static struct taker *subscribe(uint32_t prefetch, bool is_no_ack)
{
	return receiver_subscribe(
		&receiver, &kit->w,
		&(struct taking){ .queue = &queue, .prefetch = prefetch, .is_no_ack = is_no_ack });
}

/* A letter is a message that is here; a point, one that must be read. Positions count from 1. */
static void give(const struct taker *k, const char *letters)
{
	struct deliver_row rows[8] = { 0 };
	uint32_t n = 0;
	for (; letters[n]; n++) {
		rows[n].pos = n + 1;
		rows[n].bytes = 10;
		if (letters[n] == '.')
			rows[n].loc = 1000 + n;
		else
			rows[n].mem = msg_mem(kit_message(kit, letters[n], 1));
	}
	receiver_delivered(&receiver, &kit->w,
			   kit_effect(kit, FX_DELIVER, k->id, rows, sizeof *rows, n));
}

static void reply(uint32_t arg, enum cmd op)
{
	const struct reply_row row = { .op = op };
	farewell_answered(&farewell, &kit->w, &kit->asker,
			  kit_effect(kit, FX_REPLY, arg, &row, sizeof row, 1), true);
}

static void what_must_be_read_holds_up_what_is_behind_it(void **s)
{
	(void)s;
	struct taker *k = subscribe(10, false);
	said("subscribe 10; ");
	give(k, "a.c");
	said("got a; ");
	receiver_drain(&receiver, &kit->w);
	assert_int_equal(kit->loads.n, 1);
	receiver_loaded(&receiver, &kit->w, kit->loads.at[0].ticket,
			msg_mem(kit_message(kit, 'b', 1)));
	said("got b; got c; ");
	assert_true(receiver.waiting.n == 0);
}

static void what_cannot_be_read_is_rejected(void **s)
{
	(void)s;
	struct taker *k = subscribe(10, false);
	give(k, ".b");
	receiver_drain(&receiver, &kit->w);
	receiver_loaded(&receiver, &kit->w, kit->loads.at[0].ticket, 0);
	said("got b; subscribe 10; reject 1; ");
}

/* ---- big ones ----------------------------------------------------------------------------- */

/* A message of another protocol whose body lies in `n` chunks, of four bytes but the last. */
static uint64_t big(uint32_t n, uint32_t last)
{
	struct block *b = kit->block;
	uint8_t *at = (uint8_t *)b + b->fill;
	must(block_room(b) > 1000);
	for (uint32_t i = 0; i < n; i++)
		big_put(at, i,
			(struct big_chunk){ 500 + i,
					    MSG_STORED_HEAD_BYTES + (i + 1 < n ? 4 : last) });
	const struct msg *m = msg_new(b,
				      &(struct msg){ .proto = MSG_CHUNKS,
						     .flags = msg_inner(MSG_STOMP) | MSG_PERSISTENT,
						     .body_off = b->fill,
						     .body_bytes = n * BIG_ROW_BYTES });
	b->fill += n * BIG_ROW_BYTES;
	block_give(b, 1);
	return msg_mem(m);
}

static uint64_t chunk(const char *bytes)
{
	struct block *b = kit->block;
	uint32_t n = (uint32_t)strlen(bytes);
	memcpy((uint8_t *)b + b->fill, bytes, n);
	const struct msg *m = msg_new(
		b, &(struct msg){ .proto = MSG_CHUNK, .body_off = b->fill, .body_bytes = n });
	b->fill += n;
	block_give(b, 1);
	return msg_mem(m);
}

/* Somebody is given `a`, a big one, and `b`. */
static struct taker *given_big(uint32_t chunks_n, uint32_t last)
{
	struct taker *k = subscribe(10, false);
	struct deliver_row rows[3] = { { .mem = msg_mem(kit_message(kit, 'a', 1)), .pos = 1 },
				       { .mem = big(chunks_n, last), .pos = 2 },
				       { .mem = msg_mem(kit_message(kit, 'b', 1)), .pos = 3 } };
	receiver_delivered(&receiver, &kit->w,
			   kit_effect(kit, FX_DELIVER, k->id, rows, sizeof *rows, 3));
	said("got a; subscribe 10; ");
	receiver_drain(&receiver, &kit->w);
	return k;
}

static void a_big_one_is_put_together_first(void **s)
{
	(void)s;
	(void)given_big(6, 2);
	assert_int_equal(kit->loads.n, 4); /* so many ahead */
	assert_int_equal(kit->loads.at[3].loc, 503);
	receiver_drain(&receiver, &kit->w);                   /* asks for nothing twice */
	static const uint32_t order[] = { 1, 0, 3, 2, 5, 4 }; /* as they may come */
	static const char *const part[] = { "1111", "2222", "3333", "4444", "5555", "66" };
	for (uint32_t i = 0; i < 6; i++) {
		must(order[i] < kit->loads.n);
		said("");
		receiver_loaded(&receiver, &kit->w, kit->loads.at[order[i]].ticket,
				chunk(part[order[i]]));
	}
	said("kept 4 1111222233334444555566; got b; ");
	assert_int_equal(kit->loads.n, 6);
}

static void one_with_a_chunk_that_is_not_there_is_rejected(void **s)
{
	(void)s;
	(void)given_big(2, 2);
	assert_int_equal(kit->loads.n, 2);
	receiver_loaded(&receiver, &kit->w, kit->loads.at[1].ticket, chunk("333")); /* not it */
	said("got b; reject 2; ");
	receiver_loaded(&receiver, &kit->w, kit->loads.at[0].ticket, chunk("1111")); /* too late */
	said("");
}

static void nothing_is_left_of_one_that_nobody_waits_for(void **s)
{
	(void)s;
	struct taker *k = given_big(2, 2);
	receiver_cancelled(&receiver, &kit->w, kit_effect(kit, FX_CANCELLED, k->id, NULL, 0, 0));
	said("cancelled; release 2; release 3; ");
	receiver_loaded(&receiver, &kit->w, kit->loads.at[0].ticket, chunk("1111"));
	receiver_loaded(&receiver, &kit->w, kit->loads.at[1].ticket, 0);
	receiver_drain(&receiver, &kit->w);
	(void)given_big(3, 1); /* and again, until the session ends */
}

static void a_shut_receiver_keeps_what_comes(void **s)
{
	(void)s;
	struct taker *k = subscribe(10, false);
	receiver.is_shut = true;
	give(k, "ab");
	said("subscribe 10; ");
	receiver.is_shut = false;
	receiver_drain(&receiver, &kit->w);
	said("got a; got b; ");
}

static void a_full_send_queue_stops_it(void **s)
{
	(void)s;
	struct taker *k = subscribe(10, false);
	sendq_copy(&kit->session.sendq, &kit->heap.mem, slice_of(kit->said_bytes, 1000));
	give(k, "a");
	said("subscribe 10; ");
	sendq_sent(&kit->session.sendq, &kit->heap.mem, 1);
	receiver_drain(&receiver, &kit->w);
	said("got a; ");
}

static void an_unsubscribed_taker_gives_back_what_waits(void **s)
{
	(void)s;
	struct taker *k = subscribe(10, false);
	receiver.is_shut = true;
	give(k, "a.");
	receiver_unsubscribe(&receiver, &kit->w, k);
	said("subscribe 10; unsubscribe; ");
	receiver_unsubscribed(&receiver, &kit->w, k);
	said("ended; release 1; release 2; ");
	assert_true(receiver.takers.n == 0);
}

static void without_acks_what_waits_comes_before_the_end(void **s)
{
	(void)s;
	struct taker *k = subscribe(0, true);
	receiver.is_shut = true;
	give(k, "ab");
	receiver_unsubscribe(&receiver, &kit->w, k);
	receiver_unsubscribed(&receiver, &kit->w, k);
	receiver.is_shut = false;
	receiver_drain(&receiver, &kit->w);
	kit_expect(kit, "got a; got b; ended; ");
}

static void a_cancelled_taker_is_told_once(void **s)
{
	(void)s;
	struct taker *k = subscribe(10, false);
	const uint32_t id = k->id;
	receiver_cancelled(&receiver, &kit->w, kit_effect(kit, FX_CANCELLED, id, NULL, 0, 0));
	receiver_cancelled(&receiver, &kit->w, kit_effect(kit, FX_CANCELLED, id, NULL, 0, 0));
	kit_expect(kit, "cancelled; ");
}

static void a_window_without_acks_is_given_back_by_writing(void **s)
{
	(void)s;
	struct taker *k = subscribe(0, true);
	kit_posted(kit, word);
	kit->said = text_of(kit->said_bytes, sizeof kit->said_bytes);
	for (uint32_t i = 0; i < LIMIT_DELIVER_WINDOW_MESSAGES / 2; i++) {
		struct deliver_row row = { .mem = msg_mem(kit_message(kit, 'a', 1)), .pos = 1 };
		receiver_delivered(&receiver, &kit->w,
				   kit_effect(kit, FX_DELIVER, k->id, &row, sizeof row, 1));
		kit->said = text_of(kit->said_bytes, sizeof kit->said_bytes);
		if (kit->block->msg_floor - kit->block->fill < 200) {
			block_close(kit->block);
			block_collect(&kit->home);
			kit->block = block_take(&kit->home, 0);
		}
	}
	receiver_drain(&receiver, &kit->w);
	char expected[64];
	snprintf(expected, sizeof expected, "credit %u; ",
		 (unsigned)(LIMIT_DELIVER_WINDOW_MESSAGES / 2));
	said(expected);
}

static void a_farewell_waits_for_every_shard(void **s)
{
	(void)s;
	struct taker *k = subscribe(10, false);
	give(k, "ab");
	receiver.is_shut = true;
	give(k, "c");
	kit_posted(kit, word);
	kit_expect(kit, "got a; got b; subscribe 10; ");
	farewell_begin(&farewell, &kit->w);
	receiver_end(&receiver, &kit->w, &farewell);
	receiver_settle(&receiver, &kit->w,
			&(struct settling){ KIT_QUEUE, 2, k->id, 10, KIT_SHARD }, SETTLE_FAIL);
	farewell_go(&farewell, &kit->w, &kit->asker, true);
	said("end; release 1; fail 2; ");
	give(k, "d");
	said("release 1; ");
	reply(k->id, CMD_UNSUBSCRIBE);
	said("stat; gone; ");
	reply(farewell.ticket, CMD_QUEUE_STAT);
	assert_false(farewell.is_over);
	reply(farewell.ticket + 1, CMD_CONNECTION_GONE);
	assert_true(farewell.is_over);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		ROW(what_must_be_read_holds_up_what_is_behind_it),
		ROW(what_cannot_be_read_is_rejected),
		ROW(a_big_one_is_put_together_first),
		ROW(one_with_a_chunk_that_is_not_there_is_rejected),
		ROW(nothing_is_left_of_one_that_nobody_waits_for),
		ROW(a_shut_receiver_keeps_what_comes),
		ROW(a_full_send_queue_stops_it),
		ROW(an_unsubscribed_taker_gives_back_what_waits),
		ROW(without_acks_what_waits_comes_before_the_end),
		ROW(a_cancelled_taker_is_told_once),
		ROW(a_window_without_acks_is_given_back_by_writing),
		ROW(a_farewell_waits_for_every_shard),
	};
#undef ROW
	return cmocka_run_group_tests(tests, NULL, NULL);
}
