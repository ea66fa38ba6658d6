#include "wire/amqp091/sasl.h"

#include "base/must.h"
#include "wire/amqp091/table.h"

enum err amqp091_sasl_plain(struct slice response, struct amqp091_login *out)
{
	must(out != NULL);
	size_t first = slice_find(response, 0);
	if (first == response.n)
		return ERR_MALFORMED;
	struct slice authzid = slice_sub(response, 0, first);
	struct slice rest = slice_from(response, first + 1);

	size_t second = slice_find(rest, 0);
	if (second == rest.n)
		return ERR_MALFORMED;
	struct slice user = slice_sub(rest, 0, second);
	struct slice password = slice_from(rest, second + 1);

	if (slice_find(password, 0) != password.n)
		return ERR_MALFORMED;
	if (!slice_is_empty(authzid) && !slice_eq(authzid, user))
		return ERR_MALFORMED;
	*out = (struct amqp091_login){ .user = user, .password = password };
	return ERR_OK;
}

enum err amqp091_sasl_amqplain(struct slice response, struct amqp091_login *out)
{
	must(out != NULL);
	struct amqp091_login login;
	TRY(amqp091_table_check(response));
	if (!amqp091_table_str(response, "LOGIN", &login.user) ||
	    !amqp091_table_str(response, "PASSWORD", &login.password))
		return ERR_MALFORMED;
	*out = login;
	return ERR_OK;
}
