/* A loop with two connections, and a test in the place of the one who watches. */
#include "node/trace.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define WATCHER session_handle(0, 9, 1)

/* A protocol whose frames are words, each with a blank behind it. */
static size_t print_word(const struct session *s, struct slice in, struct text *out)
{
	must(s != NULL);
	size_t n = slice_find(in, ' ');
	text_put_slice(out, slice_sub(in, 0, n));
	return n < in.n ? n + 1 : n;
}

static const struct session_ops words = { .name = "words", .print = print_word };
static const struct session_ops silent = { .name = "silent" };

struct rig {
	struct loop l;
	struct conn *conns[2];
	struct conn conn[2];
	struct session session[2];
	char heard[TRACE_WINDOW_BYTES + 4096];
	size_t heard_n;
	uint32_t replies_n;
	struct reply_row reply;
};

static struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof *r);
	assert_non_null(r);
	memory_init(&r->l.memory, memory_of_process());
	post_init(&r->l.post, 0, 1, &r->l.memory.mem);
	r->l.wall_ms = 86400000 + 3723004; /* 01:02:03.004 of some day */
	r->l.conns = r->conns;
	r->l.conns_cap = 2;
	for (uint32_t i = 0; i < 2; i++) {
		r->session[i].ops = &words;
		r->conn[i] = (struct conn){ .loop = &r->l,
					    .session = &r->session[i],
					    .number = i + 1,
					    .peer = "there",
					    .peer_n = 5 };
		r->conns[i] = &r->conn[i];
	}
	return r;
}

static void rig_free(struct rig *r)
{
	trace_free(&r->l);
	for (uint32_t i = 0; i < 2; i++)
		sendq_fini(&r->session[i].sendq, &r->l.memory.mem);
	post_fini(&r->l.post);
	assert_int_equal(memory_used(&r->l.memory), 0);
	memory_fini(&r->l.memory);
	free(r);
}

static void command(struct rig *r, uint8_t flags, uint64_t number, uint64_t arg)
{
	struct run cmd = { .kind = CMD_TRACE,
			   .flags = flags,
			   .queue = number,
			   .arg = arg,
			   .session = WATCHER,
			   .shard = 1 + LIMIT_SHARD_DATA_N };
	trace_command(&r->l, &cmd);
}

/* What has been sent to the watcher since the last call. */
static const char *heard(struct rig *r)
{
	r->heard_n = 0;
	for (struct batch *b = post_take(&r->l.post, 0), *next; b; b = next) {
		next = b->next;
		for (struct run *fx = batch_first(b); fx; fx = batch_next(b, fx)) {
			struct slice text = run_tail(fx);
			assert_int_equal(fx->session, WATCHER);
			if (fx->kind == FX_REPLY) {
				r->replies_n++;
				r->reply = *(struct reply_row *)run_rows(fx);
				continue;
			}
			assert_int_equal(fx->kind, FX_TRACE);
			assert_true(r->heard_n + text.n < sizeof r->heard);
			memcpy(r->heard + r->heard_n, text.p, text.n);
			r->heard_n += text.n;
		}
		post_give_back(&r->l.post, b);
	}
	r->heard[r->heard_n] = '\0';
	return r->heard;
}

static void put(struct rig *r, uint32_t i, const char *z)
{
	sendq_copy(&r->session[i].sendq, &r->l.memory.mem, slice_str(z));
}

static void frames_are_lines_in_both_directions(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	put(r, 0, "before ");
	command(r, TRACE_ON, 0, 0);
	assert_string_equal(heard(r), "");
	assert_int_equal(r->replies_n, 1);
	trace_frames_in(&r->conn[0], slice_str("hello you "));
	put(r, 0, "good day ");
	trace_out(&r->conn[0]);
	trace_out(&r->conn[0]);
	trace_say(&r->conn[1], "is gone, of");
	assert_string_equal(heard(r), "01:02:03.004 1 in hello\n01:02:03.004 1 in you\n"
				      "01:02:03.004 1 out good\n01:02:03.004 1 out day\n"
				      "01:02:03.004 2 -- is gone, of there\n");
	rig_free(r);
}

static void one_connection_can_be_watched_alone(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	command(r, TRACE_ON, 2, 0);
	heard(r);
	assert_true(r->reply.err == ERR_OK && r->reply.a == 1);
	trace_frames_in(&r->conn[0], slice_str("one "));
	trace_frames_in(&r->conn[1], slice_str("two "));
	assert_string_equal(heard(r), "01:02:03.004 2 in two\n");
	command(r, TRACE_OFF, 0, 0);
	assert_null(r->l.trace);
	command(r, TRACE_ON, 3, 0);
	heard(r);
	assert_int_equal(r->reply.a, 0);
	rig_free(r);
}

static void a_protocol_without_a_printer_is_not_shown(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	r->session[0].ops = &silent;
	command(r, TRACE_ON, 0, 0);
	trace_frames_in(&r->conn[0], slice_str("one "));
	put(r, 0, "two ");
	trace_out(&r->conn[0]);
	trace_say(&r->conn[0], "is gone, of");
	assert_string_equal(heard(r), "");
	rig_free(r);
}

static void a_slow_watcher_loses_lines_and_is_told_how_many(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	uint64_t lines_n = 0;
	command(r, TRACE_ON, 1, 0);
	for (; r->l.trace && lines_n < 20000; lines_n++)
		trace_frames_in(&r->conn[0], slice_str("hello "));
	heard(r);
	uint64_t came_n = r->heard_n / strlen("01:02:03.004 1 in hello\n");
	assert_true(r->heard_n <= TRACE_WINDOW_BYTES && r->heard_n > TRACE_WINDOW_BYTES - 64);
	assert_true(came_n < lines_n);
	char told[64];
	struct text t = text_of(told, sizeof told);
	text_putf(&t, "dropped: %llu lines\n", (unsigned long long)(lines_n - came_n));
	command(r, TRACE_MORE, 0, 4096);
	assert_string_equal(heard(r), told);
	trace_frames_in(&r->conn[0], slice_str("again "));
	assert_string_equal(heard(r), "01:02:03.004 1 in again\n");
	rig_free(r);
}

static void long_lines_are_cut_and_end(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	char word[3000];
	memset(word, 'x', sizeof word);
	command(r, TRACE_ON, 0, 0);
	trace_frames_in(&r->conn[0], slice_of(word, sizeof word));
	heard(r);
	assert_true(r->heard_n < 1100 && r->heard[r->heard_n - 1] == '\n');
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_lines_in_both_directions),
		cmocka_unit_test(one_connection_can_be_watched_alone),
		cmocka_unit_test(a_protocol_without_a_printer_is_not_shown),
		cmocka_unit_test(a_slow_watcher_loses_lines_and_is_told_how_many),
		cmocka_unit_test(long_lines_are_cut_and_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
