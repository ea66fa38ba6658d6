/* story -- what happened in a run, one line per event, and what was wrong with it.
 *
 * Every event goes into a hash, so that two runs can be compared; the text is written only when
 * somebody wants to read it. A checker that finds something wrong says so in one sentence
 * (story_wrong): the first one counts, and the run ends. One thread.
 */
#ifndef SIM_STORY_H
#define SIM_STORY_H
#include <stdbool.h>
#include <stdint.h>

enum story_event {
#define STORY(name, text, prose) STORY_##name,
#include "sim/story.def"
#undef STORY
	STORY_N
};

struct story {
	uint64_t hash, steps_n;
	uint64_t told_n[STORY_N]; /* how often each event was told */
	bool is_told;             /* lines go to the standard output */
	bool is_wrong;
	uint64_t wrong_step;
	char wrong[512];
};

#define STORY_VALUES 6

/* TELL(story, event, value, ...): one event with at most STORY_VALUES values. */
#define TELL(s, event, ...) \
	story_tell((s), STORY_##event, (const uint64_t[STORY_VALUES]){ __VA_ARGS__ })

/* story_init: nothing has happened. */
void story_init(struct story *s, bool is_told);
/* story_tell adds an event to the hash, and writes its line if somebody listens. */
void story_tell(struct story *s, enum story_event e, const uint64_t values[STORY_VALUES]);
/* story_mix adds a number to the hash only. */
static inline void story_mix(struct story *s, uint64_t v)
{
	s->hash = (s->hash ^ v) * 0x9e3779b97f4a7c15;
	s->hash ^= s->hash >> 29;
}
/* story_wrong says what a checker has found. */
void story_wrong(struct story *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
