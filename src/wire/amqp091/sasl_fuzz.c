/* sasl_fuzz -- any octets as the response of PLAIN and of AMQPLAIN: what is taken lies in them, and
 * is taken again when it is written anew. */
#include "base/must.h"
#include "wire/amqp091/sasl.h"
#include "wire/amqp091/table.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void lies_in(struct slice part, struct slice whole)
{
	must(part.n <= whole.n);
	must(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void good(struct slice response, const struct amqp091_login *login)
{
	lies_in(login->user, response);
	lies_in(login->password, response);
}

static void same(const struct amqp091_login *a, const struct amqp091_login *b)
{
	must(slice_eq(a->user, b->user) && slice_eq(a->password, b->password));
}

static void plain(struct slice response, uint8_t *room)
{
	struct amqp091_login login, again;
	if (amqp091_sasl_plain(response, &login) != ERR_OK)
		return;
	good(response, &login);
	must(slice_find(login.user, 0) == login.user.n);
	must(slice_find(login.password, 0) == login.password.n);
	struct wr w = wr_of(room, response.n);
	wr_u8(&w, 0);
	wr_slice(&w, login.user);
	wr_u8(&w, 0);
	wr_slice(&w, login.password);
	must(wr_ok(&w));
	must(amqp091_sasl_plain(slice_of(room, w.n), &again) == ERR_OK);
	same(&login, &again);
}

static void amqplain(struct slice response, uint8_t *room)
{
	struct amqp091_login login, again;
	if (amqp091_sasl_amqplain(response, &login) != ERR_OK)
		return;
	good(response, &login);
	must(amqp091_table_check(response) == ERR_OK);
	struct wr w = wr_of(room, response.n);
	struct rd r = rd_of(response);
	struct amqp091_entry e;
	while (amqp091_table_next(&r, &e)) {
		amqp091_put_name(&w, e.name);
		amqp091_put_value(&w, &e.value);
	}
	must(wr_ok(&w) && amqp091_sasl_amqplain(slice_of(room, w.n), &again) == ERR_OK);
	same(&login, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t *room = malloc(n + 1);
	must(room != NULL);
	plain(slice_of(p, n), room);
	amqplain(slice_of(p, n), room);
	free(room);
	return 0;
}
