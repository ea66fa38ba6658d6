/* floor -- the generator that measures the relay process: what the machine itself costs. */
#include "app/bench/clock.h"
#include "app/bench/heap.h"
#include "app/bench/modes.h"
#include "app/bench/relay.h"
#include "base/bits.h"
#include "base/byteorder.h"
#include "base/must.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLOOR_BATCH   (64 << 10)
#define FLOOR_TIME_AT 20 /* frames of this length and more carry the time they left */
#define FLOOR_DEAF_NS (10 * OPTIONS_SECOND)

/* One case: so many frames of one length, at a rate or as fast as they go. */
struct floor {
	uint64_t size, n, rate;
	pid_t child;
	int to, from, poller;
	uint64_t sent, came, wrong; /* frames */
	uint64_t from_ns, last_ns;
	uint8_t *batch, *in;
	size_t write_at, write_n, in_n;
	bool writable;
	struct histogram latency;
};

static int listen_here(struct sockaddr_in *out_at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof *out_at;
	*out_at = (struct sockaddr_in){ .sin_family = AF_INET };
	out_at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)out_at, sizeof *out_at) == 0 &&
		  listen(fd, 2) == 0 && getsockname(fd, (struct sockaddr *)out_at, &len) == 0;
	must(ok);
	return fd;
}

static int connect_here(const struct sockaddr_in *at)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) == 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static void open_case(struct floor *f)
{
	struct sockaddr_in at;
	int listener = listen_here(&at);
	f->child = fork();
	must(f->child >= 0);
	if (f->child == 0)
		relay_main(listener);
	f->to = connect_here(&at);
	f->from = connect_here(&at);
	close(listener);
	f->poller = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event to = { .events = EPOLLOUT | EPOLLET, .data.fd = f->to };
	struct epoll_event from = { .events = EPOLLIN, .data.fd = f->from };
	must(epoll_ctl(f->poller, EPOLL_CTL_ADD, f->to, &to) == 0);
	must(epoll_ctl(f->poller, EPOLL_CTL_ADD, f->from, &from) == 0);
	size_t frames = max_size(FLOOR_BATCH / f->size, 1);
	f->batch = heap_array(frames, f->size);
	f->in = heap_array(1, RELAY_BUFFER);
	for (size_t i = 0; i < frames; i++)
		store_be32(f->batch + i * f->size, (uint32_t)f->size - 4);
	f->writable = true;
}

/* close_case ends the child by closing its input. */
static void close_case(struct floor *f)
{
	int status;
	close(f->to);
	close(f->from);
	close(f->poller);
	waitpid(f->child, &status, 0);
	heap_free(f->batch);
	heap_free(f->in);
}

static uint64_t due_ns(const struct floor *f, uint64_t i)
{
	return f->from_ns + i / f->rate * OPTIONS_SECOND + i % f->rate * OPTIONS_SECOND / f->rate;
}

/* fill puts new numbers and times into the batch: one frame at a rate, else as many as fit. */
static void fill(struct floor *f, uint64_t now_ns)
{
	uint64_t most = f->rate ? 1 : max_size(FLOOR_BATCH / f->size, 1);
	uint64_t n = min_u64(most, f->n - f->sent);
	for (uint64_t i = 0; i < n; i++) {
		uint8_t *p = f->batch + i * f->size;
		store_le64(p + 4, f->sent++);
		if (f->size >= FLOOR_TIME_AT)
			store_le64(p + 12, now_ns);
	}
	f->write_at = 0;
	f->write_n = n * f->size;
}

/* send_on writes what is due; *out_next_ns as for publisher_turn: 0 now, UINT64_MAX never. */
static bool send_on(struct floor *f, uint64_t *out_next_ns)
{
	*out_next_ns = UINT64_MAX;
	while (f->writable && (f->write_at < f->write_n || f->sent < f->n)) {
		uint64_t now_ns = clock_ns();
		if (f->write_at == f->write_n && f->rate && due_ns(f, f->sent) > now_ns) {
			*out_next_ns = due_ns(f, f->sent);
			return true;
		}
		if (f->write_at == f->write_n)
			fill(f, now_ns);
		ssize_t n = send(f->to, f->batch + f->write_at, f->write_n - f->write_at,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN)
			return false;
		f->write_at += n > 0 ? (size_t)n : 0;
		f->writable = f->write_at == f->write_n;
		if (!f->rate && f->writable) { /* the other direction has its turn too */
			*out_next_ns = 0;
			return true;
		}
	}
	return true;
}

static void take_frame(struct floor *f, const uint8_t *p, uint64_t now_ns)
{
	f->wrong += load_be32(p) != f->size - 4 || load_le64(p + 4) != f->came;
	f->came++;
	if (f->rate && f->size >= FLOOR_TIME_AT)
		histogram_add(&f->latency, now_ns - load_le64(p + 12));
}

static bool receive(struct floor *f)
{
	ssize_t n = recv(f->from, f->in + f->in_n, RELAY_BUFFER - f->in_n, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	uint64_t now_ns = clock_ns();
	size_t at = 0;
	f->in_n += (size_t)n;
	for (; f->in_n - at >= f->size; at += f->size)
		take_frame(f, f->in + at, now_ns);
	f->in_n -= at;
	memmove(f->in, f->in + at, f->in_n);
	f->last_ns = now_ns;
	return true;
}

/* exchange sends and receives until all have come. False: the relay is gone or deaf. */
static bool exchange(struct floor *f)
{
	uint64_t next_ns = 0;
	f->from_ns = f->last_ns = clock_ns();
	while (f->came < f->n) {
		struct epoll_event e[2];
		uint64_t now_ns = next_ns ? clock_ns() : 0, wait_ns = 0;
		if (next_ns > now_ns)
			wait_ns = min_u64(next_ns - now_ns, FLOOR_DEAF_NS);
		struct timespec t = { (time_t)(wait_ns / OPTIONS_SECOND),
				      (long)(wait_ns % OPTIONS_SECOND) };
		int n = epoll_pwait2(f->poller, e, 2, &t, NULL);
		if (n == 0 && wait_ns == FLOOR_DEAF_NS)
			return false;
		for (int i = 0; i < n; i++) {
			f->writable |= e[i].data.fd == f->to;
			if (e[i].data.fd == f->from && !receive(f))
				return false;
		}
		if (!send_on(f, &next_ns))
			return false;
	}
	return true;
}

static void add_figures(struct report *r, const struct floor *f, const struct meter *used)
{
	struct meter m = *used;
	double n = (double)f->came;
	meter_split(&m);
	report_add(r, "size", (double)f->size, 0, "B");
	report_add(r, "rate", (double)f->rate, 0, "/s");
	report_add(r, "frames", n, 0, "");
	report_add(r, "broker_cpu_us", (double)m.cpu_ns / 1e3 / n, 4, "us each");
	report_add(r, "broker_user_us", (double)m.user_ns / 1e3 / n, 4, "us each");
	report_add(r, "broker_system_us", (double)m.system_ns / 1e3 / n, 4, "us each");
	report_add(r, "frames_per_s", n / ((double)(f->last_ns - f->from_ns) / 1e9), 0, "/s");
	report_add_latency(r, REPORT_DELIVERY, &f->latency);
	report_add(r, "disordered", (double)f->wrong, 0, "");
}

static bool run_case(struct report *r, uint64_t size, uint64_t rate, uint64_t n)
{
	struct floor *f = heap_array(1, sizeof *f);
	struct meter before, after;
	f->size = size;
	f->rate = rate;
	f->n = n;
	open_case(f);
	bool ok = meter_read(f->child, &before) == ERR_OK && exchange(f) &&
		  meter_read(f->child, &after) == ERR_OK;
	if (ok) {
		struct meter used = meter_since(&before, &after);
		add_figures(r, f, &used);
	} else {
		fprintf(stderr, "godwit bench: the relay is gone\n");
	}
	ok = ok && f->wrong == 0;
	close_case(f);
	heap_free(f);
	return ok;
}

/* enough: frames for about a second. */
static uint64_t enough(const struct options *o, uint64_t size, uint64_t rate)
{
	if (o->messages > 0)
		return o->messages;
	return rate ? rate * 2 : max_u64(UINT64_C(1000000000) / (size + 60), 1000);
}

bool modes_floor(const struct options *o, struct report *r)
{
	static const struct {
		uint64_t size, rate;
	} cases[] = { { 16, 0 }, { 80, 0 }, { 1024, 0 }, { 100, 5000 } };
	bool ok = true, chosen = o->size != OPTIONS_AUTO;
	for (size_t i = 0; i < (chosen ? 1 : sizeof cases / sizeof cases[0]); i++) {
		uint64_t size = chosen ? o->size : cases[i].size;
		uint64_t rate = chosen ? o->rate : cases[i].rate;
		struct report one = { .title = "floor" };
		must(size <= RELAY_BUFFER);
		ok &= run_case(&one, size, rate, enough(o, size, rate));
		report_write(&one, o->json, stdout);
	}
	(void)r;
	return ok;
}
