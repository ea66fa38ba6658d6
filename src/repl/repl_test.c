#include "repl/repl.h"

#include "base/crc32c.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define CAP 4096u

struct room {
	struct jbatch batch;
	_Alignas(8) uint8_t bytes[CAP];
};

static void room_init(struct room *room)
{
	room->batch = (struct jbatch){ .at = room->bytes, .cap = CAP, .record_max = 1024 };
}

static void say(const struct repl *r, const char *want)
{
	char buf[128];
	struct text t = text_of(buf, sizeof buf);
	repl_dump(r, &t);
	assert_string_equal(buf, want);
}

static struct record propose(struct repl *r, struct room *room, uint64_t wall_ms, uint32_t len)
{
	uint8_t *body;
	uint32_t cap, off, space;
	enum err e = repl_begin(r, &room->batch, &body, &cap);
	must(e == ERR_OK && cap >= 1024);
	memset(body, 'x', len);
	uint64_t index = repl_propose(r, &room->batch, wall_ms, len, crc32c_extend(0, body, len),
				      &off);
	must(index == r->proposed && room->bytes + off == body);
	return record_view(slice_of(body - RECORD_HEAD_BYTES, RECORD_HEAD_BYTES + len), &space);
}

static void records_take_their_places_and_commit_follows_the_disk(void **state)
{
	(void)state;
	struct repl r;
	struct room room;
	room_init(&room);
	repl_init(&r, 3, 7, 100, 50);
	say(&r, "shard 3 epoch 7 proposed 100 committed 100");
	struct record rec = propose(&r, &room, 60, 10);
	must(rec.shard == 3 && rec.epoch == 7 && rec.index == 101 && rec.wall_ms == 60);
	must(rec.kind == RECORD_OUTCOMES && rec.body.n == 10);
	rec = propose(&r, &room, 55, 0);
	must(rec.index == 102 && rec.wall_ms == 60); /* the clock never runs back */
	say(&r, "shard 3 epoch 7 proposed 102 committed 100");
	must(repl_durable(&r, 102) && !repl_durable(&r, 101));
	say(&r, "shard 3 epoch 7 proposed 102 committed 102");
}

static void a_full_batch_says_so(void **state)
{
	(void)state;
	struct repl r;
	struct room room;
	uint8_t *body;
	uint32_t cap, n = 0;
	room_init(&room);
	repl_init(&r, 1, 1, 0, 0);
	while (repl_begin(&r, &room.batch, &body, &cap) == ERR_OK) {
		(void)propose(&r, &room, 0, 1000);
		n++;
	}
	must(n == 3 && r.proposed == 3);
}

static void recovery_demands_that_records_follow_each_other(void **state)
{
	(void)state;
	struct repl r;
	struct record rec = {
		.shard = 2, .kind = RECORD_OUTCOMES, .epoch = 5, .index = 11, .wall_ms = 9
	};
	repl_init(&r, 2, 5, 10, 3);
	assert_int_equal(repl_recovered(&r, &rec), ERR_OK);
	say(&r, "shard 2 epoch 5 proposed 11 committed 11");
	must(r.wall_ms == 9);
	assert_int_equal(repl_recovered(&r, &rec), ERR_CORRUPT); /* twice */
	rec.index = 13;
	assert_int_equal(repl_recovered(&r, &rec), ERR_CORRUPT); /* a gap */
	rec.index = 12;
	rec.epoch = 4;
	assert_int_equal(repl_recovered(&r, &rec), ERR_CORRUPT); /* an epoch that is over */
	rec.epoch = 6;
	assert_int_equal(repl_recovered(&r, &rec), ERR_OK);
	rec.index = 0;
	assert_int_equal(repl_recovered(&r, &rec), ERR_OK); /* outside the order */
	say(&r, "shard 2 epoch 6 proposed 12 committed 12");
}

static void a_cut_tail_stays_cut(void **state)
{
	(void)state;
	struct repl r;
	struct record rec = { .shard = 2, .kind = RECORD_TRUNCATE, .epoch = 6, .index = 9 };
	repl_init(&r, 2, 5, 10, 3);
	assert_int_equal(repl_recovered(&r, &rec), ERR_OK);
	say(&r, "shard 2 epoch 6 proposed 8 committed 8");
	rec = (struct record){ .shard = 2, .kind = RECORD_OUTCOMES, .epoch = 6, .index = 9 };
	assert_int_equal(repl_recovered(&r, &rec), ERR_OK);
	rec = (struct record){ .shard = 2, .kind = RECORD_TRUNCATE, .epoch = 6, .index = 11 };
	assert_int_equal(repl_recovered(&r, &rec), ERR_CORRUPT); /* of what never was */
	say(&r, "shard 2 epoch 6 proposed 9 committed 9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_take_their_places_and_commit_follows_the_disk),
		cmocka_unit_test(a_full_batch_says_so),
		cmocka_unit_test(recovery_demands_that_records_follow_each_other),
		cmocka_unit_test(a_cut_tail_stays_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
