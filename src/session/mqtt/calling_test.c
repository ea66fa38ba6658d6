/* What another broker says to a bridge, right and wrong, through the door of the session. */
#include "base/prng.h"
#include "session/mqtt/calling_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Says something instead of CONNACK, or behind it. */
static void ends(uint8_t version, const char *hello, const char *wrong)
{
	struct place p;
	place_open(&p, version);
	struct client *c = call(&p);
	assert_int_equal(heard_n(c, 0x10), 1);
	if (*hello) {
		say(c, hello);
		assert_false(c->is_closed);
		assert_int_equal(heard_n(c, 0x82), 2);
	}
	say(c, wrong);
	if (!c->is_closed)
		(void)world_later(p.w, 0);
	assert_true(c->is_closed);
	lose(c);
	world_free(p.w);
}

static void a_wrong_beginning_is_the_end(void **s)
{
	(void)s;
	static const char *const wrong[] = {
		"30 07 0003'a/b' 'hi'",
		"d0 00",
		"90 03 0001 00",
		"40 02 0001",
		"62 02 0001",
		"10 0d 0004'MQTT' 04 02 0000 0001'x'",
		"20 00",
		"20 01 00",
		"20 03 00 00 00",
		"20 02 02 00",
		"20 02 00 05",
		"20 02 00 ff",
		"21 02 00 00",
		"00 00",
		"f0 00",
		"30 ff ff ff 7f",
		"20 ff ff ff ff",
		"20 80 80 80 80",
		"c0 00",
		"82 05 0001 0000 00",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ends(MQTT_V4, "", wrong[i]);
}

static void a_connack_of_version_5_with_bad_properties_is_the_end(void **s)
{
	(void)s;
	static const char *const wrong[] = {
		"20 02 00 00",                    /* none */
		"20 03 00 00 05",                 /* more than there are */
		"20 06 00 00 03 21 0000",         /* Receive Maximum 0 */
		"20 08 00 00 05 27 00000000",     /* Maximum Packet Size 0 */
		"20 05 00 00 02 24 02",           /* Maximum QoS 2 */
		"20 05 00 00 02 25 07",           /* Retain Available 7 */
		"20 09 00 00 06 21 0001 21 0001", /* twice */
		"20 06 00 00 03 23 0001",         /* that of another packet */
		"20 05 00 00 02 7f 00",           /* none that there is */
		"20 05 00 00 02 13 00",           /* cut off */
		"20 03 00 01 00",                 /* a reason of before */
		"20 07 00 00 84 80 80 00 00",
		"e0 01 04", /* DISCONNECT with a client's reason */
		"e0 01 89",
		"f0 01 18",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ends(MQTT_V5, "", wrong[i]);
}

static void what_a_server_never_says_is_the_end(void **s)
{
	(void)s;
	static const char *const wrong[] = {
		CONNACK,
		"c0 00",
		"82 08 0001 0003'a/b' 00",
		"e0 00",
		"90 02 0000",
		"90 01 00",
		"90 03 0001 03",
		"b0 01 00",
		"40 02 0000",
		"60 02 0001",
		"32 05 0003'a/b'",
		"36 07 0003'a/b' 0001",
		"30 02 0000",
		"30 05 0003'a/+'",
		"30 04 0002 c0 80",
		"32 07 0003'a/b' 0000",
		"38 05 0003'a/b'",
		"d0 01 'x'",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ends(MQTT_V4, CONNACK, wrong[i]);
	ends(MQTT_V5, CONNACK_5, "32 0b 0003'a/b' 0001 03 230005"); /* an alias too high */
	ends(MQTT_V5, CONNACK_5, "30 06 0000 03 230001");           /* one that nobody knows */
	ends(MQTT_V5, CONNACK_5, "30 08 0003'a/b' 02 0b01");        /* nobody asked for a number */
}

static void a_code_of_suback_that_there_is_not_is_the_end(void **s)
{
	char words[16];
	(void)s;
	for (unsigned code = 3; code < 0x80; code++) {
		snprintf(words, sizeof words, "90 03 0001 %02x", code);
		ends(MQTT_V4, CONNACK, words);
	}
}

static void odd_answers_are_borne(void **s)
{
	(void)s;
	static const char *const odd[] = {
		"90 02 0001",           "90 05 0001 00 80 01",
		"90 03 0009 80",        "90 03 ffff 00",
		"b0 02 0009",           "40 02 0007",
		"50 02 0007",           "70 02 0007",
		"62 02 0007",           "d0 00",
		"30 05 0003'x/y'",      "34 07 0003'x/y' 0001",
		"3c 07 0003'x/y' 0001", "32 07 0003'$SY' 0002",
	};
	struct place p;
	place_open(&p, MQTT_V4);
	p.w->is_dripping = true;
	struct client *c = call(&p);
	say(c, CONNACK);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		say(c, odd[i]);
	assert_false(c->is_closed);
	forget_output(c);
	say(c, "32 09 0003'a/b' 0005 'hi'");
	assert_int_equal(heard_n(c, 0x40), 1);
	lose(c);
	world_free(p.w);
}

/* How often a message of QoS 2 arrives here that is sent again on a second connection. */
static size_t taken_n(uint8_t version, bool is_clean, const char *connack, const char *again)
{
	struct place p;
	place_open(&p, version);
	p.bridge.is_clean = is_clean;
	struct client *here = client_of(p.w, &mqtt_session_ops, true);
	say(here, "10 0d 0004'MQTT' 04 02 0000 0001'c'");
	say(here, "82 08 0001 0003'a/#' 00");
	for (int i = 0; i < 2; i++) {
		struct client *c = call(&p);
		say(c, i == 0 ? CONNACK : connack);
		say(c, i == 0 ? "34 09 0003'a/b' 0001 'hi'" : again);
		assert_int_equal(heard_n(c, 0x50), 1);
		assert_int_equal(heard_n(c, 0x70), 0);
		say(c, "34 09 0003'a/b' 0002 'hi' 62 02 0002"); /* what comes behind it is read */
		assert_int_equal(heard_n(c, 0x70), 1);
		lose(c);
	}
	const size_t n = heard_n(here, 0x30) - 2;
	world_free(p.w);
	return n;
}

static void what_is_sent_again_is_taken_once_if_both_remember(void **s)
{
	(void)s;
	static const char again[] = "3c 09 0003'a/b' 0001 'hi'",
			  anew[] = "34 09 0003'a/b' 0001 'hi'";
	assert_int_equal(taken_n(MQTT_V4, false, CONNACK_KEPT, again), 1);
	assert_int_equal(taken_n(MQTT_V4, false, CONNACK_KEPT, anew), 1);
	assert_int_equal(taken_n(MQTT_V4, false, CONNACK, again), 2);
	assert_int_equal(taken_n(MQTT_V3, false, CONNACK, again), 1);
	assert_int_equal(taken_n(MQTT_V3, false, CONNACK, anew), 2); /* it has begun anew */
	assert_int_equal(taken_n(MQTT_V3, true, CONNACK, again), 2);
}

/* ---- any story ---------------------------------------------------------------------------- */

static const char *const words[] = {
	CONNACK,
	CONNACK_KEPT,
	CONNACK_5,
	"20 03 01 00 00",
	"20 06 00 00 03 21 0001",
	"20 0a 00 00 07 24 00 25 00 22 0002",
	"20 08 00 00 05 27 00000020",
	"20 06 00 00 03 13 0001",
	"20 02 00 01",
	"20 02 00 05",
	"20 03 00 87 00",
	"30 05 0003'a/b'",
	"30 07 0003'a/b' 'hi'",
	"31 07 0003'a/b' 'hi'",
	"31 05 0003'a/b'",
	"32 09 0003'a/b' 0001 'hi'",
	"34 09 0003'a/b' 0001 'hi'",
	"3c 09 0003'a/b' 0001 'hi'",
	"34 09 0003'a/c' 0002 'hi'",
	"35 09 0003'r/x' 0003 'hi'",
	"34 09 0003'x/y' 0004 'hi'",
	"30 06 0003'a/b' 00",
	"32 08 0003'a/b' 0001 00",
	"34 08 0003'a/b' 0001 00",
	"34 08 0003'a/b' 0002 00",
	"3c 08 0003'a/b' 0002 00",
	"34 08 0003'r/b' 0003 00",
	"34 08 0003'q/b' 0004 00",
	"32 0b 0003'a/b' 0001 03 230001",
	"32 08 0000 0001 03 230001",
	"33 0d 0003'a/b' 0001 05 02 00000001",
	"34 0d 0003'a/b' 0001 05 02 00000000",
	"40 02 0001",
	"40 02 0002",
	"40 03 0001 87",
	"50 02 0001",
	"50 02 0002",
	"50 03 0001 80",
	"50 02 0003",
	"62 02 0001",
	"62 02 0002",
	"62 02 0003",
	"62 02 0004",
	"70 02 0001",
	"70 02 0002",
	"70 02 0003",
	"90 03 0001 00",
	"90 03 0002 80",
	"90 02 0001",
	"90 04 0001 00 00",
	"90 06 0001 00 000000",
	"b0 02 0001",
	"b0 04 0001 00 00",
	"d0 00",
	"e0 00",
	"e0 01 8b",
	"f0 01 18",
	"c0 00",
	"00 00",
	"30 ff ff ff 7f",
};
#define WORDS_N (sizeof words / sizeof *words)

/* A client of ours: what it publishes goes out. */
static const char *const local[] = {
	"30 07 0003'a/b' 'hi'", "32 09 0003'a/b' 0001 'hi'", "34 09 0003'a/b' 0002 'hi'",
	"62 02 0002",           "33 09 0003'a/c' 0003 'hi'", "34 09 0003'a/d' 0004 'hi'",
	"62 02 0004",
};
#define LOCAL_N (sizeof local / sizeof *local)

static void change(struct client *c, struct prng *r, const char *z)
{
	uint8_t room[512];
	const struct slice octets = hex(z);
	size_t n = octets.n;
	memcpy(room, octets.p, n);
	if (prng_chance(r, 1, 2))
		room[prng_below(r, n)] = (uint8_t)prng_u64(r);
	else
		n = prng_below(r, n + 1);
	client_write(c, room, n);
}

static void fate(struct world *w, struct client *c, struct prng *r)
{
	switch (prng_below(r, 10)) {
	case 0: w->is_log_held = !w->is_log_held; break;
	case 1: w->sw.is_blocked = !w->sw.is_blocked; break;
	case 2: w->is_not_reading = !w->is_not_reading; break;
	case 3: w->is_dripping = !w->is_dripping; break;
	case 4: (void)world_later(w, 60000); break;
	case 5:
		if (!c->is_closed && prng_chance(r, 1, 4))
			c->s->ops->stop(c->s, world_of(w), SLICE_EMPTY);
		break;
	default: world_run(w);
	}
}

/* One connection, from its first word to its end; the next one finds what this one has left. */
static void converse(struct place *p, struct client *ours, struct prng *r)
{
	struct world *w = p->w;
	struct client *c = client_of(w, &mqtt_session_ops, true);
	c->s->ops->begin(c->s, world_of(w), 0);
	if (prng_chance(r, 3, 4))
		world_run(w);
	if (prng_chance(r, 3, 4))
		say(c, words[prng_below(r, 2) + (p->bridge.version == MQTT_V5 ? 2 : 0)]);
	for (uint64_t n = prng_below(r, 40); n > 0 && !c->is_closed; n--) {
		const uint64_t what = prng_below(r, 100);
		if (what < 55) {
			const struct slice one = hex(words[11 + prng_below(r, WORDS_N - 11)]);
			client_write(c, one.p, one.n);
		} else if (what < 58) {
			change(c, r, words[prng_below(r, WORDS_N)]);
		} else if (what < 75) {
			const struct slice one = hex(local[prng_below(r, LOCAL_N)]);
			client_write(ours, one.p, one.n);
		} else {
			fate(w, c, r);
		}
	}
	client_lost(c);
	if (prng_chance(r, 1, 2)) {
		w->is_log_held = false;
		world_run(w);
	}
}

static void whatever_is_said_nothing_is_left_behind(void **s)
{
	(void)s;
	for (uint64_t seed = 0; seed < 600; seed++) {
		struct prng r = prng_of(seed);
		struct place p;
		place_open(&p, (uint8_t)(MQTT_V3 + seed % 3));
		p.bridge.is_clean = prng_chance(&r, 1, 4);
		p.bridge.is_local_clean = prng_chance(&r, 1, 4);
		p.bridge.is_marked = prng_chance(&r, 1, 2);
		if (!p.bridge.is_local_clean && prng_chance(&r, 1, 4))
			p.bridge.threshold = 1 + (uint32_t)prng_below(&r, 3);
		p.bridge.idle_s = 1 + (uint32_t)prng_below(&r, 90);
		if (prng_chance(&r, 1, 2))
			p.bridge.state_topic = slice_str("$SYS/broker/connection/here/state");
		p.w->limits.output_bytes_max = 1 << 12;
		for (uint64_t n = 1 + prng_below(&r, 5); n > 0; n--) {
			struct client *ours = client_of(p.w, &mqtt_session_ops, true);
			say(ours, "10 0d 0004'MQTT' 04 02 0000 0001'c'");
			converse(&p, ours, &r);
			client_lost(ours);
		}
		p.w->sw.is_blocked = p.w->is_not_reading = p.w->is_log_held = false;
		world_run(p.w);
		world_free(p.w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_beginning_is_the_end),
		cmocka_unit_test(a_connack_of_version_5_with_bad_properties_is_the_end),
		cmocka_unit_test(what_a_server_never_says_is_the_end),
		cmocka_unit_test(a_code_of_suback_that_there_is_not_is_the_end),
		cmocka_unit_test(odd_answers_are_borne),
		cmocka_unit_test(what_is_sent_again_is_taken_once_if_both_remember),
		cmocka_unit_test(whatever_is_said_nothing_is_left_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
