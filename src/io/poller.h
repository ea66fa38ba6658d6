/* poller -- one thread that runs a libuv loop around one loop of the node.
 *
 *     uv: [ timers, idle ] -> poll: sockets, wake -> check: arrivals, loop_work -> closing
 *
 * The turn comes once after each poll, so what all sockets brought is worked through and flushed
 * together. While the node has more to do the poll does not wait; else it waits until a socket, a
 * wake or the node's deadline: an idle loop sleeps for ever.
 * Private to io/. Only its own thread touches a poller, except what is _Atomic or says so.
 */
#ifndef IO_POLLER_H
#define IO_POLLER_H
#include "base/list.h"
#include "io/duct.h"
#include "node/node.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

struct bridge;
struct listeners;
struct logger;
struct sock;
struct worker;

/* What the pollers of a process share; filled before they start. */
struct pollers {
	struct poller *at;
	uint32_t n;
	struct logger *log;
	struct worker *workers[2];   /* by enum net_worker */
	struct listeners *listeners; /* of the first poller */
	int main_event;              /* eventfd: something about is_stopped has changed */
	_Atomic bool is_stopping;    /* say goodbye to everybody */
	_Atomic bool is_quitting;    /* end the thread */
};

struct poller {
	struct net net;
	struct pollers *all;
	uint32_t index;
	struct loop *loop; /* the node's */
	pthread_t thread;
	uv_loop_t uv;
	uv_check_t check;
	uv_idle_t idle;
	uv_timer_t timer;
	uv_poll_t wake;
	int wake_event;       /* eventfd; any thread may write */
	uint64_t timer_at_ms; /* UINT64_MAX: not set */
	bool is_told_time;    /* since the last poll */
	bool is_told_to_stop;
	uint64_t patience_at_ms;         /* stopping: when clients have had their time */
	struct duct_room room;           /* lent to the layers of its sockets */
	_Atomic(struct sock *) arrivals; /* from other pollers, newest first; any thread pushes */
	_Atomic uint32_t socks_n;        /* with those on their way here; any thread counts */
	struct list handshaking;         /* TLS is not spoken yet; oldest first */
	struct list greeting;            /* the node does not know them yet; likewise */
	uint32_t handshakes_n;           /* steps of them, this turn */
	struct list open;                /* those that it knows */
	struct list lingering;           /* closed by the node, waiting for the peer's end */
	struct list broken;              /* writing failed: conn_lost is due */
	struct bridge *bridges;          /* other brokers that this poller calls; NULL: none */
	_Atomic bool is_stopped;
};

/* poller_init makes everything but the node's loop and the thread. False: the system has no more
 * of something. */
bool poller_init(struct poller *p, struct pollers *all, uint32_t index);
void poller_fini(struct poller *p);

/* poller_start gives the poller its loop and runs it on a thread of its own, until is_quitting.
 * Sockets that are open then are closed. */
bool poller_start(struct poller *p, struct loop *l);
void poller_join(struct poller *p);

/* poller_wake makes it take a turn soon. Any thread. */
void poller_wake(struct poller *p);

/* poller_tell_time must come before any call of the node in a callback of libuv's. */
void poller_tell_time(struct poller *p);
#endif
