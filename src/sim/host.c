#include "sim/host.h"

#include "base/bits.h"
#include "base/list.h"
#include "base/text.h"
#include "node/inspect.h"
#include "session/amqp091/ops.h"
#include "session/manage/manage.h"

#define MACHINE_BYTES (UINT64_C(4) << 30)
#define READS_MAX     4 /* of one socket in one turn */

/* ---- the ports -------------------------------------------------------------------------- */

static struct host_loop *loop_of(struct net *n)
{
	return containerof(n, struct host_loop, port);
}

static int64_t port_write(struct net *n, uint64_t sock, const struct slice *parts, uint32_t parts_n)
{
	struct host *h = loop_of(n)->host;
	struct sock *k = sock_of(&h->socks, sock);
	must(k->loop == loop_of(n)->index);
	int64_t sent = sock_write(&h->socks, k, parts, parts_n);
	TELL(h->story, wrote, sock, (uint64_t)sent, k->out.n);
	return sent;
}

static void port_read(struct net *n, uint64_t sock, bool is_on)
{
	struct sock *k = sock_of(&loop_of(n)->host->socks, sock);
	must(k->state == SOCK_OPEN && k->loop == loop_of(n)->index);
	k->is_reading = is_on;
	k->is_end_seen = false;
}

static void port_close(struct net *n, uint64_t sock)
{
	struct host *h = loop_of(n)->host;
	TELL(h->story, hangup, sock);
	sock_shut(sock_of(&h->socks, sock));
}

static void port_move(struct net *n, uint64_t sock, uint32_t to_loop, uint64_t tag)
{
	struct host *h = loop_of(n)->host;
	struct sock *k = sock_of(&h->socks, sock);
	must(k->state == SOCK_OPEN && to_loop < h->loops_n);
	TELL(h->story, move, sock, to_loop);
	k->state = SOCK_MOVING;
	k->conn = NULL;
	k->tag = tag;
	k->loop = to_loop;
	k->moves_n++;
	k->is_reading = true;
	k->is_end_seen = k->is_full = false;
}

static void port_wake(struct net *n, uint32_t loop)
{
	loop_of(n)->host->loops[loop].is_awake = true;
}

static void port_work(struct net *n, enum net_worker who)
{
	loop_of(n)->host->workers[who].is_awake = true;
}

static const struct net_ops net_ops = {
	.write = port_write,
	.read = port_read,
	.close = port_close,
	.move = port_move,
	.wake = port_wake,
	.work = port_work,
};

static void log_line(struct node_log *log, enum log_id id, const struct log_value *values, size_t n)
{
	struct host *h = containerof(log, struct host, log);
	h->logged[id]++;
	TELL(h->story, log, id, n > 0 && !values[n - 1].s.p ? values[n - 1].v : 0);
}

static uint64_t entropy(void *arg)
{
	struct host *h = arg;
	return prng_u64(&h->entropy);
}

/* ---- life ------------------------------------------------------------------------------- */

static void configure(struct config *c, const struct host_setup *s)
{
	config_defaults(c);
	c->journal_segment_bytes = (int64_t)s->segment_bytes;
	c->journal_checkpoint_every_bytes = (int64_t)s->checkpoint_every_bytes;
	c->queue_cache_bytes = (int64_t)s->cache_bytes;
	c->queue_entries_bytes = (int64_t)s->entries_bytes;
	c->disk_free_limit_bytes = (int64_t)s->disk_free_bytes;
	c->output_bytes_max = (int64_t)s->output_bytes;
	c->unconfirmed_bytes_max = (int64_t)s->unconfirmed_bytes;
	c->frame_max = s->frame_max;
	c->heartbeat_s = s->heartbeat_s;
}

void host_init(struct host *h, struct story *story, uint64_t seed, const struct host_setup *s)
{
	*h = (struct host){ .story = story, .loops_n = s->loops_n, .log = { log_line } };
	h->prng = prng_of(seed);
	sim_heap_init(&h->heap);
	h->entropy = prng_of(prng_u64(&h->prng));
	h->disk = sim_disk_new(prng_u64(&h->prng));
	socks_init(&h->socks, prng_u64(&h->prng), s->pipe_bytes);
	configure(&h->config, s);
	h->now_ms = prng_between(&h->prng, 1, 1000000);
	h->wall_ms = UINT64_C(1700000000000) + prng_below(&h->prng, 1000000);
	for (uint32_t i = 0; i < HOST_LOOPS_MAX; i++)
		h->loops[i] = (struct host_loop){ { &net_ops }, h,     NULL, UINT64_MAX, i,
						  false,        false, false };
}

void host_fini(struct host *h)
{
	sim_heap_forget(&h->heap);
	socks_fini(&h->socks);
	sim_disk_free(h->disk);
}

enum err host_start(struct host *h, struct text *why)
{
	must(!h->node);
	struct node_setup setup = {
		.config = &h->config,
		.disk = sim_disk_port(h->disk),
		.heap = &h->heap.port,
		.loops_n = h->loops_n,
		.log = &h->log,
		.random = entropy,
		.random_arg = h,
		.now_ms = h->now_ms,
		.wall_ms = h->wall_ms,
		.memory_bytes = MACHINE_BYTES,
	};
	for (uint32_t i = 0; i < h->loops_n; i++)
		setup.net[i] = &h->loops[i].port;
	for (uint32_t i = 0; i < h->loops_n; i++) {
		guard_init(&h->guards[i]);
		setup.patterns[i] = &h->guards[i].patterns;
		setup.secrets[i] = &h->guards[i].secrets;
	}
	h->died = ERR_OK;
	h->is_stopping = false;
	enum err e = node_open(&setup, &h->node, why);
	if (e != ERR_OK) {
		sim_heap_forget(&h->heap);
		return e;
	}
	for (uint32_t i = 0; i < h->loops_n; i++) {
		h->loops[i].loop = node_loop(h->node, i);
		h->loops[i].is_awake = true;
		h->loops[i].is_halfway = false;
	}
	h->workers[NET_WRITER] = h->workers[NET_KEEPER] = (struct host_worker){ 0, true };
	struct journal_recovery r = journal_recovery(node_journal(h->node));
	TELL(h->story, start, h->starts_n++, r.checkpoint, r.records_n, r.torn_bytes, h->wall_ms);
	return ERR_OK;
}

void host_chunks(const struct host *h, uint64_t *out_left, uint64_t *out_read)
{
	*out_left = h->chunks_left;
	*out_read = h->chunks_read;
	if (h->node)
		node_chunks(h->node, out_left, out_read);
}

void host_forget(struct host *h)
{
	if (h->node)
		node_chunks(h->node, &h->chunks_left, &h->chunks_read);
	h->node = NULL;
	sim_heap_forget(&h->heap);
	socks_die(&h->socks);
}

int64_t host_close(struct host *h)
{
	node_chunks(h->node, &h->chunks_left, &h->chunks_read);
	int64_t left = node_close(h->node);
	h->node = NULL;
	TELL(h->story, stopped, (uint64_t)left);
	host_forget(h);
	return left;
}

bool host_is_stopped(const struct host *h)
{
	for (uint32_t i = 0; i < h->loops_n; i++)
		if (!loop_is_stopped(h->loops[i].loop))
			return false;
	return true;
}

/* ---- a loop ----------------------------------------------------------------------------- */

static void arrive(struct host *h, struct host_loop *l, struct sock *k)
{
	uint64_t number = sock_number(&h->socks, k);
	const struct session_ops *ops = k->ops ? k->ops : &amqp091_session_ops;
	k->conn = k->state == SOCK_NEW
			  ? conn_open(l->loop, number, ops, slice_str("127.0.0.1:1"), !k->is_remote)
			  : conn_arrived(l->loop, number, k->tag);
	k->state = k->conn ? SOCK_OPEN : SOCK_SHUT;
}

static void lose(struct sock *k)
{
	struct conn *c = k->conn;
	sock_shut(k);
	conn_lost(c);
}

static void receive(struct host *h, struct sock *k)
{
	for (int i = 0; i < READS_MAX && k->state == SOCK_OPEN && k->is_reading; i++) {
		uint32_t room = 0;
		if (k->in.n == 0 && k->is_ended) {
			lose(k);
			return;
		}
		uint8_t *to = k->in.n > 0 ? conn_space(k->conn, &room) : NULL;
		if (!to)
			return;
		uint32_t n = sock_read(&h->socks, k, to, room);
		TELL(h->story, read, sock_number(&h->socks, k), n, k->in.n);
		conn_bytes(k->conn, n);
	}
}

static void poll_sock(struct host *h, struct host_loop *l, struct sock *k)
{
	if (k->state == SOCK_NEW || k->state == SOCK_MOVING) {
		arrive(h, l, k);
		return;
	}
	const bool is_end_new = !k->is_reading && k->is_ended && !k->is_end_seen;
	k->is_end_seen |= is_end_new;
	if (k->is_broken || (is_end_new && conn_peer_ended(k->conn))) {
		lose(k);
		return;
	}
	if (sock_is_writable(k)) {
		k->is_full = false;
		conn_writable(k->conn);
	}
	receive(h, k);
}

static void begin_turn(struct host *h, struct host_loop *l)
{
	loop_clock(l->loop, h->now_ms, h->wall_ms);
	uint32_t first = (uint32_t)prng_below(&h->prng, SOCKS_MAX);
	for (uint32_t i = 0; i < SOCKS_MAX; i++) {
		struct sock *k = &h->socks.at[(first + i) % SOCKS_MAX];
		if (k->loop == l->index && sock_has_event(k) && prng_chance(&h->prng, 7, 8))
			poll_sock(h, l, k);
	}
	loop_begin(l->loop, h->now_ms, h->wall_ms);
	l->is_more = loop_work(l->loop);
	l->is_awake = l->is_halfway = true;
}

static void end_turn(struct host *h, struct host_loop *l)
{
	l->is_halfway = false;
	l->is_awake = loop_end(l->loop, l->is_more);
	l->deadline_ms = loop_deadline(l->loop);
	TELL(h->story, turn, l->index, l->is_awake);
}

/* A turn, or by chance the half of one: what others do before its end must wake it. */
static void step_loop(struct host *h, struct host_loop *l)
{
	bool is_new = !l->is_halfway;
	if (is_new)
		begin_turn(h, l);
	if (!is_new || prng_chance(&h->prng, 3, 4))
		end_turn(h, l);
}

void host_stop(struct host *h)
{
	TELL(h->story, stopping, 0);
	h->is_stopping = true;
	for (uint32_t i = 0; i < h->loops_n; i++) {
		if (h->loops[i].is_halfway)
			end_turn(h, &h->loops[i]);
		loop_clock(h->loops[i].loop, h->now_ms, h->wall_ms);
		loop_stop(h->loops[i].loop);
		h->loops[i].is_awake = true;
	}
}

/* ---- the journal's threads -------------------------------------------------------------- */

static void step_worker(struct host *h, enum net_worker who)
{
	struct journal *j = node_journal(h->node);
	struct host_worker *w = &h->workers[who], *other = &h->workers[!who];
	bool is_writer = who == NET_WRITER;
	uint64_t loops = 0;
	enum err e = ERR_OK;
	bool is_any = is_writer ? journal_write_step(j, &loops, &e)
				: journal_keep_step(j, &loops, &e);
	if (is_writer)
		TELL(h->story, writer, is_any, e);
	else
		TELL(h->story, keeper, is_any, e);
	if (e != ERR_OK) {
		h->died = e;
		return;
	}
	for (; loops; loops &= loops - 1) {
		struct host_loop *l = &h->loops[bits_lowest(loops)];
		l->is_awake |= loop_to_wake(l->loop);
	}
	other->is_awake |= is_writer ? journal_keeper_to_wake(j) : journal_writer_to_wake(j);
	if (!is_any)
		w->is_awake = !(is_writer ? journal_writer_may_sleep(j)
					  : journal_keeper_may_sleep(j));
}

/* ---- choosing --------------------------------------------------------------------------- */

static bool loop_is_runnable(const struct host *h, const struct host_loop *l)
{
	if (l->is_awake || l->deadline_ms <= h->now_ms)
		return true;
	for (uint32_t i = 0; i < SOCKS_MAX; i++)
		if (h->socks.at[i].loop == l->index && sock_has_event(&h->socks.at[i]))
			return true;
	return false;
}

uint32_t host_runnable(const struct host *h)
{
	uint32_t bits = 0;
	if (!h->node || h->died != ERR_OK)
		return 0;
	for (uint32_t i = 0; i < h->loops_n; i++)
		if (loop_is_runnable(h, &h->loops[i]))
			bits |= 1u << i;
	for (uint32_t i = 0; i < 2; i++)
		if (h->workers[i].is_awake && h->workers[i].stalled_until_ms <= h->now_ms)
			bits |= 1u << (HOST_LOOPS_MAX + i);
	return bits;
}

bool host_is_idle(const struct host *h)
{
	return h->node && h->died == ERR_OK && host_runnable(h) == 0 &&
	       !h->workers[NET_WRITER].is_awake && !h->workers[NET_KEEPER].is_awake;
}

void host_step(struct host *h, uint32_t actor)
{
	must(h->node && h->died == ERR_OK);
	if (actor < HOST_LOOPS_MAX)
		step_loop(h, &h->loops[actor]);
	else
		step_worker(h, (enum net_worker)(actor - HOST_LOOPS_MAX));
	if (sim_disk_is_dead(h->disk) && h->died == ERR_OK)
		h->died = ERR_IO;
}

uint64_t host_deadline(const struct host *h)
{
	uint64_t at = UINT64_MAX;
	for (uint32_t i = 0; h->node && i < h->loops_n; i++)
		at = min_u64(at, h->loops[i].deadline_ms);
	for (uint32_t i = 0; h->node && i < 2; i++)
		if (h->workers[i].is_awake)
			at = min_u64(at, h->workers[i].stalled_until_ms);
	return at;
}

void host_pass(struct host *h, uint64_t ms)
{
	h->now_ms += ms;
	h->wall_ms += ms;
}

void host_look_free(struct host *h)
{
	must(h->node && h->died == ERR_OK);
	journal_look_free(node_journal(h->node));
	h->workers[NET_KEEPER].is_awake |= journal_keeper_to_wake(node_journal(h->node));
}

/* In a broker that is not simulated what is used changes, which somebody does in a turn. */
void host_watermark(struct host *h, uint64_t bytes)
{
	must(h->node && h->died == ERR_OK);
	h->config.memory_watermark_bytes = (int64_t)bytes;
	node_bounds(h->node);
	h->loops[prng_below(&h->prng, h->loops_n)].is_awake = true;
}

struct digest_sum host_digest(struct host *h)
{
	return node_digest(h->node);
}
