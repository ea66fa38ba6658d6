#include "app/verb_close.h"

#include "app/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 32
#define LINE_BYTES   1024

/* What clients' connections are looked for: the lines of their dump that must say so. */
struct wanted {
	const char *name; /* what the client calls itself, or its address */
	const char *user, *vhost;
};

struct found {
	const struct wanted *wanted;
	char number[NUMBER_BYTES]; /* of the one whose lines come */
	bool is_name, is_user, is_vhost, is_client, is_ending;
	char (*at)[NUMBER_BYTES];
	size_t n, cap;
	bool is_short; /* of memory */
};

static bool is_it(const struct found *f)
{
	const struct wanted *w = f->wanted;
	return f->number[0] && f->is_client && !f->is_ending && (!w->name || f->is_name) &&
	       (!w->user || f->is_user) && (!w->vhost || f->is_vhost);
}

static void end_one(struct found *f)
{
	if (is_it(f) && f->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 64;
		char(*more)[NUMBER_BYTES] = realloc(f->at, cap * sizeof *more);
		f->is_short = !more;
		f->at = more ? more : f->at;
		f->cap = more ? cap : f->cap;
	}
	if (is_it(f) && f->n < f->cap)
		memcpy(f->at[f->n++], f->number, NUMBER_BYTES);
	f->number[0] = '\0';
	f->is_name = f->is_user = f->is_vhost = f->is_client = f->is_ending = false;
}

static bool is(const char *want, const char *value)
{
	return want && strcmp(want, value) == 0;
}

/* Its socket ends, or its client has been told already. */
static bool is_ending(const char *line, const char *value)
{
	if (strcmp(line, "state") == 0)
		return is("closing", value) || is("lost", value);
	return strcmp(line, "phase") == 0 &&
	       (is("ending", value) || is("closing", value) || is("closed", value));
}

static void take_line(void *arg, char *line)
{
	struct found *f = arg;
	char *value = strstr(line, ": ");
	if (!value) {
		end_one(f);
		return;
	}
	*value = '\0';
	value += 2;
	if (strcmp(line, "connection") == 0)
		snprintf(f->number, sizeof f->number, "%s", value);
	f->is_name |= (strcmp(line, "peer") == 0 || strcmp(line, "client") == 0) &&
		      is(f->wanted->name, value);
	f->is_user |= strcmp(line, "user") == 0 && is(f->wanted->user, value);
	f->is_vhost |= strcmp(line, "vhost") == 0 && is(f->wanted->vhost, value);
	f->is_ending |= is_ending(line, value);
	f->is_client |= strcmp(line, "protocol") == 0 && strcmp(value, "manage") != 0;
}

/* Their numbers, to be freed with f->at. */
static int find(struct found *f, const struct verb_call *call)
{
	int code = control_lines(call->data_dir, call->socket, "dump connection", take_line, f);
	end_one(f);
	if (f->is_short)
		fputs("godwit: there is no memory\n", stderr);
	return f->is_short ? 1 : code;
}

/* The words behind the first `from` are the reason. */
static int close_one(const struct verb_call *call, const char *number, size_t from)
{
	char room[LINE_BYTES];
	struct text line = text_of(room, sizeof room);
	text_putf(&line, "close connection %s", number);
	for (char *const *word = call->words + from; *word; word++)
		text_putf(&line, " %s", *word);
	if (text_is_full(&line)) {
		fputs("godwit: that is too long\n", stderr);
		return 1;
	}
	return control_quietly(call->data_dir, call->socket, room);
}

static bool is_number(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

int verb_close(const struct verb_call *call, struct text *why)
{
	char *const *words = call->words;
	const struct wanted wanted = { .name = words[0] };
	struct found f = { .wanted = &wanted };
	if (!words[0] || !words[1] || !*words[1]) {
		text_puts(why, "it wants a connection and a reason");
		return 2;
	}
	if (is_number(words[0]))
		return close_one(call, words[0], 1);
	int code = find(&f, call);
	if (code == 0 && f.n != 1)
		fprintf(stderr, "godwit close_connection: %s '%s'\n",
			f.n ? "more than one is called" : "there is no connection", words[0]);
	if (code == 0)
		code = f.n == 1 ? close_one(call, f.at[0], 1) : 1;
	free(f.at);
	return code;
}

/* One that has ended by itself meanwhile does not count. */
static int close_found(const struct verb_call *call, struct found *f, size_t from, size_t most)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n && n < most; i++)
		n += close_one(call, f->at[i], from) == 0;
	printf("Closed %zu connections\n", n);
	return 0;
}

/* How many at most; false: that is no number. */
static bool most_of(const struct verb_call *call, size_t *out, struct text *why)
{
	char *end;
	*out = SIZE_MAX;
	if (!call->limit)
		return true;
	unsigned long long n = strtoull(call->limit, &end, 10);
	if (!is_number(call->limit) || *end) {
		text_putf(why, "--limit wants a number, not %s", call->limit);
		return false;
	}
	*out = n ? (size_t)n : SIZE_MAX; /* 0: any number, as there */
	return true;
}

int verb_close_all(const struct verb_call *call, bool is_of_user, struct text *why)
{
	const struct wanted wanted = {
		.user = is_of_user ? call->words[0] : NULL,
		.vhost = is_of_user || call->is_global ? NULL : call->vhost,
	};
	struct found f = { .wanted = &wanted };
	size_t most;
	if (!call->words[0] || (is_of_user && !call->words[1])) {
		text_puts(why, is_of_user ? "it wants a user and a reason" : "it wants a reason");
		return 2;
	}
	if (!most_of(call, &most, why))
		return 2;
	int code = find(&f, call);
	if (code == 0)
		code = close_found(call, &f, is_of_user, most);
	free(f.at);
	return code;
}
