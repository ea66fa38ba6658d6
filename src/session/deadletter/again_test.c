#include "session/deadletter/deadletter_for_tests.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#define MANY  60u
#define FIRST 600u /* place of the first that dies, which is published with sequence 1 */

static struct rig *rig_of_one(void)
{
	struct rig *r = rig_new();
	declare_mortal(r, "work", "", "dead", DEAD_LETTER_AT_MOST_ONCE);
	declare_mortal(r, "other", "", "dead", DEAD_LETTER_AT_MOST_ONCE);
	declare_queue(&r->world, "dead", QUEUE_DURABLE, "");
	r->is_to_keep = true;
	return r;
}

/* One dies and is published with the next sequence; the caller gets its letter. */
static const struct msg *letter(struct rig *r, const char *queue, enum dead_reason reason,
				uint64_t mem, const char *to, const char *body)
{
	char want[8192];
	const struct deadletter *d = (const struct deadletter *)r->letters;
	uint64_t seq = d->sent_first + d->sent.n;
	die(r, queue, reason, FIRST + seq, mem);
	snprintf(want, sizeof want, "%llu:%s!p '%s'", (unsigned long long)seq, to, body);
	SAY(want);
	return msg_of(r->last);
}

static void gone(const struct msg *own_m)
{
	msg_unref(msg_mem(own_m), 1);
}

static bool is_same(const struct msg *a, const struct msg *b)
{
	return slice_eq(msg_props(a), msg_props(b)) && slice_eq(msg_route(a), msg_route(b));
}

/* What its last death says under `name`. */
static bool says(const struct msg *m, const char *name, const char *word)
{
	struct amqp091_props p;
	struct slice s;
	assert_int_equal(amqp091_props_decode(msg_props(m), &p), ERR_OK);
	return amqp091_table_str(p.headers, name, &s) && slice_eq(s, slice_str(word));
}

static void one_like_the_one_before_refers_to_its_bytes(void **s)
{
	(void)s;
	struct rig *r = rig_of_one();
	const struct msg *a, *b, *c;
	a = letter(r, "work", DEAD_EXPIRED, message(r, "k", "one", MSG_AMQP091), "dead", "one");
	b = letter(r, "work", DEAD_EXPIRED, message(r, "k", "a second", MSG_AMQP091), "dead",
		   "a second");
	c = letter(r, "work", DEAD_EXPIRED, message(r, "k", "", MSG_AMQP091), "dead", "");
	assert_true(is_same(a, b) && is_same(a, c));
	assert_ptr_equal(msg_props(a).p, msg_props(b).p);
	assert_ptr_equal(msg_props(a).p, msg_props(c).p);
	assert_true(says(b, "x-last-death-queue", "work"));
	assert_true(slice_eq(msg_piece(a, 0), slice_str("one")));
	gone(a);
	gone(b);
	gone(c);
	rig_free(r);
}

/* Each differs from the one before in one thing. */
static void one_that_died_otherwise_is_written_anew(void **s)
{
	(void)s;
	struct rig *r = rig_of_one();
	const struct msg *a, *b;
	a = letter(r, "work", DEAD_EXPIRED, message(r, "k", "one", MSG_AMQP091), "dead", "one");
	b = letter(r, "work", DEAD_MAXLEN, message(r, "k", "two", MSG_AMQP091), "dead", "two");
	assert_true(says(b, "x-last-death-reason", "maxlen"));
	gone(a);
	a = letter(r, "other", DEAD_MAXLEN, message(r, "k", "three", MSG_AMQP091), "dead", "three");
	assert_true(says(a, "x-last-death-queue", "other"));
	gone(b);
	b = letter(r, "other", DEAD_MAXLEN, message(r, "j", "four", MSG_AMQP091), "dead", "four");
	assert_false(is_same(a, b));
	gone(a);
	r->sw.wall_ms += 1000;
	a = letter(r, "other", DEAD_MAXLEN, message(r, "j", "five", MSG_AMQP091), "dead", "five");
	assert_false(is_same(a, b));
	gone(a);
	gone(b);
	rig_free(r);
}

/* A letter dies again: its history is part of what is compared. */
static void a_second_death_is_not_like_a_first(void **s)
{
	(void)s;
	struct rig *r = rig_of_one();
	const struct msg *a, *b;
	a = letter(r, "work", DEAD_REJECTED, message(r, "k", "one", MSG_AMQP091), "dead", "one");
	b = letter(r, "work", DEAD_REJECTED, msg_mem(a), "dead", "one");
	assert_true(msg_props(b).n > 0 && says(b, "x-last-death-reason", "rejected"));
	a = letter(r, "work", DEAD_REJECTED, message(r, "k", "one", MSG_AMQP091), "dead", "one");
	assert_false(is_same(a, b));
	gone(a);
	gone(b);
	rig_free(r);
}

static void when_the_catalog_changes_its_way_is_found_anew(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	declare_mortal(r, "work", "amq.direct", NULL, DEAD_LETTER_AT_MOST_ONCE);
	declare_queue(&r->world, "a", QUEUE_DURABLE, "");
	declare_queue(&r->world, "b", QUEUE_DURABLE, "");
	bind_to(&r->world, "amq.direct", "a", "k");
	die(r, "work", DEAD_EXPIRED, 601, message(r, "k", "one", MSG_AMQP091));
	SAY("1:a!p 'one'");
	bind_to(&r->world, "amq.direct", "b", "k");
	die(r, "work", DEAD_EXPIRED, 602, message(r, "k", "two", MSG_AMQP091));
	SAY("2:a!p 'two' | 2:b!p 'two'");
	remove_queue(&r->world, "a");
	remove_queue(&r->world, "b");
	die(r, "work", DEAD_EXPIRED, 603, message(r, "k", "three", MSG_AMQP091));
	SAY("settle work 603");
	confirm(r, 1, 2);
	confirm(r, 2, 1);
	SAY("settle work 601 | settle work 602");
	rig_free(r);
}

/* More than a block has room for, some of which need one of their own. */
static void many_are_all_whole(void **s)
{
	(void)s;
	const struct msg *all[MANY];
	char body[4001];
	struct rig *r = rig_of_one();
	for (uint32_t i = 0; i < MANY; i++) {
		memset(body, 'a' + (int)i % 26, sizeof body - 1);
		body[sizeof body - 1] = '\0';
		block_close(r->block);
		r->block = block_take(&r->home, 0);
		const char *key = i % 7 == 3 ? "other" : "k";
		all[i] = letter(r, "work", DEAD_EXPIRED, message(r, key, body, MSG_AMQP091), "dead",
				body);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		const struct slice got = msg_piece(all[i], 0);
		assert_int_equal(got.n, sizeof body - 1);
		for (size_t at = 0; at < got.n; at++)
			assert_int_equal(got.p[at], 'a' + i % 26);
		assert_true(is_same(all[i], all[i % 7 == 3 ? 3 : 0]));
		gone(all[i]);
	}
	confirm(r, 1, MANY);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_like_the_one_before_refers_to_its_bytes),
		cmocka_unit_test(one_that_died_otherwise_is_written_anew),
		cmocka_unit_test(a_second_death_is_not_like_a_first),
		cmocka_unit_test(when_the_catalog_changes_its_way_is_found_anew),
		cmocka_unit_test(many_are_all_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
