/* scenario_for_tests -- plays stories against a harness: what clients send, `----`, what comes.
 *
 * test/scenario/README.md has the format. The harness is whatever its user has included before:
 * WORLD_CLIENTS, struct world, struct client (out, out_read, is_closed), client_new, client_write,
 * client_lost, world_run, world_later, world_order and world_free. A protocol's part is included
 * behind it, or written there. Only for tests.
 */
#ifndef SESSION_SCENARIO_FOR_TESTS_H
#define SESSION_SCENARIO_FOR_TESTS_H
#include "base/text.h"
#include "session/octets_for_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCENARIO_LINE  8192
#define SCENARIO_NAMES 16
#define SCENARIO_GOT   65536

struct scenario {
	struct world *w;
	const char *name;
	struct {
		char name[16];
		struct client *c;
	} clients[WORLD_CLIENTS];
	struct {
		char name[24], value[512];
	} captured[SCENARIO_NAMES];
	struct {
		struct client *c;
		char *text;
	} got[SCENARIO_GOT];
	size_t got_n;
	int line;
};

static inline _Noreturn void scenario_fail(const struct scenario *s, const char *what,
					   const char *want, const char *got)
{
	fprintf(stderr, "%s:%d: %s\n  want: %s\n  got:  %s\n", s->name, s->line, what, want,
		got ? got : "(nothing)");
	for (size_t i = 0; i < s->got_n; i++)
		fprintf(stderr, "  unread: %s\n", s->got[i].text);
	abort();
}

/* ---- of a protocol ------------------------------------------------------------------------ */

/* scenario_listen_to notes what has come to a client, line by line. scenario_frames makes the
 * octets of a line that it sends. scenario_open logs in. scenario_confirmed waits for confirms. */
static inline void scenario_listen_to(struct scenario *s, struct client *c);
static inline void scenario_frames(struct client *c, const char *line, struct octets *out);
static inline void scenario_open(struct scenario *s, struct client *c, const char *options);
static inline void scenario_confirmed(struct scenario *s, struct client *c, unsigned ch,
				      const char *range);

/* ---- what came ---------------------------------------------------------------------------- */

static inline void scenario_note(struct scenario *s, struct client *c, const char *text)
{
	must(s->got_n < SCENARIO_GOT);
	char *copy = malloc(strlen(text) + 1);
	must(copy != NULL);
	memcpy(copy, text, strlen(text) + 1);
	s->got[s->got_n].c = c;
	s->got[s->got_n++].text = copy;
}

static inline void scenario_listen(struct scenario *s)
{
	world_run(s->w);
	for (int i = 0; i < WORLD_CLIENTS; i++)
		if (s->clients[i].c)
			scenario_listen_to(s, s->clients[i].c);
}

/* ---- patterns: * is anything, <name> is kept and then stands for what it was ---------------- */

static inline size_t scenario_name(const char *p)
{
	size_t n = 0;
	if (p[0] != '<')
		return 0;
	for (n = 1; p[n] >= 'a' && p[n] <= 'z'; n++)
		;
	return p[n] == '>' && n > 1 ? n + 1 : 0;
}

static inline char *scenario_value(struct scenario *s, const char *name, size_t n, bool is_new)
{
	for (int i = 0; i < SCENARIO_NAMES; i++) {
		if (!s->captured[i].name[0] && is_new)
			memcpy(s->captured[i].name, name, n);
		if (strlen(s->captured[i].name) == n && memcmp(s->captured[i].name, name, n) == 0)
			return s->captured[i].value;
	}
	return NULL;
}

static inline void scenario_expand(struct scenario *s, const char *from, char *out)
{
	while (*from) {
		size_t n = scenario_name(from);
		const char *v = n ? scenario_value(s, from, n, false) : NULL;
		if (v) {
			out += snprintf(out, 512, "%s", v);
			from += n;
		} else {
			*out++ = *from++;
		}
	}
	*out = '\0';
}

static inline bool scenario_match(struct scenario *s, const char *want, const char *got)
{
	size_t n = scenario_name(want);
	if (n) {
		char value[512];
		for (size_t len = 1; got[len - 1] && got[len - 1] != '\'' && got[len - 1] != ' ';
		     len++) {
			if (!scenario_match(s, want + n, got + len))
				continue;
			snprintf(value, sizeof value, "%.*s", (int)len, got);
			memcpy(scenario_value(s, want, n, true), value, sizeof value);
			return true;
		}
		return false;
	}
	if (*want == '*')
		return scenario_match(s, want + 1, got) ||
		       (*got && scenario_match(s, want, got + 1));
	if (*want != *got)
		return false;
	return *want == '\0' || scenario_match(s, want + 1, got + 1);
}

static inline unsigned scenario_channel(const char *text)
{
	unsigned ch = 0;
	return sscanf(text, "ch %u", &ch) == 1 ? ch : 0;
}

/* The first line that came to `c` on that channel; -1: none. */
static inline long scenario_first(const struct scenario *s, const struct client *c, unsigned ch)
{
	for (size_t i = 0; i < s->got_n; i++)
		if (s->got[i].c == c && scenario_channel(s->got[i].text) == ch)
			return (long)i;
	return -1;
}

static inline void scenario_drop(struct scenario *s, long at)
{
	free(s->got[at].text);
	s->got_n--;
	memmove(&s->got[at], &s->got[at + 1], (s->got_n - (size_t)at) * sizeof s->got[0]);
}

static inline struct client *scenario_client(struct scenario *s, const char *line,
					     const char **rest)
{
	size_t n = strcspn(line, " ");
	*rest = line + n + (line[n] == ' ');
	for (int i = 0; i < WORLD_CLIENTS; i++)
		if (strlen(s->clients[i].name) == n && strncmp(s->clients[i].name, line, n) == 0)
			return s->clients[i].c;
	return NULL;
}

/* ---- expectations ------------------------------------------------------------------------- */

static inline void scenario_expect(struct scenario *s, const char *line)
{
	const char *want;
	char expanded[SCENARIO_LINE];
	scenario_expand(s, line, expanded);
	scenario_listen(s);
	struct client *c = scenario_client(s, expanded, &want);
	if (!c)
		scenario_fail(s, "no such connection", line, NULL);
	if (strcmp(want, "closed") == 0) {
		while (!c->is_closed && world_later(s->w, 60000))
			scenario_listen(s);
		if (!c->is_closed)
			scenario_fail(s, "the connection was not closed", line, NULL);
		return;
	}
	unsigned ch = scenario_channel(want);
	const char *confirmed = ch ? strstr(want, " confirmed ") : NULL;
	if (confirmed) {
		scenario_confirmed(s, c, ch, confirmed + strlen(" confirmed "));
		return;
	}
	long at = scenario_first(s, c, ch);
	while (at < 0 && world_later(s->w, 60000)) {
		scenario_listen(s);
		at = scenario_first(s, c, ch);
	}
	if (at < 0 || !scenario_match(s, want, s->got[at].text))
		scenario_fail(s, "something else came", want, at < 0 ? NULL : s->got[at].text);
	scenario_drop(s, at);
}

/* ---- actions ------------------------------------------------------------------------------ */

static inline void scenario_write(struct scenario *s, struct client *c, const char *line)
{
	struct octets o = { 0 };
	scenario_frames(c, line, &o);
	client_write(c, o.p, o.n);
	free(o.p);
	scenario_listen(s);
}

static inline void scenario_connect(struct scenario *s, const char *line, const char *rest)
{
	size_t n = strcspn(line, " ");
	for (int i = 0; i < WORLD_CLIENTS; i++) {
		if (s->clients[i].c)
			continue;
		snprintf(s->clients[i].name, sizeof s->clients[i].name, "%.*s", (int)n, line);
		s->clients[i].c = client_new(s->w, strcmp(rest, "connect remote") != 0);
		if (strncmp(rest, "open", 4) == 0)
			scenario_open(s, s->clients[i].c, rest + 4);
		return;
	}
	must(!"too many connections");
}

static inline void scenario_forget(struct scenario *s, struct client *c)
{
	client_lost(c);
	for (int i = 0; i < WORLD_CLIENTS; i++)
		if (s->clients[i].c == c)
			memset(&s->clients[i], 0, sizeof s->clients[i]);
	scenario_listen(s);
}

static inline void scenario_act(struct scenario *s, const char *line)
{
	const char *rest;
	char expanded[SCENARIO_LINE];
	scenario_expand(s, line, expanded);
	struct client *c = scenario_client(s, expanded, &rest);
	if (strncmp(expanded, "operator ", 9) == 0)
		world_order(s->w, rest);
	else if (strncmp(rest, "connect", 7) == 0 || strncmp(rest, "open", 4) == 0)
		scenario_connect(s, expanded, rest);
	else if (!c)
		scenario_fail(s, "no such connection", line, NULL);
	else if (strcmp(rest, "drop") == 0)
		scenario_forget(s, c);
	else
		scenario_write(s, c, rest);
}

/* ---- a whole text ------------------------------------------------------------------------- */

static inline void scenario_step_over(struct scenario *s)
{
	scenario_listen(s);
	if (s->got_n > 0)
		scenario_fail(s, "nobody expected this", "", s->got[0].text);
}

/* scenario_play plays a text from its line `first` on. */
static inline void scenario_play(struct scenario *s, const char *text)
{
	char line[SCENARIO_LINE];
	bool is_expecting = false;
	for (s->line = 1; *text; s->line++) {
		size_t n = strcspn(text, "\n");
		must(n < sizeof line);
		memcpy(line, text, n);
		line[n] = '\0';
		text += n + (text[n] == '\n');
		if (line[0] == '#')
			continue;
		if (line[0] == '\0' && is_expecting)
			scenario_step_over(s);
		if (line[0] == '\0' || strcmp(line, "----") == 0)
			is_expecting = line[0] != '\0';
		else if (is_expecting)
			scenario_expect(s, line);
		else
			scenario_act(s, line);
	}
	scenario_step_over(s);
}

/* scenario_of begins stories in a world; scenario_end ends the world too. */
static inline struct scenario *scenario_of(struct world *w, const char *name)
{
	struct scenario *s = calloc(1, sizeof *s);
	must(s != NULL);
	s->w = w;
	s->name = name;
	return s;
}

static inline void scenario_end(struct scenario *s)
{
	while (s->got_n)
		scenario_drop(s, 0);
	world_free(s->w);
	free(s);
}
#endif
