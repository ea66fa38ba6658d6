/* inspect -- prints or verifies a data directory: every slot, unit, commit and record a line.
 *
 * Needs nothing but a disk: it takes no lock and changes nothing, so it may run beside the broker
 * (then the end of the newest segment is wherever the broker just was). Unlike recovery it looks
 * at everything, also at what a checkpoint covers, and goes on behind damage.
 *
 *	journal_inspect_open(disk, mem, INSPECT_VERIFY, &look, &i, &why)
 *	while (journal_inspect_next(i, &line)) puts(line)
 *	journal_inspect_damage_n(i) == 0: all is well
 */
#ifndef JOURNAL_INSPECT_H
#define JOURNAL_INSPECT_H
#include "base/mem.h"
#include "port/disk.h"

struct journal_inspect;
struct record;
struct text;

enum inspect_mode {
	INSPECT_PRINT, /* everything, a line each */
	INSPECT_VERIFY /* damage, and a line for each file */
};

#define INSPECT_LINE_BYTES 512 /* a line is shorter */

/* What the journal does not know: whether what a whole record says makes sense, and then what it
 * is, appended to the record's line; only where everything is printed. */
struct inspect_look {
	bool (*makes_sense)(void *arg, const struct record *r);
	void (*describe)(void *arg, const struct record *r, struct text *out);
	void *arg;
};

/* journal_inspect_open begins; `look` is borrowed until the end, NULL: nobody looks into records.
 * ERR_NOT_FOUND: no data directory of Godwit. ERR_CORRUPT,
 * ERR_NOT_IMPLEMENTED: not even that can be told. ERR_LIMIT: no memory. `why` says it. */
MUST_USE enum err journal_inspect_open(struct disk *d, struct mem *mem, enum inspect_mode mode,
				       const struct inspect_look *look,
				       struct journal_inspect **out_i, struct text *why);

/* journal_inspect_next appends the next line, without its end, to `out_line`. False: no more. */
bool journal_inspect_next(struct journal_inspect *i, struct text *out_line);

/* journal_inspect_damage_n: how many places were damaged so far. */
uint64_t journal_inspect_damage_n(const struct journal_inspect *i);

/* journal_inspect_close ends it, at any time. NULL is nothing. */
void journal_inspect_close(struct journal_inspect *own_i);
#endif
