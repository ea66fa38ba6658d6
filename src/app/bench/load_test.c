/* Whole runs against a broker that is faulty on purpose: a child process that answers every method
 * with its -ok, hands each message on to the one consumer, and loses, doubles or swaps as told. */
#include "app/bench/load.h"

#include "app/bench/clock.h"
#include "app/bench/heap.h"
#include "base/must.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define CONNECTIONS_MAX 16
#define BUFFER          (4 << 20)

/* What the broker does wrong, each n-th time; 0: never. */
struct faults {
	uint64_t drop, duplicate, swap, nack, forget_confirm;
	bool close;  /* the connection, in the middle */
	bool babble; /* bytes that are no frame */
};

struct peer {
	int fd;
	uint8_t *in, *out;
	size_t in_n;
	struct wr w;
	bool greeted, consumes, confirms;
	uint64_t published, delivered;
	struct slice method, header; /* of the message that is coming in */
};

static struct broker {
	struct faults faults;
	struct peer peers[CONNECTIONS_MAX];
	struct pollfd fds[CONNECTIONS_MAX + 1];
	int n;
	struct peer *consumer;
	uint64_t messages, left;
	uint8_t held[2048]; /* a message that is to be overtaken */
	size_t held_n;
} broker;

static size_t begin(struct wr *w, uint16_t channel, uint32_t id)
{
	size_t at = w->n;
	wr_u8(w, FRAMES_METHOD);
	wr_u16(w, channel);
	wr_u32(w, 0);
	wr_u32(w, id);
	return at;
}

static void end(struct wr *w, size_t at)
{
	wr_patch_u32(w, at + 3, (uint32_t)(w->n - at - FRAMES_HEAD));
	wr_u8(w, FRAMES_END);
}

/* answer writes the -ok of a method, whose id is one above in all that the generator calls. */
static void answer(struct peer *p, uint16_t channel, uint32_t id)
{
	size_t at = begin(&p->w, channel, id + 1);
	if (id == CHANNEL_OPEN || id == QUEUE_DELETE)
		wr_u32(&p->w, 0);
	if (id == CONNECTION_OPEN)
		wr_u8(&p->w, 0);
	if (id == BASIC_CONSUME || id == BASIC_CANCEL)
		wr_str8(&p->w, slice_str("c"));
	if (id == QUEUE_DECLARE) {
		wr_str8(&p->w, slice_str("q"));
		wr_u32(&p->w, (uint32_t)broker.left);
		wr_u32(&p->w, 0);
	}
	end(&p->w, at);
}

static void start(struct peer *p)
{
	size_t at = begin(&p->w, 0, CONNECTION_START);
	wr_u16(&p->w, 9);
	wr_u32(&p->w, 0);
	wr_str32(&p->w, slice_str("PLAIN"));
	wr_str32(&p->w, slice_str("en_US"));
	end(&p->w, at);
}

static void tune(struct peer *p)
{
	size_t at = begin(&p->w, 0, CONNECTION_TUNE);
	wr_u16(&p->w, 2047);
	wr_u32(&p->w, 131072);
	wr_u16(&p->w, 60);
	end(&p->w, at);
}

/* deliver hands header and body frames on as they came. */
static void deliver(struct slice content)
{
	struct peer *p = broker.consumer;
	size_t at = begin(&p->w, 1, BASIC_DELIVER);
	wr_str8(&p->w, slice_str("c"));
	wr_u64(&p->w, ++p->delivered);
	wr_u8(&p->w, 0);
	wr_str8(&p->w, slice_str(""));
	wr_str8(&p->w, slice_str("q"));
	end(&p->w, at);
	wr_slice(&p->w, content);
	must(wr_ok(&p->w));
}

static bool each(uint64_t n)
{
	return n > 0 && broker.messages % n == n - 1;
}

static void route(struct slice content)
{
	const struct faults *f = &broker.faults;
	if (!broker.consumer) {
		broker.left += !each(f->drop);
	} else if (each(f->swap) && broker.held_n == 0) {
		memcpy(broker.held, content.p, content.n);
		broker.held_n = content.n;
	} else {
		for (int i = each(f->drop) ? 1 : 0; i < (each(f->duplicate) ? 2 : 1); i++)
			deliver(content);
		if (broker.held_n > 0)
			deliver(slice_of(broker.held, broker.held_n));
		broker.held_n = 0;
	}
	broker.messages++;
}

static void confirm(struct peer *p, uint64_t tag)
{
	const struct faults *f = &broker.faults;
	if (f->forget_confirm && tag % f->forget_confirm == 0)
		return;
	bool no = f->nack && tag % f->nack == 0;
	size_t at = begin(&p->w, 1, no ? BASIC_NACK : BASIC_ACK);
	wr_u64(&p->w, tag);
	wr_u8(&p->w, 0);
	end(&p->w, at);
}

static void take_method(struct peer *p, uint16_t channel, uint32_t id)
{
	switch (id) {
	case CONNECTION_START_OK: tune(p); return;
	case CONNECTION_TUNE_OK:
	case BASIC_PUBLISH:
	case BASIC_ACK: return;
	case CONFIRM_SELECT: p->confirms = true; break;
	case BASIC_CONSUME: broker.consumer = p; break;
	default: break;
	}
	answer(p, channel, id);
}

static void take_frame(struct peer *p, const uint8_t *at, size_t n)
{
	static uint8_t content[2048];
	static size_t content_n;
	if (at[0] == FRAMES_METHOD) {
		take_method(p, load_be16(at + 1), load_be32(at + 7));
		return;
	}
	if (at[0] == FRAMES_CONTENT)
		content_n = 0;
	must(content_n + n <= sizeof content);
	memcpy(content + content_n, at, n);
	content_n += n;
	if (at[0] == FRAMES_BODY) {
		p->published++;
		route(slice_of(content, content_n));
		if (p->confirms)
			confirm(p, p->published);
	}
}

static void take_in(struct peer *p)
{
	size_t at = 0;
	if (!p->greeted && p->in_n >= 8) {
		p->greeted = true;
		at = 8;
		start(p);
	}
	while (p->in_n - at >= FRAMES_OVERHEAD) {
		size_t n = load_be32(p->in + at + 3) + (size_t)FRAMES_OVERHEAD;
		if (n > p->in_n - at)
			break;
		take_frame(p, p->in + at, n);
		at += n;
	}
	p->in_n -= at;
	memmove(p->in, p->in + at, p->in_n);
	if (p->published > 1000 && broker.faults.babble)
		wr_u64(&p->w, UINT64_MAX);
	if (p->published > 1000 && broker.faults.close)
		_exit(0);
}

static void flush_all(void)
{
	for (int i = 0; i < broker.n; i++) {
		struct peer *p = &broker.peers[i];
		if (p->fd >= 0 && p->w.n > 0)
			(void)!send(p->fd, p->w.p, p->w.n, MSG_NOSIGNAL);
		p->w.n = 0;
	}
}

static void accept_one(int listener)
{
	struct peer *p = &broker.peers[broker.n];
	must(broker.n < CONNECTIONS_MAX);
	*p = (struct peer){ .fd = accept(listener, NULL, NULL) };
	p->in = heap_array(1, BUFFER);
	p->w = wr_of(heap_array(1, BUFFER), BUFFER);
	broker.fds[++broker.n] = (struct pollfd){ .fd = p->fd, .events = POLLIN };
}

static void hear(int i)
{
	struct peer *p = &broker.peers[i];
	ssize_t n = recv(p->fd, p->in + p->in_n, 64 << 10, 0);
	if (n > 0) {
		p->in_n += (size_t)n;
		take_in(p);
		return;
	}
	if (broker.consumer == p)
		broker.consumer = NULL;
	close(p->fd);
	p->fd = broker.fds[i + 1].fd = -1;
}

static _Noreturn void broker_main(int listener)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	broker.fds[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
	for (;;) {
		must(poll(broker.fds, (nfds_t)broker.n + 1, -1) > 0);
		int n = broker.n;
		for (int i = 0; i < n; i++) {
			if (broker.fds[i + 1].revents)
				hear(i);
		}
		if (broker.fds[0].revents)
			accept_one(listener);
		flush_all();
	}
}

static pid_t child;

/* serve starts the broker; its URI is written to `uri`. */
static void serve(struct faults faults, char uri[64])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 16) == 0);
	must(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
	snprintf(uri, 64, "amqp://127.0.0.1:%u", ntohs(at.sin_port));
	broker.faults = faults;
	child = fork();
	must(child >= 0);
	if (child == 0)
		broker_main(listener);
	close(listener);
}

/* run does one run with the options of a command line against a broker with these faults. */
static bool run(struct faults faults, const char *const *words, struct outcome *out)
{
	char uri[64], buf[300];
	char *argv[20] = { (char *)(uintptr_t) "bench", (char *)(uintptr_t) "--uri", uri };
	int argc = 3;
	struct options o;
	struct text why = text_of(buf, sizeof buf);
	serve(faults, uri);
	for (; words[argc - 3]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc - 3];
	must(options_parse(&o, argc, argv, &why) == ERR_OK && options_settle(&o, &why) == ERR_OK);
	load_run(&o, out);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return load_is_clean(&o, out);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
static struct outcome out;

static void a_good_broker_gets_a_clean_report(void **s)
{
	(void)s;
	assert_true(run((struct faults){ 0 }, WORDS("--messages", "50000", "--latency"), &out));
	assert_int_equal(out.published, 50000);
	assert_int_equal(out.arrived, 50000);
	assert_int_equal(out.delivery.n, 50000);
	assert_int_equal(out.lost + out.duplicated + out.disordered + out.strange, 0);
	assert_true(out.own_cpu_ns > 0 && out.elapsed_ns > 0);
}

static void confirms_and_acks_are_all_counted(void **s)
{
	(void)s;
	assert_true(run((struct faults){ 0 },
			WORDS("--messages", "20000", "--confirms", "100", "--manual-ack",
			      "--latency", "--ack-batch", "7"),
			&out));
	assert_int_equal(out.confirmed, 20000);
	assert_int_equal(out.confirm.n, 20000);
	assert_int_equal(out.unknown_confirms, 0);
}

static void two_threads_share_a_run(void **s)
{
	(void)s;
	assert_true(run((struct faults){ 0 },
			WORDS("--messages", "20000", "--publishers", "4", "--threads", "2",
			      "--confirms", "50"),
			&out));
	assert_int_equal(out.arrived, 20000);
	assert_int_equal(out.confirmed, 20000);
}

static void planted_losses_are_reported_exactly(void **s)
{
	(void)s;
	assert_false(run((struct faults){ .drop = 100 },
			 WORDS("--messages", "20000", "--patience", "0.3"), &out));
	assert_true(out.gave_up);
	assert_int_equal(out.lost, 200);
	assert_int_equal(out.arrived, 19800);
	assert_int_equal(out.duplicated + out.disordered + out.strange, 0);
}

static void planted_losses_show_without_a_consumer_too(void **s)
{
	(void)s;
	assert_false(run((struct faults){ .drop = 100 },
			 WORDS("--messages", "1000", "--consumers", "0"), &out));
	assert_int_equal(out.lost, 10);
	assert_int_equal(out.left, 990);
}

static void planted_duplicates_are_reported_exactly(void **s)
{
	(void)s;
	assert_false(run((struct faults){ .duplicate = 1000 }, WORDS("--messages", "20000"), &out));
	assert_int_equal(out.duplicated, 20);
	assert_int_equal(out.lost + out.disordered + out.strange, 0);
}

static void planted_swaps_are_reported_exactly(void **s)
{
	(void)s;
	assert_false(run((struct faults){ .swap = 5000 }, WORDS("--messages", "20001"), &out));
	assert_int_equal(out.disordered, 4);
	assert_int_equal(out.lost + out.duplicated + out.strange, 0);
}

static void refused_messages_are_counted(void **s)
{
	(void)s;
	assert_false(run((struct faults){ .nack = 500 },
			 WORDS("--messages", "5000", "--confirms", "100"), &out));
	assert_int_equal(out.nacked, 10);
}

static void a_confirm_that_never_comes_ends_the_run(void **s)
{
	(void)s;
	assert_false(run((struct faults){ .forget_confirm = 1000 },
			 WORDS("--messages", "3000", "--confirms", "50", "--patience", "0.3"),
			 &out));
	assert_true(out.gave_up);
	assert_true(out.confirmed < out.published);
}

static void a_broker_that_goes_away_is_a_failure_with_a_reason(void **s)
{
	(void)s;
	assert_false(run((struct faults){ .close = true }, WORDS("--messages", "20000"), &out));
	assert_true(out.failed);
	assert_true(out.why[0] != '\0');
}

static void bytes_that_are_no_frame_are_a_failure_with_a_reason(void **s)
{
	(void)s;
	assert_false(run((struct faults){ .babble = true }, WORDS("--messages", "20000"), &out));
	assert_true(out.failed);
	assert_non_null(strstr(out.why, "no frame"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_broker_gets_a_clean_report),
		cmocka_unit_test(confirms_and_acks_are_all_counted),
		cmocka_unit_test(two_threads_share_a_run),
		cmocka_unit_test(planted_losses_are_reported_exactly),
		cmocka_unit_test(planted_losses_show_without_a_consumer_too),
		cmocka_unit_test(planted_duplicates_are_reported_exactly),
		cmocka_unit_test(planted_swaps_are_reported_exactly),
		cmocka_unit_test(refused_messages_are_counted),
		cmocka_unit_test(a_confirm_that_never_comes_ends_the_run),
		cmocka_unit_test(a_broker_that_goes_away_is_a_failure_with_a_reason),
		cmocka_unit_test(bytes_that_are_no_frame_are_a_failure_with_a_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
