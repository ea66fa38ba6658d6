/* disk_posix -- the real disk behind port/disk.h: one data directory, plain files.
 *
 * Any thread may call; a file is used by one thread at a time. Calls wait for the device. The
 * directory is opened once, so that a rename of it changes nothing.
 */
#ifndef IO_DISK_POSIX_H
#define IO_DISK_POSIX_H
#include "port/disk.h"

struct text;

/* disk_posix_new opens the data directory, and makes it (mode 0700, parents must be there) if it
 * is not. ERR_ACCESS_REFUSED, ERR_NOT_FOUND (no parent), ERR_NO_SPACE, ERR_EXISTS (it is no
 * directory), ERR_IO: `why` says what and where. */
MUST_USE enum err disk_posix_new(const char *data_dir, struct disk **out_disk, struct text *why);

/* disk_posix_is_taken: does another process have the lock `path` of this data directory? Then
 * *out_said is whose it is, until the next call of this thread: "in use by process 7". Nothing is
 * made, and nothing is taken. */
bool disk_posix_is_taken(const char *data_dir, const char *path, const char **out_said);

/* disk_posix_free closes the directory and gives the lock back. NULL is nothing. */
void disk_posix_free(struct disk *own_disk);
#endif
