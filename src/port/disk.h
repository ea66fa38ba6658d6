/* disk -- what the broker asks of a file system; io/ plays it with POSIX, sim/ with a model.
 *
 * Calls wait until they are done: they are made only on the journal's own threads, at boot, and
 * for spilling (writes without sync) by loops. Different threads may call at the same time, each
 * file by one thread at a time. A file is a small number. Errors: ERR_IO (the device failed, a
 * sync failed, a write was short: never retried), ERR_NO_SPACE, ERR_NOT_FOUND, ERR_EXISTS,
 * ERR_BUSY (locked by another process), ERR_ACCESS_REFUSED, ERR_RESOURCE_ERROR (files, memory).
 */
#ifndef PORT_DISK_H
#define PORT_DISK_H
#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct disk;

enum disk_open {
	DISK_READ = 1,
	DISK_WRITE = 2,
	DISK_CREATE = 4,
	DISK_EXCLUSIVE = 8,
	DISK_EXACT = 16 /* what is asked for is read, and nothing ahead of that */
};

struct disk_ops {
	/* Paths are relative to the data directory, in its own alphabet: [a-z0-9._/-]; "." is the
	 * directory itself. */
	enum err (*open)(struct disk *d, const char *path, unsigned how, int *out_file);
	void (*close)(struct disk *d, int file);
	/* write puts all of `parts` (at most DISK_PARTS_MAX) at `at`; a short write is ERR_IO or
	 * ERR_NO_SPACE. */
	enum err (*write)(struct disk *d, int file, uint64_t at, const struct slice *parts,
			  uint32_t n);
	/* read fills buf; *out_n < n only at the end of the file. */
	enum err (*read)(struct disk *d, int file, uint64_t at, uint8_t *buf, size_t n,
			 size_t *out_n);
	/* read_past is read for what hardly anybody will ask for again soon: unless the system has
	 * most of it in its cache, it goes past that, which saves a copy and keeps the cache for
	 * others. `at`, `buf` and n are multiples of DISK_ALIGN. Where it cannot be had, it is
	 * read. */
	enum err (*read_past)(struct disk *d, int file, uint64_t at, uint8_t *buf, size_t n,
			      size_t *out_n);
	/* begin_past begins such a read, of DISK_AHEAD_BYTES at most; end_past waits for it and
	 * gives how much has come. In between `buf` is the disk's, and the file stays open. `slot`
	 * is below DISK_AHEAD_MAX and has nothing begun. False: nothing was begun, as most of it is
	 * in the system's cache, or the system cannot do this. What has not come, for whatever
	 * reason, is to be read: that tells what is wrong. One thread at a time. */
	bool (*begin_past)(struct disk *d, uint32_t slot, int file, uint64_t at, uint8_t *buf,
			   size_t n);
	size_t (*end_past)(struct disk *d, uint32_t slot);
	/* sync makes what was written to the file durable (data; length too). */
	enum err (*sync)(struct disk *d, int file);
	enum err (*size)(struct disk *d, int file, uint64_t *out_bytes);
	enum err (*truncate)(struct disk *d, int file, uint64_t bytes);
	/* rename replaces `to` if it is there. */
	enum err (*rename)(struct disk *d, const char *from, const char *to);
	enum err (*remove)(struct disk *d, const char *path);
	enum err (*make_dir)(struct disk *d, const char *path);
	/* sync_dir makes created, renamed and removed names in a directory durable. */
	enum err (*sync_dir)(struct disk *d, const char *path);
	/* list writes the names in a directory into `names`, in any order, one behind the other,
	 * each ended by NUL; ERR_LIMIT when they do not fit. */
	enum err (*list)(struct disk *d, const char *path, char *names, size_t cap,
			 size_t *out_len);
	/* free_bytes is what can still be written. */
	enum err (*free_bytes)(struct disk *d, uint64_t *out_bytes);
	/* lock takes the data directory for this process until unlock, or its end. ERR_BUSY:
	 * another has it, `why` says who. */
	enum err (*lock)(struct disk *d, const char *path);
	void (*unlock)(struct disk *d);
	/* why says what the calling thread's last failure was, for people. */
	const char *(*why)(struct disk *d);
};

#define DISK_PARTS_MAX   512u
#define DISK_ALIGN       4096u
#define DISK_AHEAD_MAX   4u /* reads begun at a time */
#define DISK_AHEAD_BYTES 1048576u

struct disk {
	const struct disk_ops *ops;
};
#endif
