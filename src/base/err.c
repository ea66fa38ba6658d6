#include "base/err.h"

#include "base/must.h"

const struct err_words err_words[ERR_N] = {
#define ERR(n, t, a091, a10, m5, h, d) \
	[ERR_##n] = { .name = #n,      \
		      .text = t,       \
		      .amqp10 = a10,   \
		      .prose = d,      \
		      .amqp091 = a091, \
		      .http = h,       \
		      .mqtt5 = m5 },
#include "base/err.def"
#undef ERR
};

const char *err_amqp091_name(enum err e)
{
	must(e < ERR_N);
	enum err first = ERR_OK;
	while (err_words[first].amqp091 != err_words[e].amqp091)
		first++;
	return err_words[first].name;
}

bool err_amqp091_closes_connection(enum err e)
{
	must(e < ERR_N && e != ERR_OK);
	switch (err_words[e].amqp091) {
	case 311:
	case 312:
	case 313:
	case 403:
	case 404:
	case 405:
	case 406: return false;
	default: return true;
	}
}
