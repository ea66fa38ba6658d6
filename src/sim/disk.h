/* disk -- a simulated disk behind port/disk.h: a small file system in memory, with its faults.
 *
 * Deterministic: the same seed and the same calls give the same bytes and the same faults. It
 * knows the difference between written and synced, per sector and per directory entry (image.h,
 * names.h). One thread uses it.
 *
 *     running --crash (power)---> dead --restart--> running    unsynced: any subset is kept
 *     running --kill (process)--> dead --restart--> running    unsynced: kept, still unsynced
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H
#include "port/disk.h"

struct sim_disk;

/* What shall go wrong; the caller sets it whenever it likes. Countdowns: 1 = the next such call,
 * 0 = none; they go down by themselves. */
struct sim_disk_faults {
	uint64_t crash_in;         /* any call but reads: the machine crashes in it */
	uint64_t kill_in;          /* likewise: the process ends in it */
	uint64_t fail_write_in;    /* ERR_IO; a part of the bytes may be there */
	uint64_t fail_read_in;     /* ERR_IO */
	uint64_t fail_sync_in;     /* ERR_IO; what was dirty counts as clean and is not durable */
	uint32_t fail_per_million; /* of writes, reads, syncs: ERR_IO */
	uint64_t bytes_max;        /* all files together; 0: no bound. Beyond it: ERR_NO_SPACE */
};

/* What was asked of it. */
struct sim_disk_count {
	uint64_t calls, reads, writes, syncs, dir_syncs, read_bytes, written_bytes;
	uint64_t reads_past; /* of the reads, those that went past the cache */
	uint64_t spills;     /* files begun below spill/ */
	uint64_t begun;      /* reads that were begun before they were waited for */
	uint64_t failed_writes, failed_syncs, full; /* calls that failed as they were told to */
	uint64_t lost, torn; /* files of which a crash took what was not synced, or some of it */
};

/* sim_disk_new makes an empty disk; sim_disk_clone one with the same files, names and seed. */
struct sim_disk *sim_disk_new(uint64_t seed);
struct sim_disk *sim_disk_clone(const struct sim_disk *d);
void sim_disk_free(struct sim_disk *own_d);

/* The port that the journal uses, the faults to set, what was counted. */
struct disk *sim_disk_port(struct sim_disk *d);
struct sim_disk_faults *sim_disk_faults(struct sim_disk *d);
const struct sim_disk_count *sim_disk_count(const struct sim_disk *d);

/* sim_disk_crash cuts the power: open files and the lock are gone, of what was not synced any
 * subset stays; then every call fails until sim_disk_restart. */
void sim_disk_crash(struct sim_disk *d);
bool sim_disk_is_dead(const struct sim_disk *d);
void sim_disk_restart(struct sim_disk *d);
/* sim_disk_kill ends the process only: what it has written stays, and may be lost later. */
void sim_disk_kill(struct sim_disk *d);

/* sim_disk_used: bytes of all files together. */
uint64_t sim_disk_used(const struct sim_disk *d);
/* sim_disk_flip inverts the bits of `mask` in one stored byte; false: no such place. */
bool sim_disk_flip(struct sim_disk *d, const char *path, uint64_t at, uint8_t mask);
/* sim_disk_hash stands for all files and names as a process sees them: to show that a call has
 * changed nothing. */
uint64_t sim_disk_hash(const struct sim_disk *d);
#endif
