/* core_letter_for_tests -- the session for dead letters, as tests play it: what a queue has told it
 * is published elsewhere, and gone when the session says so.
 *
 * Only for tests; one thread.
 */
#ifndef CORE_CORE_LETTER_FOR_TESTS_H
#define CORE_CORE_LETTER_FOR_TESTS_H
#include "core/core_for_tests.h"

#define LETTER RIG_SESSION(9)

/* pos_nth: of the n-th entry that came to a queue, from 1 on: the first slot of the first chunk is
 * the first's. */
static inline uint64_t pos_nth(uint64_t n)
{
	return pos_of(1, 0) + n - 1;
}

/* letters_done: these entries are safe elsewhere. */
static inline void letters_done(struct rig *r, uint64_t queue, const uint64_t *pos, uint32_t n)
{
	for (uint32_t at = 0, some; at < n; at += some) {
		struct settle_row row[LIMIT_RUN_ROWS_MAX] = { 0 };
		struct run head = rig_head(CMD_SETTLE, queue, 0);
		some = n - at < LIMIT_RUN_ROWS_MAX ? n - at : LIMIT_RUN_ROWS_MAX;
		head.session = LETTER;
		for (uint32_t i = 0; i < some; i++)
			row[i].pos = pos[at + i];
		rig_admit(r, head, row, sizeof *row, some);
	}
	rig_give(r);
}

/* letter_done: the n-th is. */
static inline void letter_done(struct rig *r, uint64_t queue, uint64_t n)
{
	const uint64_t pos = pos_nth(n);
	letters_done(r, queue, &pos, 1);
}
#endif
