#include "session/manage/request.h"

#define DIGITS_MAX   19u /* any number of so many fits 64 bits */
#define WHOLES_MAX   100u
#define DECIMALS_MAX 9u

enum argument {
	ARGUMENT_NONE,
	ARGUMENT_NUMBER,
	ARGUMENT_NAME,
	ARGUMENT_MESSAGE,
	ARGUMENT_WORD,
	ARGUMENT_QUEUE,
	ARGUMENT_REASON,
	ARGUMENT_AMOUNT,
	ARGUMENT_DELETION,
	ARGUMENT_LOGIN
};

const char *const request_words[REQUEST_N] = {
#define REQUEST(name, words, argument, prose) [REQUEST_##name] = words,
#include "session/manage/request.def"
#undef REQUEST
};

static const enum argument arguments[REQUEST_N] = {
#define REQUEST(name, words, argument, prose) [REQUEST_##name] = ARGUMENT_##argument,
#include "session/manage/request.def"
#undef REQUEST
};

/* Takes `words` and the blank behind them off the line. False: it does not begin with them. */
static bool words_take(struct slice *line, struct slice words)
{
	must(words.n > 0);
	if (!slice_starts_with(*line, words))
		return false;
	struct slice rest = slice_from(*line, words.n);
	if (rest.n > 0 && rest.p[0] != ' ')
		return false;
	*line = rest.n > 0 ? slice_from(rest, 1) : rest;
	return true;
}

static enum err number_parse(struct slice word, uint64_t *out)
{
	uint64_t v = 0;
	must(out != NULL);
	if (word.n == 0 || word.n > DIGITS_MAX)
		return ERR_MALFORMED;
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] < '0' || word.p[i] > '9')
			return ERR_MALFORMED;
		v = v * 10 + (uint64_t)(word.p[i] - '0');
	}
	*out = v;
	return ERR_OK;
}

static enum err argument_number(struct slice rest, struct request *out, struct text *why)
{
	must(!out->is_all);
	if (rest.n == 0 || slice_eq(rest, slice_str("all"))) {
		out->is_all = true;
		return ERR_OK;
	}
	if (number_parse(rest, &out->number) == ERR_OK)
		return ERR_OK;
	text_putf(why, "%s wants a number, not", request_words[out->kind]);
	text_put_quoted_printable(why, " ", rest);
	return ERR_MALFORMED;
}

/* `-l BYTES VHOST`, for a virtual host with a blank in its name. */
static enum err argument_long_vhost(struct slice *rest, struct request *out, struct text *why)
{
	uint64_t n;
	struct slice digits = slice_cut(rest, ' ');
	must(out->vhost.n > 0);
	bool is_good = number_parse(digits, &n) == ERR_OK && n > 0 && n <= rest->n &&
		       (n == rest->n || rest->p[n] == ' ');
	if (!is_good) {
		text_puts(why, "-l wants the length of a virtual host's name, and it");
		return ERR_MALFORMED;
	}
	out->vhost = slice_sub(*rest, 0, (size_t)n);
	*rest = n < rest->n ? slice_from(*rest, (size_t)n + 1) : SLICE_EMPTY;
	return ERR_OK;
}

/* Names may hold blanks, those of virtual hosts behind -p may not. */
static enum err argument_name(struct slice rest, struct request *out, struct text *why)
{
	out->vhost = slice_str("/");
	must(!out->is_all);
	if (words_take(&rest, slice_str("-l"))) {
		TRY(argument_long_vhost(&rest, out, why));
	} else if (words_take(&rest, slice_str("-p"))) {
		out->vhost = slice_cut(&rest, ' ');
		if (out->vhost.n == 0) {
			text_puts(why, "-p wants a virtual host");
			return ERR_MALFORMED;
		}
	}
	out->name = rest;
	out->is_all = rest.n == 0;
	return ERR_OK;
}

/* A message, by two numbers, and the name that it belongs to; is_all: all of them. */
static enum err argument_message(struct slice rest, struct request *out, struct text *why)
{
	struct slice first = slice_cut(&rest, ' ');
	size_t dash = slice_find(first, '-');
	bool is_all = slice_eq(first, slice_str("all"));
	must(!out->is_all);
	if (!is_all &&
	    (dash == first.n || number_parse(slice_sub(first, 0, dash), &out->number) != ERR_OK ||
	     number_parse(slice_from(first, dash + 1), &out->place) != ERR_OK)) {
		text_putf(why, "%s wants a message as a list calls it, or all, not",
			  request_words[out->kind]);
		text_put_quoted_printable(why, " ", first);
		return ERR_MALFORMED;
	}
	TRY(argument_name(rest, out, why));
	if (out->name.n == 0) {
		text_putf(why, "%s wants the name of an exchange", request_words[out->kind]);
		return ERR_MALFORMED;
	}
	out->is_all = is_all;
	return ERR_OK;
}

/* A queue, which must be named. */
static enum err argument_queue(struct slice rest, struct request *out, struct text *why)
{
	TRY(argument_name(rest, out, why));
	must(out->is_all == (out->name.n == 0));
	if (out->name.n > 0)
		return ERR_OK;
	text_putf(why, "%s wants the name of a queue", request_words[out->kind]);
	return ERR_MALFORMED;
}

/* A number, and what is to be said. */
static enum err argument_reason(struct slice rest, struct request *out, struct text *why)
{
	size_t n = slice_find(rest, ' ');
	must(!out->is_all);
	if (number_parse(slice_sub(rest, 0, n), &out->number) != ERR_OK || n + 1 >= rest.n) {
		text_putf(why, "%s wants a number and a reason", request_words[out->kind]);
		return ERR_MALFORMED;
	}
	out->name = slice_from(rest, n + 1);
	if (out->name.n <= REQUEST_REASON_MAX)
		return ERR_OK;
	text_putf(why, "a reason has at most %u bytes", REQUEST_REASON_MAX);
	return ERR_MALFORMED;
}

/* What else could be the name of a queue is told from it by the -p or -l that follows. */
static enum err argument_deletion(struct slice rest, struct request *out, struct text *why)
{
	struct slice all = rest;
	must(!out->if_unused && !out->if_empty);
	out->if_unused = words_take(&rest, slice_str("if-unused"));
	out->if_empty = words_take(&rest, slice_str("if-empty"));
	if (!slice_starts_with(rest, slice_str("-p ")) &&
	    !slice_starts_with(rest, slice_str("-l "))) {
		out->if_unused = out->if_empty = false;
		rest = all;
	}
	return argument_queue(rest, out, why);
}

/* Names and passwords may hold blanks. */
static enum err argument_login(struct slice rest, struct request *out, struct text *why)
{
	struct slice digits = slice_cut(&rest, ' ');
	must(!out->is_all);
	if (number_parse(digits, &out->number) != ERR_OK || out->number >= rest.n ||
	    rest.p[out->number] != ' ') {
		text_putf(why, "%s wants the length of a name, the name, and a password",
			  request_words[out->kind]);
		return ERR_MALFORMED;
	}
	out->vhost = slice_sub(rest, 0, (size_t)out->number);
	out->name = slice_from(rest, (size_t)out->number + 1);
	return ERR_OK;
}

/* A decimal fraction such as 0.4, in billionths. */
static enum err fraction_parse(struct slice word, uint64_t *out)
{
	struct slice rest = word, whole = slice_cut(&rest, '.');
	uint64_t wholes, decimals = 0;
	must(out != NULL);
	if (number_parse(whole, &wholes) != ERR_OK || wholes > WHOLES_MAX ||
	    rest.n > DECIMALS_MAX || (whole.n < word.n && number_parse(rest, &decimals) != ERR_OK))
		return ERR_MALFORMED;
	for (size_t i = rest.n; i < DECIMALS_MAX; i++)
		decimals *= 10;
	*out = wholes * REQUEST_BILLION + decimals;
	return ERR_OK;
}

/* Bytes, or a part of the memory. */
static enum err argument_amount(struct slice rest, struct request *out, struct text *why)
{
	must(!out->is_all);
	out->is_relative = words_take(&rest, slice_str("relative"));
	enum err e = out->is_relative ? fraction_parse(rest, &out->number)
				      : number_parse(rest, &out->number);
	if (e == ERR_OK && out->number <= INT64_MAX)
		return ERR_OK;
	text_putf(why, "%s wants bytes, or relative and a fraction, not", request_words[out->kind]);
	text_put_quoted_printable(why, " ", rest);
	return ERR_MALFORMED;
}

static enum err argument_parse(struct slice rest, struct request *out, struct text *why)
{
	must(out->kind < REQUEST_N);
	switch (arguments[out->kind]) {
	case ARGUMENT_NUMBER: return argument_number(rest, out, why);
	case ARGUMENT_NAME: return argument_name(rest, out, why);
	case ARGUMENT_MESSAGE: return argument_message(rest, out, why);
	case ARGUMENT_QUEUE: return argument_queue(rest, out, why);
	case ARGUMENT_REASON: return argument_reason(rest, out, why);
	case ARGUMENT_AMOUNT: return argument_amount(rest, out, why);
	case ARGUMENT_DELETION: return argument_deletion(rest, out, why);
	case ARGUMENT_LOGIN: return argument_login(rest, out, why);
	case ARGUMENT_WORD:
		out->name = rest;
		out->is_all = rest.n == 0;
		return ERR_OK;
	case ARGUMENT_NONE: break;
	}
	if (rest.n == 0)
		return ERR_OK;
	text_putf(why, "%s wants nothing behind it", request_words[out->kind]);
	return ERR_MALFORMED;
}

/* What there is: of those that begin with the same word, or of all. */
static void refuse_unknown(struct slice line, struct text *why)
{
	struct slice rest = line, word = slice_cut(&rest, ' ');
	bool is_any = false, is_known = false;
	for (int kind = 0; kind < REQUEST_N; kind++) {
		struct slice own = slice_str(request_words[kind]);
		must(own.n > 0);
		is_known |= slice_eq(slice_cut(&own, ' '), word);
	}
	text_put_quoted_printable(why, "there is no ", line);
	text_puts(why, "; there is:");
	for (int kind = 0; kind < REQUEST_N; kind++) {
		struct slice own = slice_str(request_words[kind]);
		if (is_known && !slice_eq(slice_cut(&own, ' '), word))
			continue;
		text_putf(why, "%s %s", is_any ? "," : "", request_words[kind]);
		is_any = true;
	}
}

enum err request_parse(struct slice line, struct request *out, struct text *why)
{
	must(out != NULL && why != NULL);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	for (int kind = 0; kind < REQUEST_N; kind++) {
		struct slice rest = line;
		struct request found = { .kind = (enum request_kind)kind };
		if (!words_take(&rest, slice_str(request_words[kind])))
			continue;
		TRY(argument_parse(rest, &found, why));
		*out = found;
		return ERR_OK;
	}
	refuse_unknown(line, why);
	return ERR_MALFORMED;
}
