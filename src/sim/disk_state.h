/* disk_state -- what a simulated disk is made of; for disk.c and disk_names.c. */
#ifndef SIM_DISK_STATE_H
#define SIM_DISK_STATE_H
#include "sim/disk.h"
#include "sim/image.h"
#include "sim/names.h"

struct inode {
	struct image image;
	bool is_dir, is_used;
};
struct handle {
	uint32_t inode;
	unsigned how; /* 0: closed */
};

/* A read that was begun and not waited for yet. */
struct begun {
	bool is_begun;
	int file;
	uint64_t at;
	uint8_t *buf;
	size_t n;
};

struct sim_disk {
	struct disk port;
	struct prng prng;
	struct names names;
	struct inode *inodes;
	uint32_t inodes_n;
	struct handle *handles;
	int handles_n;
	struct begun begun[DISK_AHEAD_MAX];
	bool is_dead, is_locked;
	struct sim_disk_faults faults;
	struct sim_disk_count count;
	char why[128];
};

/* sim_disk_of gives the disk behind its port. */
struct sim_disk *sim_disk_of(struct disk *d);

/* sim_disk_fail notes why a call fails, and gives `e`. */
enum err sim_disk_fail(struct sim_disk *d, enum err e, const char *what, const char *path);
#define DOWN(d) sim_disk_fail((d), ERR_IO, "the machine is down", "")

/* sim_disk_is_down begins every call. A call that changes something may be the one in which the
 * power goes, or the process ends: before its change or after it. */
bool sim_disk_is_down(struct sim_disk *d);
bool sim_disk_crashes_before(struct sim_disk *d);
enum err sim_disk_crashes_after(struct sim_disk *d, enum err e);
/* sim_disk_call_fails counts `in` down: this call is to fail. */
bool sim_disk_call_fails(struct sim_disk *d, uint64_t *in);

/* sim_inode_new makes an empty file or a directory that has no name yet. */
uint32_t sim_inode_new(struct sim_disk *d, bool is_dir);
/* sim_inodes_sweep forgets files to which neither a name nor a handle leads. */
void sim_inodes_sweep(struct sim_disk *d);
bool sim_disk_is_dir(const struct sim_disk *d, const char *path);
bool sim_disk_has_parent(const struct sim_disk *d, const char *path);

/* The calls of port/disk.h that are about names. */
enum err sim_disk_rename(struct disk *port, const char *from, const char *to);
enum err sim_disk_remove(struct disk *port, const char *path);
enum err sim_disk_make_dir(struct disk *port, const char *path);
enum err sim_disk_sync_dir(struct disk *port, const char *path);
enum err sim_disk_list(struct disk *port, const char *path, char *names, size_t cap,
		       size_t *out_len);
#endif
