/* core_model_for_tests -- what a core should hold and say, as lists; for core_walk_test only.
 *
 * A walk plays a rig (core_for_tests.h) and keeps, for each queue, the list of what was published
 * to it, in order, and what has become of each. Every effect is compared with what the lists allow.
 * After a crash the lists are made anew from the log, without the core.
 */
#ifndef CORE_CORE_MODEL_FOR_TESTS_H
#define CORE_CORE_MODEL_FOR_TESTS_H
#include "base/prng.h"
#include "core/core_for_tests.h"

#define QUEUES        4u
#define ITEMS_MAX     6000u
#define NUMBERS_MAX   20000u
#define CONSUMERS_MAX 8u
#define UNITS_MAX     2000u
#define ASKS_MAX      4000u

enum state { WAITING, HELD, GONE };

struct item {
	uint64_t number, pos, born; /* born: when it was published, in steps */
	uint64_t consumer;          /* HELD: by whom, or by whom it was */
	uint32_t session;
	enum state state;
	bool must_redelivered, may_redelivered;
	bool is_placed; /* pos is one of this life */
};

struct model_queue {
	uint64_t id;
	bool is_durable, is_deleted; /* deleted: the catalog has been asked to remove it */
	uint32_t n;
	struct item item[ITEMS_MAX];
};

struct consumer_model {
	uint64_t arg; /* 0: none */
	uint32_t queue, session;
	bool is_no_ack;
	int64_t left;              /* credit */
	const struct item *latest; /* given in the effects that are being looked at */
};

/* What is known of a message, by its number. Masks are of queues. */
struct fate {
	uint64_t queue[QUEUES];         /* ids it was published to, durably */
	uint8_t logged, given, settled; /* settled: its removal was decided */
	bool wants_confirm, is_confirmed;
};

struct unit_saved {
	struct unit_key key;
	uint32_t len;
	uint8_t *bytes;
};

struct walk {
	struct rig *rig;
	uint64_t cold_n; /* chunks that were cold behind a checkpoint, summed up */
	struct prng prng;
	uint64_t steps, next_number, next_consumer, next_queue;
	struct model_queue queue[QUEUES];
	struct consumer_model consumer[CONSUMERS_MAX];
	struct fate fate[NUMBERS_MAX];
	uint64_t parsed;             /* records whose ADD rows are in `fate` */
	uint64_t asked_at[ASKS_MAX]; /* of GET and STAT, by ticket */
	uint32_t asks_n;
	uint64_t purged, purge_ticket;
	const struct item *deepest[QUEUES]; /* given in the effects that are being looked at */
	struct unit_saved unit[UNITS_MAX];
	uint32_t units_n;
	uint64_t checkpoint; /* index of the kept one */
};

static inline bool chance(struct walk *w, uint64_t num, uint64_t den)
{
	return prng_chance(&w->prng, num, den);
}

static inline uint32_t below(struct walk *w, uint32_t n)
{
	return (uint32_t)prng_below(&w->prng, n);
}

/* queue_at: the place of the queue with this id, which the model must know. */
static inline uint32_t queue_at(const struct walk *w, uint64_t id)
{
	for (uint32_t i = 0; i < QUEUES; i++)
		if (w->queue[i].id == id)
			return i;
	must(!"a queue of the model");
	return 0;
}

/* item_of: a message in a queue's list; NULL: it never was there. */
static inline struct item *item_of(struct model_queue *q, uint64_t number)
{
	for (uint32_t i = 0; i < q->n; i++)
		if (q->item[i].number == number)
			return &q->item[i];
	return NULL;
}

/* first_waiting: the message that is to be given next. */
static inline struct item *first_waiting(struct model_queue *q)
{
	for (uint32_t i = 0; i < q->n; i++)
		if (q->item[i].state == WAITING)
			return &q->item[i];
	return NULL;
}

/* waiting_since counts what waits and was published before a step. */
static inline uint64_t waiting_since(const struct model_queue *q, uint64_t before)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < q->n; i++)
		n += q->item[i].state == WAITING && q->item[i].born < before;
	return n;
}

/* consumer_of: by number; 0 finds a free place. */
static inline struct consumer_model *consumer_of(struct walk *w, uint64_t arg)
{
	for (uint32_t i = 0; i < CONSUMERS_MAX; i++)
		if (w->consumer[i].arg == arg)
			return &w->consumer[i];
	return NULL;
}

/* ---- the log, read without the core ------------------------------------------------------ */

static inline struct run *walk_room(void)
{
	static _Alignas(8) uint8_t room[LOGGED_RUN_BYTES];
	return (struct run *)(void *)room;
}

typedef void record_run(struct walk *w, const struct run *o, uint64_t index, uint32_t ordinal);

/* each_run shows every run of one record. */
static inline void each_run(struct walk *w, uint64_t index, record_run *see)
{
	const struct rig_record *rec = &w->rig->log[index];
	struct slice body = slice_of(rec->bytes, rec->len);
	struct rd r = rd_of(body);
	uint32_t ordinal = 0;
	while (rd_left(&r)) {
		struct run *o = walk_room();
		enum err err = logged_get(&r, body, o, LOGGED_RUN_BYTES);
		must(err == ERR_OK);
		see(w, o, index, ordinal);
		ordinal += outcome_enters(o->kind) ? o->n : 0;
	}
}

/* note_logged: these messages are in the log. */
static inline void note_logged(struct walk *w, const struct run *o, uint64_t index,
			       uint32_t ordinal)
{
	(void)ordinal;
	const struct add_row *row = (const void *)(o + 1);
	for (uint32_t i = 0; outcome_enters(o->kind) && i < o->n; i++) {
		uint64_t at = index << 32 | (row[i].loc + RIG_PLACE);
		struct fate *f = &w->fate[rig_number(w->rig, 0, at, RIG_STORED_BYTES)];
		for (uint32_t q = 0; q < QUEUES; q++)
			if (f->queue[q] == o->queue)
				f->logged |= (uint8_t)(1u << q);
	}
}

static inline void parse(struct walk *w)
{
	while (w->parsed < w->rig->committed)
		each_run(w, ++w->parsed, note_logged);
}

/* ---- effects ----------------------------------------------------------------------------- */

/* see_deliver: it was published, nobody else has it, and the flag tells the truth. */
static inline void see_deliver(struct walk *w, const struct rig_fx *fx)
{
	bool is_get = fx->run.flags & DELIVER_GET, is_no_ack = fx->run.arg & 1;
	uint32_t qi = queue_at(w, fx->run.queue);
	struct model_queue *q = &w->queue[qi];
	struct item *it = item_of(q, fx->number);
	bool is_redelivered = fx->deliver.flags & ENTRY_REDELIVERED;
	must(it && it->state == WAITING);
	if (!w->deepest[qi] || it > w->deepest[qi])
		w->deepest[qi] = it;
	must(!it->must_redelivered || is_redelivered);
	must(it->may_redelivered || !is_redelivered);
	if (!is_get) {
		struct consumer_model *s = consumer_of(w, fx->run.arg);
		must(s && s->queue == qi && s->left > 0 && s->latest < it);
		s->latest = it;
		s->left--;
		is_no_ack = s->is_no_ack;
		it->session = s->session;
	} else {
		it->session = 1;
	}
	it->consumer = is_get ? 0 : fx->run.arg;
	it->pos = fx->deliver.pos;
	it->is_placed = it->pos != 0;
	it->state = is_no_ack && !(fx->deliver.flags & ENTRY_SETTLE) ? GONE : HELD;
	it->must_redelivered = it->may_redelivered = true;
	w->fate[it->number].given |= (uint8_t)(1u << qi);
	if (it->state == GONE)
		w->fate[it->number].settled |= (uint8_t)(1u << qi);
}

/* see_confirm: once, and not before the log has every durable copy. */
static inline void see_confirm(struct walk *w, const struct rig_fx *fx)
{
	parse(w);
	uint64_t first = fx->run.arg + fx->confirm.first;
	for (uint64_t n = first; n < first + fx->confirm.n; n++) {
		struct fate *f = &w->fate[n];
		must(f->wants_confirm && !f->is_confirmed);
		f->is_confirmed = true;
		for (uint32_t i = 0; i < QUEUES; i++)
			must(!f->queue[i] || f->logged & 1u << i || w->queue[i].id != f->queue[i] ||
			     w->queue[i].is_deleted);
	}
}

/* see_reply: the numbers lie between what was there before and what is there now. */
static inline void see_reply(struct walk *w, const struct rig_fx *fx)
{
	const struct reply_row *a = &fx->reply;
	if (a->op == CMD_PURGE) {
		must(fx->run.arg == w->purge_ticket && a->a == w->purged);
		return;
	}
	if (a->op != CMD_GET && a->op != CMD_QUEUE_STAT)
		return;
	struct model_queue *q = &w->queue[queue_at(w, fx->run.queue)];
	uint64_t before = w->asked_at[fx->run.arg / 2];
	if (q->is_deleted)
		return;
	if (a->op == CMD_GET)
		must(a->err == ERR_NOT_FOUND && waiting_since(q, before) == 0);
	else
		must(a->a >= waiting_since(q, before) && a->a <= waiting_since(q, UINT64_MAX));
}

/* What was given came before all that still waits. */
static inline void see_end(struct walk *w)
{
	for (uint32_t i = 0; i < QUEUES; i++) {
		const struct item *first = first_waiting(&w->queue[i]);
		must(!w->deepest[i] || !first || first > w->deepest[i]);
		w->deepest[i] = NULL;
	}
	for (uint32_t i = 0; i < CONSUMERS_MAX; i++)
		w->consumer[i].latest = NULL;
}

/* see is what the rig calls. */
static inline void see(struct rig *r, const struct rig_fx *fx)
{
	struct walk *w = r->see_arg;
	if (!fx)
		see_end(w);
	else if (fx->run.kind == FX_DELIVER)
		see_deliver(w, fx);
	else if (fx->run.kind == FX_CONFIRM)
		see_confirm(w, fx);
	else if (fx->run.kind == FX_REPLY)
		see_reply(w, fx);
	else if (fx->run.kind == FX_CANCELLED)
		consumer_of(w, fx->run.arg)->arg = 0;
	else
		must(fx->run.kind == CMD_QUEUE_REMOVE);
}

/* ---- after a crash ----------------------------------------------------------------------- */

/* The model of what the log says: ADD appends, REMOVE takes out by id. Ids stand in pos. */
static inline void relive(struct walk *w, const struct run *o, uint64_t index, uint32_t ordinal)
{
	struct model_queue *q = NULL;
	for (uint32_t i = 0; i < QUEUES; i++)
		q = w->queue[i].id == o->queue && !w->queue[i].is_deleted ? &w->queue[i] : q;
	if (!q)
		return;
	const struct add_row *add = (const void *)(o + 1);
	for (uint32_t i = 0; outcome_enters(o->kind) && i < o->n; i++)
		q->item[q->n++] = (struct item){
			.number = rig_number(w->rig, 0, index << 32 | (add[i].loc + RIG_PLACE),
					     RIG_STORED_BYTES),
			.pos = index << 16 | (ordinal + i),
			.may_redelivered = true
		};
	const struct remove_row *gone = (const void *)(o + 1);
	for (uint32_t i = 0; o->kind == OUTCOME_REMOVE && i < o->n; i++)
		for (uint32_t k = 0; k < q->n; k++)
			if (q->item[k].pos >= gone[i].first_id && q->item[k].pos <= gone[i].last_id)
				q->item[k].state = GONE;
}

static inline void survivors(struct walk *w)
{
	for (uint32_t i = 0; i < QUEUES; i++) {
		struct model_queue *q = &w->queue[i];
		for (uint32_t k = 0; k < q->n; k++)
			q->item[k].must_redelivered = w->fate[q->item[k].number].given >> i & 1;
		for (uint64_t n = 1; n < w->next_number && !q->is_deleted; n++) {
			const struct fate *f = &w->fate[n];
			struct item *it = item_of(q, n);
			if (f->is_confirmed && f->queue[i] == q->id && !(f->settled >> i & 1))
				must(it && it->state == WAITING);
			if (it && it->state == WAITING) /* it came back: its settlement was lost */
				w->fate[n].settled &= (uint8_t) ~(1u << i);
		}
	}
}

/* ---- the checkpoint ----------------------------------------------------------------------- */

/* unit_save keeps a unit as a checkpoint does. */
static inline void unit_save(struct walk *w, struct unit_key key, const uint8_t *bytes,
			     uint32_t len)
{
	struct unit_saved *u = NULL;
	for (uint32_t i = 0; i < w->units_n; i++)
		if (w->unit[i].key.queue == key.queue && w->unit[i].key.chunk == key.chunk)
			u = &w->unit[i];
	if (!u) {
		must(w->units_n < UNITS_MAX);
		u = &w->unit[w->units_n++];
	}
	free(u->bytes);
	*u = (struct unit_saved){ .key = key, .len = len, .bytes = len ? malloc(len) : NULL };
	if (len)
		memcpy(u->bytes, bytes, len);
}

/* unit is what the rig asks for. */
static inline struct slice unit(struct rig *r, struct unit_key key)
{
	const struct walk *w = r->see_arg;
	for (uint32_t i = 0; i < w->units_n; i++)
		if (w->unit[i].key.queue == key.queue && w->unit[i].key.chunk == key.chunk)
			return slice_of(w->unit[i].bytes, w->unit[i].len);
	return SLICE_EMPTY;
}

/* restore reads all of them into an empty core. */
static inline void restore(struct walk *w, struct core *c)
{
	uint32_t from = w->units_n ? below(w, w->units_n) : 0;
	for (uint32_t i = 0; i < w->units_n; i++) {
		const struct unit_saved *u = &w->unit[(from + i) % w->units_n];
		if (!u->len)
			continue;
		enum err err = core_restore(c, u->key, slice_of(u->bytes, u->len));
		must(err == ERR_OK);
	}
	enum err err = core_restored(c);
	must(err == ERR_OK);
}
#endif
