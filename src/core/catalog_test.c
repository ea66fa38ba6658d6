#include "core/catalog_for_tests.h"
#include "core/catalog_state.h"
#include "core/exchange.h"
#include "core/exchange_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LOCKED(q)                                                                             \
	"cannot obtain exclusive access to locked queue '" q "' in vhost '/'. It could be "   \
	"originally declared on another connection or the exclusive property value does not " \
	"match "                                                                              \
	"that of the original declaration."

static void an_empty_catalog_has_what_every_broker_has(void **s)
{
	(void)s;
	static const char *const names[] = {
		"",          "amq.direct",        "amq.fanout", "amq.topic", "amq.headers",
		"amq.match", "amq.rabbitmq.trace"
	};
	struct world w;
	uint16_t vhost = 7;
	world_init(&w);
	const struct catalog_view *v = catalog_view(w.c);
	for (size_t i = 0; i < 7; i++)
		must(has_x(&w, names[i]));
	const struct exchange *trace = catalog_exchange(v, 0, slice_str("amq.rabbitmq.trace"));
	must(trace->type == EXCHANGE_TOPIC && trace->flags & EXCHANGE_INTERNAL);
	must(catalog_exchange(v, 1, slice_str("amq.direct")) == NULL);
	must(catalog_vhost(v, slice_str("/"), &vhost) == ERR_OK && vhost == 0);
	must(catalog_vhost(v, slice_str("nope"), &vhost) == ERR_NOT_FOUND);
	must(slice_eq(catalog_vhost_name(v, 0), slice_str("/")));
	must(catalog_queue_after(v, 0) == NULL);
	catalog_check(w.c);
	world_fini(&w);
}

static void a_queue_is_opened_by_its_shard_and_dropped_by_it(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	declare_queue(&w, "q", QUEUE_DURABLE, "args");
	must(w.told.opens_n == 1 && w.told.queue == id_of(&w, "q") && w.told.ticket == 1);
	must(w.told.shard == 1 + 'q' % 16 && w.log_n == 1);
	const struct queue_record *q = catalog_queue_by_id(catalog_view(w.c), w.told.queue);
	must(slice_eq(queue_record_name(q), slice_str("q")) &&
	     slice_eq(queue_record_arguments(q), slice_str("args")));
	declare_queue(&w, "q", QUEUE_DURABLE, "args");
	must(w.told.opens_n == 2 && w.told.queue == q->id && w.log_n == 1 && w.told.ticket == 2);
	remove_queue(&w, "q");
	must(w.told.drops_n == 1 && w.told.ticket == 3 && id_of(&w, "q") == 0 && w.log_n == 2);
	must(ask(&w, CMD_QUEUE_REMOVE, 0, w.told.queue, SLICE_EMPTY) == ERR_OK);
	must(w.told.op == CMD_QUEUE_DELETE && w.told.drops_n == 1);
	declare_queue(&w, "q", QUEUE_DURABLE, "args");
	must(id_of(&w, "q") > 1);
	world_fini(&w);
}

static void what_does_not_last_is_not_logged(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	declare_queue(&w, "transient", 0, "");
	declare_queue(&w, "mine", QUEUE_DURABLE | QUEUE_EXCLUSIVE, "");
	must(declare_x(&w, "x", "fanout", 0, "") == ERR_OK);
	declare_queue(&w, "lasts", QUEUE_DURABLE, "");
	must(w.log_n == 1);
	must(bind_to(&w, "x", "lasts", "") == ERR_OK);
	must(bind_to(&w, "amq.fanout", "transient", "") == ERR_OK);
	must(w.log_n == 1);
	must(bind_to(&w, "amq.fanout", "lasts", "") == ERR_OK && w.log_n == 2);
	const struct queue_record *q = catalog_queue(catalog_view(w.c), 0, slice_str("mine"));
	must(!(q->flags & QUEUE_DURABLE) && q->owner == w.session);
	catalog_check(w.c);
	world_fini(&w);
}

static void answers_keep_their_order_behind_what_waits(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	w.waits = true;
	must(declare_queue(&w, "q", QUEUE_DURABLE, "") == ERR_N);
	must(declare_queue(&w, "q", QUEUE_DURABLE, "") == ERR_N); /* exists, behind the first */
	must(declare_queue(&w, "q", 0, "") == ERR_N);             /* refused, behind both */
	must(bind_to(&w, "amq.topic", "q", "a") == ERR_N);
	must(w.told.opens_n == 0 && w.told.replies_n == 0 && id_of(&w, "q") == 0);
	commit(&w);
	must(w.told.opens_n == 2 && w.told.replies_n == 2);
	must(id_of(&w, "q") != 0);
	must(declare_x(&w, "x", "direct", 0, "") == ERR_OK); /* nothing waits any more */
	world_fini(&w);
}

static void a_delete_that_waits_counts(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	declare_queue(&w, "q", QUEUE_DURABLE, "");
	uint64_t first = id_of(&w, "q");
	w.waits = true;
	remove_queue(&w, "q");
	must(id_of(&w, "q") == first);
	declare_queue(&w, "q", QUEUE_DURABLE, "other");
	must(bind_to(&w, "amq.direct", "q", "k") == ERR_N);
	commit(&w);
	must(w.told.err == ERR_OK && id_of(&w, "q") > first);
	catalog_check(w.c);
	world_fini(&w);
}

static void a_redeclaration_must_be_the_same(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	declare_queue(&w, "Pq", 0, "");
	must(declare_queue(&w, "Pq", QUEUE_DURABLE, "") == ERR_PRECONDITION_FAILED);
	must(said(&w, "inequivalent arg 'durable' for queue 'Pq' in vhost '/': received 'true' "
		      "but current is 'false'"));
	must(declare_queue(&w, "Pq", QUEUE_AUTO_DELETE, "") == ERR_PRECONDITION_FAILED);
	must(said(&w, "inequivalent arg 'auto_delete' for queue 'Pq' in vhost '/': received "
		      "'true' but current is 'false'"));
	must(declare_queue(&w, "Pq", QUEUE_EXCLUSIVE, "") == ERR_RESOURCE_LOCKED);
	must(said(&w, LOCKED("Pq")));
	must(declare_queue(&w, "Pq", 0, "other") == ERR_EXISTS);
	must(declare_x(&w, "Px", "direct", 0, "") == ERR_OK && w.told.op == CMD_EXCHANGE_DECLARE);
	must(declare_x(&w, "Px", "direct", 0, "") == ERR_OK);
	must(declare_x(&w, "Px", "fanout", 0, "") == ERR_PRECONDITION_FAILED);
	must(said(&w, "inequivalent arg 'type' for exchange 'Px' in vhost '/': received 'fanout' "
		      "but current is 'direct'"));
	must(declare_x(&w, "Px", "direct", EXCHANGE_INTERNAL, "") == ERR_PRECONDITION_FAILED);
	must(said(&w, "inequivalent arg 'internal' for exchange 'Px' in vhost '/': received "
		      "'true' but current is 'false'"));
	must(declare_x(&w, "amq.topic", "topic", EXCHANGE_DURABLE, "") == ERR_OK);
	world_fini(&w);
}

static enum err alter_as(struct world *w, uint8_t how, const char *name, unsigned flags,
			 uint64_t expires_ms)
{
	uint8_t buf[DECLARE_BYTES_MAX], bytes[RULES_BYTES_MAX];
	struct queue_rules rules = rules_none();
	rules.expires_ms = expires_ms;
	const struct declare_queue d = {
		.name = slice_str(name),
		.arguments = slice_str("other"),
		.flags = (uint8_t)flags,
		.shard = 5,
		.rules = slice_of(bytes, rules_put(&rules, bytes, sizeof bytes)),
	};
	return ask(w, CMD_QUEUE_ALTER, how, 0,
		   slice_of(buf, declare_queue_put(&d, buf, sizeof buf)));
}

static enum err alter(struct world *w, const char *name, unsigned flags, uint64_t expires_ms)
{
	return alter_as(w, 0, name, flags, expires_ms);
}

static void a_queue_is_lengthened_but_not_shortened(void **s)
{
	static const uint64_t lives_ms[][2] = {
		{ 70, 70 }, { 60, 70 }, { 80, 80 }, { RULE_NONE, RULE_NONE }, { 90, RULE_NONE }
	};
	(void)s;
	struct world w;
	struct queue_rules rules;
	world_init(&w);
	declare_queue(&w, "q", QUEUE_DURABLE, "args");
	(void)alter(&w, "q", QUEUE_DURABLE, 70);
	for (size_t i = 0; i < sizeof lives_ms / sizeof lives_ms[0]; i++) {
		const size_t log_n = w.log_n;
		const uint64_t before_ms = i ? lives_ms[i - 1][1] : 70;
		(void)alter_as(&w, ALTER_LENGTHENS, "q", QUEUE_DURABLE, lives_ms[i][0]);
		const struct queue_record *q = catalog_queue_by_id(catalog_view(w.c),
								   id_of(&w, "q"));
		must(rules_get(queue_record_rules(q), &rules) == ERR_OK);
		must(rules.expires_ms == lives_ms[i][1]);
		must(w.log_n == log_n + (lives_ms[i][1] != before_ms));
	}
	must(alter_as(&w, ALTER_LENGTHENS, "q", QUEUE_DURABLE, 90) == ERR_OK);
	catalog_check(w.c);
	world_fini(&w);
}

static void a_queue_can_have_other_rules(void **s)
{
	(void)s;
	struct world w;
	struct queue_rules rules;
	world_init(&w);
	must(alter(&w, "q", QUEUE_DURABLE, 70) == ERR_NOT_FOUND && w.log_n == 0);
	declare_queue(&w, "v", 0, "args");
	must(alter(&w, "v", 0, 70) == ERR_PRECONDITION_FAILED);
	must(alter(&w, "v", QUEUE_DURABLE, 70) == ERR_PRECONDITION_FAILED && w.log_n == 0);
	declare_queue(&w, "q", QUEUE_DURABLE, "args");
	bind_to(&w, "amq.direct", "q", "k");
	uint64_t id = id_of(&w, "q");
	const size_t opens_n = w.told.opens_n, log_n = w.log_n;
	(void)alter(&w, "q", QUEUE_DURABLE, 70);
	must(w.told.opens_n == opens_n + 1 && w.told.queue == id && w.log_n == log_n + 1);
	must(w.told.shard == 1 + 'q' % 16); /* where it was */
	const struct queue_record *q = catalog_queue_by_id(catalog_view(w.c), id);
	must(id_of(&w, "q") == id && slice_eq(queue_record_arguments(q), slice_str("other")));
	must(rules_get(queue_record_rules(q), &rules) == ERR_OK && rules.expires_ms == 70);
	must(q->shard == 1 + 'q' % 16 && q->flags == QUEUE_DURABLE);
	declare_queue(&w, "q", QUEUE_DURABLE, "other");
	must(w.told.opens_n == opens_n + 2 && w.log_n == log_n + 1);
	catalog_check(w.c);
	remove_queue(&w, "q");
	must(id_of(&w, "q") == 0);
	catalog_check(w.c);
	world_fini(&w);
}

static void another_connections_exclusive_queue_is_locked(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	declare_queue(&w, "Pex", QUEUE_EXCLUSIVE, "");
	declare_queue(&w, "Pex", QUEUE_EXCLUSIVE, "");
	must(w.told.opens_n == 2);
	must(declare_queue(&w, "Pex", 0, "") == ERR_RESOURCE_LOCKED);
	must(bind_to(&w, "amq.topic", "Pex", "k") == ERR_OK);
	w.session = session_handle(0, 2, 1);
	must(declare_queue(&w, "Pex", QUEUE_EXCLUSIVE, "") == ERR_RESOURCE_LOCKED);
	must(said(&w, LOCKED("Pex")));
	must(bind_to(&w, "amq.topic", "Pex", "") == ERR_RESOURCE_LOCKED);
	must(unbind_from(&w, "amq.topic", "Pex", "k") == ERR_RESOURCE_LOCKED);
	must(unbind_from(&w, "amq.topic", "Pex", "") == ERR_OK); /* nothing to take out */
	world_fini(&w);
}

static void the_rest_is_refused_in_rabbitmqs_words(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	must(declare_x(&w, "", "direct", 0, "") == ERR_ACCESS_REFUSED);
	must(said(&w, "operation not permitted on the default exchange"));
	must(delete_x(&w, "", 0) == ERR_ACCESS_REFUSED);
	must(bind_to(&w, "", "Pq", "k") == ERR_ACCESS_REFUSED);
	must(unbind_from(&w, "", "Pq", "k") == ERR_ACCESS_REFUSED);
	must(declare_x(&w, "amq.foo", "direct", 0, "") == ERR_ACCESS_REFUSED);
	must(said(&w, "exchange name 'amq.foo' contains reserved prefix 'amq.*'"));
	must(declare_x(&w, "Px", "bogus", 0, "") == ERR_PRECONDITION_FAILED);
	must(said(&w, "unknown exchange type 'bogus'"));
	must(delete_x(&w, "amq.direct", 0) == ERR_ACCESS_REFUSED);
	must(said(&w, "deletion of system exchange 'amq.direct' in vhost '/' not allowed"));
	must(delete_x(&w, "Pnope", 0) == ERR_OK && w.told.op == CMD_EXCHANGE_DELETE);
	must(bind_to(&w, "Pnope", "Pnope", "k") == ERR_NOT_FOUND);
	must(said(&w, "no exchange 'Pnope' in vhost '/'"));
	must(bind_to(&w, "amq.direct", "Pnope", "k") == ERR_NOT_FOUND);
	must(said(&w, "no queue 'Pnope' in vhost '/'"));
	must(unbind_from(&w, "amq.direct", "Pnope", "k") == ERR_OK);
	declare_queue(&w, "Pq", 0, "");
	must(unbind_from(&w, "Pnope", "Pq", "k") == ERR_OK);
	must(unbind_from(&w, "amq.direct", "Pq", "k") == ERR_OK);
	must(declare_x(&w, "Px", "direct", EXCHANGE_DURABLE, "") == ERR_OK);
	must(bind_to(&w, "Px", "Pq", "k") == ERR_OK && w.told.op == CMD_BIND);
	must(delete_x(&w, "Px", DELETE_IF_UNUSED) == ERR_PRECONDITION_FAILED);
	must(said(&w, "exchange 'Px' in vhost '/' in use"));
	must(unbind_from(&w, "Px", "Pq", "k") == ERR_OK && w.told.op == CMD_UNBIND);
	must(delete_x(&w, "Px", DELETE_IF_UNUSED) == ERR_OK && !has_x(&w, "Px"));
	catalog_check(w.c);
	world_fini(&w);
}

static void too_much_is_refused_before_it_is_kept(void **s)
{
	(void)s;
	struct world w;
	static char large[CATALOG_ARGUMENTS_MAX + 2];
	world_init(&w);
	memset(large, 'x', sizeof large - 1);
	must(declare_x(&w, "x", "topic", 0, large) == ERR_PRECONDITION_FAILED);
	must(declare_queue(&w, "q", 0, large) == ERR_PRECONDITION_FAILED && id_of(&w, "q") == 0);
	declare_queue(&w, "q", 0, large + 1);
	must(id_of(&w, "q") != 0);
	w.heap.mem.max = w.heap.mem.used + (4 << 20) - 1;
	must(declare_queue(&w, "r", 0, "") == ERR_RESOURCE_ERROR);
	must(declare_x(&w, "x", "topic", 0, "") == ERR_RESOURCE_ERROR);
	must(bind_to(&w, "amq.topic", "q", "a") == ERR_RESOURCE_ERROR);
	must(unbind_from(&w, "amq.topic", "q", "a") == ERR_OK);
	remove_queue(&w, "q");
	must(id_of(&w, "q") == 0);
	world_fini(&w);
}

static uint32_t bindings_of(const struct world *w, const char *name)
{
	return catalog_exchange(catalog_view(w->c), 0, slice_str(name))->bindings_n;
}

static void bindings_are_the_same_when_all_of_them_is(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	declare_queue(&w, "q", 0, "");
	declare_queue(&w, "r", 0, "");
	must(bind_or_unbind(&w, CMD_BIND, "amq.topic", "q", "k", "") == ERR_OK);
	must(bind_or_unbind(&w, CMD_BIND, "amq.topic", "q", "k", "") == ERR_OK);
	must(bindings_of(&w, "amq.topic") == 1);
	must(bind_or_unbind(&w, CMD_BIND, "amq.topic", "q", "k", "a") == ERR_OK);
	must(bind_or_unbind(&w, CMD_BIND, "amq.topic", "q", "k2", "") == ERR_OK);
	must(bind_or_unbind(&w, CMD_BIND, "amq.topic", "r", "k", "") == ERR_OK);
	must(bind_or_unbind(&w, CMD_BIND, "amq.fanout", "q", "k", "") == ERR_OK);
	must(bind_or_unbind(&w, CMD_BIND, "amq.fanout", "q", "l", "") == ERR_OK);
	must(bindings_of(&w, "amq.topic") == 4 && bindings_of(&w, "amq.fanout") == 2);
	must(bind_or_unbind(&w, CMD_UNBIND, "amq.topic", "q", "k", "b") == ERR_OK);
	must(bindings_of(&w, "amq.topic") == 4);
	remove_queue(&w, "q");
	must(bindings_of(&w, "amq.topic") == 1 && bindings_of(&w, "amq.fanout") == 0);
	catalog_check(w.c);
	world_fini(&w);
}

static void an_auto_delete_exchange_goes_with_its_last_binding(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	must(declare_x(&w, "x", "direct", EXCHANGE_AUTO_DELETE | EXCHANGE_DURABLE, "") == ERR_OK);
	must(declare_x(&w, "y", "topic", EXCHANGE_AUTO_DELETE, "") == ERR_OK);
	declare_queue(&w, "q", 0, "");
	declare_queue(&w, "r", QUEUE_DURABLE, "");
	size_t logged = w.log_n;
	must(unbind_from(&w, "x", "q", "k") == ERR_OK && has_x(&w, "x"));
	must(bind_to(&w, "x", "q", "k") == ERR_OK && bind_to(&w, "x", "q", "l") == ERR_OK);
	must(unbind_from(&w, "x", "q", "k") == ERR_OK && has_x(&w, "x") && w.log_n == logged);
	must(unbind_from(&w, "x", "q", "l") == ERR_OK && !has_x(&w, "x"));
	must(w.log_n == logged + 1 && w.told.op == CMD_UNBIND); /* the exchange was durable */
	must(bind_to(&w, "y", "q", "a") == ERR_OK && bind_to(&w, "y", "r", "b") == ERR_OK);
	must(bind_to(&w, "y", "q", "c") == ERR_OK);
	remove_queue(&w, "q");
	must(has_x(&w, "y") && w.told.drops_n == 1);
	remove_queue(&w, "r");
	must(!has_x(&w, "y") && w.told.drops_n == 2 && id_of(&w, "r") == 0);
	catalog_check(w.c);
	world_fini(&w);
}

static void a_connection_takes_its_exclusive_queues_along(void **s)
{
	(void)s;
	struct world w;
	char name[16];
	world_init(&w);
	must(declare_x(&w, "x", "fanout", EXCHANGE_AUTO_DELETE | EXCHANGE_DURABLE, "") == ERR_OK);
	for (int i = 0; i < 200; i++) {
		w.session = session_handle(0, (uint32_t)(i % 4), 1);
		snprintf(name, sizeof name, "q%d", i);
		declare_queue(&w, name, i % 8 < 4 ? QUEUE_EXCLUSIVE : 0, "");
		if (i % 4 == 2 && i % 8 < 4)
			must(bind_to(&w, "x", name, "") == ERR_OK);
	}
	w.session = session_handle(0, 2, 1);
	w.told.drops_n = 0;
	must(ask(&w, CMD_CONNECTION_GONE, 0, 0, SLICE_EMPTY) == ERR_OK);
	must(w.told.drops_n == 25 && w.told.op == CMD_CONNECTION_GONE && !has_x(&w, "x"));
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "q%d", i);
		must((id_of(&w, name) == 0) == (i % 4 == 2 && i % 8 < 4));
	}
	must(ask(&w, CMD_CONNECTION_GONE, 0, 0, SLICE_EMPTY) == ERR_OK && w.told.drops_n == 25);
	catalog_check(w.c);
	world_fini(&w);
}

/* A reader keeps its view while the writer goes on; the sanitizer sees a use after free. */
static void a_reader_keeps_what_it_has(void **s)
{
	(void)s;
	struct world w;
	char name[16];
	world_init(&w);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "q%d", i);
		declare_queue(&w, name, 0, "");
		must(bind_to(&w, "amq.topic", name, name) == ERR_OK);
		must(bind_to(&w, "amq.topic", name, "a.#") == ERR_OK);
	}
	const struct catalog_view *v = catalog_view(w.c);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "q%d", i);
		remove_queue(&w, name);
		catalog_collect(w.c, catalog_version(v));
	}
	uint64_t n = 0;
	for (const struct queue_record *q = NULL; (q = catalog_queue_after(v, q ? q->id : 0)); n++)
		must(catalog_queue(v, 0, queue_record_name(q)) == q);
	const struct exchange *x = catalog_exchange(v, 0, slice_str("amq.topic"));
	must(n == 300 && x->bindings_n == 600);
	exchange_check(x, (struct hash_key){ hash_u64(42, 1), hash_u64(42, 2) });
	size_t used = w.c->edit.cells.used;
	everybody_has_seen(&w);
	must(w.c->edit.cells.used < used / 4);
	world_fini(&w);
}

static void a_dump_has_a_line_for_everything(void **s)
{
	(void)s;
	struct world w;
	char buf[4096], small[64];
	struct text t = text_of(buf, sizeof buf), cut = text_of(small, sizeof small);
	world_init(&w);
	declare_queue(&w, "q\n", QUEUE_DURABLE, "");
	must(bind_to(&w, "amq.topic", "q\n", "a") == ERR_OK);
	struct exchange_tally tally = { .x = NULL };
	const struct exchange *topic = catalog_exchange(catalog_view(w.c), 0,
							slice_str("amq.topic"));
	exchange_came(&tally, topic, false);
	exchange_came(&tally, topic, true);
	exchange_came(&tally, catalog_exchange(catalog_view(w.c), 0, slice_str("amq.direct")),
		      true);
	catalog_dump(w.c, &t);
	must(strstr(buf, "queue: 'q\\x0a' vhost '/' id 1 shard 2 durable bindings 1\n"));
	must(strstr(buf, "exchange: 'amq.topic' vhost '/' topic durable bindings 1 "
			 "published 2 unroutable 1\n"));
	catalog_dump(w.c, &cut);
	must(text_is_full(&cut));
	world_fini(&w);
}

/* In a chain of auto-delete exchanges all go with the last queue, the farthest first; what another
 * queue holds, or a circle, stays. */
static void auto_delete_exchanges_go_one_after_the_other(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	declare_queue(&w, "q", QUEUE_DURABLE, "");
	declare_queue(&w, "r", 0, "");
	for (const char *x = "abcde"; *x; x++)
		must(declare_x(&w, (char[]){ *x, 0 }, "fanout",
			       EXCHANGE_DURABLE | EXCHANGE_AUTO_DELETE, "") == ERR_OK);
	must(join_x(&w, CMD_BIND, "a", "b", "", "") == ERR_OK);
	must(join_x(&w, CMD_BIND, "b", "c", "", "") == ERR_OK);
	must(join_x(&w, CMD_BIND, "d", "c", "", "") == ERR_OK &&
	     bind_to(&w, "d", "r", "") == ERR_OK);
	must(join_x(&w, CMD_BIND, "e", "e", "", "") == ERR_OK &&
	     bind_to(&w, "e", "q", "") == ERR_OK);
	must(bind_to(&w, "c", "q", "") == ERR_OK);
	size_t before = w.log_n;
	must(remove_queue(&w, "q") == ERR_N && w.told.drops_n == 1);
	must(!has_x(&w, "a") && !has_x(&w, "b") && !has_x(&w, "c"));
	must(has_x(&w, "d") && has_x(&w, "e"));
	must(w.log_n - before == 4 && w.log[before + 3]->kind == OUTCOME_QUEUE_DELETE);
	for (size_t i = 0; i < 3; i++) {
		struct declare_exchange d;
		must(w.log[before + i]->kind == OUTCOME_EXCHANGE_DELETE);
		must(declare_exchange_get(run_tail(w.log[before + i]), &d) == ERR_OK);
		must(d.name.p[0] == "abc"[i]);
	}
	must(join_x(&w, CMD_UNBIND, "e", "e", "", "") == ERR_OK && !has_x(&w, "e"));
	must(delete_x(&w, "d", 0) == ERR_OK);
	catalog_check(w.c);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_catalog_has_what_every_broker_has),
		cmocka_unit_test(a_queue_is_opened_by_its_shard_and_dropped_by_it),
		cmocka_unit_test(what_does_not_last_is_not_logged),
		cmocka_unit_test(answers_keep_their_order_behind_what_waits),
		cmocka_unit_test(a_delete_that_waits_counts),
		cmocka_unit_test(a_redeclaration_must_be_the_same),
		cmocka_unit_test(a_queue_can_have_other_rules),
		cmocka_unit_test(a_queue_is_lengthened_but_not_shortened),
		cmocka_unit_test(another_connections_exclusive_queue_is_locked),
		cmocka_unit_test(the_rest_is_refused_in_rabbitmqs_words),
		cmocka_unit_test(too_much_is_refused_before_it_is_kept),
		cmocka_unit_test(bindings_are_the_same_when_all_of_them_is),
		cmocka_unit_test(an_auto_delete_exchange_goes_with_its_last_binding),
		cmocka_unit_test(a_connection_takes_its_exclusive_queues_along),
		cmocka_unit_test(a_reader_keeps_what_it_has),
		cmocka_unit_test(a_dump_has_a_line_for_everything),
		cmocka_unit_test(auto_delete_exchanges_go_one_after_the_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
