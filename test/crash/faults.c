/* faults -- a disk that fails or is full, for a daemon that has this library preloaded.
 *
 *	SHIM_DATA     the data directory (absolute); other files never fail
 *	SHIM_FAIL     KIND:N:ERRNO[:PART]   from the Nth call of a kind on (write, sync), on files
 *	              whose path contains PART, it fails with ENOSPC or EIO; the first write that
 *	              finds the disk full goes half way
 *	SHIM_FREE     a file with the number of free bytes that statvfs is to tell; with a minus in
 *	              front of it, the disk has so many bytes, less what the data directory takes
 *
 * It stands behind shim.c, which sees its failures as those of the disk: preload that one first.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* fail.left */
static const char *data_dir, *free_path;

static struct {
	bool is_write, is_sync;
	long left;
	int error;
	const char *part;
} fail;

static _Noreturn void give_up(const char *what, const char *text)
{
	fprintf(stderr, "faults: %s: %s\n", what, text);
	_exit(99);
}

static long read_number(const char *text)
{
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' ? n : 0;
}

static void read_fail(const char *text)
{
	char *at = strdup(text), *kind = strsep(&at, ":"), *n = strsep(&at, ":");
	char *error = strsep(&at, ":");
	fail.is_write = strcmp(kind, "write") == 0;
	fail.is_sync = strcmp(kind, "sync") == 0;
	fail.left = n ? read_number(n) : 0;
	if (error && strcmp(error, "ENOSPC") == 0)
		fail.error = ENOSPC;
	if (error && strcmp(error, "EIO") == 0)
		fail.error = EIO;
	fail.part = at ? at : "";
	if (fail.is_write == fail.is_sync || fail.left <= 0 || fail.error == 0)
		give_up("SHIM_FAIL", text);
}

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("SHIM_FAIL");
	data_dir = getenv("SHIM_DATA");
	free_path = getenv("SHIM_FREE");
	if (!data_dir)
		give_up("SHIM_DATA", "not set");
	if (text)
		read_fail(text);
}

/* is_meant: a file of the data directory, in a place that SHIM_FAIL names. */
static bool is_meant(int fd)
{
	char link[64], path[PATH_MAX];
	struct stat st;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	size_t data_n = strlen(data_dir);
	if (n < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	path[n] = '\0';
	return strncmp(path, data_dir, data_n) == 0 && path[data_n] == '/' &&
	       strstr(path + data_n + 1, fail.part) != NULL;
}

/* must_fail counts a call; true from the one on that is to fail. */
static bool must_fail(bool is_of_kind, int fd, bool *out_is_first)
{
	if (!is_of_kind || !is_meant(fd))
		return false;
	pthread_mutex_lock(&lock);
	*out_is_first = fail.left == 1;
	bool is_due = fail.left <= 1;
	fail.left -= fail.left > 0;
	pthread_mutex_unlock(&lock);
	return is_due;
}

ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t at)
{
	bool is_first = false;
	struct iovec half;
	if (must_fail(fail.is_write, fd, &is_first)) {
		if (!is_first || fail.error != ENOSPC || parts[0].iov_len < 2) {
			errno = fail.error;
			return -1;
		}
		half = (struct iovec){ parts[0].iov_base, parts[0].iov_len / 2 };
		parts = &half;
		n = 1;
	}
	return syscall(SYS_pwritev, fd, parts, n, at, 0);
}

static int sync_any(int fd, long call)
{
	bool is_first;
	if (!must_fail(fail.is_sync, fd, &is_first))
		return (int)syscall(call, fd);
	errno = fail.error;
	return -1;
}

int fdatasync(int fd)
{
	return sync_any(fd, SYS_fdatasync);
}

int fsync(int fd)
{
	return sync_any(fd, SYS_fsync);
}

/* left_of a disk of so many bytes, on which there is the data directory alone. */
static long long left_of(long long bytes)
{
	static const char *const kinds[] = { "segment", "checkpoint", "spill" };
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		char path[PATH_MAX];
		struct stat st;
		snprintf(path, sizeof path, "%s/%s", data_dir, kinds[i]);
		DIR *dir = opendir(path);
		for (struct dirent *one; dir && (one = readdir(dir)) != NULL;)
			if (fstatat(dirfd(dir), one->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
				bytes -= st.st_blocks * 512;
		if (dir)
			closedir(dir);
	}
	return bytes > 0 ? bytes : 0;
}

int fstatvfs(int fd, struct statvfs *out)
{
	int (*call)(int, struct statvfs *) = NULL;
	*(void **)(void *)&call = dlsym(RTLD_NEXT, "fstatvfs");
	int done = call(fd, out);
	FILE *told = done == 0 && free_path ? fopen(free_path, "r") : NULL;
	long long bytes;
	if (told && fscanf(told, "%lld", &bytes) == 1) {
		if (bytes < 0)
			bytes = left_of(-bytes);
		out->f_bavail = out->f_bfree = (unsigned long long)bytes / out->f_frsize;
	}
	if (told)
		fclose(told);
	return done;
}
