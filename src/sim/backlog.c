#include "sim/backlog.h"

#include "base/bits.h"
#include "base/text.h"
#include "sim/backlog_state.h"
#include "wire/amqp091/table.h"

#include <stdlib.h>

#define LIVES       5
#define REST_MAX    4000000 /* steps until everything has come to rest */
#define BURST_MAX   700u
#define CHUNK_BYTES (LIMIT_CHUNK_ENTRIES * 41u)

/* ---- what the client says ----------------------------------------------------------------- */

static void declare(struct backlog *b, uint32_t queue, bool is_passive)
{
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof buf);
	must(queue < QUEUES);
	if (queue == RANKED)
		amqp091_put_int(&w, "x-max-priority", 3);
	if (queue == QUORUM)
		amqp091_put_str(&w, "x-queue-type", slice_str("quorum"));
	TALK(&b->talk, 1, queue_declare, .queue = slice_str(backlog_names[queue]), .durable = true,
	     .passive = is_passive, .arguments = wr_done(&w));
}

static void consume(struct backlog *b, uint32_t queue)
{
	char tag[2] = { (char)('0' + queue), '\0' };
	must(!b->is_consuming[queue]);
	TALK(&b->talk, 1, basic_consume, .queue = slice_str(backlog_names[queue]),
	     .consumer_tag = slice_str(tag));
	b->is_consuming[queue] = true;
}

static void cancel(struct backlog *b, uint32_t queue)
{
	char tag[2] = { (char)('0' + queue), '\0' };
	must(b->is_consuming[queue]);
	TALK(&b->talk, 1, basic_cancel, .consumer_tag = slice_str(tag));
	b->is_consuming[queue] = false;
}

static void set_up(struct backlog *b)
{
	static const uint16_t prefetch[] = { 1, 20, 600 };
	uint16_t n = b->is_ending ? 0 : prefetch[prng_below(&b->prng, 3)];
	for (uint32_t q = 0; q < QUEUES; q++)
		declare(b, q, false);
	TALK(&b->talk, 1, basic_qos, .prefetch_count = n);
	TALK(&b->talk, 1, confirm_select, .nowait = false);
	for (uint32_t q = 0; q < QUEUES && b->is_ending; q++)
		consume(b, q);
	must(talk_has_room(&b->talk, 1024));
}

static void publish(struct backlog *b, uint32_t queue)
{
	uint8_t body[60] = { 0 };
	struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode, .delivery_mode = 2 };
	if (b->sent_n + 1 == MESSAGES_MAX || !talk_has_room(&b->talk, 512))
		return;
	store_be32(body, ++b->sent_n);
	b->life_sent_n++;
	b->message[b->sent_n] = (struct message){ .queue = (uint8_t)queue };
	props.priority = backlog_level(b->sent_n);
	if (queue == QUORUM && props.priority != 4)
		props.flags |= AMQP091_HAS_priority;
	TALK(&b->talk, 1, basic_publish, .routing_key = slice_str(backlog_names[queue]));
	talk_content(&b->talk, &props, slice_of(body, prng_between(&b->prng, 4, sizeof body)));
}

static void settle(struct backlog *b)
{
	uint32_t i = (uint32_t)prng_below(&b->prng, b->held_n);
	struct message *m = &b->message[b->held[i].number];
	must(m->where == HELD);
	if (b->is_ending || prng_chance(&b->prng, 3, 4)) {
		TALK(&b->talk, 1, basic_ack, .delivery_tag = b->held[i].tag);
		m->where = ACKED;
	} else {
		TALK(&b->talk, 1, basic_nack, .delivery_tag = b->held[i].tag, .requeue = true);
		m->where = READY;
	}
	b->held[i] = b->held[--b->held_n];
}

/* What is not held, as far as is known here, goes; what is on its way does not. */
static void purge(struct backlog *b, uint32_t queue)
{
	TALK(&b->talk, 1, queue_purge, .queue = slice_str(backlog_names[queue]));
	for (uint32_t i = 1; i <= b->sent_n; i++)
		if (b->message[i].queue == queue && b->message[i].where == READY)
			b->message[i].is_unsure = true;
}

static void look_around(struct backlog *b)
{
	uint32_t q = (uint32_t)prng_below(&b->prng, QUEUES);
	if (!talk_has_room(&b->talk, 256))
		return;
	switch (prng_below(&b->prng, 8)) {
	case 0:
	case 1:
	case 2:
		if (b->is_consuming[q])
			cancel(b, q);
		else
			consume(b, q);
		break;
	case 3:
		if (prng_chance(&b->prng, 1, 4))
			purge(b, q);
		break;
	default:
		must(q < QUEUES);
		if (b->is_getting)
			return;
		b->is_getting = true;
		b->is_no_ack = prng_chance(&b->prng, 1, 2);
		b->came_from = q;
		TALK(&b->talk, 1, basic_get, .queue = slice_str(backlog_names[q]),
		     .no_ack = b->is_no_ack);
	}
}

/* ---- one life ----------------------------------------------------------------------------- */

/* What was not at rest when the broker died. */
static void remember(struct backlog *b)
{
	for (uint32_t i = 1; i <= b->sent_n; i++) {
		struct message *m = &b->message[i];
		m->is_unsure |= m->where == ACKED || !m->is_confirmed;
		if (m->where != GONE)
			m->where = READY;
	}
	if (b->is_getting && b->is_no_ack)
		b->on_its_way[b->came_from]++;
	b->held_n = 0;
	b->body_left = 0;
	b->is_ready = b->is_getting = false;
	memset(b->is_consuming, 0, sizeof b->is_consuming);
	memset(b->last, 0, sizeof b->last);
	b->life_first = b->sent_n;
	b->life_sent_n = 0;
	b->acked_to = 0;
	b->counted = QUEUES;
}

static bool begin(struct backlog *b)
{
	char room[256];
	struct text why = text_of(room, sizeof room);
	if (sim_disk_is_dead(b->host.disk))
		sim_disk_restart(b->host.disk);
	if (host_start(&b->host, &why) != ERR_OK) {
		story_wrong(b->story, "no start with a long backlog: %s", room);
		return false;
	}
	remember(b);
	uint32_t loop = (uint32_t)prng_below(&b->prng, b->host.loops_n);
	talk_begin(&b->talk, sock_connect(&b->host.socks, loop));
	set_up(b);
	return true;
}

static bool broker_step(struct backlog *b)
{
	const bool is_any = plight_step(&b->plight, &b->host, &b->prng);
	if (b->host.died != ERR_OK)
		story_wrong(b->story, "the broker ends itself over a long backlog");
	return is_any;
}

/* The client goes on even if the broker never stops. */
static bool both_step(struct backlog *b)
{
	bool is_any = broker_step(b);
	return backlog_exchange(b) || is_any;
}

/* Everything that has begun ends: what was acknowledged is gone for good. */
static void come_to_rest(struct backlog *b)
{
	uint32_t n = 0;
	while ((both_step(b) || !plight_is_idle(&b->plight, &b->host)) && !b->story->is_wrong)
		if (++n == REST_MAX)
			story_wrong(b->story, "a long backlog does not come to rest");
	for (uint32_t i = 1; i <= b->sent_n; i++)
		if (b->message[i].where == ACKED)
			b->message[i].where = GONE;
	if (b->is_getting)
		story_wrong(b->story, "nobody answers who asks for a message of a backlog");
}

static void count_one(struct backlog *b)
{
	uint32_t q = (uint32_t)prng_below(&b->prng, QUEUES);
	come_to_rest(b);
	b->counted = q;
	declare(b, q, true);
	come_to_rest(b);
}

static void purge_at_rest(struct backlog *b)
{
	uint32_t q = (uint32_t)prng_below(&b->prng, QUEUES);
	come_to_rest(b);
	purge(b, q);
	come_to_rest(b);
	for (uint32_t i = 1; i <= b->sent_n; i++)
		if (b->message[i].queue == q && b->message[i].where == READY)
			b->message[i].where = GONE;
}

static void act(struct backlog *b)
{
	uint32_t queue = (uint32_t)prng_below(&b->prng, QUEUES);
	uint64_t burst = prng_chance(&b->prng, 1, 8) ? prng_below(&b->prng, BURST_MAX)
						     : prng_below(&b->prng, 20);
	if (!b->is_ready)
		return;
	for (; burst > 0 && !b->is_ending; burst--)
		publish(b, queue);
	while (b->held_n > 0 && (b->is_ending || prng_chance(&b->prng, 4, 5)) &&
	       talk_has_room(&b->talk, 64))
		settle(b);
	if (b->is_ending || b->story->is_wrong)
		return;
	if (prng_chance(&b->prng, 1, 2))
		look_around(b);
	if (prng_chance(&b->prng, 1, 20))
		count_one(b);
	else if (prng_chance(&b->prng, 1, 60))
		purge_at_rest(b);
}

static void step(struct backlog *b)
{
	act(b);
	for (uint64_t n = prng_below(&b->prng, 60); n > 0; n--)
		if (prng_chance(&b->prng, 1, 2))
			(void)broker_step(b);
		else
			(void)backlog_exchange(b);
	if (prng_chance(&b->prng, 1, 4))
		come_to_rest(b);
}

static void fight(struct backlog *b)
{
	struct host *h = &b->host;
	uint64_t n = prng_between(&b->prng, 20, 200);
	if (!begin(b))
		return;
	while (n-- > 0 && !b->story->is_wrong)
		step(b);
	bool is_power = prng_chance(&b->prng, 1, 2);
	host_forget(h);
	plight_over(&b->plight, h);
	sock_drop(b->talk.sock, true);
	if (is_power)
		sim_disk_crash(h->disk);
	else
		sim_disk_kill(h->disk);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct backlog *b)
{
	uint32_t lost[QUEUES] = { 0 }, sure = 0;
	for (uint32_t i = 1; i <= b->sent_n; i++) {
		const struct message *m = &b->message[i];
		sure += m->is_confirmed;
		lost[m->queue] += m->is_confirmed && !m->is_unsure && m->where == READY;
	}
	for (uint32_t q = 0; q < QUEUES; q++)
		if (lost[q] > b->on_its_way[q])
			story_wrong(b->story, "%u of %u messages of a backlog are lost", lost[q],
				    sure);
	story_mix(b->story, b->own.hash ^ sure);
}

static void end(struct backlog *b)
{
	struct host *h = &b->host;
	uint32_t n = 0;
	b->is_ending = true;
	if (!begin(b))
		return;
	do {
		come_to_rest(b);
		act(b);
	} while (b->held_n > 0 && !b->story->is_wrong);
	come_to_rest(b);
	compare(b);
	sock_drop(b->talk.sock, true);
	host_stop(h);
	while (!host_is_stopped(h) && !b->story->is_wrong) {
		if (!broker_step(b))
			host_pass(h, 1);
		if (++n == REST_MAX)
			story_wrong(b->story, "no stop behind a long backlog");
	}
	if (!b->story->is_wrong && host_close(h) != 0)
		story_wrong(b->story, "a long backlog has left memory behind");
}

void backlog_play(struct story *story, uint64_t seed)
{
	struct backlog *b = calloc(1, sizeof *b);
	must(b != NULL);
	b->story = story;
	b->prng = prng_of(seed ^ 0xc01d);
	story_init(&b->own, false);
	struct host_setup s = {
		.loops_n = (uint32_t)prng_between(&b->prng, 1, HOST_LOOPS_MAX),
		.pipe_bytes = (uint32_t)prng_between(&b->prng, 1024, 65536),
		.segment_bytes = 65536u << prng_below(&b->prng, 3),
		.checkpoint_every_bytes = UINT64_C(16384) << prng_below(&b->prng, 3),
		.cache_bytes = prng_below(&b->prng, 2) * prng_below(&b->prng, 65536),
		.disk_free_bytes = 64 << 20,
		.output_bytes = 65536,
		.unconfirmed_bytes = prng_between(&b->prng, 65536, 1 << 20),
		.entries_bytes = prng_below(&b->prng, 4) / 3 * CHUNK_BYTES,
		.frame_max = TALK_FRAME_MAX,
	};
	s.pipe_bytes = (uint32_t)min_u64(s.pipe_bytes, s.segment_bytes / 8);
	host_init(&b->host, &b->own, seed, &s);
	plight_init(&b->plight, ~seed);
	for (int life = 0; life < LIVES && !story->is_wrong; life++)
		fight(b);
	if (!story->is_wrong)
		end(b);
	uint64_t left, read;
	host_chunks(&b->host, &left, &read);
	if (s.entries_bytes == 0 && read == 0 && !story->is_wrong)
		story_wrong(story, "of %u messages of a backlog none left memory and came back",
			    b->sent_n);
	host_fini(&b->host);
	free(b);
}
