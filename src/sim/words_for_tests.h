/* words_for_tests -- a line of a story as words: name='text', name=5, flag. Only for tests: what
 * cannot be read fails a must.
 */
#ifndef SIM_WORDS_FOR_TESTS_H
#define SIM_WORDS_FOR_TESTS_H
#include "base/must.h"
#include "base/slice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX   64
#define WORDS_BYTES 262144u

struct word {
	char name[40];
	struct slice text; /* p NULL: a number, or a flag, which is 1 */
	uint64_t number;
};

struct words {
	char verb[24];
	struct word at[WORDS_MAX];
	size_t n, room_n;
	uint8_t room[WORDS_BYTES];
};

static inline uint8_t words_hex(const char *p)
{
	const char two[3] = { p[0], p[1], '\0' };
	char *end;
	unsigned long v = strtoul(two, &end, 16);
	must(end == two + 2);
	return (uint8_t)v;
}

/* words_quoted takes 'text' with \xNN and \' in it, n octets of it over and over (0: once). */
static inline struct slice words_quoted(struct words *w, const char **at, size_t n)
{
	const char *p = *at;
	uint8_t *to = w->room + w->room_n;
	size_t got = 0;
	must(*p++ == '\'');
	for (; *p != '\''; got++) {
		must(*p && w->room_n + got < WORDS_BYTES);
		if (p[0] == '\\' && p[1] == 'x') {
			to[got] = words_hex(p + 2);
			p += 4;
		} else {
			p += p[0] == '\\';
			to[got] = (uint8_t)*p++;
		}
	}
	const size_t once = got;
	must(w->room_n + (n > got ? n : got) <= WORDS_BYTES && (n == 0 || once > 0));
	for (; got < n; got++)
		to[got] = to[got - once];
	*at = p + 1;
	w->room_n += got;
	return slice_of(to, got);
}

/* words_read reads a line; `raw '...'` is the verb raw with one word of that name. */
static inline void words_read(struct words *w, const char *line)
{
	w->n = w->room_n = 0;
	size_t n = strcspn(line, " ");
	snprintf(w->verb, sizeof w->verb, "%.*s", (int)n, line);
	for (line += n; *line;) {
		struct word *x = &w->at[w->n++];
		must(w->n <= WORDS_MAX);
		line += *line == ' ';
		n = strcspn(line, "=' ");
		must(n < sizeof x->name);
		*x = (struct word){ .number = 1 };
		memcpy(x->name, line, n);
		line += n + (line[n] == '=');
		if (*line >= '0' && *line <= '9' && line[-1] == '=') {
			char *end;
			x->number = strtoull(line, &end, 10);
			line = end;
			if (*line == '*' && line++)
				x->text = words_quoted(w, &line, x->number);
		} else if (*line == '\'') {
			x->text = words_quoted(w, &line, 0);
		}
	}
}

static inline const struct word *words_find(const struct words *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->at[i].name, name) == 0)
			return &w->at[i];
	return NULL;
}

static inline uint64_t words_number(const struct words *w, const char *name)
{
	const struct word *x = words_find(w, name);
	return x ? x->number : 0;
}

static inline struct slice words_text(const struct words *w, const char *name)
{
	const struct word *x = words_find(w, name);
	return x && x->text.p ? x->text : SLICE_EMPTY;
}
#endif
