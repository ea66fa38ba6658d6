#include "sim/stage.h"

#include "base/bits.h"
#include "base/text.h"
#include "sim/rot.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CALLS_MAX       12  /* of the disk, until one goes wrong */
#define CALL_STEPS      400 /* and turns until then */
#define ROT_EVERY       5   /* starts, about: a copy of the disk, and a bit flips */
#define DISK_FREE_BYTES (64u << 20)

void stage_wrong(struct stage *s, const char *fmt, ...)
{
	char what[256];
	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof what, fmt, args);
	va_end(args);
	story_wrong(s->story, "%s: %s", s->plot->about, what);
}

/* ---- the machine -------------------------------------------------------------------------- */

static void init(struct stage *s, const struct plot *plot, struct story *story, uint64_t seed,
		 uint64_t salt)
{
	must(plot->actors_n <= STAGE_ACTORS);
	s->plot = plot;
	s->story = story;
	s->prng = prng_of(seed ^ salt);
	s->actors_n = plot->actors_n;
	story_init(&s->own, false);
	const struct host_setup setup = {
		.loops_n = (uint32_t)prng_between(&s->prng, 1, HOST_LOOPS_MAX),
		.pipe_bytes = (uint32_t)prng_between(&s->prng, 64, 65536),
		.segment_bytes = 4 * LIMIT_RECORD_BYTES_MAX,
		.checkpoint_every_bytes = 8 * LIMIT_RECORD_BYTES_MAX,
		.cache_bytes = prng_between(&s->prng, 0, 65536),
		.disk_free_bytes = DISK_FREE_BYTES,
		.output_bytes = 65536,
		.unconfirmed_bytes = prng_between(&s->prng, 4096, 1 << 20),
		.frame_max = TALK_FRAME_MAX,
	};
	host_init(&s->host, &s->own, seed, &setup);
	plight_init(&s->plight, ~seed ^ salt);
	for (uint32_t i = 0; i < STAGE_ACTORS; i++) {
		s->actor[i].index = i;
		s->actor[i].user = "guest";
	}
}

bool stage_begin(struct stage *s)
{
	char room[200];
	struct text why = text_of(room, sizeof room);
	struct host *h = &s->host;
	if (sim_disk_is_dead(h->disk))
		sim_disk_restart(h->disk);
	const bool is_rotting = prng_chance(&s->plight.prng, 1, ROT_EVERY);
	struct sim_disk *before = is_rotting ? sim_disk_clone(h->disk) : NULL;
	if (host_start(h, &why) != ERR_OK) {
		stage_wrong(s, "the broker does not start: %s", room);
		sim_disk_free(before);
		return false;
	}
	if (before)
		s->rotten_n += rot_compare(h, s->story, &s->plight.prng, before);
	for (uint32_t i = 0; i < s->actors_n; i++)
		if (!s->actor[i].is_absent)
			stage_enter(s, &s->actor[i]);
	return true;
}

static void leave_all(struct stage *s)
{
	for (uint32_t i = 0; i < s->actors_n; i++)
		if (s->actor[i].is_in)
			stage_leave(s, &s->actor[i], true);
	if (s->errand.sock)
		sock_drop(s->errand.sock, true);
	s->errand.sock = NULL;
}

/* One of the broker's threads takes a turn; false: none would. */
static bool turn(struct stage *s)
{
	const bool is_any = plight_step(&s->plight, &s->host, &s->prng);
	if (!s->plight.is_known)
		s->held_from = 0;
	else if (s->held_from == 0)
		s->held_from = s->sent_n + 1;
	return is_any;
}

/* One of the next calls of the disk goes wrong, if any comes: the power goes in it, or it fails, or
 * finds no room, and the broker ends itself. */
static void end_in_call(struct stage *s)
{
	struct host *h = &s->host;
	struct sim_disk_faults *f = sim_disk_faults(h->disk);
	uint64_t *in[] = { &f->crash_in, &f->fail_write_in, &f->fail_sync_in, &f->bytes_max };
	const uint64_t which = prng_below(&s->prng, 4), nth = prng_between(&s->prng, 1, CALLS_MAX);
	*in[which] = which == 3 ? sim_disk_used(h->disk) : nth;
	for (uint32_t n = 0; n < CALL_STEPS && h->died == ERR_OK && turn(s); n++)
		;
	f->crash_in = f->fail_write_in = f->fail_sync_in = 0;
}

void stage_end(struct stage *s)
{
	bool is_power = prng_chance(&s->prng, 1, 2);
	if (!s->host.node)
		return; /* it has not come up: that is wrong already */
	if (prng_chance(&s->prng, 1, 3) && !stage_is_wrong(s))
		end_in_call(s);
	host_forget(&s->host);
	plight_over(&s->plight, &s->host);
	leave_all(s);
	if (sim_disk_is_dead(s->host.disk))
		return;
	if (is_power)
		sim_disk_crash(s->host.disk);
	else
		sim_disk_kill(s->host.disk);
}

void stage_close(struct stage *s)
{
	struct host *h = &s->host;
	if (stage_is_wrong(s))
		return;
	leave_all(s);
	host_stop(h);
	for (uint32_t n = 0; !host_is_stopped(h) && !stage_is_wrong(s);) {
		if (!stage_broker(s))
			host_pass(h, 1);
		if (++n == STAGE_REST_MAX)
			stage_wrong(s, "the broker does not stop");
	}
	if (stage_is_wrong(s))
		return;
	if (host_close(h) != 0)
		stage_wrong(s, "the broker has left memory behind");
	plight_over(&s->plight, h);
}

/* ---- what actors say ---------------------------------------------------------------------- */

void stage_enter(struct stage *s, struct actor *a)
{
	must(!a->is_in);
	a->is_in = true;
	a->is_blocked = false;
	a->coming = (struct arrival){ 0 };
	a->body_left = 0;
	a->said_n = 0;
	a->answered_to = 0;
	uint32_t loop = (uint32_t)prng_below(&s->prng, s->host.loops_n);
	talk_begin_as(&a->talk, sock_connect(&s->host.socks, loop), a->user);
	s->plot->enter(s, a);
}

void stage_leave(struct stage *s, struct actor *a, bool is_hard)
{
	must(a == &s->actor[a->index] && a->is_in);
	sock_drop(a->talk.sock, is_hard);
	a->is_in = false;
}

void stage_copy(struct stage *s, struct actor *a, const char *exchange, const char *key,
		const struct amqp091_props *props, uint32_t number, uint32_t bytes)
{
	must(bytes >= 4 && bytes <= STAGE_BODY_MAX);
	store_be32(s->body, number);
	TALK(&a->talk, 1, basic_publish, .exchange = slice_str(exchange),
	     .routing_key = slice_str(key));
	talk_content(&a->talk, props, slice_of(s->body, bytes));
}

bool stage_publish(struct stage *s, struct actor *a, const char *exchange, const char *key,
		   const struct amqp091_props *props, uint32_t bytes)
{
	if (a->said_n == STAGE_TAGS_MAX || !talk_has_room(&a->talk, bytes + 1024))
		return false;
	a->said[++a->said_n] = ++s->sent_n;
	stage_copy(s, a, exchange, key, props, s->sent_n, bytes);
	return true;
}

struct errand *stage_errand(struct stage *s)
{
	uint32_t loop = (uint32_t)prng_below(&s->prng, s->host.loops_n);
	errand_begin(&s->errand, sock_connect(&s->host.socks, loop));
	return &s->errand;
}

static struct slice tag_put(char buf[16], uint32_t number)
{
	struct text t = text_of(buf, 16);
	text_putf(&t, "%u", number);
	return text_slice(&t);
}

void actor_consume(struct actor *a, const char *queue, uint32_t number, bool is_no_ack,
		   struct slice arguments)
{
	char tag[16];
	TALK(&a->talk, 1, basic_consume, .queue = slice_str(queue),
	     .consumer_tag = tag_put(tag, number), .no_ack = is_no_ack, .arguments = arguments);
}

void actor_cancel(struct actor *a, uint32_t number)
{
	char tag[16];
	TALK(&a->talk, 1, basic_cancel, .consumer_tag = tag_put(tag, number));
}

/* ---- what they hear ----------------------------------------------------------------------- */

static uint32_t tag_number(struct slice tag)
{
	uint32_t n = 0;
	must(tag.n > 0 && tag.n < 10);
	for (size_t i = 0; i < tag.n; i++)
		n = n * 10 + (uint32_t)(tag.p[i] - '0');
	return n;
}

static void answered(struct stage *s, struct actor *a, uint64_t tag, bool is_multiple,
		     bool is_refused)
{
	must(s->plot->answered != NULL && tag >= 1);
	if (tag > a->said_n)
		stage_wrong(s, "tag %llu is confirmed, which is none", (unsigned long long)tag);
	for (uint64_t t = is_multiple ? a->answered_to + 1 : tag; t <= tag && t <= a->said_n; t++)
		if (a->said[t]) {
			stage_taken(s, a->said[t]);
			s->plot->answered(s, a->said[t], is_refused);
			a->said[t] = 0;
		}
	if (is_multiple)
		a->answered_to = max_u64(a->answered_to, tag);
}

static void closed(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	bool is_channel = m->kind == AMQP091_channel_close;
	struct slice why = is_channel ? m->channel_close.reply_text
				      : m->connection_close.reply_text;
	if (!s->plot->closed || !s->plot->closed(s, a, m)) {
		stage_wrong(s, "the broker closes a %s: %.*s",
			    is_channel ? "channel" : "connection", (int)why.n, (const char *)why.p);
	} else if (is_channel) {
		a->said_n = 0;
		a->answered_to = 0;
		talk_say(&a->talk, 1, &(struct amqp091_method){ .kind = AMQP091_channel_close_ok });
		TALK(&a->talk, 1, channel_open, .out_of_band = SLICE_EMPTY);
		TALK(&a->talk, 1, confirm_select, .nowait = false);
	} else {
		stage_leave(s, a, false);
	}
}

static void heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	switch (m->kind) {
	case AMQP091_basic_ack:
		answered(s, a, m->basic_ack.delivery_tag, m->basic_ack.multiple, false);
		break;
	case AMQP091_basic_nack:
		answered(s, a, m->basic_nack.delivery_tag, m->basic_nack.multiple, true);
		break;
	case AMQP091_basic_deliver:
		a->coming = (struct arrival){ .consumer = tag_number(m->basic_deliver.consumer_tag),
					      .tag = m->basic_deliver.delivery_tag,
					      .is_redelivered = m->basic_deliver.redelivered };
		break;
	case AMQP091_basic_get_ok:
		a->coming = (struct arrival){ .consumer = STAGE_FETCHED,
					      .tag = m->basic_get_ok.delivery_tag,
					      .is_redelivered = m->basic_get_ok.redelivered };
		break;
	case AMQP091_connection_blocked: a->is_blocked = true; break;
	case AMQP091_connection_unblocked: a->is_blocked = false; break;
	case AMQP091_channel_close:
	case AMQP091_connection_close: closed(s, a, m); break;
	default: s->plot->heard(s, a, m); break;
	}
}

static void body(struct stage *s, struct actor *a, struct slice part)
{
	struct arrival *x = &a->coming;
	must(part.n <= a->body_left);
	a->body_left -= part.n;
	if (x->number == 0)
		x->number = part.n >= 4 ? load_be32(part.p) : UINT32_MAX;
	if (x->number == 0 || x->number > s->sent_n)
		stage_wrong(s, "a message came that nobody has sent");
	else if (a->body_left == 0)
		s->plot->came(s, a, x);
}

static void header(struct actor *a, const struct amqp091_header *h)
{
	struct amqp091_props p;
	int64_t acquired = 0, failed = 0;
	a->body_left = a->coming.bytes = h->body_bytes;
	enum err e = amqp091_props_decode(h->props, &p);
	must(e == ERR_OK && p.reply_to.n < STAGE_REPLY_TO);
	if (p.flags & AMQP091_HAS_reply_to)
		memcpy(a->coming.reply_to, p.reply_to.p, p.reply_to.n);
	if (!(p.flags & AMQP091_HAS_headers))
		return;
	(void)amqp091_table_int(p.headers, "x-acquired-count", &acquired);
	(void)amqp091_table_int(p.headers, "x-delivery-count", &failed);
	a->coming.returned = (uint32_t)(acquired - failed);
}

static void frame(struct stage *s, struct actor *a, const struct amqp091_frame *f)
{
	struct amqp091_method m;
	struct amqp091_header h;
	enum err e = ERR_OK;
	if (f->type == AMQP091_FRAME_METHOD) {
		must(a->body_left == 0 || f->channel == 0);
		e = amqp091_method_decode(f->payload, &m);
		if (e == ERR_OK)
			heard(s, a, &m);
	} else if (f->type == AMQP091_FRAME_HEADER) {
		e = amqp091_header_decode(f->payload, &h);
		must(e == ERR_OK);
		header(a, &h);
	} else if (f->type == AMQP091_FRAME_BODY) {
		body(s, a, f->payload);
	}
	must(e == ERR_OK);
}

/* ---- turns -------------------------------------------------------------------------------- */

bool stage_talk(struct stage *s, struct actor *a)
{
	struct amqp091_frame f;
	bool is_end = false;
	if (!a->is_in)
		return false;
	bool is_any = talk_exchange(&a->talk, &s->host.socks, &is_end);
	while (!stage_is_wrong(s) && a->is_in && talk_next(&a->talk, &f))
		frame(s, a, &f);
	if (is_end && a->is_in)
		stage_wrong(s, "the broker hangs up");
	return is_any;
}

bool stage_broker(struct stage *s)
{
	bool is_any = turn(s);
	if (s->host.died != ERR_OK)
		stage_wrong(s, "the broker ends itself");
	return is_any;
}

static bool talk_all(struct stage *s)
{
	bool is_any = errand_talk(&s->errand, &s->host.socks);
	for (uint32_t i = 0; i < s->actors_n; i++)
		is_any |= stage_talk(s, &s->actor[i]);
	return is_any;
}

void stage_mix(struct stage *s, uint64_t n)
{
	for (; n > 0 && !stage_is_wrong(s); n--)
		if (prng_chance(&s->prng, 1, 2))
			(void)stage_broker(s);
		else
			(void)talk_all(s);
}

void stage_taken(struct stage *s, uint32_t number)
{
	must(number > 0 && number <= s->sent_n);
	if (s->held_from && number >= s->held_from)
		stage_wrong(s, "message %u is taken, while publishers have to wait", number);
}

/* Nothing is short any more. */
static void check_told(struct stage *s)
{
	for (uint32_t i = 0; i < s->actors_n; i++)
		if (s->actor[i].is_in && s->actor[i].is_blocked)
			stage_wrong(s, "client %u is still told to wait", i);
}

bool stage_steps(struct stage *s, stage_step *step)
{
	uint32_t n = 0;
	must(s->host.node != NULL);
	while ((step(s) || !plight_is_idle(&s->plight, &s->host)) && !stage_is_wrong(s))
		if (++n == STAGE_REST_MAX)
			stage_wrong(s, "the broker does not come to rest");
	check_told(s);
	return !stage_is_wrong(s);
}

void stage_rest_of(struct stage *s, stage_step *talk)
{
	uint32_t n = 0;
	while (!stage_is_wrong(s) &&
	       (stage_broker(s) || talk(s) || !plight_is_idle(&s->plight, &s->host)))
		if (++n == STAGE_REST_MAX)
			stage_wrong(s, "the broker does not come to rest");
	check_told(s);
}

void stage_rest(struct stage *s)
{
	stage_rest_of(s, talk_all);
}

/* ---- a play -------------------------------------------------------------------------------- */

/* A life in steps, which ends in the middle. */
static void live(struct stage *s, stage_step *step, uint64_t steps_max)
{
	uint64_t n = prng_between(&s->prng, 100, steps_max);
	if (!stage_begin(s))
		return;
	while (n-- > 0 && !stage_is_wrong(s))
		if (!step(s))
			host_pass(&s->host, 1);
	stage_end(s);
}

void stage_play(const struct script *script, struct story *story, uint64_t seed)
{
	struct stage *s = calloc(1, script->bytes);
	must(s != NULL);
	init(s, &script->plot, story, seed, script->salt);
	if (script->prepare)
		script->prepare(s);
	for (uint32_t life = 0; life < script->lives_n && !story->is_wrong; life++) {
		if (script->live)
			script->live(s);
		else
			live(s, script->step, script->steps_max);
		if (script->forget)
			script->forget(s);
		/* what one loop has had over its shards comes to lie on several */
		if (!script->keeps_loops)
			s->host.loops_n = (uint32_t)prng_between(&s->prng, 1, HOST_LOOPS_MAX);
	}
	if (!story->is_wrong)
		script->end(s);
	if (script->forget)
		script->forget(s);
	host_fini(&s->host);
	free(s);
}
