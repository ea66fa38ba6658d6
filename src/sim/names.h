/* names -- the directory entries of a simulated disk, twice: as processes see them, and as they
 * are on the disk.
 *
 * A change of names is pending until its directory is synced. A crash keeps the first few of a
 * directory's pending changes, any number of them, and what lies in a directory that was lost is
 * lost with it. An entry leads to an inode, a small number.
 */
#ifndef SIM_NAMES_H
#define SIM_NAMES_H
#include "base/prng.h"

#include <stddef.h>

#define NAMES_PATH_MAX 64
#define NAMES_NONE     UINT32_MAX

struct name {
	char path[NAMES_PATH_MAX];
	uint32_t inode;
};
struct name_list {
	struct name *at;
	size_t n, cap;
};
/* A pending change: `gone` (if any) disappears and `there` (if any) leads to inode, in one. */
struct name_change {
	char gone[NAMES_PATH_MAX], there[NAMES_PATH_MAX];
	uint32_t inode;
};
struct names {
	struct name_list now, durable;
	struct name_change *pending;
	size_t pending_n, pending_cap;
};

/* Zeroed names are good and empty. names_copy makes `to`, which are none yet, equal. */
void names_fini(struct names *n);
void names_copy(struct names *to, const struct names *from);

/* names_find gives the inode, or NAMES_NONE. */
uint32_t names_find(const struct names *n, const char *path);
/* names_is_held: some entry, now or on the disk, leads to `inode`. */
bool names_is_held(const struct names *n, uint32_t inode);
/* names_change makes `there` lead to `inode` and `gone` disappear; either may be "". */
void names_change(struct names *n, const char *gone, const char *there, uint32_t inode);
/* names_sync makes the pending changes in directory `dir` durable ("." is the top). */
void names_sync(struct names *n, const char *dir);
void names_crash(struct names *n, struct prng *r);
#endif
