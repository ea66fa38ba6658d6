/* shim -- a disk that forgets what was not synced, for a daemon that is killed.
 *
 * kill -9 takes the process and leaves the page cache, so it cannot see a missing sync. This
 * library, preloaded, keeps beside the data directory a second one as a power cut would leave it:
 *
 *	SHIM_DATA     the data directory (absolute)
 *	SHIM_SHADOW   shadow/names/...  what is durable of it; shadow/files/N  contents of new files
 *
 * Whoever runs the daemon makes shadow/names a copy of the data directory before each start, and
 * puts it in its place after each kill.
 *
 * - A write or a truncation is remembered, and reaches the shadow when the file is synced after it.
 * - A new, renamed or removed name reaches it when its directory is synced.
 * - A sync that fails forgets what it was asked to keep: so do kernels.
 *
 * Its disk is good; faults.c, preloaded behind it, makes it fail.
 *
 * Calls that it cannot follow (a rename between directories, O_SYNC) end the process: a test must
 * not pass because something went by unseen.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MAX 65536

struct op { /* a write of n bytes, or a truncation to `at` */
	struct op *next;
	off_t at;
	size_t n;
	bool is_truncation;
	uint8_t bytes[];
};

struct file {
	struct file *next;
	ino_t inode;
	int shadow;
	unsigned number; /* its name in shadow/files; 0: it was there at the start */
	char path[PATH_MAX];
	pthread_mutex_t sync; /* one sync of a file at a time */
	struct op *first, **last;
};

enum change_kind { CHANGE_LINK, CHANGE_RENAME, CHANGE_UNLINK, CHANGE_MKDIR };

struct change { /* of a name in a directory */
	struct change *next;
	enum change_kind kind;
	bool is_synced;
	unsigned number;
	char dir[PATH_MAX], name[NAME_MAX + 1], to[NAME_MAX + 1];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* all below, and the ops of files */
static const char *data_dir, *shadow_dir;
static struct file *files;
static struct file *_Atomic by_fd[FILES_MAX];
static struct change *changes, **changes_end = &changes;
static unsigned numbers;

static struct { /* the calls that faults.c may have */
	ssize_t (*write)(int fd, const struct iovec *parts, int n, off_t at);
	int (*sync_data)(int fd), (*sync_all)(int fd);
} disk;

static _Noreturn void give_up(const char *what, const char *path)
{
	fprintf(stderr, "shim: %s: %s: %s\n", what, path, strerror(errno));
	_exit(99);
}

static void *get(size_t n)
{
	void *p = calloc(1, n);
	if (!p)
		give_up("memory", "");
	return p;
}

static void format(char *out, size_t cap, const char *how, ...)
{
	va_list args;
	va_start(args, how);
	int n = vsnprintf(out, cap, how, args);
	va_end(args);
	if (n < 0 || (size_t)n >= cap)
		give_up("too long", out);
}

/* ---- paths ------------------------------------------------------------------------------ */

/* below gives what is behind the data directory in a path: "" for itself; NULL: it lies outside. */
static const char *below(const char *path)
{
	size_t n = data_dir ? strlen(data_dir) : 0;
	if (n == 0 || strncmp(path, data_dir, n) != 0 || (path[n] != '\0' && path[n] != '/'))
		return NULL;
	return path[n] ? path + n + 1 : path + n;
}

static bool path_of_fd(int fd, char out[PATH_MAX])
{
	char link[64];
	format(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, out, PATH_MAX - 1);
	if (n < 0)
		return false;
	out[n] = '\0';
	return true;
}

/* absolute gives the path that a call at `dir` means, and its place below the data directory. */
static const char *absolute(int dir, const char *path, char out[PATH_MAX])
{
	char start[PATH_MAX];
	if (!data_dir)
		return NULL;
	if (path[0] == '/') {
		format(out, PATH_MAX, "%s", path);
	} else {
		if (dir == AT_FDCWD ? !getcwd(start, sizeof start) : !path_of_fd(dir, start))
			return NULL;
		format(out, PATH_MAX, "%s%s%s", start, strcmp(path, ".") == 0 ? "" : "/",
		       strcmp(path, ".") == 0 ? "" : path);
	}
	return below(out);
}

static void split(const char *rel, char dir[PATH_MAX], char name[NAME_MAX + 1])
{
	const char *slash = strrchr(rel, '/');
	format(dir, PATH_MAX, "%.*s", slash ? (int)(slash - rel) : 0, rel);
	format(name, NAME_MAX + 1, "%s", slash ? slash + 1 : rel);
}

/* ---- names ------------------------------------------------------------------------------ */

static void change_name(enum change_kind kind, const char *rel, const char *to, unsigned number)
{
	struct change *c = get(sizeof *c);
	c->kind = kind;
	c->number = number;
	split(rel, c->dir, c->name);
	if (to) {
		char to_dir[PATH_MAX];
		split(to, to_dir, c->to);
		if (strcmp(c->dir, to_dir) != 0)
			give_up("a rename between directories", rel);
	}
	*changes_end = c;
	changes_end = &c->next;
}

/* apply makes a change durable. False: the directory itself is not durable yet. */
static bool apply(const struct change *c)
{
	char at[2 * PATH_MAX], other[2 * PATH_MAX];
	format(at, sizeof at, "%s/names/%s/%s", shadow_dir, c->dir, c->name);
	int done = 0;
	switch (c->kind) {
	case CHANGE_LINK:
		format(other, sizeof other, "%s/files/%u", shadow_dir, c->number);
		done = link(other, at);
		break;
	case CHANGE_RENAME:
		format(other, sizeof other, "%s/names/%s/%s", shadow_dir, c->dir, c->to);
		done = (int)syscall(SYS_renameat, AT_FDCWD, at, AT_FDCWD, other);
		break;
	case CHANGE_UNLINK: done = (int)syscall(SYS_unlinkat, AT_FDCWD, at, 0); break;
	case CHANGE_MKDIR: done = (int)syscall(SYS_mkdirat, AT_FDCWD, at, 0700); break;
	}
	char dir[2 * PATH_MAX];
	format(dir, sizeof dir, "%s/names/%s", shadow_dir, c->dir);
	if (done != 0 && errno == ENOENT && access(dir, F_OK) != 0)
		return false;
	if (done != 0)
		give_up("a name cannot be kept", at);
	return true;
}

static void sync_names(const char *dir)
{
	struct change **at = &changes;
	for (struct change *c = changes; c; c = c->next)
		c->is_synced = c->is_synced || strcmp(c->dir, dir) == 0;
	while (*at) {
		struct change *c = *at;
		if (!c->is_synced || !apply(c)) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		free(c);
	}
	changes_end = at;
}

/* ---- files ------------------------------------------------------------------------------ */

static struct file *file_add(ino_t inode, const char *rel, const char *shadow, unsigned number)
{
	struct file *f = get(sizeof *f);
	f->inode = inode;
	f->number = number;
	f->last = &f->first;
	format(f->path, sizeof f->path, "%s", rel);
	pthread_mutex_init(&f->sync, NULL);
	f->shadow = (int)syscall(SYS_openat, AT_FDCWD, shadow, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (f->shadow < 0)
		give_up("shadow", shadow);
	f->next = files;
	files = f;
	return f;
}

static struct file *file_new(ino_t inode, const char *rel)
{
	char shadow[PATH_MAX];
	format(shadow, sizeof shadow, "%s/files/%u", shadow_dir, ++numbers);
	change_name(CHANGE_LINK, rel, NULL, numbers);
	return file_add(inode, rel, shadow, numbers);
}

/* find_file: the file with this inode. An inode comes back when its file is gone: the newest. */
static struct file *find_file(ino_t inode)
{
	struct file *f = files;
	while (f && f->inode != inode)
		f = f->next;
	return f;
}

static struct file *file_of(int fd)
{
	return fd >= 0 && fd < FILES_MAX ? by_fd[fd] : NULL;
}

static void remember(struct file *f, off_t at, const struct iovec *parts, int n, size_t bytes)
{
	struct op *op = get(sizeof *op + bytes);
	op->at = at;
	op->is_truncation = !parts;
	for (int i = 0; i < n && op->n < bytes; i++) {
		size_t part = parts[i].iov_len < bytes - op->n ? parts[i].iov_len : bytes - op->n;
		memcpy(op->bytes + op->n, parts[i].iov_base, part);
		op->n += part;
	}
	pthread_mutex_lock(&lock);
	*f->last = op;
	f->last = &op->next;
	pthread_mutex_unlock(&lock);
}

static void keep(struct file *f, struct op *own_ops, bool is_good)
{
	while (own_ops) {
		struct op *op = own_ops;
		own_ops = op->next;
		bool is_kept = !is_good ||
			       (op->is_truncation ? syscall(SYS_ftruncate, f->shadow, op->at) == 0
						  : syscall(SYS_pwrite64, f->shadow, op->bytes,
							    op->n, op->at) == (long)op->n);
		if (!is_kept)
			give_up("shadow", f->path);
		free(op);
	}
}

/* adopt walks what is there at the start; the shadow has the same names. */
static void adopt(const char *rel)
{
	char path[2 * PATH_MAX], name[PATH_MAX], shadow[2 * PATH_MAX];
	format(path, sizeof path, "%s/%s", data_dir, rel);
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		format(name, sizeof name, "%s%s%s", rel, rel[0] ? "/" : "", e->d_name);
		if (e->d_type == DT_DIR)
			adopt(name);
		if (e->d_type != DT_REG)
			continue;
		format(shadow, sizeof shadow, "%s/names/%s", shadow_dir, name);
		if (access(shadow, F_OK) != 0)
			give_up("not in the shadow", name);
		(void)file_add(e->d_ino, name, shadow, 0);
	}
	if (dir)
		closedir(dir);
}

__attribute__((constructor)) static void begin(void)
{
	data_dir = getenv("SHIM_DATA");
	shadow_dir = getenv("SHIM_SHADOW");
	if (!data_dir || !shadow_dir)
		give_up("SHIM_DATA and SHIM_SHADOW", "not set");
	*(void **)(void *)&disk.write = dlsym(RTLD_NEXT, "pwritev");
	*(void **)(void *)&disk.sync_data = dlsym(RTLD_NEXT, "fdatasync");
	*(void **)(void *)&disk.sync_all = dlsym(RTLD_NEXT, "fsync");
	adopt("");
}

/* ---- the calls -------------------------------------------------------------------------- */

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	char full[PATH_MAX];
	const char *rel = absolute(dir, path, full);
	if (!rel || !rel[0] || (flags & (O_DIRECTORY | O_PATH)))
		return (int)syscall(SYS_openat, dir, path, flags, mode);
	if (flags & O_DSYNC)
		give_up("O_SYNC", path);
	pthread_mutex_lock(&lock);
	bool is_new = syscall(SYS_faccessat, AT_FDCWD, full, F_OK) != 0;
	int fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	struct stat st;
	if (fd >= 0 && fd < FILES_MAX && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		struct file *f = is_new ? file_new(st.st_ino, rel) : find_file(st.st_ino);
		if (!f)
			give_up("a file from nowhere", rel);
		by_fd[fd] = f;
	}
	pthread_mutex_unlock(&lock);
	if (fd >= 0 && (flags & O_TRUNC) && file_of(fd))
		remember(by_fd[fd], 0, NULL, 0, 0);
	return fd;
}

#define MODE_OF(flags, mode)                                                       \
	do {                                                                       \
		va_list args;                                                      \
		va_start(args, flags);                                             \
		mode = (flags) & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0; \
		va_end(args);                                                      \
	} while (0)

int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode;
	MODE_OF(flags, mode);
	return open_at(dir, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	mode_t mode;
	MODE_OF(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

int close(int fd)
{
	if (fd >= 0 && fd < FILES_MAX)
		by_fd[fd] = NULL;
	return (int)syscall(SYS_close, fd);
}

ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t at)
{
	struct file *f = file_of(fd);
	ssize_t done = disk.write(fd, parts, n, at);
	if (done > 0 && f)
		remember(f, at, parts, n, (size_t)done);
	return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	struct iovec part = { (void *)(uintptr_t)bytes, n };
	return pwritev(fd, &part, 1, at);
}

int ftruncate(int fd, off_t bytes)
{
	struct file *f = file_of(fd);
	int done = (int)syscall(SYS_ftruncate, fd, bytes);
	if (done == 0 && f)
		remember(f, bytes, NULL, 0, 0);
	return done;
}

static int sync_file(struct file *f, int fd, int (*call)(int))
{
	pthread_mutex_lock(&f->sync);
	pthread_mutex_lock(&lock);
	struct op *ops = f->first;
	f->first = NULL;
	f->last = &f->first;
	pthread_mutex_unlock(&lock);
	int done = call(fd), error = errno;
	keep(f, ops, done == 0);
	pthread_mutex_unlock(&f->sync);
	errno = error;
	return done;
}

static int sync_any(int fd, int (*call)(int))
{
	char path[PATH_MAX];
	struct stat st;
	struct file *f = file_of(fd);
	if (f)
		return sync_file(f, fd, call);
	const char *rel = path_of_fd(fd, path) ? below(path) : NULL;
	bool is_dir = rel && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	if (rel && !is_dir)
		give_up("a sync of what was not opened here", rel);
	int done = call(fd);
	if (done == 0 && is_dir) {
		pthread_mutex_lock(&lock);
		sync_names(rel);
		pthread_mutex_unlock(&lock);
	}
	return done;
}

int fdatasync(int fd)
{
	return sync_any(fd, disk.sync_data);
}

int fsync(int fd)
{
	return sync_any(fd, disk.sync_all);
}

/* named makes a call about a name, and notes it if it worked and the name is the daemon's. */
static int named(int dir, const char *path, const char *to, enum change_kind kind, mode_t mode)
{
	char full[PATH_MAX], full_to[PATH_MAX];
	struct stat st;
	const char *rel = absolute(dir, path, full);
	const char *rel_to = to ? absolute(dir, to, full_to) : NULL;
	pthread_mutex_lock(&lock);
	bool is_ours = rel && rel[0] &&
		       (kind == CHANGE_MKDIR || (lstat(full, &st) == 0 && S_ISREG(st.st_mode)));
	int done = (int)(kind == CHANGE_MKDIR    ? syscall(SYS_mkdirat, dir, path, mode)
			 : kind == CHANGE_UNLINK ? syscall(SYS_unlinkat, dir, path, mode)
						 : syscall(SYS_renameat, dir, path, dir, to));
	bool is_file = is_ours && done == 0 && kind != CHANGE_MKDIR;
	struct file *f = is_file ? find_file(st.st_ino) : NULL;
	if (f && kind == CHANGE_UNLINK)
		f->inode = 0;
	if (f && kind == CHANGE_RENAME)
		format(f->path, sizeof f->path, "%s", rel_to);
	if (is_ours && done == 0)
		change_name(kind, rel, rel_to, 0);
	pthread_mutex_unlock(&lock);
	return done;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	if (from_dir != to_dir)
		give_up("a rename between directories", from);
	return named(from_dir, from, to, CHANGE_RENAME, 0);
}

int rename(const char *from, const char *to)
{
	return named(AT_FDCWD, from, to, CHANGE_RENAME, 0);
}

int unlinkat(int dir, const char *path, int flags)
{
	return named(dir, path, NULL, CHANGE_UNLINK, (mode_t)flags);
}

int unlink(const char *path)
{
	return named(AT_FDCWD, path, NULL, CHANGE_UNLINK, 0);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	return named(dir, path, NULL, CHANGE_MKDIR, mode);
}

int mkdir(const char *path, mode_t mode)
{
	return named(AT_FDCWD, path, NULL, CHANGE_MKDIR, mode);
}
