/* journal_rig -- a small broker's worth of work on a journal alone, and the checks that it keeps
 * its word: what was durable is there after a crash, nothing is invented, what lives can be read.
 *
 * A shard's state is a few cells. A record sets one cell to a content of its own, or empties it;
 * the cell refers to the content in the journal, as a queue entry refers to its message. So
 * checkpoints, live counts, copying forward and recycling have something to go wrong with. The
 * rig remembers every record that it ever proposed and compares.
 *
 * Deterministic: one seed, one run. A failure is a text, so that a test of a switched-off rule can
 * ask for one.
 */
#ifndef SIM_JOURNAL_RIG_H
#define SIM_JOURNAL_RIG_H
#include "journal/journal.h"
#include "sim/disk.h"

#define RIG_SHARDS 5u
#define RIG_LOOPS  3u
#define RIG_CELLS  24u

struct rig;

/* rig_new makes a rig on an empty disk of its own. */
struct rig *rig_new(uint64_t seed);
void rig_free(struct rig *own_r);
struct sim_disk *rig_disk(struct rig *r);

/* rig_open opens and recovers, and checks what came back. False: it did not open (rig_why), or
 * something was wrong (rig_failure). */
bool rig_open(struct rig *r);
/* rig_close closes; after a crash of the disk too. `is_clean`: everything is committed and a
 * checkpoint is written first. */
void rig_close(struct rig *r, bool is_clean);

/* rig_work does `steps` random pieces of work; it stops early when the disk has died, the journal
 * is broken, or something is wrong. rig_settle works off everything, reads back all that lives. */
void rig_work(struct rig *r, uint64_t steps);
void rig_settle(struct rig *r);
/* rig_commit proposes on every loop and lets the writer commit it; nobody is told. */
void rig_commit(struct rig *r);

/* rig_believe_reads: whether what is read back must be right. Not when stored contents were damaged
 * on purpose: reads of a part of a record have no checksum. */
void rig_believe_reads(struct rig *r, bool yes);
/* rig_swap_disk puts another disk under a closed rig and hands out the one there was. */
struct sim_disk *rig_swap_disk(struct rig *r, struct sim_disk *own_d);

const char *rig_failure(const struct rig *r); /* what was wrong; "" if nothing */
const char *rig_why(const struct rig *r);     /* what the journal last said */
uint64_t rig_checkpoints(const struct rig *r);
uint64_t rig_confirmed(const struct rig *r); /* records known to be durable, of all shards */
#endif
