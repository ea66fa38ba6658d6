#include "node/tx.h"

#include "base/ablate.h"
#include "base/bits.h"
#include "base/must.h"
#include "core/tx.h"
#include "journal/journal.h"
#include "node/loop.h"

static bool is_of_tx(const struct run *o)
{
	_Static_assert(OUTCOME_TX_ABORT == OUTCOME_TX_BEGIN + 3, "they stand together");
	return o->kind >= OUTCOME_TX_BEGIN && o->kind <= OUTCOME_TX_ABORT;
}

/* ---- those that are not over ------------------------------------------------------------- */

static struct tx *find(const struct shard *s, uint64_t id)
{
	must(id != 0);
	for (size_t i = 0; i < s->txs.n; i++) {
		struct tx *x = deque_at(&s->txs, i);
		if (x->id == id)
			return x;
	}
	return NULL;
}

static struct tx *find_or_make(struct shard *s, uint64_t id)
{
	struct tx *x = find(s, id), fresh = { .id = id };
	if (x)
		return x;
	enum err e = deque_push(&s->txs, &s->loop->memory.mem, &fresh);
	must(e == ERR_OK);
	return deque_at(&s->txs, s->txs.n - 1);
}

static void forget(struct shard *s, struct tx *x)
{
	struct tx last;
	bool was_there = deque_pop_back(&s->txs, &last);
	must(was_there);
	if (last.id != x->id)
		*x = last;
}

/* ---- what shards tell each other --------------------------------------------------------- */

static void tell(struct shard *s, enum cmd kind, uint16_t to, uint64_t id)
{
	struct post *p = &s->loop->post;
	struct run head = { .kind = (uint8_t)kind, .shard = to, .arg = id };
	must(to != s->no && to < SHARDS_MAX);
	(void)post_run(p, p->loop_of_shard[to], &head, NULL, 0, 0, SLICE_EMPTY);
}

static void tell_others(struct shard *s, const struct tx *x)
{
	must(x->coordinator == s->no);
	for (uint32_t w = 0; w < 2; w++)
		for (uint64_t left = x->shards[w]; left; left &= left - 1)
			tell(s, CMD_TX_DECIDED,
			     (uint16_t)(64 * w + (uint32_t)__builtin_ctzll(left)), x->id);
}

static void answer(struct shard *s, const struct tx *x)
{
	struct post *p = &s->loop->post;
	struct run head = { .kind = FX_REPLY,
			    .channel = x->channel,
			    .session = x->session,
			    .shard = s->no,
			    .arg = x->arg };
	struct reply_row what = { .err = ERR_OK, .op = CMD_TX };
	must(x->session != 0);
	(void)post_run(p, session_loop(x->session), &head, &what, sizeof what, 1, SLICE_EMPTY);
}

static void put(struct shard *s, enum outcome kind, uint64_t id, uint64_t queue)
{
	struct run head = { .kind = (uint8_t)kind, .flags = RUN_LOGGED, .queue = queue, .arg = id };
	must(!s->is_volatile);
	(void)outcomes_run(&s->later, &head, NULL, 0, 0, SLICE_EMPTY);
	shard_touch(s);
}

/* All parts are durable: so says the coordinator's log from now on. */
static void decide(struct shard *s, struct tx *x)
{
	must(x->coordinator == s->no && x->prepare_n == 0 && x->state == TX_OPEN);
	x->state = TX_ENDING;
	put(s, OUTCOME_TX_END, x->id, 0);
}

/* ---- CMD_TX ------------------------------------------------------------------------------ */

static void admit(struct shard *s, struct run *cmd)
{
	struct loop *l = s->loop;
	for (struct run *r = NULL; (r = tx_next(cmd, r)) != NULL;) {
		must(r->kind == CMD_PUBLISH || r->kind == CMD_SETTLE);
		if (r->kind == CMD_PUBLISH)
			keep_rows(l, r);
		core_admit(s->core, r, l->wall_ms, &s->now, &s->later, &l->post);
		shard_apply_ready(s);
	}
}

/* What others have said of it before it came here was taken off already. */
static void coordinate(struct shard *s, struct tx *x, const struct run *cmd, struct tx_head h)
{
	h.shards[s->no / 64] &= ~((uint64_t)1 << s->no % 64);
	uint32_t n = (uint32_t)(__builtin_popcountll(h.shards[0]) +
				__builtin_popcountll(h.shards[1]));
	must(cmd->session != 0);
	x->prepare_n += n;
	x->done_n = n;
	x->shards[0] = h.shards[0];
	x->shards[1] = h.shards[1];
	x->session = cmd->session;
	x->channel = cmd->channel;
	x->arg = cmd->arg;
	if (n > 0)
		put(s, OUTCOME_TX_PREPARE, h.id, h.coordinator);
	if (x->prepare_n == 0)
		decide(s, x);
}

static void begin(struct shard *s, struct run *cmd)
{
	struct tx_head h = tx_head_of(cmd);
	if (s->is_volatile) {
		admit(s, cmd);
		if (h.coordinator == s->no)
			answer(s, &(struct tx){ .session = cmd->session,
						.channel = cmd->channel,
						.arg = cmd->arg });
		return;
	}
	must((h.shards[s->no / 64] >> s->no % 64) & 1);
	put(s, OUTCOME_TX_BEGIN, h.id, 0);
	admit(s, cmd);
	struct tx *x = find_or_make(s, h.id);
	x->coordinator = h.coordinator;
	x->is_whole = true;
	if (h.coordinator == s->no)
		coordinate(s, x, cmd, h);
	else
		put(s, OUTCOME_TX_PREPARE, h.id, h.coordinator);
}

static void prepared(struct shard *s, uint64_t id)
{
	struct tx *x = find_or_make(s, id);
	must(x->state == TX_OPEN);
	x->coordinator = s->no;
	x->prepare_n--;
	if (x->is_whole && x->prepare_n == 0)
		decide(s, x);
}

static void decided(struct shard *s, uint64_t id)
{
	struct tx *x = find(s, id);
	must(x && x->state == TX_PREPARED);
	x->state = TX_ENDING;
	put(s, OUTCOME_TX_END, id, 0);
}

static void done(struct shard *s, uint64_t id)
{
	struct tx *x = find(s, id);
	must(x && x->state == TX_ENDED && x->done_n > 0);
	x->done_n--;
	shard_touch(s);
}

void tx_command(struct shard *s, struct run *cmd)
{
	must(s->core != NULL);
	switch (cmd->kind) {
	case CMD_TX: begin(s, cmd); break;
	case CMD_TX_PREPARED: prepared(s, cmd->arg); break;
	case CMD_TX_DECIDED: decided(s, cmd->arg); break;
	case CMD_TX_DONE: done(s, cmd->arg); break;
	default: must(!"a command of a transaction");
	}
}

/* ---- the log ----------------------------------------------------------------------------- */

void tx_proposed(struct shard *s, const struct run *o, uint64_t index)
{
	struct tx *x = is_of_tx(o) ? find(s, o->arg) : NULL;
	must(index > 0);
	if (x && o->kind == OUTCOME_TX_PREPARE)
		x->prepare_index = index;
	if (x && o->kind == OUTCOME_TX_END)
		x->end_index = index;
}

static void ended(struct shard *s, struct tx *x)
{
	must(x->state == TX_ENDING);
	x->state = TX_ENDED;
	if (x->coordinator != s->no) {
		tell(s, CMD_TX_DONE, x->coordinator, x->id);
		return;
	}
	answer(s, x);
	tell_others(s, x);
}

void tx_durable(struct shard *s)
{
	uint64_t upto = s->repl.committed;
	for (size_t i = 0; i < s->txs.n; i++) {
		struct tx *x = deque_at(&s->txs, i);
		if (x->state == TX_OPEN && x->coordinator != s->no && x->prepare_index &&
		    x->prepare_index <= upto) {
			x->state = TX_PREPARED;
			tell(s, CMD_TX_PREPARED, x->coordinator, x->id);
		}
		if (x->state == TX_ENDING && x->end_index && x->end_index <= upto)
			ended(s, x);
	}
}

bool tx_holds(const struct shard *s, const struct run *o)
{
	if (o->kind != OUTCOME_TX_BEGIN)
		return false;
	const struct tx *x = find(s, o->arg);
	must(x != NULL);
	return x->state != TX_ENDED || x->done_n > 0;
}

bool tx_passed(struct shard *s, const struct run *o)
{
	if (!is_of_tx(o))
		return false;
	struct tx *x = o->kind == OUTCOME_TX_END ? find(s, o->arg) : NULL;
	must(!x || x->state == TX_ENDED);
	if (x)
		forget(s, x);
	return true;
}

/* ---- recovery ---------------------------------------------------------------------------- */

/* Messages of a part that is nothing were counted when they were read. */
static void drop_rows(struct shard *s, const struct run *o)
{
	const struct add_row *row = (const void *)(o + 1);
	must(outcome_adds(o->kind));
	for (uint32_t i = 0; i < o->n; i++) {
		struct freed gone = { row[i].loc, row[i].bytes, 1, row[i].flags };
		if (gone.flags & ENTRY_BIG)
			store_free(s->loop, &gone);
		else
			journal_live(s->loop->node->journal, gone.loc, -(int64_t)gone.bytes, -1);
	}
}

/* Takes the part at the head out, up to its end. */
static void drop_part(struct shard *s, uint64_t id)
{
	uint64_t index;
	uint32_t ordinal;
	struct run *o = outcomes_ready(&s->later, UINT64_MAX, &index, &ordinal);
	must(o && o->kind == OUTCOME_TX_BEGIN && o->arg == id);
	for (bool is_end = false; o && !is_end;) {
		is_end = is_of_tx(o) && o->kind != OUTCOME_TX_BEGIN && o->arg == id;
		if (outcome_adds(o->kind))
			drop_rows(s, o);
		outcomes_pop(&s->later);
		o = outcomes_ready(&s->later, UINT64_MAX, &index, &ordinal);
	}
	forget(s, find(s, id));
}

/* Applies what nothing undecided stands before. */
static void replay_ready(struct shard *s)
{
	uint64_t index;
	uint32_t ordinal;
	struct run *o;
	while ((o = outcomes_ready(&s->later, UINT64_MAX, &index, &ordinal)) != NULL) {
		if (o->kind == OUTCOME_TX_BEGIN && find(s, o->arg)->state == TX_ABORTED) {
			drop_part(s, o->arg);
			continue;
		}
		if (tx_holds(s, o))
			return;
		if (!tx_passed(s, o))
			shard_apply(s, o, index, ordinal, true);
		outcomes_pop(&s->later);
	}
}

static void replay_mark(struct shard *s, const struct run *o)
{
	struct node *n = s->loop->node;
	struct tx *x = o->kind == OUTCOME_TX_BEGIN ? find_or_make(s, o->arg) : find(s, o->arg);
	if (!x)
		return; /* of one whose part the checkpoint has */
	if (o->kind == OUTCOME_TX_PREPARE)
		x->coordinator = (uint16_t)o->queue;
	if (o->kind == OUTCOME_TX_ABORT)
		x->state = TX_ABORTED;
	if (o->kind != OUTCOME_TX_END)
		return;
	x->state = TX_ENDED;
	if (x->coordinator != s->no)
		return;
	enum err e = deque_push(&n->decided, &n->boot_memory.mem, &x->id);
	must(e == ERR_OK);
}

enum err tx_sound(const struct shard *s, const struct run *o)
{
	bool is_open = o->kind == OUTCOME_TX_BEGIN && find(s, o->arg);
	bool is_nowhere = o->kind == OUTCOME_TX_PREPARE &&
			  (o->queue == 0 || o->queue >= SHARDS_MAX);
	return is_open || is_nowhere ? ERR_CORRUPT : ERR_OK;
}

bool tx_replay(struct shard *s, struct run *o, const struct record *rec, uint32_t ordinal,
	       uint64_t loc)
{
	if (ABLATED(tx_atomicity))
		return false;
	if (s->later.runs_n == 0 && o->kind != OUTCOME_TX_BEGIN)
		return is_of_tx(o);
	struct run *copy = outcomes_run(&s->later, o, run_rows(o), o->row_bytes, o->n, run_tail(o));
	outcomes_propose(&s->later, rec->index, ordinal);
	if (outcome_adds(o->kind))
		shard_place(s, copy, loc, rec->body);
	if (is_of_tx(o))
		replay_mark(s, o);
	replay_ready(s);
	return true;
}

static bool is_decided(const struct node *n, uint64_t id)
{
	must(id != 0);
	for (size_t i = 0; i < n->decided.n; i++)
		if (*(uint64_t *)deque_at(&n->decided, i) == id)
			return true;
	return false;
}

/* What is decided here is logged before anything else is, so that the part has an end. */
static void recovered(struct shard *s)
{
	uint64_t index;
	uint32_t ordinal;
	struct run *o;
	while ((o = outcomes_ready(&s->later, UINT64_MAX, &index, &ordinal)) != NULL) {
		struct tx *x = find(s, o->arg);
		uint64_t id = o->arg;
		must(o->kind == OUTCOME_TX_BEGIN && x && x->state == TX_OPEN);
		bool holds = x->coordinator && is_decided(s->loop->node, id);
		put(s, holds ? OUTCOME_TX_END : OUTCOME_TX_ABORT, id, 0);
		x->state = holds ? TX_ENDED : TX_ABORTED;
		replay_ready(s);
	}
	shard_freed(s);
}

void tx_recovered(struct node *n)
{
	must(n->shards_n > LIMIT_SHARD_DATA_N);
	for (uint16_t no = 1; no <= LIMIT_SHARD_DATA_N; no++)
		recovered(n->shard[no]);
}
