/* catalog_model_for_tests -- the simplest thing that answers like a catalog: lists that are looked
 * through from end to end. catalog_walk_test compares.
 */
#ifndef CORE_CATALOG_MODEL_FOR_TESTS_H
#define CORE_CATALOG_MODEL_FOR_TESTS_H
#include "core/catalog.h"
#include "core/headers_for_tests.h"
#include "core/topic_for_tests.h"

#define XS           8
#define QS           12
#define BINDINGS_MAX 6000

struct model_x {
	bool is;
	const char *type;
	unsigned flags;
	int alternate; /* -1: none */
};
struct model_q {
	bool is;
	unsigned flags;
	uint64_t owner;
};
struct model_b {
	int x, q, to; /* q or to: -1 */
	char key[40];
	char arguments[24];
};

struct model {
	struct model_x x[XS];
	struct model_q q[QS];
	struct model_b *b;
	size_t b_n;
};

static const char *const x_names[XS] = { "amq.direct", "amq.topic", "amq.fanout", "x3",
					 "x4",         "x5",        "x6",         "x7" };
static const char *const types[4] = { "direct", "topic", "fanout", "headers" };
static const char *const q_names[QS] = { "a",  "b",  "a.b", "",   "ab", "q5",
					 "q6", "q7", "q8",  "q9", "qA", "qB" };

static inline bool is_durable(const struct model *m, const struct model_b *b)
{
	bool is_end = b->q >= 0 ? m->q[b->q].flags & QUEUE_DURABLE
				: m->x[b->to].flags & EXCHANGE_DURABLE;
	return m->x[b->x].flags & EXCHANGE_DURABLE && is_end;
}

static inline size_t count_of_x(const struct model *m, int x)
{
	size_t n = 0;
	for (size_t i = 0; i < m->b_n; i++)
		n += m->b[i].x == x;
	return n;
}

static inline void model_drop_x(struct model *m, int x);

/* Takes a binding out, and its exchange with it when it was the last of an auto-delete one. */
static inline void model_unbind(struct model *m, size_t i)
{
	int x = m->b[i].x;
	m->b[i] = m->b[--m->b_n];
	if (m->x[x].flags & EXCHANGE_AUTO_DELETE && m->x[x].is && count_of_x(m, x) == 0)
		model_drop_x(m, x);
}

static inline void model_drop_queue(struct model *m, int q)
{
	for (size_t i = 0; i < m->b_n;)
		if (m->b[i].q == q) {
			model_unbind(m, i);
			i = 0;
		} else {
			i++;
		}
	m->q[q].is = false;
}

static inline void model_drop_x(struct model *m, int x)
{
	m->x[x].is = false;
	for (size_t i = m->b_n; i-- > 0;)
		if (m->b[i].x == x)
			m->b[i] = m->b[--m->b_n];
	for (size_t i = 0; i < m->b_n;)
		if (m->b[i].to == x) {
			model_unbind(m, i);
			i = 0;
		} else {
			i++;
		}
}

static inline size_t find_binding(const struct model *m, const struct model_b *b)
{
	size_t i = 0;
	while (i < m->b_n &&
	       !(m->b[i].x == b->x && m->b[i].q == b->q && m->b[i].to == b->to &&
		 strcmp(m->b[i].key, b->key) == 0 && strcmp(m->b[i].arguments, b->arguments) == 0))
		i++;
	return i;
}

static inline bool model_matches(const struct model *m, const struct model_b *b, const char *key,
				 const char *headers)
{
	switch (m->x[b->x].type[0]) {
	case 'f': return true;
	case 'd': return strcmp(b->key, key) == 0;
	case 't': return naive_match(b->key, key);
	default: return naive_headers(b->arguments, headers);
	}
}

/* Marks where a message to x goes: bit q for each queue. */
static inline void model_route(const struct model *m, int x, const char *key, const char *headers,
			       unsigned *seen, unsigned *to)
{
	bool has_matched = false;
	if (*seen & 1u << x)
		return;
	*seen |= 1u << x;
	for (size_t i = 0; i < m->b_n; i++) {
		const struct model_b *b = &m->b[i];
		if (b->x != x || !model_matches(m, b, key, headers))
			continue;
		has_matched = true;
		if (b->q >= 0)
			*to |= 1u << b->q;
		else
			model_route(m, b->to, key, headers, seen, to);
	}
	int alternate = m->x[x].alternate;
	if (!has_matched && alternate >= 0 && m->x[alternate].is)
		model_route(m, alternate, key, headers, seen, to);
}

static inline void model_forget_transient(struct model *m)
{
	for (size_t i = m->b_n; i-- > 0;)
		if (!is_durable(m, &m->b[i]))
			m->b[i] = m->b[--m->b_n];
	for (int x = 3; x < XS; x++)
		m->x[x].is = m->x[x].is && m->x[x].flags & EXCHANGE_DURABLE;
	for (int q = 0; q < QS; q++)
		m->q[q].is = m->q[q].is && m->q[q].flags & QUEUE_DURABLE;
}
#endif
