/* conn -- one connection on its loop: its socket's bytes, its session, what it waits for.
 *
 * Private to node/. Bytes are read into the loop's shared block, behind what the connection had
 * left over from before (`rest`); a connection in the middle of a large message reads into a block
 * of its own. An idle connection holds no buffer at all.
 *
 *        accept          move            lost / close          gone
 *   ----------> OPEN ----------> OPEN' ---------------> ENDING ------> free
 */
#ifndef NODE_CONN_H
#define NODE_CONN_H
#include "node/loop.h"

#define CONN_PEER_BYTES 56u

struct conn {
	struct loop *loop;
	struct session *session;
	uint64_t sock;
	uint32_t slot, gen;
	uint64_t number;   /* of the node's connections: for people; never changes */
	struct block *own; /* being filled for this connection alone; NULL: none */
	uint32_t own_off;  /* first byte in it not consumed */
	uint8_t *rest;     /* not consumed, copied out of the shared block */
	uint32_t rest_n;
	uint32_t need;      /* contiguous bytes the session asked for */
	bool is_waiting;    /* FEED_WAIT: not read, not fed */
	bool is_reading;    /* what the socket was told */
	bool is_peer_ended; /* nothing is read, and the peer says no more */
	bool is_full;       /* the socket takes no more: wait for conn_writable */
	bool is_closing;    /* flush, then close */
	bool is_lost;       /* no socket any more */
	bool is_opened;     /* logged in, and that was logged */
	bool is_end_logged; /* how it ended was logged */
	uint8_t peer_n;
	uint8_t *cert_names;        /* its certificate's: session->cert_name, then its id */
	char peer[CONN_PEER_BYTES]; /* its address, for people */
	uint64_t traced_bytes;      /* of the send queue's total, when last looked (trace.c) */
	uint64_t close_by_ms;       /* is_closing: the peer has had time enough to read */
	struct list_node touched, dirty, paused;
	struct wheel_timer timer;
};

/* conn_feed_again goes on with what was kept while the session waited. */
bool conn_feed_again(struct conn *c);
void conn_touch(struct conn *c);
void conn_arm(struct conn *c);
/* conn_close lets it go when its last bytes are out, or when its peer does not take them. */
void conn_close(struct conn *c);
/* conn_is_lost_unread: its peer has ended, and will not be read soon enough (conn_peer_ended). */
bool conn_is_lost_unread(const struct conn *c);
/* conn_end lets go of a connection without socket; frees it when its session owes nothing. */
void conn_end(struct conn *c);
/* conn_free frees it and its session as they are; it must be in no list. */
void conn_free(struct conn *c);
void conn_unlist(struct conn *c);
void conn_read(struct conn *c, bool is_on);

/* ---- notes.c */
/* notes_log writes what sessions of this loop have noted; notes_look, called after each call of a
 * session, does if there is anything. */
void notes_log(struct loop *l);
static inline void notes_look(struct loop *l)
{
	if (l->events.n)
		notes_log(l);
}
/* notes_log_end logs how a connection ended if its session had nothing to say about that. */
void notes_log_end(struct conn *c);
#endif
