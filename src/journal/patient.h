/* patient -- a disk read piece by piece where it fails: what cannot be read is zeros.
 *
 * For salvage: a checksum finds the zeros, and a bad sector costs no more than what lies in it.
 * Reads only. Lies over another disk, which stays the caller's.
 */
#ifndef JOURNAL_PATIENT_H
#define JOURNAL_PATIENT_H
#include "port/disk.h"

struct patient {
	struct disk disk; /* to be used; must stay first */
	struct disk_ops ops;
	struct disk *under;
	uint64_t unread_bytes; /* given as zeros so far */
};

/* patient_init makes one over a disk, which stays the caller's. */
void patient_init(struct patient *p, struct disk *under);
#endif
