#include "io/disk_posix.h"

#include "base/text.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#define OK(call) assert_int_equal((call), ERR_OK)

static char dir[256];
static struct disk *d;

static int setup(void **state)
{
	(void)state;
	char buf[256];
	struct text why = text_of(buf, sizeof buf);
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof dir, "%s/disk-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	strncat(dir, "/data", sizeof dir - strlen(dir) - 1);
	return disk_posix_new(dir, &d, &why) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	disk_posix_free(d);
	return 0;
}

static void what_is_written_in_parts_is_read_back(void **state)
{
	(void)state;
	int file;
	uint8_t got[32];
	size_t n = 0;
	uint64_t size = 0;
	OK(d->ops->open(d, "parts", DISK_READ | DISK_WRITE | DISK_CREATE, &file));
	struct slice parts[] = { slice_str("one "), SLICE_EMPTY, slice_str("two") };
	OK(d->ops->write(d, file, 100, parts, 3));
	OK(d->ops->sync(d, file));
	OK(d->ops->size(d, file, &size));
	assert_int_equal(size, 107);
	OK(d->ops->read(d, file, 98, got, sizeof got, &n));
	assert_int_equal(n, 9);
	assert_memory_equal(got, "\0\0one two", 9);
	OK(d->ops->read(d, file, 200, got, sizeof got, &n));
	assert_int_equal(n, 0);
	OK(d->ops->truncate(d, file, 103));
	OK(d->ops->size(d, file, &size));
	assert_int_equal(size, 103);
	d->ops->close(d, file);
	OK(d->ops->remove(d, "parts"));
}

static void names_are_made_listed_renamed_and_removed(void **state)
{
	(void)state;
	int file;
	char names[64];
	size_t len = 0;
	uint64_t bytes = 0;
	OK(d->ops->make_dir(d, "sub"));
	assert_int_equal(d->ops->make_dir(d, "sub"), ERR_EXISTS);
	assert_int_equal(d->ops->open(d, "sub/a", DISK_READ, &file), ERR_NOT_FOUND);
	assert_non_null(strstr(d->ops->why(d), "open sub/a"));
	OK(d->ops->open(d, "sub/a", DISK_WRITE | DISK_CREATE, &file));
	d->ops->close(d, file);
	assert_int_equal(d->ops->open(d, "sub/a", DISK_WRITE | DISK_CREATE | DISK_EXCLUSIVE, &file),
			 ERR_EXISTS);
	OK(d->ops->rename(d, "sub/a", "sub/bcd"));
	OK(d->ops->sync_dir(d, "sub"));
	OK(d->ops->sync_dir(d, "."));
	OK(d->ops->list(d, "sub", names, sizeof names, &len));
	assert_int_equal(len, 4);
	assert_string_equal(names, "bcd");
	assert_int_equal(d->ops->list(d, "sub", names, 3, &len), ERR_LIMIT);
	assert_int_equal(d->ops->list(d, "nowhere", names, sizeof names, &len), ERR_NOT_FOUND);
	OK(d->ops->remove(d, "sub/bcd"));
	assert_int_equal(d->ops->remove(d, "sub/bcd"), ERR_NOT_FOUND);
	OK(d->ops->free_bytes(d, &bytes));
	assert_true(bytes > 0);
}

static void one_process_has_the_lock(void **state)
{
	(void)state;
	char buf[256], pid[64];
	struct text why = text_of(buf, sizeof buf);
	const char *said = "";
	struct disk *other;
	OK(disk_posix_new(dir, &other, &why));
	assert_false(disk_posix_is_taken(dir, "lock", &said));
	OK(d->ops->lock(d, "lock"));
	assert_int_equal(other->ops->lock(other, "lock"), ERR_BUSY);
	snprintf(pid, sizeof pid, "in use by process %ld", (long)getpid());
	assert_string_equal(other->ops->why(other), pid);
	assert_true(disk_posix_is_taken(dir, "lock", &said));
	assert_string_equal(said, pid);
	assert_false(disk_posix_is_taken("nowhere", "lock", &said));
	d->ops->unlock(d);
	assert_false(disk_posix_is_taken(dir, "lock", &said));
	OK(other->ops->lock(other, "lock"));
	disk_posix_free(other);
	OK(d->ops->lock(d, "lock"));
	d->ops->unlock(d);
}

/* The same comes past the cache and through it, up to the end of the file, and beyond it nothing;
 * also in memory (/dev/shm), which may have no way past. */
static void what_is_read_past_the_cache_is_what_was_written(void **state)
{
	(void)state;
	const size_t size = 5 * DISK_ALIGN + 77;
	uint8_t *bytes = malloc(size), *got = aligned_alloc(DISK_ALIGN, 8 * DISK_ALIGN);
	int file;
	size_t n = 0;
	must(bytes && got);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 7 + i / DISK_ALIGN);
	struct slice parts[] = { slice_of(bytes, size) };
	OK(d->ops->open(d, "past", DISK_READ | DISK_WRITE | DISK_CREATE | DISK_EXACT, &file));
	OK(d->ops->write(d, file, 0, parts, 1));
	for (int is_cold = 0; is_cold < 2; is_cold++) { /* before the sync all of it is cached */
		OK(d->ops->read_past(d, file, DISK_ALIGN, got, 2 * DISK_ALIGN, &n));
		assert_int_equal(n, 2 * DISK_ALIGN);
		assert_memory_equal(got, bytes + DISK_ALIGN, n);
		OK(d->ops->read_past(d, file, 2 * DISK_ALIGN, got, 8 * DISK_ALIGN, &n));
		assert_int_equal(n, size - 2 * DISK_ALIGN);
		assert_memory_equal(got, bytes + 2 * DISK_ALIGN, n);
		OK(d->ops->read_past(d, file, 6 * DISK_ALIGN, got, DISK_ALIGN, &n));
		assert_int_equal(n, 0);
		OK(d->ops->sync(d, file));
		assert_int_equal(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
	}
	OK(d->ops->read(d, file, 3, got, 5, &n)); /* any place and length again */
	assert_memory_equal(got, bytes + 3, 5);
	d->ops->close(d, file);
	free(bytes);
	free(got);
}

/* Begun in one order and waited for in another; of what is cached nothing is begun. */
static void what_was_begun_past_the_cache_comes(void **state)
{
	(void)state;
	const size_t size = 4 * DISK_ALIGN + 77, room = 2 * DISK_ALIGN;
	uint8_t *bytes = malloc(size), *got[3];
	int file;
	must(bytes != NULL);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 5 + i / DISK_ALIGN);
	struct slice parts[] = { slice_of(bytes, size) };
	OK(d->ops->open(d, "begun", DISK_READ | DISK_WRITE | DISK_CREATE | DISK_EXACT, &file));
	OK(d->ops->write(d, file, 0, parts, 1));
	OK(d->ops->sync(d, file));
	assert_int_equal(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
	for (uint32_t i = 0; i < 3; i++)
		must((got[i] = aligned_alloc(DISK_ALIGN, room)) != NULL);
	bool is_begun[3];
	for (uint32_t i = 0; i < 3; i++)
		is_begun[i] = d->ops->begin_past(d, i, file, i * room, got[i], room);
	for (uint32_t i = 3; i-- > 0;) {
		if (!is_begun[i])
			continue;
		size_t left = size - i * room < room ? size - i * room : room;
		assert_int_equal(d->ops->end_past(d, i), left);
		assert_memory_equal(got[i], bytes + i * room, left);
	}
	size_t n = 0;
	OK(d->ops->read(d, file, 0, bytes, size, &n)); /* now it is in the cache */
	assert_false(d->ops->begin_past(d, 0, file, 0, got[0], room));
	d->ops->close(d, file);
	free(bytes);
	for (uint32_t i = 0; i < 3; i++)
		free(got[i]);
}

/* A file that may not grow writes a part first: short, then EFBIG. */
static void a_short_write_is_an_error(void **state)
{
	(void)state;
	int file;
	struct rlimit old, small;
	uint8_t bytes[4096] = { 7 };
	struct slice parts[] = { { bytes, 1000 }, { bytes, 4096 } };
	OK(d->ops->open(d, "short", DISK_READ | DISK_WRITE | DISK_CREATE, &file));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 3000;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	enum err e = d->ops->write(d, file, 0, parts, 2);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(e, ERR_IO);
	assert_non_null(strstr(d->ops->why(d), "write"));
	d->ops->close(d, file);
}

static void a_data_directory_that_cannot_be_is_refused_in_a_sentence(void **state)
{
	(void)state;
	char path[300], buf[512];
	struct text why = text_of(buf, sizeof buf);
	struct disk *other;
	snprintf(path, sizeof path, "%s/no/where", dir);
	assert_int_equal(disk_posix_new(path, &other, &why), ERR_NOT_FOUND);
	assert_non_null(strstr(buf, path));
	int file;
	OK(d->ops->open(d, "file", DISK_WRITE | DISK_CREATE, &file));
	d->ops->close(d, file);
	snprintf(path, sizeof path, "%s/file", dir);
	assert_int_equal(disk_posix_new(path, &other, &why), ERR_EXISTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_in_parts_is_read_back),
		cmocka_unit_test(names_are_made_listed_renamed_and_removed),
		cmocka_unit_test(one_process_has_the_lock),
		cmocka_unit_test(what_is_read_past_the_cache_is_what_was_written),
		cmocka_unit_test(what_was_begun_past_the_cache_comes),
		cmocka_unit_test(a_short_write_is_an_error),
		cmocka_unit_test(a_data_directory_that_cannot_be_is_refused_in_a_sentence),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
