#include "core/catalog_for_tests.h"
#include "core/fact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* One outcome as it comes out of a log. */
struct outcome_for_tests {
	struct run run;
	uint8_t tail[DECLARE_BYTES_MAX];
};

static enum err look(struct world *w, struct outcome_for_tests *o, uint8_t kind, uint64_t queue,
		     uint32_t tail_len)
{
	o->run.kind = kind;
	o->run.flags = RUN_LOGGED;
	o->run.queue = queue;
	o->run.tail_len = tail_len;
	o->run.len = (uint32_t)sizeof o->run + ((tail_len + 7u) & ~7u);
	return catalog_sound(w->c, &o->run);
}

static enum err look_at_queue(struct world *w, uint64_t id, const char *name, uint16_t vhost,
			      uint16_t shard, uint64_t owner)
{
	struct outcome_for_tests o = { 0 };
	struct declare_queue d = { .name = slice_str(name),
				   .vhost = vhost,
				   .shard = shard,
				   .owner = owner,
				   .flags = QUEUE_DURABLE };
	return look(w, &o, OUTCOME_QUEUE_DECLARE, id, declare_queue_put(&d, o.tail, sizeof o.tail));
}

static enum err look_at_fact(struct world *w, uint8_t kind, uint64_t id, enum fact_kind fact,
			     uint16_t number, const char *a, const char *b)
{
	struct outcome_for_tests o = { 0 };
	struct fact f = fact_of(fact, slice_str(a), slice_str(b), slice_str(""));
	f.number = number;
	return look(w, &o, kind, id, fact_put(&f, o.tail, sizeof o.tail));
}

static enum err put_fact(struct world *w, enum fact_kind kind, const char *a, const char *b)
{
	uint8_t buf[DECLARE_BYTES_MAX];
	struct fact f = fact_of(kind, slice_str(a), slice_str(b), slice_str(""));
	return ask(w, CMD_FACT_PUT, 0, 0, slice_of(buf, fact_put(&f, buf, sizeof buf)));
}

static void a_queue_has_a_name_of_its_own_and_a_place(void **s)
{
	struct world w;
	(void)s;
	world_init(&w);
	(void)declare_queue(&w, "q", QUEUE_DURABLE, "");
	uint64_t id = catalog_queue(catalog_view(w.c), 0, slice_str("q"))->id;
	must(look_at_queue(&w, id + 1, "other", 0, 1, 0) == ERR_OK);
	must(look_at_queue(&w, id, "q", 0, 1, 0) == ERR_OK); /* once more the same */
	must(look_at_queue(&w, id + 1, "q", 0, 1, 0) == ERR_CORRUPT);
	must(look_at_queue(&w, id + 1, "other", 1, 1, 0) == ERR_CORRUPT);
	must(look_at_queue(&w, id + 1, "other", 0, 0, 0) == ERR_CORRUPT);
	must(look_at_queue(&w, id + 1, "other", 0, LIMIT_SHARD_DATA_N + 1, 0) == ERR_CORRUPT);
	must(look_at_queue(&w, id + 1, "other", 0, 1, 7) == ERR_CORRUPT);
	world_fini(&w);
}

static void a_fact_hangs_on_what_is_there(void **s)
{
	struct world w;
	(void)s;
	world_init(&w);
	must(look_at_fact(&w, OUTCOME_FACT_PUT, 1, FACT_VHOST, 0, "/", "") == ERR_OK);
	must(put_fact(&w, FACT_VHOST, "v", "") == ERR_OK);
	must(put_fact(&w, FACT_USER, "u", "") == ERR_OK);
	const struct catalog_view *v = catalog_view(w.c);
	const struct fact *vhost = catalog_fact(v, FACT_VHOST, slice_str("v"), SLICE_EMPTY,
						SLICE_EMPTY);
	uint64_t next = catalog_fact_next(v);
	must(look_at_fact(&w, OUTCOME_FACT_PUT, next, FACT_PERMISSION, 0, "u", "v") == ERR_OK);
	must(look_at_fact(&w, OUTCOME_FACT_PUT, next, FACT_PERMISSION, 0, "u", "x") == ERR_CORRUPT);
	must(look_at_fact(&w, OUTCOME_FACT_PUT, next, FACT_PERMISSION, 0, "x", "v") == ERR_CORRUPT);
	must(look_at_fact(&w, OUTCOME_FACT_PUT, vhost->id, FACT_USER, 0, "x", "") == ERR_CORRUPT);
	must(look_at_fact(&w, OUTCOME_FACT_PUT, next, FACT_USER, 0, "u", "") == ERR_CORRUPT);
	must(look_at_fact(&w, OUTCOME_FACT_PUT, next, FACT_VHOST, vhost->number, "x", "") ==
	     ERR_CORRUPT);
	must(look_at_fact(&w, OUTCOME_FACT_PUT, next, FACT_VHOST, 9, "", "") == ERR_CORRUPT);
	must(look_at_fact(&w, OUTCOME_FACT_PUT, vhost->id, FACT_VHOST, 9, "v", "") == ERR_CORRUPT);
	world_fini(&w);
}

static void what_is_for_queues_is_not_for_the_catalog(void **s)
{
	struct world w;
	struct outcome_for_tests o = { 0 };
	(void)s;
	world_init(&w);
	struct core *c = core_new(&w.side.mem, 1);
	must(c != NULL);
	for (uint8_t kind = OUTCOME_ADD; kind <= OUTCOME_COUNT; kind++) {
		must(look(&w, &o, kind, 1, 0) == ERR_CORRUPT);
		must(core_sound(c, &o.run, 0) == ERR_OK);
	}
	must(look(&w, &o, OUTCOME_QUEUE_DELETE, 1, 0) == ERR_OK);
	must(core_sound(c, &o.run, 0) == ERR_CORRUPT);
	must(look(&w, &o, OUTCOME_TX_END, 0, 0) == ERR_CORRUPT);
	must(core_sound(c, &o.run, 0) == ERR_CORRUPT); /* it has no number */
	o.run.arg = 1;
	must(core_sound(c, &o.run, 0) == ERR_OK);
	o.run.kind = OUTCOME_ADD;
	o.run.n = 2;
	must(core_sound(c, &o.run, (1u << 16) - 2) == ERR_OK);
	must(core_sound(c, &o.run, (1u << 16) - 1) == ERR_CORRUPT);
	core_free(c);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_has_a_name_of_its_own_and_a_place),
		cmocka_unit_test(a_fact_hangs_on_what_is_there),
		cmocka_unit_test(what_is_for_queues_is_not_for_the_catalog),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
