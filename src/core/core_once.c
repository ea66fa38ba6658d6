#include "core/core_once.h"

#include "base/ablate.h"
#include "base/wr.h"

/* Queues that take nothing twice: a message says by a number which one it is, and another with that
 * number is passed over for as long as the first is in the queue. It has left when it is settled,
 * given for good, or dead, so that what it becomes as a dead letter may come back here.
 *
 *     admitted: expected --applied--> in a slot, counted --gone--> known no more
 *
 * Numbers stand in the log and in checkpoints, beside their entries; what is known is found from
 * these. After a crash two entries may have one number, because a dead letter came twice.
 */
#define COUNTED       (UINT64_C(1) << 63) /* in a slot: the queue knows it because of this one */
#define NUMBERS_BYTES (CHUNK_N * sizeof(uint64_t))

static struct map *known_of(const struct queue *q)
{
	return q->has->ruled ? q->has->ruled->once : NULL;
}

static void count_in(struct core *c, struct map *known, uint64_t number)
{
	uint64_t n = 0;
	must(number != 0 && !(number & COUNTED));
	if (map_make_room(known, c->mem, "messages that are known again") != ERR_OK)
		must(!"no memory for a number");
	(void)map_get(known, number, &n);
	map_put(known, number, n + 1);
}

static void count_out(struct map *known, uint64_t number)
{
	uint64_t n = 0;
	bool was_there = map_get(known, number, &n);
	must(was_there && n > 0);
	if (n > 1)
		map_put(known, number, n - 1);
	else
		(void)map_del(known, number, NULL);
}

/* ---- with and without --------------------------------------------------------------------- */

static void count_chunk(struct core *c, struct map *known, struct chunk *k)
{
	must(!k->is_cold);
	for (uint32_t i = 0; (i = (uint32_t)bits_next_set(k->live, CHUNK_N, i)) < CHUNK_N; i++)
		if (k->once[i]) {
			count_in(c, known, k->once[i]);
			k->once[i] |= COUNTED;
		}
}

void core_once_rules(struct core *c, struct queue *q, const struct queue_rules *rules)
{
	struct chunk *k = NULL;
	must(c->is_leading);
	if (rules->once == RULE_NONE || known_of(q))
		return;
	struct map *known = mem_get(c->mem, sizeof *known, "messages that are known again");
	must(known && q->has->ruled);
	*known = (struct map){ 0 };
	q->has->ruled->once = known;
	while ((k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL)
		if (k->once)
			count_chunk(c, known, k);
}

void core_once_forget(struct core *c, struct queue *q)
{
	struct map *known = known_of(q);
	if (!known)
		return;
	must(q->live_n == 0);
	map_fini(known, c->mem);
	mem_put(c->mem, known, sizeof *known);
	q->has->ruled->once = NULL;
}

/* ---- in ------------------------------------------------------------------------------------ */

uint64_t core_once_of(const struct queue *q, const struct run *cmd)
{
	uint64_t number = 0;
	struct slice tail = run_tail(cmd);
	if (ABLATED(once) || tail.n != sizeof number || !known_of(q))
		return 0;
	must(cmd->n == 1);
	memcpy(&number, tail.p, sizeof number);
	return number & ~COUNTED;
}

bool core_once_has(const struct queue *q, uint64_t number)
{
	must(known_of(q) != NULL);
	return map_find(known_of(q), number) != NULL;
}

void core_once_expect(struct core *c, struct queue *q, uint64_t number)
{
	must(!core_once_has(q, number));
	count_in(c, known_of(q), number);
}

void core_once_add(struct core *c, struct queue *q, const struct run *o, bool is_expected)
{
	struct chunk *k = queue_chunk(q, pos_chunk(q->tail_pos - 1));
	uint64_t number = 0;
	must(run_tail(o).n == sizeof number && k && k->used > 0);
	memcpy(&number, run_tail(o).p, sizeof number);
	core_once_get(c, k, k->used - 1, number);
	uint64_t *at = &k->once[k->used - 1];
	if (!known_of(q) || *at == 0)
		return;
	if (!is_expected)
		count_in(c, known_of(q), *at);
	*at |= COUNTED;
}

/* ---- gone ---------------------------------------------------------------------------------- */

void core_once_passed(struct queue *q, const struct run *o)
{
	uint64_t number = core_once_of(q, o);
	if (number)
		count_out(known_of(q), number);
}

void core_once_left(struct queue *q, struct chunk *k, uint32_t slot)
{
	must(slot < k->used);
	if (!(k->once[slot] & COUNTED))
		return;
	k->once[slot] &= ~COUNTED;
	count_out(known_of(q), k->once[slot]);
}

void core_once_drop(struct core *c, struct chunk *k)
{
	must(k->live_n == 0);
	if (k->once)
		mem_put(c->mem, k->once, NUMBERS_BYTES);
	k->once = NULL;
}

/* ---- to disk and back ---------------------------------------------------------------------- */

void core_once_put(const struct chunk *k, uint32_t slot, struct wr *w)
{
	must(slot < k->used);
	wr_le64(w, k->once ? k->once[slot] & ~COUNTED : 0);
}

void core_once_get(struct core *c, struct chunk *k, uint32_t slot, uint64_t number)
{
	must(slot < k->used);
	if (!k->once) {
		k->once = mem_get(c->mem, NUMBERS_BYTES, "numbers of messages");
		must(k->once != NULL);
		memset(k->once, 0, NUMBERS_BYTES);
	}
	k->once[slot] = number & ~COUNTED;
}

void core_once_check(const struct queue *q)
{
	const struct map *known = known_of(q);
	const struct chunk *k = NULL;
	uint64_t counted_n = 0, known_n = 0;
	size_t cursor = 0;
	while ((k = queue_next_used(q, k ? k->number + 1 : 0)) != NULL)
		for (uint32_t i = 0; k->once && i < k->used; i++)
			if (k->once[i] & COUNTED) {
				must(known && bits_test(k->live, i));
				must(map_find(known, k->once[i] & ~COUNTED));
				counted_n++;
			}
	for (const struct map_slot *m; known && (m = map_next(known, &cursor)) != NULL;)
		known_n += m->value;
	must(counted_n <= known_n); /* the rest is on its way */
}
