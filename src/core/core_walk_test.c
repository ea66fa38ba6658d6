/* Random walks: commands, commits, checkpoints and crashes, in any order. */
#include "core/core_model_for_tests.h"

/* ---- steps ------------------------------------------------------------------------------- */

static struct run head_of(uint8_t kind, uint64_t queue, uint64_t arg, uint32_t session)
{
	struct run h = rig_head(kind, queue, arg);
	h.session = RIG_SESSION(session);
	return h;
}

static void admit(struct walk *w, struct run head, const void *rows, uint32_t row_bytes, uint32_t n)
{
	rig_admit(w->rig, head, rows, row_bytes, n);
	if (chance(w, 3, 4))
		rig_give(w->rig);
}

static void open_queue(struct walk *w, uint32_t i)
{
	struct model_queue *q = &w->queue[i];
	*q = (struct model_queue){ .id = w->next_queue++, .is_durable = chance(w, 3, 4) };
	for (uint32_t n = 0; n < NUMBERS_MAX; n++) {
		uint8_t rest = (uint8_t) ~(1u << i);
		w->fate[n].queue[i] = 0;
		w->fate[n].logged &= rest;
		w->fate[n].given &= rest;
		w->fate[n].settled &= rest;
	}
	struct run h = head_of(CMD_QUEUE_OPEN, q->id, 0, 1);
	h.flags = q->is_durable ? QUEUE_DURABLE : 0;
	rig_admit(w->rig, h, NULL, 0, 0);
}

static uint32_t one_message(struct walk *w, struct publish_row *row, uint64_t first)
{
	uint64_t number = w->next_number++;
	bool is_persistent = chance(w, 1, 2), wants_confirm = chance(w, 2, 3);
	uint32_t copies = chance(w, 1, 4) ? 1 + below(w, QUEUES) : 1, q = below(w, QUEUES);
	uint64_t mem = rig_message(w->rig, number, copies);
	struct fate *f = &w->fate[number];
	f->wants_confirm = wants_confirm;
	for (uint32_t i = 0; i < copies; i++, q = (q + 1) % QUEUES) {
		struct model_queue *m = &w->queue[q];
		row[i] = (struct publish_row){ .mem = mem,
					       .queue = m->id,
					       .bytes = RIG_STORED_BYTES,
					       .seq_delta = (uint16_t)(number - first) };
		row[i].flags = (uint8_t)((is_persistent ? ENTRY_PERSISTENT : 0) |
					 (i ? ENTRY_SAME : 0) |
					 (wants_confirm && i + 1 == copies ? ENTRY_CONFIRM : 0));
		if (m->is_deleted)
			continue;
		f->queue[q] = is_persistent && m->is_durable ? m->id : 0;
		must(m->n < ITEMS_MAX);
		m->item[m->n++] = (struct item){ .number = number, .born = w->steps };
	}
	return copies;
}

/* Another session comes between, with a message for a queue that is not there. */
static void publish_to_nobody(struct walk *w, uint32_t session)
{
	if (w->next_number == NUMBERS_MAX)
		return;
	uint64_t number = w->next_number++;
	struct publish_row row = { .mem = rig_message(w->rig, number, 1),
				   .queue = 1ull << 40,
				   .bytes = RIG_STORED_BYTES,
				   .flags = ENTRY_CONFIRM };
	w->fate[number].wants_confirm = true;
	rig_admit(w->rig, head_of(CMD_PUBLISH, 0, number, session), &row, sizeof row, 1);
	must(w->fate[number].is_confirmed);
}

static void step_publish(struct walk *w)
{
	struct publish_row row[LIMIT_RUN_ROWS_MAX];
	uint32_t n = 0, messages = chance(w, 1, 8) ? 60 : 1 + below(w, 6);
	uint64_t first = w->next_number;
	for (uint32_t i = 0; i < messages && w->next_number < NUMBERS_MAX; i++)
		n += one_message(w, row + n, first);
	if (n == 0)
		return;
	uint32_t cut = chance(w, 1, 4) ? below(w, n) : 0; /* a message may span two runs */
	struct run h = head_of(CMD_PUBLISH, 0, first, 1 + below(w, 3));
	if (cut)
		rig_admit(w->rig, h, row, sizeof *row, cut);
	if (cut && chance(w, 1, 2))
		publish_to_nobody(w, 4);
	admit(w, h, row + cut, sizeof *row, n - cut);
}

static void step_subscribe(struct walk *w)
{
	struct consumer_model *s = consumer_of(w, 0);
	uint32_t q = below(w, QUEUES);
	if (!s || w->queue[q].is_deleted)
		return;
	bool is_unlimited = chance(w, 1, 3);
	*s = (struct consumer_model){ .arg = w->next_consumer++,
				      .queue = q,
				      .session = 1 + below(w, 3),
				      .is_no_ack = chance(w, 1, 3) };
	s->left = is_unlimited ? INT32_MAX : below(w, 6);
	struct subscribe_row row = {
		{ is_unlimited ? CREDIT_NO_LIMIT : (uint32_t)s->left, CREDIT_NO_LIMIT }, 0
	};
	struct run h = head_of(CMD_SUBSCRIBE, w->queue[q].id, s->arg, s->session);
	h.flags = s->is_no_ack ? SUBSCRIBE_NO_ACK : 0;
	admit(w, h, &row, sizeof row, 1);
}

static void step_unsubscribe(struct walk *w)
{
	struct consumer_model *s = &w->consumer[below(w, CONSUMERS_MAX)];
	if (!s->arg || w->queue[s->queue].is_deleted)
		return;
	rig_give(w->rig); /* what it has been given already is told before it ends */
	admit(w, head_of(CMD_UNSUBSCRIBE, w->queue[s->queue].id, s->arg, s->session), NULL, 0, 0);
	s->arg = 0;
}

static void step_session_gone(struct walk *w)
{
	uint32_t session = 2 + below(w, 2);
	rig_give(w->rig);
	admit(w, head_of(CMD_SESSION_GONE, 0, 0, session), NULL, 0, 0);
	for (uint32_t i = 0; i < CONSUMERS_MAX; i++)
		if (w->consumer[i].session == session)
			w->consumer[i].arg = 0;
}

static void step_credit(struct walk *w)
{
	struct consumer_model *s = &w->consumer[below(w, CONSUMERS_MAX)];
	struct credit_row row = { below(w, 5), 0 };
	if (!s->arg)
		return;
	s->left += row.messages;
	admit(w, head_of(CMD_CREDIT, w->queue[s->queue].id, s->arg, s->session), &row, sizeof row,
	      1);
}

static void settle_item(struct walk *w, uint32_t qi, struct item *it, enum settle how)
{
	struct consumer_model *s = it->consumer ? consumer_of(w, it->consumer) : NULL;
	if (s && !s->is_no_ack)
		s->left++;
	it->state = how == SETTLE_RELEASE ? WAITING : GONE;
	if (how != SETTLE_RELEASE)
		w->fate[it->number].settled |= (uint8_t)(1u << qi);
}

/* Settles some of what one consumer holds, with a few wrong positions among them. */
static void step_settle(struct walk *w)
{
	struct settle_row row[40];
	uint32_t qi = below(w, QUEUES), n = 0, from;
	struct model_queue *q = &w->queue[qi];
	const struct item *first = NULL;
	enum settle how = chance(w, 2, 3) ? SETTLE_ACCEPT : (enum settle)below(w, 3);
	rig_give(w->rig);
	if (q->n == 0)
		return;
	from = chance(w, 1, 2) ? 0 : below(w, q->n);
	for (uint32_t i = from; i < q->n && n < 36; i++) {
		struct item *it = &q->item[i];
		if (it->state == GONE && it->is_placed && first && chance(w, 1, 9))
			row[n++] = (struct settle_row){ .pos = it->pos,
							.how = how }; /* once more */
		if (it->state != HELD || (first && it->consumer != first->consumer) ||
		    chance(w, 1, 9))
			continue;
		first = it;
		if (chance(w, 1, 9))
			how = (enum settle)below(w, 3);
		row[n++] = (struct settle_row){ .pos = it->pos, .how = how };
		if (chance(w, 1, 20) && !q->is_deleted)
			row[n++] = (struct settle_row){ .pos = it->pos + 100000, .how = how };
		settle_item(w, qi, it, how);
	}
	if (n)
		admit(w, head_of(CMD_SETTLE, q->id, first->consumer, first->session), row,
		      sizeof *row, n);
}

/* Tickets of GET are odd if they want no ack: the model sees it in the answer. */
static void step_ask(struct walk *w)
{
	const struct model_queue *q = &w->queue[below(w, QUEUES)];
	bool is_get = chance(w, 2, 3), is_no_ack = is_get && chance(w, 1, 2);
	if (q->is_deleted || w->asks_n == ASKS_MAX)
		return;
	w->asked_at[w->asks_n] = w->steps;
	struct run h = head_of(is_get ? CMD_GET : CMD_QUEUE_STAT, q->id,
			       w->asks_n++ * 2 + is_no_ack, 1);
	h.flags = is_no_ack ? GET_NO_ACK : 0;
	rig_give(w->rig);
	admit(w, h, NULL, 0, 0);
}

/* When nothing waits for the log, both hold the same number of messages. */
static void agree(struct walk *w)
{
	must(w->rig->later.runs_n == 0);
	for (uint32_t i = 0; i < QUEUES; i++) {
		const struct model_queue *m = &w->queue[i];
		const struct queue *q = core_find_queue(w->rig->core, m->id);
		uint64_t waiting = waiting_since(m, UINT64_MAX), held = 0;
		for (uint32_t k = 0; k < m->n; k++)
			held += m->item[k].state == HELD;
		must(m->is_deleted || (q->ready_n == waiting && q->live_n == waiting + held));
	}
}

static void step_purge(struct walk *w)
{
	uint32_t qi = below(w, QUEUES);
	struct model_queue *q = &w->queue[qi];
	if (q->is_deleted)
		return;
	rig_commit(w->rig);
	agree(w);
	w->purged = waiting_since(q, UINT64_MAX);
	w->purge_ticket = w->steps;
	for (uint32_t i = 0; i < q->n; i++)
		if (q->item[i].state == WAITING) {
			q->item[i].state = GONE;
			w->fate[q->item[i].number].settled |= (uint8_t)(1u << qi);
		}
	rig_admit(w->rig, head_of(CMD_PURGE, q->id, w->steps, 1), NULL, 0, 0);
	rig_commit(w->rig);
}

static void step_delete(struct walk *w)
{
	uint32_t qi = below(w, QUEUES);
	struct model_queue *q = &w->queue[qi];
	rig_give(w->rig);
	if (!q->is_deleted) {
		q->is_deleted = true;
		for (uint32_t i = 0; i < q->n; i++)
			q->item[i].state = GONE;
		admit(w, head_of(CMD_QUEUE_DELETE, q->id, w->steps, 1), NULL, 0, 0);
		return;
	}
	rig_admit(w->rig, head_of(CMD_QUEUE_DROP, q->id, w->steps, 1), NULL, 0, 0);
	rig_commit(w->rig);
	open_queue(w, qi);
}

static void step_commit(struct walk *w)
{
	struct rig *r = w->rig;
	if (chance(w, 1, 2))
		rig_propose(r);
	if (chance(w, 2, 3))
		rig_commit_to(r,
			      r->committed + below(w, (uint32_t)(r->proposed - r->committed) + 1));
	else if (chance(w, 1, 2))
		rig_commit(r);
}

static int64_t live_bytes(struct core *c)
{
	struct live_walk at = { 0 };
	struct freed e;
	int64_t sum = 0;
	while (core_live_next(c, &at, &e))
		sum += (int64_t)e.bytes;
	int64_t many = 0;
	for (at = (struct live_walk){ 0 }; core_live_next_many(c, &at, &e);)
		many += (int64_t)e.bytes;
	must(many == sum);
	return sum;
}

static void step_relocate(struct walk *w)
{
	struct live_walk at = { 0 };
	struct freed e;
	uint32_t skip = below(w, 50);
	while (core_live_next(w->rig->core, &at, &e))
		if (skip-- == 0) {
			if (at.id == 0) {
				(void)core_live_again(w->rig->core, &at);
				return;
			}
			uint64_t moved = e.loc ^ RIG_MOVED;
			must(!core_relocate(w->rig->core, at.queue, at.id, moved, e.loc));
			must(!core_relocate(w->rig->core, at.queue, at.id + 1, e.loc, moved));
			bool may = core_may_move(w->rig->core, &at);
			must(core_relocate(w->rig->core, at.queue, at.id, e.loc, moved) == may);
			return;
		}
}

/* ---- checkpoints and crashes ------------------------------------------------------------- */

static void step_checkpoint(struct walk *w)
{
	static uint8_t buf[CHECKPOINT_UNIT_MAX];
	struct unit_key key;
	uint32_t len;
	bool is_kept = chance(w, 2, 3);
	core_checkpoint_begin(w->rig->core);
	while (core_checkpoint_next(w->rig->core, &key, buf, sizeof buf, &len)) {
		if (is_kept)
			unit_save(w, key, buf, len);
		if (chance(w, 1, 5))
			step_settle(w); /* only what is transient goes at once */
	}
	core_checkpoint_end(w->rig->core, is_kept);
	w->cold_n += w->rig->core->chunks.cold_n;
	if (is_kept)
		w->checkpoint = w->rig->committed;
}

static void reopen(struct walk *w)
{
	for (uint32_t i = 0; i < QUEUES; i++) {
		struct model_queue *q = &w->queue[i];
		struct run h = head_of(CMD_QUEUE_OPEN, q->id, 0, 1);
		h.flags = q->is_durable ? QUEUE_DURABLE : 0;
		if (!q->is_deleted)
			rig_admit(w->rig, h, NULL, 0, 0);
	}
	for (uint64_t id = 0; (id = core_queue_next(w->rig->core, id)) != 0;) {
		bool is_known = false;
		for (uint32_t i = 0; i < QUEUES; i++)
			is_known |= w->queue[i].id == id;
		if (!is_known)
			rig_admit(w->rig, head_of(CMD_QUEUE_DROP, id, 0, 1), NULL, 0, 0);
	}
}

static void step_crash(struct walk *w)
{
	struct rig *r = w->rig;
	rig_give(r);
	uint64_t end = r->committed + below(w, (uint32_t)(r->proposed - r->committed) + 1);
	rig_crash(r);
	rig_replay(r, r->core, 0, end);
	core_check(r->core);
	must(r->live_bytes - live_bytes(r->core) >= 0);
	struct digest_sum whole = rig_digest(r->core);
	rig_crash(r);
	restore(w, r->core);
	core_check(r->core);
	r->live_bytes = live_bytes(r->core);
	rig_replay(r, r->core, w->checkpoint, end);
	rig_freed(r);
	core_check(r->core);
	must(r->live_bytes == live_bytes(r->core));
	must(digest_eq(whole, rig_digest(r->core)));
	r->proposed = r->committed = end;
	w->parsed = min_u64(w->parsed, end);
	memset(w->consumer, 0, sizeof w->consumer);
	for (uint32_t i = 0; i < QUEUES; i++)
		w->queue[i].n = 0;
	for (uint64_t i = 1; i <= end; i++)
		each_run(w, i, relive);
	survivors(w);
	reopen(w);
}

/* ---- the walk ---------------------------------------------------------------------------- */

static void step(struct walk *w)
{
	static void (*const often[])(struct walk *) = {
		step_publish, step_publish, step_publish,   step_settle, step_settle,
		step_commit,  step_commit,  step_subscribe, step_credit, step_ask,
	};
	static void (*const rarely[])(struct walk *) = {
		step_unsubscribe, step_unsubscribe, step_session_gone, step_purge,    step_delete,
		step_delete,      step_checkpoint,  step_checkpoint,   step_relocate, step_crash,
	};
	w->steps++;
	if (chance(w, 1, 3))
		rig_bring(w->rig, below(w, 3));
	if (chance(w, 1, 12))
		rarely[below(w, 10)](w);
	else
		often[below(w, 10)](w);
	if (chance(w, 1, 16))
		core_check(w->rig->core);
	must(w->rig->live_bytes >= 0);
}

/* At the end everything can be drained, in order, and is. */
static void drain(struct walk *w)
{
	struct rig *r = w->rig;
	for (uint32_t i = 0; i < CONSUMERS_MAX; i++)
		w->consumer[i].arg = 0;
	for (uint32_t s = 1; s <= 3; s++)
		rig_admit(r, head_of(CMD_SESSION_GONE, 0, 0, s), NULL, 0, 0);
	for (uint32_t i = 0; i < QUEUES; i++) {
		struct subscribe_row row = { { CREDIT_NO_LIMIT, CREDIT_NO_LIMIT }, 0 };
		struct run h = head_of(CMD_SUBSCRIBE, w->queue[i].id, w->next_consumer++, 1);
		h.flags = SUBSCRIBE_NO_ACK;
		if (w->queue[i].is_deleted)
			continue;
		w->consumer[i] = (struct consumer_model){
			.arg = h.arg, .queue = i, .session = 1, .is_no_ack = true, .left = INT32_MAX
		};
		rig_admit(r, h, &row, sizeof row, 1);
	}
	rig_commit(r);
	core_check(r->core);
	agree(w);
	for (uint32_t i = 0; i < QUEUES; i++)
		must(!first_waiting(&w->queue[i]));
	for (uint64_t n = 1; n < w->next_number; n++)
		must(w->fate[n].is_confirmed <= w->fate[n].wants_confirm);
}

static void walk(uint64_t seed, uint32_t steps, uint64_t *io_cold, uint64_t *io_read)
{
	struct walk *w = calloc(1, sizeof *w);
	must(w != NULL);
	w->prng = prng_of(seed);
	w->rig = rig_new();
	w->rig->see = see;
	w->rig->see_arg = w;
	w->rig->unit = unit;
	w->rig->is_slow = chance(w, 1, 2);
	if (chance(w, 3, 4)) {
		w->rig->entries_max = 0;
		core_entries_limit(w->rig->core, 0);
	}
	w->next_number = w->next_consumer = w->next_queue = 1;
	if (chance(w, 1, 2))
		core_cache_limit(w->rig->core, below(w, 2000));
	for (uint32_t i = 0; i < QUEUES; i++)
		open_queue(w, i);
	for (uint32_t i = 0; i < steps; i++)
		step(w);
	drain(w);
	*io_read += w->rig->core->cold.read_n;
	*io_cold += w->cold_n;
	for (uint32_t i = 0; i < w->units_n; i++)
		free(w->unit[i].bytes);
	rig_free(w->rig);
	free(w);
}

static void random_walks_agree_with_the_lists(void **s)
{
	(void)s;
	const char *from = getenv("SEED"), *n = getenv("SEEDS");
	uint64_t first = from ? strtoull(from, NULL, 10) : 1;
	uint64_t last = first + (n ? strtoull(n, NULL, 10) : 60);
	uint64_t cold_n = 0, read_n = 0;
	for (uint64_t seed = first; seed < last; seed++) {
		if (n)
			fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
		walk(seed, 600, &cold_n, &read_n);
	}
	must(cold_n > 2 * (last - first) && read_n > last - first);
	if (n)
		fprintf(stderr, "cold %llu read %llu\n", (unsigned long long)cold_n,
			(unsigned long long)read_n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_walks_agree_with_the_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
