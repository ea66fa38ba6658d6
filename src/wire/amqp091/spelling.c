#include "wire/amqp091/spelling.h"

#include "base/must.h"

static const uint16_t codes[ERR_N] = {
#define ERR(name, text, code, ...) [ERR_##name] = (code),
#include "base/err.def"
#undef ERR
};

uint16_t amqp091_code(enum err e)
{
	must(e < ERR_N);
	return codes[e];
}

const char *amqp091_code_name(enum err e)
{
	must(e < ERR_N);
	enum err first = ERR_OK;
	while (codes[first] != codes[e])
		first++;
	return err_words[first].name;
}

bool amqp091_closes_connection(enum err e)
{
	must(e < ERR_N && e != ERR_OK);
	switch (codes[e]) {
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
