/* node -- the broker of one machine: loops, shards, mailboxes, connections, journal, in one piece.
 *
 * The node is a program without I/O: io/ (threads, libuv, sockets, files) or sim/ (one thread, a
 * model of the world) drives it through the calls below and plays port/net.h and port/disk.h.
 *
 *     io: bytes -> node_space, node_bytes      (per socket, on its loop)
 *     io: loop_begin, loop_work, loop_end       (once per poll)
 *     io: journal_write_step, journal_keep_step (each on a thread of its own)
 *
 * Threads: every call says on which loop (thread) it may be made. Loops share only mailboxes,
 * the journal's rings, the catalog's published version and a few counters.
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H
#include "base/err.h"
#include "base/log.h"
#include "journal/journal.h"
#include "node/config.h"
#include "port/disk.h"
#include "port/net.h"
#include "port/pattern.h"
#include "port/secret.h"
#include "session/session.h"

struct node;
struct loop;
struct conn;
struct text;
struct catalog_view;

/* Where log lines go: a port of the node, called on any loop. */
struct node_log {
	void (*line)(struct node_log *log, enum log_id id, const struct log_value *values,
		     size_t n);
};

struct node_setup {
	const struct config *config; /* read as long as the node lives, and does not change */
	struct disk *disk;
	const struct heap *heap;          /* NULL: the process's */
	struct net *net[LIMIT_LOOPS_MAX]; /* one per loop */
	uint32_t loops_n;
	struct node_log *log;
	uint64_t (*random)(void *arg); /* entropy, called on any loop */
	void *random_arg;
	struct patterns *patterns[LIMIT_LOOPS_MAX]; /* one per loop */
	struct secrets *secrets[LIMIT_LOOPS_MAX];   /* likewise */
	const struct zone *zone;                    /* which time it is there; NULL: UTC */
	const struct clock *clock;                  /* NULL: that of each turn will do */
	bool has_definitions; /* to be imported: the first start makes no user of its own */
	uint64_t now_ms, wall_ms;
	uint64_t memory_bytes; /* of the machine (or the container), for watermarks */
};

/* node_open opens the data directory, recovers everything and places the shards on the loops.
 * On failure nothing is left behind and `why` says what, where and what to do. */
MUST_USE enum err node_open(const struct node_setup *s, struct node **out_node, struct text *why);
/* node_close frees everything. All loops must have stopped; see loop_stop for a clean end. Says how
 * many bytes nobody has given back: after a clean end it is 0, else there is a leak. */
int64_t node_close(struct node *own_n);

/* node_journal: for the threads that write and keep it. node_loop: loop `i` < loops_n.
 * node_catalog: what is known, until the loops run. All belong to the node. */
const struct catalog_view *node_catalog(const struct node *n);
struct journal *node_journal(struct node *n);
struct loop *node_loop(struct node *n, uint32_t i);

/* ---- on a loop ------------------------------------------------------------------------- */

/* loop_clock tells the time; before the first conn_ call after a poll. Neither clock runs back. */
void loop_clock(struct loop *l, uint64_t now_ms, uint64_t wall_ms);
/* A turn is these three. loop_begin does what time makes due; now_ms is monotonic, wall_ms the
 * clock of the world. loop_work does everything that waits: mailboxes, commits, shards, sessions,
 * flush; also between reads, when much has come in. True: there is more. loop_end does what is
 * looked at once a turn. True: there is more to do at once (do not sleep). False: the loop is
 * marked asleep; poll until net.wake, a socket, or loop_deadline. */
void loop_begin(struct loop *l, uint64_t now_ms, uint64_t wall_ms);
bool loop_work(struct loop *l);
bool loop_end(struct loop *l, bool is_more);
/* loop_to_wake: for the journal's threads, after they gave the loop something. True: it sleeps, and
 * the caller must net.wake it. Any thread. */
bool loop_to_wake(struct loop *l);
/* loop_deadline: when loop_turn wants to run even if nothing happens; UINT64_MAX: never. */
uint64_t loop_deadline(const struct loop *l);

/* conn_open takes an accepted connection; NULL: refused (limits, memory), close the socket. */
struct conn *conn_open(struct loop *l, uint64_t sock, const struct session_ops *protocol,
		       struct slice peer, bool is_loopback);
/* conn_call is the same for a connection that was made to somebody else: the protocol begins, for
 * bridge number `which` of the settings. conn_is_open: its session has got as far as messages. */
struct conn *conn_call(struct loop *l, uint64_t sock, const struct session_ops *protocol,
		       struct slice peer, uint32_t which);
bool conn_is_open(const struct conn *c);
/* conn_came says at which port of this machine it was accepted: before its first bytes. */
void conn_came(struct conn *c, uint16_t port);
/* conn_named says whose certificate the peer has shown and TLS believes, by the user's name in it
 * and the client's (session_cert_id), before its first bytes. False: no memory; he must go. */
MUST_USE bool conn_named(struct conn *c, struct slice user, struct slice id);
/* conn_space gives room to read into: *out_n bytes, at least 1. NULL: do not read now. */
uint8_t *conn_space(struct conn *c, uint32_t *out_n);
/* conn_bytes says that `n` > 0 bytes were read into the room that conn_space gave just now. The
 * connection may be closed or moved by it (net.close, net.move): then the caller forgets it. */
void conn_bytes(struct conn *c, uint32_t n);
/* conn_writable: the socket takes more again. */
void conn_writable(struct conn *c);
/* conn_lost: the peer has closed or the socket is broken. `c` is gone afterwards. */
void conn_lost(struct conn *c);
/* conn_peer_ended: the peer says no more, and what it has said before is not read. True: publishers
 * are blocked by an alarm, and the caller is to lose it at once with what it holds, for that may be
 * what the alarm is about. Else it is read to its end later; if an alarm comes before that, the
 * connection closes itself (net.close). */
MUST_USE bool conn_peer_ended(struct conn *c);
/* conn_arrived: on the loop to which net.move took the socket; `tag` is what the move carried.
 * Gives the connection that belongs to the socket there. */
struct conn *conn_arrived(struct loop *l, uint64_t sock, uint64_t tag);

/* loop_stop begins a clean stop on this loop: no new connections, goodbye to all sessions.
 * loop_is_stopped: nothing is left to flush or commit. */
void loop_stop(struct loop *l);
bool loop_is_stopped(const struct loop *l);

/* loop_is_reading: may sockets of publishers be read? (For io's own accounting and tests.) */
void node_dump(struct node *n, struct text *out);
#endif
