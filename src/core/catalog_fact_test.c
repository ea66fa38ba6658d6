#include "base/exact_for_tests.h"
#include "core/catalog_for_tests.h"
#include "core/catalog_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define UNITS 64

static enum err tell(struct world *w, uint8_t cmd, enum fact_kind kind, const char *a,
		     const char *b, struct slice value)
{
	static uint8_t buf[FACT_BYTES_MAX];
	struct fact f = fact_of(kind, slice_str(a), slice_str(b), slice_str("x"));
	f.value = value;
	uint32_t n = fact_put(&f, buf, sizeof buf);
	must(n > 0);
	return ask(w, cmd, 0, 0, slice_of(buf, n));
}

static enum err put(struct world *w, enum fact_kind kind, const char *a, const char *b,
		    const char *value)
{
	return tell(w, CMD_FACT_PUT, kind, a, b, slice_str(value));
}

static enum err del(struct world *w, enum fact_kind kind, const char *a, const char *b)
{
	return tell(w, CMD_FACT_DELETE, kind, a, b, SLICE_EMPTY);
}

static enum err limit(struct world *w, const char *vhost, int64_t connections, int64_t queues)
{
	uint8_t buf[FACT_LIMITS_BYTES];
	struct fact_limits l = { connections, queues };
	fact_limits_put(&l, buf);
	return tell(w, CMD_FACT_PUT, FACT_VHOST_LIMITS, vhost, "", slice_of(buf, sizeof buf));
}

static const struct fact *get(struct world *w, enum fact_kind kind, const char *a, const char *b)
{
	return catalog_fact(catalog_view(w->c), kind, slice_str(a), slice_str(b), slice_str("x"));
}

static enum err queue_in(struct world *w, uint16_t vhost, const char *name)
{
	uint8_t buf[DECLARE_BYTES_MAX];
	struct declare_queue d = {
		.name = slice_str(name), .vhost = vhost, .shard = 1, .flags = QUEUE_DURABLE
	};
	uint32_t n = declare_queue_put(&d, buf, sizeof buf);
	return ask(w, CMD_QUEUE_DECLARE, 0, 0, slice_of(buf, n));
}

static enum err exchange_in(struct world *w, uint16_t vhost, const char *name)
{
	uint8_t buf[DECLARE_BYTES_MAX];
	struct declare_exchange d = { .name = slice_str(name),
				      .type = slice_str("topic"),
				      .vhost = vhost,
				      .flags = EXCHANGE_DURABLE };
	uint32_t n = declare_exchange_put(&d, buf, sizeof buf);
	return ask(w, CMD_EXCHANGE_DECLARE, 0, 0, slice_of(buf, n));
}

static uint16_t number_of(struct world *w, const char *vhost)
{
	uint16_t number = UINT16_MAX;
	must(catalog_vhost(catalog_view(w->c), slice_str(vhost), &number) == ERR_OK);
	return number;
}

static void a_fact_is_told_changed_and_forgotten(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	must(catalog_is_fresh(catalog_view(w.c)));
	must(put(&w, FACT_USER, "ann", "", "hash") == ERR_OK && w.told.op == CMD_FACT_PUT);
	must(!catalog_is_fresh(catalog_view(w.c)));
	uint64_t id = get(&w, FACT_USER, "ann", "")->id;
	uint64_t version = catalog_facts_version(catalog_view(w.c));
	must(put(&w, FACT_USER, "ann", "", "hash") == ERR_OK);
	must(catalog_facts_version(catalog_view(w.c)) == version); /* nothing new */
	must(put(&w, FACT_USER, "ann", "", "other") == ERR_OK);
	must(catalog_facts_version(catalog_view(w.c)) > version);
	const struct fact *f = get(&w, FACT_USER, "ann", "");
	must(f->id == id && slice_eq(f->value, slice_str("other")));
	must(catalog_fact_after(catalog_view(w.c), 0) == f);
	catalog_check(w.c);
	must(del(&w, FACT_USER, "ann", "") == ERR_OK && w.told.op == CMD_FACT_DELETE);
	must(!get(&w, FACT_USER, "ann", ""));
	must(del(&w, FACT_USER, "ann", "") == ERR_NOT_FOUND);
	must(said(&w, "user 'ann' does not exist"));
	must(put(&w, FACT_USER, "ann", "", "hash") == ERR_OK);
	must(get(&w, FACT_USER, "ann", "")->id != id); /* another one */
	world_fini(&w);
}

static void what_hangs_on_a_user_or_a_vhost_needs_it_and_goes_with_it(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	must(put(&w, FACT_PERMISSION, "ann", "/", "p") == ERR_NOT_FOUND);
	must(said(&w, "user 'ann' does not exist"));
	must(put(&w, FACT_USER, "ann", "", "") == ERR_OK);
	must(put(&w, FACT_USER, "bob", "", "") == ERR_OK);
	must(put(&w, FACT_PERMISSION, "ann", "/", "p") == ERR_NOT_FOUND);
	must(said(&w, "vhost '/' does not exist"));
	must(put(&w, FACT_VHOST, "/", "", "") == ERR_OK);
	must(put(&w, FACT_VHOST, "v", "", "") == ERR_OK);
	must(put(&w, FACT_PERMISSION, "ann", "/", "p") == ERR_OK);
	must(put(&w, FACT_PERMISSION, "bob", "/", "p") == ERR_OK);
	must(put(&w, FACT_PERMISSION, "ann", "v", "p") == ERR_OK);
	must(put(&w, FACT_TOPIC_PERMISSION, "bob", "v", "p") == ERR_OK);
	must(put(&w, FACT_PARAMETER, "v", "shovel", "{}") == ERR_OK);
	must(del(&w, FACT_USER, "ann", "") == ERR_OK);
	must(!get(&w, FACT_PERMISSION, "ann", "/") && !get(&w, FACT_PERMISSION, "ann", "v"));
	must(get(&w, FACT_PERMISSION, "bob", "/"));
	must(del(&w, FACT_VHOST, "v", "") == ERR_OK);
	must(!get(&w, FACT_TOPIC_PERMISSION, "bob", "v") &&
	     !get(&w, FACT_PARAMETER, "v", "shovel"));
	catalog_check(w.c);
	world_fini(&w);
}

static void what_hangs_on_a_global_parameter_goes_with_it(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	must(put(&w, FACT_MAPPING, "ports", "", "m") == ERR_NOT_FOUND);
	must(said(&w, "global parameter 'ports' does not exist"));
	must(put(&w, FACT_GLOBAL_PARAMETER, "ports", "", "{}") == ERR_OK);
	must(put(&w, FACT_GLOBAL_PARAMETER, "other", "", "{}") == ERR_OK);
	must(put(&w, FACT_MAPPING, "ports", "", "m") == ERR_OK);
	must(put(&w, FACT_MAPPING, "other", "", "m") == ERR_OK);
	must(del(&w, FACT_GLOBAL_PARAMETER, "ports", "") == ERR_OK);
	must(!get(&w, FACT_MAPPING, "ports", "") && get(&w, FACT_MAPPING, "other", ""));
	catalog_check(w.c);
	world_fini(&w);
}

static void a_vhost_comes_with_exchanges_and_takes_everything_along(void **s)
{
	(void)s;
	struct world w;
	uint16_t no;
	world_init(&w);
	must(number_of(&w, "/") == 0); /* before it is a fact */
	must(put(&w, FACT_VHOST, "/", "", "") == ERR_OK && number_of(&w, "/") == 0);
	must(put(&w, FACT_VHOST, "v", "", "") == ERR_OK && number_of(&w, "v") == 1);
	must(put(&w, FACT_VHOST, "u", "", "") == ERR_OK && number_of(&w, "u") == 2);
	must(catalog_exchange(catalog_view(w.c), 1, slice_str("amq.topic")));
	must(exchange_in(&w, 1, "x") == ERR_OK && exchange_in(&w, 2, "x") == ERR_OK);
	(void)queue_in(&w, 1, "q");
	(void)queue_in(&w, 2, "q");
	must(catalog_vhost_queues(w.c, 1) == 1);
	uint32_t drops_n = w.told.drops_n;
	must(del(&w, FACT_VHOST, "v", "") == ERR_OK);
	must(w.told.drops_n == drops_n + 1); /* its shard forgets the queue, too */
	must(catalog_vhost(catalog_view(w.c), slice_str("v"), &no) == ERR_NOT_FOUND);
	must(catalog_vhost_name(catalog_view(w.c), 1).n == 0);
	must(!catalog_exchange(catalog_view(w.c), 1, slice_str("amq.topic")));
	must(!catalog_exchange(catalog_view(w.c), 1, slice_str("x")));
	must(!catalog_queue(catalog_view(w.c), 1, slice_str("q")));
	must(catalog_queue(catalog_view(w.c), 2, slice_str("q")));
	catalog_check(w.c);
	must(put(&w, FACT_VHOST, "new", "", "") == ERR_OK && number_of(&w, "new") == 1);
	must(del(&w, FACT_VHOST, "/", "") == ERR_OK);
	must(!catalog_exchange(catalog_view(w.c), 0, slice_str("")));
	catalog_check(w.c);
	world_fini(&w);
}

static void the_first_vhost_may_have_another_name(void **s)
{
	(void)s;
	struct world w;
	uint16_t no;
	world_init(&w);
	must(put(&w, FACT_VHOST, "prod", "", "") == ERR_OK && number_of(&w, "prod") == 0);
	must(catalog_vhost(catalog_view(w.c), slice_str("/"), &no) == ERR_NOT_FOUND);
	must(put(&w, FACT_VHOST, "/", "", "") == ERR_OK && number_of(&w, "/") == 1);
	world_fini(&w);
}

static void a_full_vhost_takes_no_queue(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	must(put(&w, FACT_VHOST, "/", "", "") == ERR_OK);
	must(limit(&w, "/", -2, 0) == ERR_PRECONDITION_FAILED);
	must(limit(&w, "/", 5, 2) == ERR_OK);
	must(fact_limits_of(get(&w, FACT_VHOST_LIMITS, "/", "")).connections == 5);
	must(queue_in(&w, 0, "a") == ERR_N && queue_in(&w, 0, "b") == ERR_N); /* shards answer */
	must(queue_in(&w, 0, "c") == ERR_PRECONDITION_FAILED);
	must(said(&w, "cannot declare queue 'c': queue limit in vhost '/' (2) is reached"));
	must(queue_in(&w, 0, "a") == ERR_N);
	must(remove_queue(&w, "a") == ERR_N && queue_in(&w, 0, "c") == ERR_N);
	world_fini(&w);
}

static void a_full_catalog_takes_no_more_of_a_kind(void **s)
{
	(void)s;
	struct world w;
	world_init(&w);
	must(put(&w, FACT_VHOST, "/", "", "") == ERR_OK);
	uint64_t there = catalog_view(w.c)->exchanges.n;
	catalog_bound(w.c, (struct catalog_bounds){
				   .vhosts = 1, .queues = 1, .exchanges = (int64_t)there + 1 });
	must(put(&w, FACT_VHOST, "b", "", "") == ERR_PRECONDITION_FAILED);
	must(said(&w, "cannot create vhost 'b': vhost limit of 1 is reached"));
	must(put(&w, FACT_VHOST, "/", "", "{}") == ERR_OK);
	must(queue_in(&w, 0, "a") == ERR_N && queue_in(&w, 0, "b") == ERR_PRECONDITION_FAILED);
	must(said(&w, "cannot declare queue 'b': queue limit in cluster (1) is reached"));
	must(declare_x(&w, "x", "direct", 0, "") == ERR_OK);
	must(declare_x(&w, "y", "direct", 0, "") == ERR_PRECONDITION_FAILED);
	must(said(&w, "cannot declare exchange 'y' in vhost '/': exchange limit of 7 is reached") ||
	     there != 6);
	must(declare_x(&w, "x", "direct", 0, "") == ERR_OK);
	world_fini(&w);
}

/* All that was logged, and what a checkpoint has, make the same catalog. */
static void facts_come_back_from_the_log_and_from_checkpoints(void **s)
{
	(void)s;
	struct world w;
	static uint8_t buf[CHECKPOINT_UNIT_MAX];
	struct unit_key key;
	uint32_t len;
	world_init(&w);
	must(put(&w, FACT_VHOST, "/", "", "{}") == ERR_OK);
	must(put(&w, FACT_VHOST, "v", "", "{}") == ERR_OK);
	must(put(&w, FACT_USER, "ann", "", "h") == ERR_OK);
	must(put(&w, FACT_PERMISSION, "ann", "v", "p") == ERR_OK);
	must(exchange_in(&w, 1, "x") == ERR_OK);
	(void)queue_in(&w, 1, "q");
	must(del(&w, FACT_VHOST, "/", "") == ERR_OK);
	struct catalog *logged = catalog_new(&w.side.mem, 1), *kept = catalog_new(&w.side.mem, 2);
	for (size_t i = 0; i < w.log_n; i++) {
		must(catalog_sound(logged, w.log[i]) == ERR_OK);
		catalog_apply(logged, w.log[i], i + 1, NULL);
	}
	catalog_checkpoint_begin(w.c);
	while (catalog_checkpoint_next(w.c, &key, buf, sizeof buf, &len))
		if (len)
			must(catalog_restore(kept, key, slice_of(buf, len)) == ERR_OK);
	catalog_checkpoint_end(w.c, true);
	must(catalog_restored(kept) == ERR_OK);
	must(digest_eq(digest_of(w.c), digest_of(logged)));
	must(digest_eq(digest_of(w.c), digest_of(kept)));
	must(!catalog_exchange(catalog_view(kept), 0, slice_str("amq.topic")));
	must(catalog_queue(catalog_view(kept), 1, slice_str("q")));
	must(!catalog_is_fresh(catalog_view(kept)));
	catalog_check(kept);
	catalog_check(logged);
	catalog_free(kept);
	catalog_free(logged);
	world_fini(&w);
}

static void every_prefix_of_a_fact_is_a_fact_or_refused(void **s)
{
	(void)s;
	uint8_t buf[200];
	struct fact f = fact_of(FACT_TOPIC_PERMISSION, slice_str("ann"), slice_str("/"),
				slice_str("amq.topic"));
	f.value = slice_str("value");
	uint32_t n = fact_put(&f, buf, sizeof buf);
	for (uint32_t i = 0; i <= n; i++) {
		struct slice copy = exact(slice_of(buf, i), i);
		struct fact got;
		enum err e = fact_get(copy, &got);
		must((e == ERR_OK) == (i >= n - 5));
		exact_free(copy);
	}
	buf[0] = 200;
	must(fact_get(slice_of(buf, n), &f) == ERR_NOT_IMPLEMENTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fact_is_told_changed_and_forgotten),
		cmocka_unit_test(what_hangs_on_a_user_or_a_vhost_needs_it_and_goes_with_it),
		cmocka_unit_test(what_hangs_on_a_global_parameter_goes_with_it),
		cmocka_unit_test(a_vhost_comes_with_exchanges_and_takes_everything_along),
		cmocka_unit_test(the_first_vhost_may_have_another_name),
		cmocka_unit_test(a_full_vhost_takes_no_queue),
		cmocka_unit_test(a_full_catalog_takes_no_more_of_a_kind),
		cmocka_unit_test(facts_come_back_from_the_log_and_from_checkpoints),
		cmocka_unit_test(every_prefix_of_a_fact_is_a_fact_or_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
