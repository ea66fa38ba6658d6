/* orders_for_tests -- what the operator of a story says: `operator policy name='short' ...`. Each
 * order is an import of one thing, which the broker has answered when the next line is played.
 * test/scenario/orders.py says the same to the real daemon. Only for tests.
 */
#ifndef SIM_ORDERS_FOR_TESTS_H
#define SIM_ORDERS_FOR_TESTS_H
#include "auth/account.h"
#include "auth/grant.h"
#include "core/policy.h"
#include "session/amqp091/rules_of.h"
#include "sim/errand.h"
#include "sim/words_for_tests.h"
#include "sim/world_for_tests.h"
#include "wire/amqp091/table.h"

#define ORDER_BYTES 2048u

/* order_text is '/' for a virtual host that is not named. */
static inline struct slice order_text(const struct words *w, const char *name)
{
	const bool is_root = strcmp(name, "vhost") == 0 && !words_find(w, name);
	return is_root ? slice_str("/") : words_text(w, name);
}

static inline uint8_t order_applies_to(struct slice word)
{
	static const struct {
		const char *word;
		uint8_t bits;
	} rows[] = {
		{ "", 0xff },
		{ "exchanges", POLICY_EXCHANGES },
		{ "queues", POLICY_CLASSIC | POLICY_QUORUM | POLICY_STREAMS },
		{ "classic_queues", POLICY_CLASSIC },
		{ "quorum_queues", POLICY_QUORUM },
		{ "streams", POLICY_STREAMS },
	};
	size_t i = 0;
	while (!slice_eq(slice_str(rows[i].word), word))
		must(++i < sizeof rows / sizeof *rows);
	return rows[i].bits;
}

/* Each key is the argument of queues with x- before it. */
static inline struct queue_rules order_rules(const struct words *w)
{
	static const char *const others[] = {
		"forget", "name", "vhost", "pattern", "apply-to", "priority", "alternate-exchange"
	};
	struct queue_rules rules = rules_none();
	for (size_t i = 0; i < w->n; i++) {
		const struct word *x = &w->at[i];
		struct amqp091_value v = { .type = AMQP091_TYPE_LONG, .i = (int64_t)x->number };
		char argument[sizeof x->name + 2];
		bool is_other = false;
		for (size_t k = 0; k < sizeof others / sizeof *others; k++)
			is_other |= strcmp(x->name, others[k]) == 0;
		if (is_other)
			continue;
		if (x->text.p)
			v = (struct amqp091_value){ .type = AMQP091_TYPE_LONGSTR,
						    .octets = x->text };
		snprintf(argument, sizeof argument, "x-%s", x->name);
		enum err e = amqp091_rule_of(slice_str(argument), &v, &rules);
		must(e == ERR_OK);
	}
	return rules;
}

static inline struct fact order_policy(const struct words *w, enum fact_kind kind, uint8_t *buf)
{
	uint8_t room[RULES_BYTES_MAX];
	const struct queue_rules rules = order_rules(w);
	const struct policy p = { .pattern = order_text(w, "pattern"),
				  .rules = slice_of(room, rules_put(&rules, room, sizeof room)),
				  .alternate = order_text(w, "alternate-exchange"),
				  .json = slice_str("{}"),
				  .priority = (int64_t)words_number(w, "priority"),
				  .apply_to = order_applies_to(order_text(w, "apply-to")) };
	struct fact f = fact_of(kind, order_text(w, "vhost"), order_text(w, "name"), SLICE_EMPTY);
	f.value = slice_of(buf, policy_put(&p, buf, ORDER_BYTES));
	return f;
}

/* A password lies open in a simulation. */
static inline struct fact order_user(const struct words *w, uint8_t *buf)
{
	struct fact f = fact_of(FACT_USER, order_text(w, "name"), SLICE_EMPTY, SLICE_EMPTY);
	const struct account a = { .algorithm = slice_str("open"),
				   .hash = order_text(w, "password"),
				   .tags = { order_text(w, "tags") },
				   .tags_n = words_find(w, "tags") != NULL };
	f.value = slice_of(buf, account_put(&a, buf, ORDER_BYTES));
	return f;
}

static inline struct fact order_grant(const struct words *w, enum fact_kind kind, uint8_t *buf)
{
	struct fact f = fact_of(kind, order_text(w, "user"), order_text(w, "vhost"),
				order_text(w, "exchange"));
	const struct grant g = { .pattern = { [AUTH_CONFIGURE] = order_text(w, "configure"),
					      [AUTH_WRITE] = order_text(w, "write"),
					      [AUTH_READ] = order_text(w, "read") } };
	f.value = slice_of(buf, grant_put(&g, buf, ORDER_BYTES));
	return f;
}

static inline struct fact order_limits(const struct words *w, enum fact_kind kind, uint8_t *buf)
{
	const bool is_vhost = kind == FACT_VHOST_LIMITS;
	struct fact f = fact_of(kind, order_text(w, is_vhost ? "vhost" : "user"), SLICE_EMPTY,
				SLICE_EMPTY);
	const char *objects = is_vhost ? "max-queues" : "max-channels";
	const struct fact_limits l = {
		words_find(w, "max-connections") ? (int64_t)words_number(w, "max-connections") : -1,
		words_find(w, objects) ? (int64_t)words_number(w, objects) : -1,
	};
	fact_limits_put(&l, buf);
	f.value = slice_of(buf, FACT_LIMITS_BYTES);
	return f;
}

static inline struct fact order_fact(const struct words *w, const char *what, uint8_t *buf)
{
	if (strcmp(what, "policy") == 0)
		return order_policy(w, FACT_POLICY, buf);
	if (strcmp(what, "operator_policy") == 0)
		return order_policy(w, FACT_OPERATOR_POLICY, buf);
	if (strcmp(what, "user") == 0)
		return order_user(w, buf);
	if (strcmp(what, "permission") == 0)
		return order_grant(w, FACT_PERMISSION, buf);
	if (strcmp(what, "topic_permission") == 0)
		return order_grant(w, FACT_TOPIC_PERMISSION, buf);
	if (strcmp(what, "user_limits") == 0)
		return order_limits(w, FACT_USER_LIMITS, buf);
	must(strcmp(what, "vhost_limits") == 0);
	return order_limits(w, FACT_VHOST_LIMITS, buf);
}

/* A bound of an alarm, in bytes: `memory=5` or `disk=5`. */
static inline void order_bound(struct errand *e, const struct words *w, struct sock *sock)
{
	char line[64];
	const char *what = words_find(w, "disk") ? "disk" : "memory";
	snprintf(line, sizeof line, "limit %s %llu\n", what,
		 (unsigned long long)words_number(w, what));
	errand_ask(e, sock, line);
}

/* A fact that is made, or forgotten. */
static inline void order_change(struct errand *e, const struct words *w, bool is_end,
				struct sock *sock)
{
	uint8_t buf[ORDER_BYTES];
	const struct fact f = order_fact(w, w->verb, buf);
	must(f.value.n > 0);
	errand_begin(e, sock);
	if (is_end)
		errand_forget(e, &f);
	else
		errand_make(e, &f);
	errand_send(e);
}

static void world_order(struct world *w, const char *line)
{
	struct words *said = malloc(sizeof *said);
	struct errand *e = calloc(1, sizeof *e);
	must(said != NULL && e != NULL);
	const bool is_end = strncmp(line, "forget ", 7) == 0;
	words_read(said, line + (is_end ? 7 : 0));
	const bool is_bound = strcmp(said->verb, "limit") == 0;
	struct sock *sock = sock_connect(&w->host.socks, 0);
	if (is_bound)
		order_bound(e, said, sock);
	else
		order_change(e, said, is_end, sock);
	while (errand_talk(e, &w->host.socks) || e->sock)
		world_run(w);
	must(is_bound ? strncmp(e->said, "limit_bytes: ", 13) == 0 : errand_is_done(e));
	free(e);
	free(said);
}
#endif
