/* table_fuzz -- any octets as a field table: refused, or read, compared, printed, written again. */
#include "base/must.h"
#include "wire/amqp091/erl.h"
#include "wire/amqp091/table.h"

#include <stdlib.h>

#define LINE 4096

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* rewrite reads each entry and writes it; what it writes once it writes twice. */
static void rewrite(struct slice table, uint8_t *out)
{
	struct wr w = wr_of(out, table.n);
	struct rd r = rd_of(table);
	struct amqp091_entry e;
	while (amqp091_table_next(&r, &e)) {
		amqp091_put_name(&w, e.name);
		amqp091_put_value(&w, &e.value);
	}
	must(rd_done(&r) && wr_ok(&w) && w.n == table.n);
}

static void say(struct slice table)
{
	char buf[LINE];
	struct text t = text_of(buf, LINE);
	amqp091_table_print(table, &t);
	struct rd r = rd_of(table);
	struct amqp091_entry e;
	while (amqp091_table_next(&r, &e)) {
		struct amqp091_value v;
		t = text_of(buf, LINE);
		amqp091_value_words(&e.value, &t);
		must(t.n > 0);
		must(amqp091_table_find(table, e.name, &v));
	}
}

static void good(struct slice table)
{
	uint8_t *once = malloc(table.n + 1), *twice = malloc(table.n + 1);
	must(once != NULL && twice != NULL);
	rewrite(table, once);
	rewrite(slice_of(once, table.n), twice);
	must(slice_eq(slice_of(once, table.n), slice_of(twice, table.n)));
	must(amqp091_table_check(slice_of(once, table.n)) == ERR_OK);
	must(amqp091_table_eq(table, table));
	(void)amqp091_table_eq(table, slice_of(once, table.n));
	(void)amqp091_args_equivalent(table, slice_of(once, table.n), "a");
	struct slice sorted = amqp091_table_sort(table, twice);
	must(sorted.n == table.n && amqp091_table_check(sorted) == ERR_OK);
	free(once);
	free(twice);
	if (table.n < LINE)
		say(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice table = slice_of(p, n);
	struct amqp091_entry e;
	struct rd r = rd_of(table);
	while (amqp091_table_next(&r, &e))
		must(e.name.n <= n);
	if (amqp091_table_check(table) == ERR_OK)
		good(table);
	return 0;
}
