#include "node/dump.h"

#include "base/digest.h"
#include "base/must.h"
#include "base/text.h"
#include "node/conn.h"

#define DUMP_BYTES         65536u    /* of one answer */
#define DUMP_BYTES_MAX     33554432u /* of a connection that has not enough room in that */
#define DUMP_BYTES_GROW    8u
#define DUMP_CATALOG_BYTES 1048576u
#define CUT                "\ncut: yes\n" /* said at the end of a text that has no more room */

static unsigned long long ull(uint64_t v)
{
	return v;
}
static const char *yes(bool is)
{
	return is ? "yes" : "no";
}

/* ---- answers ------------------------------------------------------------------------------ */

static void answer(struct loop *l, const struct run *cmd, const struct reply_row *what,
		   const struct text *t)
{
	struct run head = { .kind = FX_REPLY,
			    .session = cmd->session,
			    .channel = cmd->channel,
			    .shard = cmd->shard,
			    .arg = cmd->arg };
	must(cmd->session != 0);
	(void)post_run(&l->post, session_loop(cmd->session), &head, what, sizeof *what, 1,
		       text_slice(t));
}

/* NULL: no memory. */
static char *room_take(struct loop *l, uint32_t bytes, struct text *out)
{
	char *room = mem_get(&l->memory.mem, bytes, "dump");
	if (room)
		*out = text_of(room, bytes - sizeof CUT);
	return room;
}

static void refuse(struct loop *l, const struct run *cmd)
{
	struct text nothing = text_of((char[1]){ 0 }, 1);
	struct reply_row what = { .err = ERR_RESOURCE_ERROR, .op = cmd->kind };
	must(cmd->session != 0);
	answer(l, cmd, &what, &nothing);
}

static void say_if_cut(struct text *t)
{
	if (!text_is_full(t))
		return;
	t->cap += sizeof CUT;
	text_puts(t, CUT);
}

/* ---- the node and its loops --------------------------------------------------------------- */

static void put_node(const struct node *n, uint64_t now_ms, struct text *out)
{
	static const char *const alarms[4] = { "none", "memory", "disk", "memory disk" };
	/* The closed ones first: each of them is among the opened ones by then. */
	uint64_t closed = atomic_load_explicit(&n->conns_closed, memory_order_acquire);
	uint64_t opened = atomic_load_explicit(&n->conns_opened, memory_order_relaxed);
	text_putf(out, "node: %s\nuptime_ms: %llu\nloops: %u\nshards: %u\n", GODWIT_VERSION,
		  ull(now_ms - n->setup.now_ms), n->loops_n, n->shards_n);
	text_putf(out, "connections: %llu\nconnections_opened: %llu\nconnections_closed: %llu\n",
		  ull(opened - closed), ull(opened), ull(closed));
	text_putf(out, "alarms: %s\nmemory_short: %s\n", alarms[atomic_load(&n->alarms) & 3],
		  yes(atomic_load(&n->is_memory_short)));
	text_putf(out, "memory_used_bytes: %lld\nmemory_limit_bytes: %llu\n",
		  (long long)alarm_memory_used(n), ull(alarm_memory_limit(n)));
	text_putf(out, "disk_limit_bytes: %llu\n", ull(alarm_disk_limit(n)));
	text_putf(out, "catalog_version: %llu\n", ull(atomic_load(&n->version)));
}

static void put_loop(const struct loop *l, struct text *out)
{
	text_putf(out, "loop: %u\nconnections: %u\n", l->index, l->conns_n);
#define COUNT(name, prose) text_putf(out, #name ": %llu\n", ull(l->count.name));
#include "node/loop_count.def"
#undef COUNT
	text_putf(out, "memory_used_bytes: %lld\nblocks_out_bytes: %llu\n",
		  (long long)memory_used(&l->memory), ull(l->home.out_bytes));
	text_putf(out, "batches_out: %u\ncongested: %s\nstopping: %s\nnotes_lost: %u\n",
		  l->post.out_n, yes(l->is_congested), yes(l->is_stopping), l->events.lost_n);
	inside_dump(l, out);
}

static void put_shard(const struct shard *s, struct text *out)
{
	text_putf(out, "shard: %u\nloop: %u\nkind: %s\n", s->no, s->loop->index,
		  s->no == 0       ? "catalog"
		  : s->is_volatile ? "volatile"
				   : "data");
#define COUNT(name, prose) text_putf(out, #name ": %llu\n", ull(s->count.name));
#include "node/shard_count.def"
#undef COUNT
	text_putf(out, "proposed_index: %llu\ncommitted_index: %llu\n", ull(s->repl.proposed),
		  ull(s->repl.committed));
	text_putf(out, "waiting_bytes: %llu\nwaiting_outcomes: %llu\nfrozen: %s\n",
		  ull(s->waiting_bytes), ull(s->later.runs_n), yes(s->is_frozen));
}

/* For a panic: the other loops run on meanwhile, so only what can be read at any moment. */
void node_dump(struct node *n, struct text *out)
{
	must(n != NULL && out != NULL);
	put_node(n, n->setup.now_ms, out);
	for (uint32_t i = 0; n->loops && i < n->loops_n; i++) {
		text_putc(out, '\n');
		put_loop(&n->loops[i], out);
	}
	for (uint16_t no = 0; no < n->shards_n && n->shard[no]; no++) {
		text_putc(out, '\n');
		put_shard(n->shard[no], out);
	}
}

/* ---- connections -------------------------------------------------------------------------- */

static const char *state_of(const struct conn *c)
{
	if (c->is_lost)
		return "lost";
	if (c->is_closing)
		return "closing";
	return c->is_waiting ? "waiting" : "open";
}

static void put_conn(const struct conn *c, struct text *out)
{
	const struct session *s = c->session;
	uint32_t input_n = c->own ? c->own->fill - c->own_off : c->rest_n;
	text_putf(out, "connection: %llu\npeer: ", ull(c->number));
	text_put_printable(out, slice_of(c->peer, c->peer_n));
	text_putf(out, "\nprotocol: %s\nloop: %u\nsession: %llx\n", s->ops->name, c->loop->index,
		  ull(s->handle));
	text_putf(out, "state: %s\nreading: %s\noutput_full: %s\n", state_of(c), yes(c->is_reading),
		  yes(c->is_full));
	text_putf(out, "bytes_in: %llu\nbytes_out: %llu\n", ull(s->in_bytes),
		  ull(s->sendq.total_bytes - s->sendq.bytes));
	text_putf(out, "output_waiting_bytes: %llu\ninput_waiting_bytes: %u\n", ull(s->sendq.bytes),
		  input_n);
	s->ops->dump(s, loop_world(c->loop), out);
	text_putc(out, '\n');
}

/* As many connections as there is room for, at least one. Gives the slot to go on with, or 0. */
static uint32_t put_conns(struct loop *l, uint32_t slot, struct text *out)
{
	uint32_t after = slot;
	for (struct conn *c; (c = conns_next(l, &after)) != NULL; slot = after) {
		size_t before = out->n;
		put_conn(c, out);
		if (!text_is_full(out))
			continue;
		if (before == 0)
			return after;
		out->n = before;
		out->p[before] = '\0';
		return slot;
	}
	return 0;
}

static void put_one_conn(struct loop *l, uint64_t number, struct text *out)
{
	const struct conn *c = conn_numbered(l, number);
	if (c)
		put_conn(c, out);
}

/* Gives the slot to go on with, or 0. */
static uint32_t put_loop_answer(struct loop *l, const struct run *cmd, struct text *out)
{
	must(cmd->kind == CMD_DUMP_LOOP);
	switch (cmd->flags) {
	case DUMP_NODE:
		put_node(l->node, l->now_ms, out);
		text_putc(out, '\n');
		journal_dump(l->node->journal, out);
		return 0;
	case DUMP_ONE_LOOP: put_loop(l, out); return 0;
	case DUMP_CONNECTIONS: return put_conns(l, (uint32_t)cmd->queue, out);
	case DUMP_CONNECTION: put_one_conn(l, cmd->queue, out); return 0;
	default: must(!"a question for a loop");
	}
	return 0;
}

/* A connection with many channels or consumers is told whole, in more room. */
static void describe_loop(struct loop *l, const struct run *cmd)
{
	struct reply_row what = { .err = ERR_OK, .op = CMD_DUMP_LOOP };
	struct text t;
	for (uint32_t bytes = DUMP_BYTES;; bytes *= DUMP_BYTES_GROW) {
		char *room = room_take(l, bytes, &t);
		must(bytes <= DUMP_BYTES_MAX);
		if (!room) {
			refuse(l, cmd);
			return;
		}
		what.a = put_loop_answer(l, cmd, &t);
		bool is_told = !text_is_full(&t) || bytes == DUMP_BYTES_MAX;
		say_if_cut(&t);
		if (is_told)
			answer(l, cmd, &what, &t);
		mem_put(&l->memory.mem, room, bytes);
		if (is_told)
			return;
	}
}

static void close_one(struct loop *l, const struct run *cmd)
{
	struct reply_row what = { .err = ERR_OK, .op = CMD_CLOSE };
	struct text nothing = text_of((char[1]){ 0 }, 1);
	struct conn *c = conn_numbered(l, cmd->queue);
	must(cmd->kind == CMD_CLOSE);
	if (c && !c->is_lost && !c->is_closing) {
		conns_stop(c, run_tail(cmd));
		what.a = 1;
	}
	answer(l, cmd, &what, &nothing);
}

static void bound(struct loop *l, const struct run *cmd)
{
	struct text nothing = text_of((char[1]){ 0 }, 1);
	must(cmd->kind == CMD_BOUND);
	struct reply_row what = { .err = ERR_OK, .op = CMD_BOUND, .a = alarm_bound(l, cmd) };
	answer(l, cmd, &what, &nothing);
}

bool dump_command(struct loop *l, const struct run *cmd)
{
	switch (cmd->kind) {
	case CMD_DUMP_LOOP: describe_loop(l, cmd); return true;
	case CMD_CLOSE: close_one(l, cmd); return true;
	case CMD_BOUND: bound(l, cmd); return true;
	default: return false;
	}
}

/* ---- shards ------------------------------------------------------------------------------- */

static void describe(struct shard *s, const struct run *cmd)
{
	struct loop *l = s->loop;
	uint32_t bytes = s->catalog ? DUMP_CATALOG_BYTES : DUMP_BYTES;
	struct reply_row what = { .err = ERR_OK, .op = CMD_DUMP };
	struct text t;
	char *room = room_take(l, bytes, &t);
	must(cmd->kind == CMD_DUMP);
	if (!room) {
		refuse(l, cmd);
		return;
	}
	put_shard(s, &t);
	if (s->catalog)
		catalog_dump(s->catalog, &t);
	else
		core_dump(s->core, &t);
	say_if_cut(&t);
	answer(l, cmd, &what, &t);
	mem_put(&l->memory.mem, room, bytes);
}

static void digest_catalog(struct shard *s, const struct run *cmd)
{
	struct digest d;
	struct text nothing = text_of((char[1]){ 0 }, 1);
	digest_init(&d);
	catalog_digest(s->catalog, &d);
	struct digest_sum sum = digest_end(&d);
	struct reply_row what = { .err = ERR_OK, .op = CMD_DIGEST, .a = sum.hi, .b = sum.lo };
	answer(s->loop, cmd, &what, &nothing);
}

bool dump_shard(struct shard *s, const struct run *cmd)
{
	if (cmd->kind == CMD_DUMP && (s->catalog || cmd->queue == 0))
		describe(s, cmd);
	else if (cmd->kind == CMD_DIGEST && s->catalog)
		digest_catalog(s, cmd);
	else
		return false;
	return true;
}
