/* What the machine of a play suffers: each kind comes, publishers feel it, and it ends. */
#include "sim/play_for_tests.h"
#include "sim/stage.h"

#include "base/list.h"

#define LIVES 3
#define STEPS 2000

/* A client publishes, and hears what became of it. */
struct din {
	struct stage stage;          /* first */
	uint32_t lost_n, answered_n; /* with lives that are over; in this one */
};

static struct {
	uint64_t n[PLIGHT_KINDS], rotten_n, disk_alarms, memory_alarms, held_n, unanswered_n;
	bool is_deaf;
} seen;

static void enter(struct stage *s, struct actor *a)
{
	(void)s;
	TALK(&a->talk, 1, queue_declare, .queue = slice_str("din"), .durable = true);
	TALK(&a->talk, 1, confirm_select, .nowait = false);
}

static void heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	(void)s;
	(void)a;
	must(m->kind != AMQP091_connection_blocked && m->kind != AMQP091_connection_unblocked);
}

static void answered(struct stage *s, uint32_t number, bool is_refused)
{
	must(number > 0 && !is_refused);
	containerof(s, struct din, stage)->answered_n++;
}

static bool step(struct stage *s)
{
	const struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode,
					     .delivery_mode = 2 };
	if (s->sent_n < STAGE_TAGS_MAX / 2 && prng_chance(&s->prng, 1, 4))
		(void)stage_publish(s, s->actor, "", "din", &props, 100);
	seen.held_n += s->held_from != 0;
	const bool is_any = stage_broker(s);
	return stage_talk(s, s->actor) || is_any;
}

/* A life that ends in the middle: what the next one starts on can rot. */
static void begin(struct stage *s)
{
	if (!stage_begin(s))
		return;
	for (uint32_t n = 0; n < STEPS && !stage_is_wrong(s); n++)
		(void)step(s);
	containerof(s, struct din, stage)->lost_n = s->sent_n;
	stage_end(s);
}

/* One life, at whose end all has come to rest. */
static void live(struct stage *s)
{
	struct din *d = containerof(s, struct din, stage);
	d->answered_n = 0;
	if (!stage_begin(s))
		return;
	for (uint32_t n = 0; n < STEPS && !stage_is_wrong(s); n++)
		(void)step(s);
	stage_rest(s);
	s->actor->is_blocked |= seen.is_deaf;
	stage_rest(s);
	for (int i = 0; i < PLIGHT_KINDS; i++)
		seen.n[i] += s->plight.n[i];
	seen.rotten_n += s->rotten_n;
	seen.disk_alarms += s->host.logged[LOG_disk_alarm_set];
	seen.memory_alarms += s->host.logged[LOG_memory_alarm_set];
	must(stage_is_wrong(s) || (s->plight.kind == PLIGHT_NONE && s->held_from == 0));
	seen.unanswered_n += s->sent_n - d->lost_n - d->answered_n;
}

static void din_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = { .about = "din",
			  .actors_n = 1,
			  .enter = enter,
			  .heard = heard,
			  .answered = answered },
		.bytes = sizeof(struct din),
		.salt = 0xd1,
		.lives_n = LIVES,
		.live = begin,
		.end = live,
	};
	stage_play(&script, story, seed);
}

static void all_kinds_come_are_felt_and_end(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof seen);
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct story story;
		story_init(&story, false);
		din_play(&story, seed);
		assert_string_equal(story.wrong, "");
	}
	for (int i = PLIGHT_SLOW; i < PLIGHT_KINDS; i++)
		assert_true(seen.n[i] > 0);
	assert_true(seen.disk_alarms > 0 && seen.memory_alarms > 0 && seen.held_n > 0);
	assert_int_equal(seen.unanswered_n, 0);
	assert_true(seen.rotten_n > 0);
}

static void a_bit_that_flips_unseen_is_noticed(void **state)
{
	(void)state;
	play_misses((struct play_fix){ din_play, 1, "" }, ABLATE_crc, 100, "a flipped bit makes");
}

static void an_alarm_that_nobody_obeys_is_noticed(void **state)
{
	(void)state;
	play_misses((struct play_fix){ din_play, 1, "" }, ABLATE_alarm, 20,
		    "is taken, while publishers have to wait");
}

static void who_is_not_told_that_it_is_over_is_noticed(void **state)
{
	(void)state;
	struct story story;
	story_init(&story, false);
	memset(&seen, 0, sizeof seen);
	seen.is_deaf = true;
	din_play(&story, 1);
	seen.is_deaf = false;
	assert_non_null(strstr(story.wrong, "client 0 is still told to wait"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds_come_are_felt_and_end),
		cmocka_unit_test(an_alarm_that_nobody_obeys_is_noticed),
		cmocka_unit_test(who_is_not_told_that_it_is_over_is_noticed),
		cmocka_unit_test(a_bit_that_flips_unseen_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
