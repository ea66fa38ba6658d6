#include "io/poller.h"

#include "io/bridge.h"
#include "io/clock.h"
#include "io/listener.h"
#include "io/sock.h"
#include "io/thread.h"
#include "io/tls.h"

#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STOP_LOOK_MS     2   /* while stopping: how often to ask whether the node has stopped */
#define STOP_PATIENCE_MS 300 /* for clients that do not take our last words */

void poller_tell_time(struct poller *p)
{
	if (p->is_told_time)
		return;
	p->is_told_time = true;
	loop_clock(p->loop, uv_now(&p->uv), clock_wall_ms());
}

void poller_wake(struct poller *p)
{
	uint64_t one = 1;
	ssize_t done = write(p->wake_event, &one, sizeof one);
	(void)done; /* EAGAIN: it is awake already, 2^64 times */
}

static void on_wake(uv_poll_t *h, int status, int events)
{
	const struct poller *p = h->data;
	uint64_t n;
	(void)status;
	(void)events;
	ssize_t done = read(p->wake_event, &n, sizeof n);
	(void)done; /* what there is to do is found by the turn */
}

static void on_nothing_idle(uv_idle_t *h)
{
	(void)h; /* that it is active keeps the poll from waiting */
}

static void on_nothing_timer(uv_timer_t *h)
{
	struct poller *p = h->data;
	p->timer_at_ms = UINT64_MAX;              /* the turn after the poll sets it anew */
	uv_idle_start(&p->idle, on_nothing_idle); /* libuv may run timers before it polls */
}

static void set_timer(struct poller *p, uint64_t at_ms)
{
	if (at_ms == p->timer_at_ms)
		return;
	p->timer_at_ms = at_ms;
	uint64_t now = uv_now(&p->uv);
	if (at_ms == UINT64_MAX)
		uv_timer_stop(&p->timer);
	else
		uv_timer_start(&p->timer, on_nothing_timer, at_ms > now ? at_ms - now : 0, 0);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Says what main wants to know: whether nothing is left to flush, to commit or to linger for. */
static uint64_t look_stopped(struct poller *p)
{
	if (!atomic_load(&p->all->is_stopping))
		return UINT64_MAX;
	bool is_stopped = p->is_told_to_stop && loop_is_stopped(p->loop) &&
			  list_is_empty(&p->lingering);
	if (is_stopped != atomic_load(&p->is_stopped)) {
		uint64_t one = 1;
		atomic_store(&p->is_stopped, is_stopped);
		ssize_t done = write(p->all->main_event, &one, sizeof one);
		(void)done;
	}
	return is_stopped ? UINT64_MAX : uv_now(&p->uv) + STOP_LOOK_MS;
}

/* Tells the node to stop, and later loses who is still there. */
static void begin_stop(struct poller *p)
{
	if (!atomic_load(&p->all->is_stopping))
		return;
	if (p->is_told_to_stop) {
		if (uv_now(&p->uv) >= p->patience_at_ms)
			socks_lose_all(p);
		return;
	}
	p->is_told_to_stop = true;
	p->patience_at_ms = uv_now(&p->uv) + STOP_PATIENCE_MS;
	if (p->index == 0)
		listeners_close(p->all->listeners);
	loop_stop(p->loop);
}

static void on_check(uv_check_t *h)
{
	struct poller *p = h->data;
	poller_tell_time(p);
	socks_arrive(p);
	socks_lose(p);
	begin_stop(p);
	uint64_t call_ms = p->bridges ? bridges_turn(p, uv_now(&p->uv)) : UINT64_MAX;
	loop_begin(p->loop, uv_now(&p->uv), clock_wall_ms());
	bool is_more = loop_end(p->loop, loop_work(p->loop));
	uint64_t at_ms = socks_linger(p, uv_now(&p->uv));
	at_ms = earlier(at_ms, socks_greet(p, uv_now(&p->uv)));
	at_ms = earlier(at_ms, loop_deadline(p->loop));
	at_ms = earlier(at_ms, look_stopped(p));
	at_ms = earlier(at_ms, call_ms);
	set_timer(p, at_ms);
	if (is_more || !list_is_empty(&p->broken))
		uv_idle_start(&p->idle, on_nothing_idle);
	else
		uv_idle_stop(&p->idle);
	p->is_told_time = false;
	if (atomic_load(&p->all->is_quitting))
		uv_stop(&p->uv);
}

/* ---- life --------------------------------------------------------------------------------- */

static void on_walk_close(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

static void *run(void *arg)
{
	struct poller *p = arg;
	uv_update_time(&p->uv);
	uv_idle_start(&p->idle, on_nothing_idle); /* the first turn comes without an event */
	uv_run(&p->uv, UV_RUN_DEFAULT);
	return NULL;
}

static bool init_handles(struct poller *p)
{
	p->wake_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->wake_event < 0)
		return false;
	if (uv_check_init(&p->uv, &p->check) || uv_idle_init(&p->uv, &p->idle) ||
	    uv_timer_init(&p->uv, &p->timer) || uv_poll_init(&p->uv, &p->wake, p->wake_event))
		return false;
	p->check.data = p->timer.data = p->wake.data = p;
	return uv_check_start(&p->check, on_check) == 0 &&
	       uv_poll_start(&p->wake, UV_READABLE, on_wake) == 0;
}

bool poller_init(struct poller *p, struct pollers *all, uint32_t index)
{
	*p = (struct poller){ .net = { &sock_net_ops },
			      .all = all,
			      .index = index,
			      .timer_at_ms = UINT64_MAX,
			      .wake_event = -1 };
	list_init(&p->handshaking);
	list_init(&p->greeting);
	list_init(&p->open);
	list_init(&p->lingering);
	list_init(&p->broken);
	if (uv_loop_init(&p->uv) != 0)
		return false;
	if (init_handles(p))
		return true;
	poller_fini(p);
	return false;
}

void poller_fini(struct poller *p)
{
	socks_forget(p);
	tls_room_free(p->room.tls);
	deflate_room_fini(&p->room.deflate);
	uv_walk(&p->uv, on_walk_close, NULL);
	while (uv_run(&p->uv, UV_RUN_ONCE) != 0)
		;
	bridges_end(p);
	must(uv_loop_close(&p->uv) == 0);
	if (p->wake_event >= 0)
		close(p->wake_event);
	p->wake_event = -1;
}

bool poller_start(struct poller *p, struct loop *l)
{
	char name[16];
	snprintf(name, sizeof name, "loop %u", p->index);
	p->loop = l;
	return thread_start(&p->thread, name, run, p);
}

void poller_join(struct poller *p)
{
	pthread_join(p->thread, NULL);
}
