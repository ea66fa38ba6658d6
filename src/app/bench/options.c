#include "app/bench/options.h"

#include "app/bench/stamp.h"
#include "base/bits.h"
#include "base/must.h"
#include "base/near.h"

#include <string.h>

enum kind { FLAG, COUNT, BYTES, SECONDS, TEXT };

struct row {
	enum kind kind;
	const char *name, *arg, *prose;
	size_t at; /* offset of the field in struct options */
};

static const struct row rows[] = {
#define OPTION(kind, field, name, otherwise, arg, prose) \
	{ kind, name, arg, prose, offsetof(struct options, field) },
#include "app/bench/options.def"
#undef OPTION
};
#define ROWS_N (sizeof rows / sizeof rows[0])

static const struct scenario {
	const char *name, *options, *prose;
} scenarios[] = {
#define SCENARIO(name, options, prose) { name, options, prose },
#include "app/bench/scenario.def"
#undef SCENARIO
};
#define SCENARIOS_N (sizeof scenarios / sizeof scenarios[0])

static void options_init(struct options *o)
{
	*o = (struct options){
#define OPTION(kind, field, name, otherwise, arg, prose) .field = otherwise,
#include "app/bench/options.def"
#undef OPTION
	};
}

/* A word of the command line or of a scenario: "--name", "--name=value", "value". */
struct words {
	struct slice rest; /* of a scenario: each has a zero behind it */
	char **argv;       /* or: of the command line */
	int at, n;
};

static bool words_peek(const struct words *w, struct slice *out_word)
{
	if (w->argv) {
		if (w->at == w->n)
			return false;
		*out_word = slice_str(w->argv[w->at]);
		return true;
	}
	*out_word = slice_sub(w->rest, 0, slice_find(w->rest, '\0'));
	return out_word->n > 0;
}

static void words_next(struct words *w)
{
	struct slice word;
	must(words_peek(w, &word));
	if (w->argv)
		w->at++;
	else
		w->rest = slice_from(w->rest, min_size(word.n + 1, w->rest.n));
}

/* read_number takes digits off the front, at most 18 of them. */
static bool read_number(struct slice *s, uint64_t *out)
{
	uint64_t v = 0;
	size_t n = 0;
	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9' && n < 18)
		v = v * 10 + (uint64_t)(s->p[n++] - '0');
	*s = slice_from(*s, n);
	*out = v;
	return n > 0;
}

static bool read_bytes(struct slice s, uint64_t *out)
{
	static const char units[] = "kmg";
	uint64_t v;
	if (!read_number(&s, &v))
		return false;
	if (s.n == 1 && v < UINT64_C(1) << 30) {
		const char *unit = memchr(units, s.p[0] | 0x20, 3);
		if (!unit)
			return false;
		v <<= 10 * (unit - units + 1);
		s = SLICE_EMPTY;
	}
	*out = v;
	return s.n == 0;
}

static bool read_seconds(struct slice s, uint64_t *out_ns)
{
	uint64_t whole, part = 0, unit = OPTIONS_SECOND;
	if (!read_number(&s, &whole) || whole > 1000000)
		return false;
	if (s.n > 1 && s.p[0] == '.') {
		s = slice_from(s, 1);
		for (; s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9' && unit > 1;
		     s = slice_from(s, 1)) {
			unit /= 10;
			part += unit * (uint64_t)(s.p[0] - '0');
		}
	}
	*out_ns = whole * OPTIONS_SECOND + part;
	return s.n == 0;
}

static bool set(struct options *o, const struct row *row, struct slice value)
{
	void *field = (char *)o + row->at;
	uint64_t *number = field;
	switch (row->kind) {
	case FLAG: *(bool *)field = true; return true;
	case TEXT: *(const char **)field = (const char *)value.p; return true;
	case COUNT: return read_number(&value, number) && value.n == 0;
	case BYTES: return read_bytes(value, number);
	case SECONDS: return read_seconds(value, number);
	}
	return false;
}

static enum err refuse_name(struct slice name, struct text *out_why)
{
	const char *names[ROWS_N];
	for (size_t i = 0; i < ROWS_N; i++)
		names[i] = rows[i].name;
	text_puts(out_why, "unknown option ");
	text_put_printable(out_why, name);
	const char *near = near_name(name, names, ROWS_N);
	if (near)
		text_putf(out_why, "; did you mean %s?", near);
	return ERR_SYNTAX_ERROR;
}

static const struct row *row_of(struct slice name)
{
	for (size_t i = 0; i < ROWS_N; i++) {
		if (slice_eq(slice_str(rows[i].name), name))
			return &rows[i];
	}
	return NULL;
}

/* parse_one takes one option and its value off the words. */
static enum err parse_one(struct options *o, struct words *w, struct text *out_why)
{
	struct slice word, value = SLICE_EMPTY;
	must(words_peek(w, &word));
	words_next(w);
	size_t equals = slice_find(word, '=');
	struct slice name = slice_sub(word, 0, equals);
	const struct row *row = row_of(name);
	if (!row)
		return refuse_name(name, out_why);
	bool given = equals < word.n;
	if (given)
		value = slice_from(word, equals + 1);
	else if (row->kind != FLAG && (given = words_peek(w, &value)))
		words_next(w);
	if (row->kind == FLAG ? given : !given) {
		text_putf(out_why, "%s takes %s value", row->name, given ? "no" : "a");
		return ERR_SYNTAX_ERROR;
	}
	if (!set(o, row, value)) {
		text_putf(out_why, "%s %s: ", row->name, row->arg);
		text_put_printable(out_why, value);
		text_puts(out_why, " is no such value");
		return ERR_SYNTAX_ERROR;
	}
	return ERR_OK;
}

static enum err parse_words(struct options *o, struct words *w, struct text *out_why)
{
	struct slice word;
	while (words_peek(w, &word)) {
		if (word.n < 2 || word.p[0] != '-')
			break;
		if (slice_eq(word, slice_str("--"))) {
			words_next(w);
			break;
		}
		if (slice_eq(word, slice_str("--help")) || slice_eq(word, slice_str("-h"))) {
			words_next(w);
			o->help = true;
			continue;
		}
		TRY(parse_one(o, w, out_why));
	}
	return ERR_OK;
}

/* words_of makes words of a scenario's text, in `o`, whose texts borrow their final zeros. */
static struct words words_of(struct options *o, const char *scenario)
{
	size_t n = strlen(scenario) + 1;
	must(n <= sizeof o->scenario_words);
	for (size_t i = 0; i < n; i++)
		o->scenario_words[i] = scenario[i] == ' ' ? '\0' : scenario[i];
	return (struct words){ .rest = slice_of(o->scenario_words, n) };
}

static enum err apply_scenario(struct options *o, struct text *out_why)
{
	const char *names[SCENARIOS_N];
	for (size_t i = 0; i < SCENARIOS_N; i++) {
		names[i] = scenarios[i].name;
		if (strcmp(names[i], o->scenario) != 0)
			continue;
		struct words w = words_of(o, scenarios[i].options);
		return parse_words(o, &w, out_why);
	}
	text_puts(out_why, "unknown scenario ");
	text_put_printable(out_why, slice_str(o->scenario));
	const char *near = near_name(slice_str(o->scenario), names, SCENARIOS_N);
	if (near)
		text_putf(out_why, "; did you mean %s?", near);
	return ERR_SYNTAX_ERROR;
}

enum err options_parse(struct options *o, int argc, char **argv, struct text *out_why)
{
	must(argc >= 1);
	struct words all = { .argv = argv, .at = 1, .n = argc }, again = all;
	options_init(o);
	TRY(parse_words(o, &all, out_why));
	if (o->scenario) {
		const char *scenario = o->scenario;
		options_init(o);
		o->scenario = scenario;
		TRY(apply_scenario(o, out_why));
		TRY(parse_words(o, &again, out_why));
	}
	o->command = argv + all.at;
	return ERR_OK;
}

static void choose(uint64_t *field, uint64_t value)
{
	if (*field == OPTIONS_AUTO)
		*field = value;
}

static bool is_by(const struct options *o, const char *scheme)
{
	must(scheme[0] != '\0');
	return strncmp(o->uri, scheme, strlen(scheme)) == 0;
}

/* MQTT knows topics and QoS, STOMP queues and receipts, and no more. */
static const char *clash_others(const struct options *o)
{
	bool is_mqtt = is_by(o, "mqtt:"), is_stomp = is_by(o, "stomp:");
	if (o->qos > 2 || (o->qos > 0 && o->confirms > 4096))
		return "--qos is 0, 1 or 2, with --confirms up to 4096";
	if (!is_mqtt && o->qos > 0)
		return "--qos is for mqtt://";
	if (!is_mqtt && !is_stomp)
		return NULL;
	if (is_mqtt && o->consumers > o->queues)
		return "with mqtt:// each consumer has a queue of its own";
	if (is_stomp && (o->consumers < 1 || o->fanout || o->ack_batch > 1 || o->queue_type))
		return "with stomp:// queues go with their consumers, who acknowledge singly";
	if (o->channels > 1)
		return "--channels are for amqp://";
	if (o->size > 128 << 10)
		return "--size is at most 128k but for amqp://";
	if (o->exchange_type || o->ttl || o->delay || o->dead_letter || o->priorities ||
	    o->backlog || o->start || o->idle_connections || o->churn || o->drain)
		return "an option that is for amqp:// alone";
	return NULL;
}

/* clash names the first pair of options that cannot be given together, or the bound that is
 * broken; NULL when all is well. */
static const char *clash(const struct options *o)
{
	int others = o->floor + o->start + (o->idle_connections > 0) + (o->churn > 0) +
		     (o->backlog > 0);
	if (others > 1)
		return "one measurement at a time";
	if (o->floor && o->size != OPTIONS_AUTO && (o->size < 12 || o->size > 256 << 10))
		return "--size of a --floor is 12 to 256k";
	if (!o->floor && o->size < STAMP_BYTES)
		return "--size is at least 16: each message carries its number";
	if (!o->floor && o->size > 512 << 20)
		return "--size is at most 512m";
	if (o->publishers + o->consumers == 0)
		return "neither publishers nor consumers";
	if (o->publishers > STAMP_PUBLISHER_MAX || o->consumers > 60000 || o->queues > 60000)
		return "at most 60000 publishers, consumers and queues";
	if (o->queues == 0 || o->channels == 0 || o->threads == 0 || o->ack_batch == 0)
		return "--queues, --channels, --threads and --ack-batch are at least 1";
	if (o->channels > 2000 || o->threads > 256)
		return "at most 2000 channels of a connection and 256 threads";
	if (o->prefetch > 0 && o->manual_ack && o->ack_batch > o->prefetch)
		return "--ack-batch above --prefetch would wait for ever";
	if (o->prefetch > UINT16_MAX)
		return "--prefetch is at most 65535";
	if (o->confirms > 1 << 20)
		return "--confirms is at most 1048576";
	if (o->fanout && o->exchange_type)
		return "--fanout and --exchange-type";
	if (o->ttl > UINT32_MAX / 2)
		return "--ttl is at most 2147483647";
	if (o->priorities > 255)
		return "--priorities is at most 255";
	if (o->delay > INT32_MAX)
		return "--delay is at most 2147483647";
	if (o->delay && (o->fanout || o->exchange_type || o->dead_letter))
		return "--delay and another exchange";
	if (o->dead_letter && (o->fanout || o->exchange_type))
		return "--dead-letter and an exchange";
	if (o->bindings > 0 &&
	    (o->queues > 1 || !o->exchange_type ||
	     (strcmp(o->exchange_type, "topic") != 0 && strcmp(o->exchange_type, "headers") != 0)))
		return "--bindings are for one queue and --exchange-type topic or headers";
	if (o->bindings > 9999999)
		return "--bindings is at most 9999999";
	if (o->consumers > 0 && o->consumers < o->queues)
		return "every queue needs a consumer, or there are none at all";
	if (o->messages > STAMP_SEQ_MAX || o->run > STAMP_RUN_MAX)
		return "at most 2^40 messages, and a --run below 2^24";
	if (o->drain && o->backlog == 0 && o->messages == 0)
		return "--drain needs --messages, or --backlog";
	if (o->start && !o->command[0])
		return "--start needs a command";
	if (!o->start && o->command[0])
		return "words after the options, and no --start";
	return clash_others(o);
}

enum err options_settle(struct options *o, struct text *out_why)
{
	if (!o->floor)
		choose(&o->size, 16);
	else if (o->rate > 0)
		choose(&o->size, 100);
	choose(&o->publishers, 1);
	choose(&o->consumers, 1);
	if (o->qos > 0 && o->confirms == 0)
		o->confirms = 1000;
	choose(&o->queues, o->fanout ? max_u64(o->consumers, 1) : 1);
	bool bounded = o->confirms > 0 || o->rate > 0 || o->consumers == 0;
	choose(&o->window, bounded ? 0 : 20000);
	choose(&o->time_ns, o->messages > 0 ? 0 : 5 * OPTIONS_SECOND);
	choose(&o->run, 1);
	o->latency |= o->rate > 0;
	const char *why = clash(o);
	if (why) {
		text_puts(out_why, why);
		return ERR_SYNTAX_ERROR;
	}
	return ERR_OK;
}

void options_help(struct text *out)
{
	text_puts(out, "usage: godwit bench [options] [-- command]\n\n");
	for (size_t i = 0; i < ROWS_N; i++)
		text_putf(out, "  %s%s%s\n        %s\n", rows[i].name, rows[i].arg[0] ? " " : "",
			  rows[i].arg, rows[i].prose);
	text_puts(out, "\nscenarios:\n");
	for (size_t i = 0; i < SCENARIOS_N; i++)
		text_putf(out, "  %-18s %s\n        %s\n", scenarios[i].name, scenarios[i].prose,
			  scenarios[i].options);
	text_puts(out,
		  "\nExit code: 0 all came, once and in order; 1 not so, or the broker failed; "
		  "2 wrong options.\n");
}
