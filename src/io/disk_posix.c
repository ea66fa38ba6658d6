#include "io/disk_posix.h"

#include "base/list.h"
#include "base/text.h"
#include "io/past.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

struct disk_posix {
	struct disk port;
	int dir;
	int lock; /* -1: not taken */
	struct past past;
};

static _Thread_local char why_text[256];

static struct disk_posix *disk_of(struct disk *d)
{
	return containerof(d, struct disk_posix, port);
}

static enum err err_of(int error)
{
	switch (error) {
	case ENOENT: return ERR_NOT_FOUND;
	case EEXIST:
	case ENOTDIR: return ERR_EXISTS;
	case ENOSPC:
	case EDQUOT: return ERR_NO_SPACE;
	case EACCES:
	case EPERM:
	case EROFS: return ERR_ACCESS_REFUSED;
	case EMFILE:
	case ENFILE:
	case ENOMEM: return ERR_RESOURCE_ERROR;
	default: return ERR_IO;
	}
}

/* failed notes what the system says, for `why`. */
static enum err failed(const char *call, const char *path)
{
	int error = errno;
	snprintf(why_text, sizeof why_text, "%s%s%s: %s", call, path[0] ? " " : "", path,
		 strerror(error));
	return err_of(error);
}

/* ---- files ------------------------------------------------------------------------------ */

static enum err posix_open(struct disk *d, const char *path, unsigned how, int *out_file)
{
	int flags = O_CLOEXEC;
	flags |= !(how & DISK_WRITE) ? O_RDONLY : how & DISK_READ ? O_RDWR : O_WRONLY;
	flags |= how & DISK_CREATE ? O_CREAT : 0;
	flags |= how & DISK_EXCLUSIVE ? O_EXCL : 0;
	int file;
	do {
		file = openat(disk_of(d)->dir, path, flags, 0600);
	} while (file < 0 && errno == EINTR);
	if (file < 0)
		return failed("open", path);
	if (how & DISK_EXACT)
		(void)posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM); /* else a waste, no more */
	*out_file = file;
	return ERR_OK;
}

static void posix_close(struct disk *d, int file)
{
	(void)d;
	(void)close(file); /* also after EINTR the number is free again */
}

/* A short write means that the device is full or failing; the rest is asked for once, to learn
 * which. It fails either way: what did not go in one piece is not trusted. */
static enum err short_write(int file, uint64_t at, const struct iovec *rest)
{
	ssize_t n = pwrite(file, rest->iov_base, rest->iov_len, (off_t)at);
	if (n < 0)
		return failed("write", "");
	snprintf(why_text, sizeof why_text, "write: short by a part of %zu bytes", rest->iov_len);
	return ERR_IO;
}

static enum err posix_write(struct disk *d, int file, uint64_t at, const struct slice *parts,
			    uint32_t n)
{
	(void)d;
	must(n > 0 && n <= DISK_PARTS_MAX);
	struct iovec iov[DISK_PARTS_MAX];
	size_t bytes = 0;
	for (uint32_t i = 0; i < n; i++) {
		iov[i] = (struct iovec){ (void *)(uintptr_t)parts[i].p, parts[i].n };
		bytes += parts[i].n;
	}
	ssize_t done;
	do {
		done = pwritev(file, iov, (int)n, (off_t)at);
	} while (done < 0 && errno == EINTR);
	if (done < 0)
		return failed("write", "");
	if ((size_t)done == bytes)
		return ERR_OK;
	size_t left = (size_t)done;
	const struct iovec *v = iov;
	for (; left >= v->iov_len; v++)
		left -= v->iov_len;
	struct iovec rest = { (char *)v->iov_base + left, v->iov_len - left };
	return short_write(file, at + (size_t)done, &rest);
}

static enum err posix_read(struct disk *d, int file, uint64_t at, uint8_t *buf, size_t n,
			   size_t *out_n)
{
	(void)d;
	size_t sum = 0;
	while (sum < n) {
		ssize_t got = pread(file, buf + sum, n - sum, (off_t)(at + sum));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failed("read", "");
		if (got == 0)
			break;
		sum += (size_t)got;
	}
	*out_n = sum;
	return ERR_OK;
}

/* ---- past the cache --------------------------------------------------------------------- */

static enum err posix_read_past(struct disk *d, int file, uint64_t at, uint8_t *buf, size_t n,
				size_t *out_n)
{
	size_t sum = 0;
	must(at % DISK_ALIGN == 0 && n % DISK_ALIGN == 0 && (uintptr_t)buf % DISK_ALIGN == 0);
	while (sum < n) {
		size_t piece = n - sum < DISK_AHEAD_BYTES ? n - sum : DISK_AHEAD_BYTES, rest = 0;
		size_t got = past_read(file, at + sum, buf + sum, piece);
		if (got < piece)
			TRY(posix_read(d, file, at + sum + got, buf + sum + got, piece - got,
				       &rest));
		sum += got + rest;
		if (got + rest < piece)
			break;
	}
	*out_n = sum;
	return ERR_OK;
}

static bool posix_begin_past(struct disk *d, uint32_t slot, int file, uint64_t at, uint8_t *buf,
			     size_t n)
{
	return past_begin(&disk_of(d)->past, slot, file, at, buf, n);
}

static size_t posix_end_past(struct disk *d, uint32_t slot)
{
	return past_end(&disk_of(d)->past, slot);
}

static enum err posix_sync(struct disk *d, int file)
{
	(void)d;
	return fdatasync(file) == 0 ? ERR_OK : failed("fdatasync", "");
}

static enum err posix_size(struct disk *d, int file, uint64_t *out_bytes)
{
	(void)d;
	struct stat st;
	if (fstat(file, &st) != 0)
		return failed("fstat", "");
	*out_bytes = (uint64_t)st.st_size;
	return ERR_OK;
}

static enum err posix_truncate(struct disk *d, int file, uint64_t bytes)
{
	(void)d;
	int done;
	do {
		done = ftruncate(file, (off_t)bytes);
	} while (done != 0 && errno == EINTR);
	return done == 0 ? ERR_OK : failed("ftruncate", "");
}

/* ---- names ------------------------------------------------------------------------------ */

static enum err posix_rename(struct disk *d, const char *from, const char *to)
{
	int dir = disk_of(d)->dir;
	return renameat(dir, from, dir, to) == 0 ? ERR_OK : failed("rename", from);
}

static enum err posix_remove(struct disk *d, const char *path)
{
	return unlinkat(disk_of(d)->dir, path, 0) == 0 ? ERR_OK : failed("unlink", path);
}

static enum err posix_make_dir(struct disk *d, const char *path)
{
	return mkdirat(disk_of(d)->dir, path, 0700) == 0 ? ERR_OK : failed("mkdir", path);
}

static enum err posix_sync_dir(struct disk *d, const char *path)
{
	int dir = openat(disk_of(d)->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return failed("open", path);
	enum err e = fsync(dir) == 0 ? ERR_OK : failed("fsync", path);
	(void)close(dir);
	return e;
}

static enum err list_into(DIR *dir, char *names, size_t cap, size_t *out_len)
{
	size_t len = 0;
	const struct dirent *e;
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		size_t n = strlen(e->d_name) + 1;
		if (n > cap - len)
			return ERR_LIMIT;
		memcpy(names + len, e->d_name, n);
		len += n;
	}
	*out_len = len;
	return ERR_OK;
}

static enum err posix_list(struct disk *d, const char *path, char *names, size_t cap,
			   size_t *out_len)
{
	int file = openat(disk_of(d)->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = file < 0 ? NULL : fdopendir(file);
	if (!dir)
		return failed("open", path);
	enum err e = list_into(dir, names, cap, out_len);
	(void)closedir(dir);
	return e;
}

static enum err posix_free_bytes(struct disk *d, uint64_t *out_bytes)
{
	struct statvfs v;
	if (fstatvfs(disk_of(d)->dir, &v) != 0)
		return failed("statvfs", "");
	*out_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	return ERR_OK;
}

/* ---- the lock --------------------------------------------------------------------------- */

static enum err lock_taken(int file)
{
	char pid[16] = "";
	ssize_t n = pread(file, pid, sizeof pid - 1, 0);
	size_t digits = 0;
	while (n > 0 && digits < (size_t)n && pid[digits] >= '0' && pid[digits] <= '9')
		digits++;
	pid[digits] = '\0';
	snprintf(why_text, sizeof why_text, "in use by process %s", digits ? pid : "unknown");
	return ERR_BUSY;
}

static enum err posix_lock(struct disk *d, const char *path)
{
	struct disk_posix *p = disk_of(d);
	must(p->lock < 0);
	int file = openat(p->dir, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0)
		return failed("open", path);
	if (flock(file, LOCK_EX | LOCK_NB) != 0) {
		enum err e = errno == EWOULDBLOCK ? lock_taken(file) : failed("flock", path);
		(void)close(file);
		return e;
	}
	char pid[16];
	int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (ftruncate(file, 0) != 0 || pwrite(file, pid, (size_t)n, 0) != n) {
		enum err e = failed("write", path);
		(void)close(file);
		return e;
	}
	p->lock = file;
	return ERR_OK;
}

bool disk_posix_is_taken(const char *data_dir, const char *path, const char **out_said)
{
	int dir = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int file = dir < 0 ? -1 : openat(dir, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	bool is_taken = file >= 0 && flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	if (is_taken) {
		(void)lock_taken(file);
		*out_said = why_text;
	}
	if (file >= 0)
		(void)close(file);
	if (dir >= 0)
		(void)close(dir);
	return is_taken;
}

static void posix_unlock(struct disk *d)
{
	struct disk_posix *p = disk_of(d);
	if (p->lock >= 0)
		(void)close(p->lock);
	p->lock = -1;
}

static const char *posix_why(struct disk *d)
{
	(void)d;
	return why_text;
}

static const struct disk_ops posix_ops = {
	.open = posix_open,
	.close = posix_close,
	.write = posix_write,
	.read = posix_read,
	.read_past = posix_read_past,
	.begin_past = posix_begin_past,
	.end_past = posix_end_past,
	.sync = posix_sync,
	.size = posix_size,
	.truncate = posix_truncate,
	.rename = posix_rename,
	.remove = posix_remove,
	.make_dir = posix_make_dir,
	.sync_dir = posix_sync_dir,
	.list = posix_list,
	.free_bytes = posix_free_bytes,
	.lock = posix_lock,
	.unlock = posix_unlock,
	.why = posix_why,
};

/* ---- life ------------------------------------------------------------------------------- */

/* sync_parent makes the name of a new data directory durable. */
static enum err sync_parent(int dir)
{
	int up = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (up < 0)
		return ERR_OK; /* a parent that may not be read: its owner's business */
	enum err e = fsync(up) == 0 ? ERR_OK : failed("fsync", "..");
	(void)close(up);
	return e;
}

static enum err open_dir(const char *data_dir, int *out_dir)
{
	must(data_dir[0] != '\0');
	bool is_made = mkdir(data_dir, 0700) == 0;
	if (!is_made && errno != EEXIST)
		return failed("mkdir", data_dir);
	int dir = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return failed("open", data_dir);
	enum err e = is_made ? sync_parent(dir) : ERR_OK;
	if (e != ERR_OK) {
		(void)close(dir);
		return e;
	}
	*out_dir = dir;
	return ERR_OK;
}

enum err disk_posix_new(const char *data_dir, struct disk **out_disk, struct text *why)
{
	int dir = -1;
	enum err e = open_dir(data_dir, &dir);
	if (e != ERR_OK) {
		text_putf(why, "data directory: %s", why_text);
		return e;
	}
	struct disk_posix *d = malloc(sizeof *d);
	must(d != NULL);
	*d = (struct disk_posix){ .port = { &posix_ops }, .dir = dir, .lock = -1 };
	*out_disk = &d->port;
	return ERR_OK;
}

void disk_posix_free(struct disk *own_disk)
{
	if (!own_disk)
		return;
	struct disk_posix *d = disk_of(own_disk);
	posix_unlock(own_disk);
	past_fini(&d->past);
	(void)close(d->dir);
	free(d);
}
