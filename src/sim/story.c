#include "sim/story.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const texts[STORY_N] = {
#define STORY(name, text, prose) text,
#include "sim/story.def"
#undef STORY
};

void story_init(struct story *s, bool is_told)
{
	*s = (struct story){ .is_told = is_told };
}

static void print(const struct story *s, const char *text, const uint64_t *value)
{
	printf("%8" PRIu64 "  ", s->steps_n);
	for (const char *at = text; *at; at++) {
		if (strncmp(at, "{}", 2) == 0) {
			printf("%" PRIu64, *value++);
			at++;
		} else if (strncmp(at, "{x}", 3) == 0) {
			printf("%" PRIx64, *value++);
			at += 2;
		} else {
			putchar(*at);
		}
	}
	putchar('\n');
}

void story_tell(struct story *s, enum story_event e, const uint64_t values[STORY_VALUES])
{
	s->told_n[e]++;
	story_mix(s, e);
	for (int i = 0; i < STORY_VALUES; i++)
		story_mix(s, values[i]);
	if (s->is_told)
		print(s, texts[e], values);
}

void story_wrong(struct story *s, const char *fmt, ...)
{
	if (s->is_wrong)
		return;
	s->is_wrong = true;
	s->wrong_step = s->steps_n;
	va_list args;
	va_start(args, fmt);
	vsnprintf(s->wrong, sizeof s->wrong, fmt, args);
	va_end(args);
	if (s->is_told)
		printf("%8" PRIu64 "  WRONG: %s\n", s->steps_n, s->wrong);
}
