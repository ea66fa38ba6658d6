#include "app/salvage.h"

#include "app/heap.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/clock.h"
#include "io/disk_posix.h"
#include "io/entropy.h"
#include "salvage/salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES_BYTES ((size_t)1 << 22) /* what one step can say */
#define EXIT_LOST   3

static int refuse(const char *dir, const char *why)
{
	fprintf(stderr, "godwit journal salvage: %s: %s\n", dir, why);
	return 1;
}

/* ---- two directories -------------------------------------------------------------------- */

struct places {
	char from[PATH_MAX], to[PATH_MAX], part[PATH_MAX];
};

/* Gives the place of `path`, which need not exist, as the system sees it; false: it has none. */
static bool real_place(const char *path, char out[PATH_MAX])
{
	char above[PATH_MAX], real[PATH_MAX];
	const char *name = strrchr(path, '/');
	size_t n = name ? (size_t)(name - path) + 1 : 0;
	if (realpath(path, out))
		return true;
	name = name ? name + 1 : path;
	snprintf(above, sizeof above, "%.*s", (int)n, path);
	if (name[0] == '\0' || !realpath(n ? above : ".", real))
		return false;
	return snprintf(out, PATH_MAX, "%s/%s", real, name) < PATH_MAX;
}

/* NULL: they can be used. */
static const char *find_places(struct places *p, const char *dir, const char *to)
{
	char wanted[PATH_MAX];
	struct stat st;
	if (!realpath(dir, p->from) || stat(p->from, &st) != 0 || !S_ISDIR(st.st_mode))
		return "there is no such directory; name the broker's data_dir";
	int n = to ? snprintf(wanted, sizeof wanted, "%s", to)
		   : snprintf(wanted, sizeof wanted, "%s.salvaged", p->from);
	while (n > 1 && n < PATH_MAX && wanted[n - 1] == '/')
		wanted[--n] = '\0';
	if (n >= PATH_MAX - 8 || !real_place(wanted, p->to))
		return "the new directory cannot be there; its parent must exist";
	size_t k = strlen(p->from);
	if (strncmp(p->from, p->to, k) == 0 && (p->to[k] == '/' || p->to[k] == '\0'))
		return "the new directory cannot lie in the old one, which stays as it is";
	if (snprintf(p->part, sizeof p->part, "%s.part", p->to) >= PATH_MAX)
		return "the name of the new directory is too long";
	if (lstat(p->to, &st) == 0)
		return "the new directory is there already; name another one with --to";
	if (lstat(p->part, &st) == 0)
		return "there is one that was broken off, which ends with .part; remove it";
	return NULL;
}

/* The lock is taken as a broker takes it, but nothing is written. -1: there is no lock, and so no
 * broker; -2: somebody has it, or it cannot be told. */
static int take_lock(const struct places *p)
{
	char path[PATH_MAX + 8];
	snprintf(path, sizeof path, "%s/lock", p->from);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return errno == ENOENT ? -1 : -2;
	if (flock(file, LOCK_EX | LOCK_NB) == 0)
		return file;
	close(file);
	return -2;
}

/* ---- the work --------------------------------------------------------------------------- */

static int work(struct salvage *s, struct text *why, char *room)
{
	struct text lines;
	enum err e;
	bool is_more;
	do {
		lines = text_of(room, LINES_BYTES);
		is_more = salvage_step(s, &lines, why, &e);
		fputs(room, stdout);
	} while (is_more);
	return e == ERR_OK ? 0 : 1;
}

/* The new directory has its name only when it is complete, and that is on the disk. */
static const char *finish(const struct places *p)
{
	char above[PATH_MAX];
	snprintf(above, sizeof above, "%s", p->to);
	*strrchr(above, '/') = '\0';
	if (rename(p->part, p->to) != 0)
		return strerror(errno);
	int dir = open(above[0] ? above : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0) {
		(void)fsync(dir);
		close(dir);
	}
	return NULL;
}

static int summary(const struct salvage *s, const struct places *p)
{
	struct salvage_sum sum = salvage_sum(s);
	printf("saved: %llu messages in %llu queues, in %s\n", (unsigned long long)sum.messages_n,
	       (unsigned long long)sum.queues_n, p->to);
	if (sum.lost_n == 0)
		puts("lost: nothing");
	return sum.lost_n ? EXIT_LOST : 0;
}

static int run(const struct places *p, struct disk *from, struct disk *to, char *room)
{
	char said[512];
	struct text why = text_of(said, sizeof said);
	struct mem mem = app_heap();
	struct salvage_setup setup = { .from = from,
				       .to = to,
				       .mem = &mem,
				       .store_id = entropy_u64(NULL) | 1,
				       .wall_ms = clock_wall_ms(),
				       .segment_bytes = LIMIT_SEGMENT_BYTES };
	struct salvage *s = NULL;
	int code = salvage_open(&setup, &s, &why) == ERR_OK ? work(s, &why, room) : 1;
	const char *failed = code == 0 ? finish(p) : said;
	if (code == 0 && !failed)
		code = summary(s, p);
	salvage_close(s);
	if (!failed)
		return code;
	(void)refuse(p->from, failed[0] ? failed : "it cannot be read; run as the broker's user");
	fprintf(stderr, "godwit journal salvage: %s is not complete: remove it\n", p->part);
	return 1;
}

static int with_disks(const struct places *p, char *room)
{
	char said[512];
	struct text why = text_of(said, sizeof said);
	struct disk *from = NULL, *to = NULL;
	if (disk_posix_new(p->from, &from, &why) != ERR_OK)
		return refuse(p->from, said);
	int code = 1;
	if (disk_posix_new(p->part, &to, &why) == ERR_OK)
		code = run(p, from, to, room);
	else
		(void)refuse(p->part, said);
	disk_posix_free(to);
	disk_posix_free(from);
	return code;
}

int salvage_main(const char *dir, const char *to)
{
	static struct places p;
	const char *why = find_places(&p, dir, to);
	if (why)
		return refuse(dir, why);
	int lock = take_lock(&p);
	if (lock == -2)
		return refuse(dir, "a broker runs on it, or its lock cannot be taken: stop that "
				   "first");
	char *room = malloc(LINES_BYTES);
	int code = room ? with_disks(&p, room) : refuse(dir, "there is not enough memory");
	free(room);
	if (lock >= 0)
		close(lock);
	return code;
}
