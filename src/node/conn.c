#include "node/conn.h"

#include "base/must.h"
#include "node/trace.h"

#include <string.h>

/* ---- the table --------------------------------------------------------------------------- */

#define SLOT_FREE(next) ((struct conn *)(uintptr_t)((uint64_t)(next) << 1 | 1))
static bool slot_is_free(const struct conn *c)
{
	return ((uintptr_t)c & 1) != 0;
}

static bool slots_grow(struct loop *l)
{
	uint32_t cap = l->conns_cap ? 2 * l->conns_cap : 64;
	struct mem *mem = &l->memory.mem;
	struct conn **at = mem_get(mem, cap * sizeof *at, "connections");
	if (!at)
		return false;
	if (l->conns_cap)
		memcpy(at, l->conns, l->conns_cap * sizeof *at);
	for (uint32_t i = cap; i-- > l->conns_cap;) {
		at[i] = SLOT_FREE(l->conns_free);
		l->conns_free = i + 1;
	}
	mem_put(mem, l->conns, l->conns_cap * sizeof *at);
	l->conns = at;
	l->conns_cap = cap;
	return true;
}

/* The generation tells a stale handle from the slot's next owner. */
static bool slot_take(struct loop *l, struct conn *c)
{
	if (l->conns_free == 0 && !slots_grow(l))
		return false;
	c->slot = l->conns_free - 1;
	l->conns_free = (uint32_t)((uintptr_t)l->conns[c->slot] >> 1);
	l->conns[c->slot] = c;
	l->conns_n++;
	c->loop = l;
	c->gen = ++l->conns_gen & 0xffffff;
	return true;
}

static void slot_give(struct conn *c)
{
	struct loop *l = c->loop;
	must(l->conns[c->slot] == c);
	l->conns[c->slot] = SLOT_FREE(l->conns_free);
	l->conns_free = c->slot + 1;
	l->conns_n--;
}

static uint64_t conn_handle(const struct conn *c)
{
	return session_handle(c->loop->index, c->slot, c->gen);
}

struct conn *conn_of(struct loop *l, uint64_t session)
{
	uint32_t slot = session_slot(session);
	if (session_loop(session) != l->index || slot >= l->conns_cap ||
	    slot_is_free(l->conns[slot]))
		return NULL;
	struct conn *c = l->conns[slot];
	return conn_handle(c) == session ? c : NULL;
}

/* ---- opening, moving, ending -------------------------------------------------------------- */

struct conn *conn_open(struct loop *l, uint64_t sock, const struct session_ops *protocol,
		       struct slice peer, bool is_loopback)
{
	struct mem *mem = &l->memory.mem;
	if (l->is_stopping)
		return NULL;
	struct conn *c = mem_get(mem, sizeof *c, "connection");
	if (!c)
		return NULL;
	*c = (struct conn){ .sock = sock, .is_reading = true };
	c->peer_n = (uint8_t)(peer.n < CONN_PEER_BYTES ? peer.n : CONN_PEER_BYTES);
	if (c->peer_n)
		memcpy(c->peer, peer.p, c->peer_n);
	/* before the slot: who has one may be told of a new view, and needs a session for that */
	struct session_world *w = loop_world(l);
	if (!slot_take(l, c)) {
		mem_put(mem, c, sizeof *c);
		return NULL;
	}
	c->session = protocol->new (w, conn_handle(c), peer, is_loopback);
	if (!c->session) {
		slot_give(c);
		mem_put(mem, c, sizeof *c);
		return NULL;
	}
	c->number = 1 + atomic_fetch_add_explicit(&l->node->conns_opened, 1, memory_order_relaxed);
	l->count.connections_opened++;
	trace_say(c, "comes from");
	conn_touch(c);
	conn_arm(c);
	return c;
}

struct conn *conn_call(struct loop *l, uint64_t sock, const struct session_ops *protocol,
		       struct slice peer, uint32_t which)
{
	must(protocol->begin != NULL);
	struct conn *c = conn_open(l, sock, protocol, peer, true);
	if (!c)
		return NULL;
	protocol->begin(c->session, loop_world(l), which);
	notes_look(l);
	conn_arm(c);
	return c;
}

bool conn_is_open(const struct conn *c)
{
	must(!c->is_lost);
	return c->is_opened;
}

void conn_came(struct conn *c, uint16_t port)
{
	must(c->session->port == 0);
	c->session->port = port;
}

bool conn_named(struct conn *c, struct slice user, struct slice id)
{
	must(!c->cert_names && user.n <= UINT8_MAX && id.n <= UINT8_MAX);
	if (user.n + id.n == 0)
		return true;
	c->cert_names = mem_get(&c->loop->memory.mem, user.n + id.n, "names in a certificate");
	if (!c->cert_names)
		return false;
	memcpy(c->cert_names, user.p, user.n);
	memcpy(c->cert_names + user.n, id.p, id.n);
	c->session->cert_name = slice_of(c->cert_names, user.n);
	c->session->cert_id_n = (uint8_t)id.n;
	return true;
}

static void unlist(struct list_node *n)
{
	if (list_has_node(n))
		list_remove(n);
}

void conn_unlist(struct conn *c)
{
	unlist(&c->touched);
	unlist(&c->dirty);
	unlist(&c->paused);
	wheel_cancel(&c->loop->wheel, &c->timer);
}

static void conn_move(struct conn *c, uint32_t to)
{
	struct loop *from = c->loop;
	must(to < from->node->loops_n && to != from->index && !c->is_lost);
	trace_say(c, "moves to another loop, of");
	conn_unlist(c);
	slot_give(c);
	from->count.connections_moved++;
	from->net->ops->move(from->net, c->sock, to, (uint64_t)(uintptr_t)c);
}

struct conn *conn_arrived(struct loop *l, uint64_t sock, uint64_t tag)
{
	struct conn *c = (struct conn *)(uintptr_t)tag;
	c->sock = sock;
	/* It may have been told of an alarm that this loop has not seen yet, and would read on. */
	if (atomic_load_explicit(&l->node->alarms, memory_order_relaxed) != l->alarms_seen)
		(void)alarms_look(l);
	if (!slot_take(l, c))
		must(!"no memory for a connection that is already open");
	session_move(c->session, conn_handle(c));
	trace_begin(c);
	c->is_reading = true;
	c->is_full = c->is_peer_ended = false;
	c->is_waiting =
		true; /* it has bytes that were not consumed: fed in this loop's next work */
	if (l->is_stopping) { /* it was between two loops when all were told */
		c->session->ops->stop(c->session, loop_world(l), SLICE_EMPTY);
		conn_close(c);
	}
	conn_touch(c);
	conn_arm(c);
	return c;
}

static void conn_drop_input(struct conn *c)
{
	mem_put(&c->loop->memory.mem, c->rest, c->rest_n);
	c->rest = NULL;
	c->rest_n = 0;
	if (c->own)
		block_close(c->own);
	c->own = NULL;
}

void conn_free(struct conn *c)
{
	struct loop *l = c->loop;
	trace_say(c, "is gone, of");
	atomic_fetch_add_explicit(&l->node->conns_closed, 1, memory_order_release);
	l->count.connections_closed++;
	conn_drop_input(c);
	slot_give(c);
	size_t name_n = c->session->cert_name.n + c->session->cert_id_n;
	c->session->ops->free(c->session, loop_world(l));
	mem_put(&l->memory.mem, c->cert_names, name_n);
	mem_put(&l->memory.mem, c, sizeof *c);
}

void conn_end(struct conn *c)
{
	c->is_lost = true;
	conn_drop_input(c);
	notes_log_end(c);
	bool is_gone = c->session->ops->gone(c->session, loop_world(c->loop));
	notes_look(c->loop);
	if (!is_gone)
		return;
	conn_unlist(c);
	conn_free(c);
}

void conn_lost(struct conn *c)
{
	must(!c->is_lost);
	conn_end(c);
}

bool conn_is_lost_unread(const struct conn *c)
{
	must(!c->is_lost);
	return c->is_peer_ended && !c->is_reading && c->loop->world.is_blocked;
}

bool conn_peer_ended(struct conn *c)
{
	must(!c->is_lost && !c->is_reading);
	c->is_peer_ended = true;
	return conn_is_lost_unread(c);
}

/* ---- reading ------------------------------------------------------------------------------ */

#define READ_MIN    8192u  /* less room than this: begin a new block */
#define OWN_FROM    16384u /* a message that needs more gets a block of its own */
#define HEADER_ROOM 256u   /* for message headers beside one large message */

void conn_read(struct conn *c, bool is_on)
{
	if (c->is_reading == is_on || c->is_lost)
		return;
	c->is_reading = is_on;
	c->is_peer_ended = false; /* it is seen again: by reading, or when nothing is read again */
	c->loop->net->ops->read(c->loop->net, c->sock, is_on);
}

/* The loop's block, with room for `n` bytes and something to read. */
static struct block *shared_block(struct loop *l, uint32_t n)
{
	if (l->in && block_room(l->in) >= n + READ_MIN)
		return l->in;
	if (l->in)
		block_close(l->in);
	l->in = block_take(&l->home, 0);
	return l->in;
}

/* Messages take their headers from the same room: leave as much as the last reads needed. */
static uint32_t readable(const struct loop *l, uint32_t room)
{
	return room - (uint32_t)((uint64_t)room * l->headers_permille / 1000) - HEADER_ROOM;
}

/* What is missing; a session that does not know how much that is gets whatever comes. */
static uint32_t own_space(const struct conn *c)
{
	const struct block *own = c->own;
	uint32_t missing = c->own_off + c->need - own->fill;
	return missing > 1 ? missing : block_end(own) - HEADER_ROOM - own->fill;
}

uint8_t *conn_space(struct conn *c, uint32_t *out_n)
{
	struct loop *l = c->loop;
	if (c->is_waiting || c->is_closing || l->is_congested) {
		if (!c->is_waiting && !c->is_closing && !list_has_node(&c->paused))
			list_push(&l->paused, &c->paused);
		conn_read(c, false);
		return NULL;
	}
	if (c->own) {
		*out_n = own_space(c);
		must(*out_n > 0 && c->own->fill + *out_n <= block_end(c->own));
		return (uint8_t *)c->own + c->own->fill;
	}
	struct block *b = shared_block(l, c->rest_n);
	if (!b)
		return NULL;
	*out_n = readable(l, block_room(b) - c->rest_n);
	return (uint8_t *)b + b->fill + c->rest_n;
}

/* Keeps what the session left: [off, fill) of `b`. */
static void keep_rest(struct conn *c, struct block *b, uint32_t off, uint32_t need)
{
	struct loop *l = c->loop;
	uint32_t n = b->fill - off;
	c->need = need > n ? need : n + 1;
	if (b == c->own && (uint64_t)off + c->need + HEADER_ROOM <= block_end(b)) {
		c->own_off = off;
		return;
	}
	if (c->need > OWN_FROM) {
		/* as much again where nobody knows how much is missing */
		uint32_t more = c->need == n + 1 ? n : 0;
		struct block *own = block_take(&l->home, c->need + more + HEADER_ROOM);
		must(own != NULL);
		memcpy((uint8_t *)own + own->fill, (uint8_t *)b + off, n);
		if (c->own)
			block_close(c->own);
		c->own = own;
		c->own_off = own->fill;
		own->fill += n;
		return;
	}
	c->rest = mem_get(&l->memory.mem, n, "rest");
	must(c->rest != NULL);
	memcpy(c->rest, (uint8_t *)b + off, n);
	c->rest_n = n;
	if (c->own) {
		block_close(c->own);
		c->own = NULL;
	}
}

static void measure_headers(struct loop *l, uint32_t bytes, uint32_t headers)
{
	uint32_t permille = 16 + (uint32_t)((uint64_t)headers * 1100 / (bytes + headers + 1));
	l->headers_permille = permille > l->headers_permille
				      ? permille
				      : (7 * l->headers_permille + permille) / 8;
	if (l->headers_permille > 500)
		l->headers_permille = 500;
}

/* Gives the session the bytes from `off` on of block `b`, and keeps what it leaves. False: the
 * connection is no longer this loop's. */
static bool conn_feed(struct conn *c, struct block *b, uint32_t off)
{
	struct loop *l = c->loop;
	uint32_t need = 0, to = l->index, floor = b->msg_floor, from = off;
	struct session_world *w = loop_world(l);
	w->is_traced = l->trace != NULL;
	enum feed f = c->session->ops->feed(c->session, w, b, &off, &need, &to);
	must(off >= from && off <= b->fill);
	notes_look(l);
	trace_in(c, b, from, off);
	trace_out(c);
	measure_headers(l, off - from, floor - b->msg_floor);
	c->need = 0;
	c->is_waiting = f == FEED_WAIT;
	if (f == FEED_CLOSE)
		conn_close(c);
	c->need = 0;
	if (off < b->fill && f != FEED_CLOSE) {
		keep_rest(c, b, off, need);
	} else if (c->own) {
		block_close(c->own);
		c->own = NULL;
	}
	if (f == FEED_MOVE) {
		conn_move(c, to);
		return false;
	}
	if (c->is_waiting || c->is_closing)
		conn_read(c, false);
	conn_touch(c);
	return true;
}

void conn_bytes(struct conn *c, uint32_t n)
{
	struct loop *l = c->loop;
	must(n > 0);
	l->count.reads++;
	l->fed_bytes += n;
	c->session->in_bytes += n;
	struct block *b = c->own ? c->own : l->in;
	uint32_t off = c->own ? c->own_off : b->fill;
	if (c->rest) {
		memcpy((uint8_t *)b + b->fill, c->rest, c->rest_n);
		b->fill += c->rest_n;
		mem_put(&l->memory.mem, c->rest, c->rest_n);
		c->rest = NULL;
		c->rest_n = 0;
	}
	b->fill += n;
	must(b->fill <= block_end(b));
	if (b->fill - off >= c->need) {
		if (!conn_feed(c, b, off))
			return;
	} else if (b != c->own) {
		keep_rest(c, b, off, c->need);
	}
	if (l->fed_bytes >= LOOP_FED_BYTES_MAX)
		loop_work(l);
}

bool conn_feed_again(struct conn *c)
{
	struct loop *l = c->loop;
	c->is_waiting = false;
	if (c->own) {
		if (!conn_feed(c, c->own, c->own_off))
			return false;
		if (!c->is_waiting && !c->is_closing)
			conn_read(c, true);
		return true;
	}
	if (!c->rest_n) {
		conn_read(c, true);
		return true;
	}
	struct block *b = shared_block(l, c->rest_n);
	must(b != NULL);
	uint32_t off = b->fill;
	memcpy((uint8_t *)b + off, c->rest, c->rest_n);
	b->fill += c->rest_n;
	mem_put(&l->memory.mem, c->rest, c->rest_n);
	c->rest = NULL;
	c->rest_n = 0;
	if (!conn_feed(c, b, off))
		return false;
	if (!c->is_waiting && !c->is_closing)
		conn_read(c, true);
	return true;
}
