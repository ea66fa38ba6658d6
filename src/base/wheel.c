#include "base/wheel.h"

#include "base/bits.h"

#define FAR        WHEEL_LEVELS
#define GROUP_BITS 6

/* Where a timer lies: one number for level and slot; `far` is a level of one slot. */
static unsigned slot_of(const struct wheel *w, uint64_t at_ms)
{
	must(at_ms >= w->now_ms);
	uint64_t differ = (at_ms ^ w->now_ms) | 1;
	unsigned level = bits_highest(differ) / GROUP_BITS;
	if (level >= WHEEL_LEVELS)
		return FAR * WHEEL_SLOTS;
	return level * WHEEL_SLOTS + (unsigned)(at_ms >> (GROUP_BITS * level) & (WHEEL_SLOTS - 1));
}

/* starts_ms: when `now_ms` enters that slot. */
static uint64_t starts_ms(const struct wheel *w, unsigned slot)
{
	unsigned level = slot / WHEEL_SLOTS, shift = GROUP_BITS * (level + 1);
	uint64_t block = w->now_ms >> shift << shift;
	if (level == FAR)
		return ((w->now_ms >> (GROUP_BITS * FAR)) + 1) << (GROUP_BITS * FAR);
	return block + ((uint64_t)(slot % WHEEL_SLOTS) << (GROUP_BITS * level));
}

/* first_slot gives the slot that comes first, or false without timers. A level's timers all come
 * before those of the levels above it. */
static bool first_slot(const struct wheel *w, unsigned *out_slot)
{
	for (unsigned level = 0; level <= FAR; level++)
		if (w->occupied[level]) {
			*out_slot = level * WHEEL_SLOTS + bits_lowest(w->occupied[level]);
			return true;
		}
	return false;
}

static bool is_occupied(const struct wheel *w, unsigned slot)
{
	return w->occupied[slot / WHEEL_SLOTS] >> slot % WHEEL_SLOTS & 1;
}

static void enter(struct wheel *w, struct wheel_timer *t)
{
	uint64_t at_ms = max_u64(t->at_ms, w->now_ms);
	unsigned slot = slot_of(w, at_ms);
	if (!is_occupied(w, slot)) {
		list_init(&w->slots[slot]);
		w->soonest_ms[slot] = WHEEL_NEVER;
	}
	w->soonest_ms[slot] = min_u64(w->soonest_ms[slot], at_ms);
	w->occupied[slot / WHEEL_SLOTS] |= UINT64_C(1) << slot % WHEEL_SLOTS;
	t->slot = (uint16_t)slot;
	list_push(&w->slots[slot], &t->node);
}

static void leave(struct wheel *w, struct wheel_timer *t)
{
	list_remove(&t->node);
	if (list_is_empty(&w->slots[t->slot]))
		w->occupied[t->slot / WHEEL_SLOTS] &= ~(UINT64_C(1) << t->slot % WHEEL_SLOTS);
}

void wheel_init(struct wheel *w, uint64_t now_ms)
{
	w->now_ms = now_ms;
	for (unsigned level = 0; level <= FAR; level++)
		w->occupied[level] = 0;
}

void wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t at_ms)
{
	wheel_cancel(w, t);
	t->at_ms = at_ms;
	enter(w, t);
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
	if (wheel_is_set(t))
		leave(w, t);
}

/* spread lets every timer of a slot that `now_ms` has entered find its new, lower place. */
static void spread(struct wheel *w, unsigned slot)
{
	struct list all;
	list_init(&all);
	list_move_all(&all, &w->slots[slot]);
	w->occupied[slot / WHEEL_SLOTS] &= ~(UINT64_C(1) << slot % WHEEL_SLOTS);
	for (struct list_node *n; (n = list_pop(&all));)
		enter(w, containerof(n, struct wheel_timer, node));
}

struct wheel_timer *wheel_pop(struct wheel *w, uint64_t now_ms)
{
	must(now_ms >= w->now_ms);
	for (unsigned slot; first_slot(w, &slot);) {
		uint64_t at_ms = starts_ms(w, slot);
		if (at_ms > now_ms)
			break;
		w->now_ms = at_ms;
		if (slot >= WHEEL_SLOTS) {
			spread(w, slot);
			continue;
		}
		struct list_node *n = list_first(&w->slots[slot]);
		struct wheel_timer *t = containerof(n, struct wheel_timer, node);
		leave(w, t);
		return t;
	}
	w->now_ms = now_ms;
	return NULL;
}

uint64_t wheel_next_ms(const struct wheel *w)
{
	unsigned slot;
	return first_slot(w, &slot) ? w->soonest_ms[slot] : WHEEL_NEVER;
}

void wheel_check(const struct wheel *w)
{
	for (unsigned slot = 0; slot <= FAR * WHEEL_SLOTS; slot++) {
		if (!is_occupied(w, slot))
			continue;
		must(!list_is_empty(&w->slots[slot]));
		LIST_EACH (&w->slots[slot], n) {
			const struct wheel_timer *t = containerof(n, struct wheel_timer, node);
			must(t->slot == slot);
			must(slot_of(w, max_u64(t->at_ms, w->now_ms)) == slot);
			must(w->soonest_ms[slot] <= max_u64(t->at_ms, w->now_ms));
		}
	}
}
