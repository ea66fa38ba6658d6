#include "base/mem_for_tests.h"
#include "base/prng.h"
#include "base/text.h"
#include "journal/inspect.h"
#include "sim/image.h"
#include "sim/journal_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FILE_MAX (256u << 10)

struct file {
	uint8_t bytes[FILE_MAX];
	size_t n;
};

static void must_be_well(const struct rig *r, const char *path, uint64_t at)
{
	if (rig_failure(r)[0])
		fprintf(stderr, "%s byte %llu: %s (%s)\n", path, (unsigned long long)at,
			rig_failure(r), rig_why(r));
	must(rig_failure(r)[0] == '\0');
}

static void file_read(struct sim_disk *sim, const char *path, struct file *out)
{
	struct disk *d = sim_disk_port(sim);
	int file;
	enum err e = d->ops->open(d, path, DISK_READ, &file);
	must(e == ERR_OK);
	e = d->ops->read(d, file, 0, out->bytes, FILE_MAX, &out->n);
	must(e == ERR_OK && out->n < FILE_MAX);
	d->ops->close(d, file);
}

static void file_write(struct sim_disk *sim, const char *path, uint64_t at, const uint8_t *p,
		       size_t n)
{
	struct disk *d = sim_disk_port(sim);
	struct slice part = { p, n };
	int file;
	enum err e = d->ops->open(d, path, DISK_WRITE, &file);
	must(e == ERR_OK);
	e = d->ops->write(d, file, at, &part, 1);
	must(e == ERR_OK);
	e = d->ops->sync(d, file);
	must(e == ERR_OK);
	d->ops->close(d, file);
}

/* names lists a directory as paths, one behind the other; gives their number. */
static size_t names(struct sim_disk *sim, const char *dir, char paths[][64], size_t max)
{
	struct disk *d = sim_disk_port(sim);
	char list[4096];
	size_t len, n = 0;
	enum err e = d->ops->list(d, dir, list, sizeof list, &len);
	must(e == ERR_OK);
	for (size_t at = 0; at < len; at += strlen(list + at) + 1, n++) {
		must(n < max);
		snprintf(paths[n], 64, "%s/%s", dir, list + at);
	}
	return n;
}

/* worked gives a closed rig whose log goes over some segments behind its newest checkpoint. */
static struct rig *worked(uint64_t seed, bool is_clean)
{
	struct rig *r = rig_new(seed);
	bool is_open = rig_open(r);
	must(is_open);
	rig_work(r, 1500);
	rig_settle(r);
	must(rig_checkpoints(r) > 3);
	if (!is_clean)
		return r;
	rig_close(r, false);
	must_be_well(r, "close", 0);
	return r;
}

/* with_disk opens the rig on a copy of `d` and closes it again. True: it opened. */
static bool opens_on(struct rig *r, struct sim_disk *own_copy)
{
	struct sim_disk *before = rig_swap_disk(r, own_copy);
	uint64_t hash = sim_disk_hash(own_copy);
	bool is_open = rig_open(r);
	must(is_open || rig_why(r)[0] != '\0' || rig_failure(r)[0] != '\0');
	must(!strstr(rig_why(r), JOURNAL_MEND " at byte")); /* what, where and then what to do */
	must(is_open || hash == sim_disk_hash(own_copy));
	if (!is_open || rig_failure(r)[0] == '\0')
		rig_close(r, false);
	sim_disk_free(rig_swap_disk(r, before));
	return is_open;
}

/* damage gives what verify counts, which must change nothing. */
static uint64_t damage_seen(struct sim_disk *sim, const struct inspect_look *look)
{
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 28);
	struct journal_inspect *i;
	char buf[INSPECT_LINE_BYTES];
	struct text line = text_of(buf, sizeof buf);
	uint64_t hash = sim_disk_hash(sim), n = 1;
	if (journal_inspect_open(sim_disk_port(sim), &heap.mem, INSPECT_VERIFY, look, &i, &line) ==
	    ERR_OK) {
		for (bool is_more = true; is_more; is_more = journal_inspect_next(i, &line))
			line = text_of(buf, sizeof buf);
		n = journal_inspect_damage_n(i);
		journal_inspect_close(i);
	}
	must(hash == sim_disk_hash(sim) && heap.mem.used == 0);
	return n;
}

static uint64_t damage(struct sim_disk *sim)
{
	return damage_seen(sim, NULL);
}

static bool has_no_third(void *arg, const struct record *r)
{
	uint32_t *records_n = arg;
	must(r->body.n > 0);
	return ++*records_n != 3;
}

static void what_records_say_is_looked_at(void **state)
{
	(void)state;
	uint32_t records_n = 0;
	const struct inspect_look look = { .makes_sense = has_no_third, .arg = &records_n };
	struct rig *r = worked(1, true);
	must(damage_seen(rig_disk(r), &look) == 1 && records_n > 3);
	rig_free(r);
}

/* flips tries one flipped bit at many places of a file; gives how often the store still opened. */
static uint64_t flips(struct rig *r, const char *path, struct prng *prng, uint64_t *out_tries)
{
	struct file *f = malloc(sizeof *f);
	must(f != NULL);
	file_read(rig_disk(r), path, f);
	uint64_t opened = 0, tries = 0;
	for (uint64_t at = prng_below(prng, 50); at < f->n;
	     at += prng_between(prng, 1, 3000), tries++) {
		struct sim_disk *copy = sim_disk_clone(rig_disk(r));
		bool is_there = sim_disk_flip(copy, path, at, (uint8_t)(1 << prng_below(prng, 8)));
		must(is_there);
		uint64_t damage_n = damage(copy);
		bool is_open = opens_on(r, copy);
		must_be_well(r, path, at);
		must(is_open || damage_n > 0);
		opened += is_open;
	}
	free(f);
	*out_tries += tries;
	return opened;
}

static void a_flipped_bit_is_refused_or_harmless(void **state)
{
	(void)state;
	struct prng prng = prng_of(1);
	for (uint64_t seed = 1; seed <= 2; seed++) {
		struct rig *r = worked(seed, true);
		char paths[32][64];
		uint64_t opened = 0, tries = 0;
		size_t n = names(rig_disk(r), "segment", paths, 32);
		n += names(rig_disk(r), "checkpoint", paths + n, 32 - n);
		snprintf(paths[n++], 64, "store");
		for (size_t i = 0; i < n; i++)
			opened += flips(r, paths[i], &prng, &tries);
		must(damage(rig_disk(r)) == 0);
		must(tries > 60 && opened > 0 && opened < tries);
		rig_free(r);
	}
}

/* newest finds the segment that the last commit has changed, and both its versions. */
static void newest(struct sim_disk *before, struct sim_disk *after, char path[64], struct file *old,
		   struct file *new)
{
	char paths[32][64];
	size_t n = names(after, "segment", paths, 32);
	for (size_t i = 0; i < n; i++) {
		file_read(before, paths[i], old);
		file_read(after, paths[i], new);
		memcpy(path, paths[i], 64);
		if (old->n != new->n || memcmp(old->bytes, new->bytes, new->n) != 0)
			return;
	}
	must(false);
}

static void a_torn_commit_is_cut_off_wherever_it_is_torn(void **state)
{
	(void)state;
	struct file *old = calloc(1, sizeof *old), *new = calloc(1, sizeof *new);
	must(old && new);
	uint64_t torn = 0;
	for (uint64_t seed = 10; seed < 13; seed++) {
		struct rig *r = worked(seed, false);
		struct sim_disk *before = sim_disk_clone(rig_disk(r));
		rig_commit(r);
		struct sim_disk *after = sim_disk_clone(rig_disk(r));
		sim_disk_kill(rig_disk(r));
		rig_close(r, false);
		char path[64];
		newest(before, after, path, old, new);
		for (uint64_t at = 0; at < new->n; at += IMAGE_SECTOR) {
			size_t size = new->n - at < IMAGE_SECTOR ? new->n - at : IMAGE_SECTOR;
			if (at < old->n && memcmp(old->bytes + at, new->bytes + at, size) == 0)
				continue;
			struct sim_disk *kept = sim_disk_clone(before),
					*lost = sim_disk_clone(after);
			file_write(kept, path, at, new->bytes + at, size);
			if (at >= old->n)
				memset(old->bytes + at, 0, size);
			file_write(lost, path, at, old->bytes + at, size);
			bool is_open = opens_on(r, kept);
			must_be_well(r, path, at);
			must(is_open);
			is_open = opens_on(r, lost);
			must_be_well(r, path, at);
			must(is_open);
			torn++;
		}
		sim_disk_free(before);
		sim_disk_free(after);
		rig_free(r);
	}
	must(torn > 15);
	free(old);
	free(new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_records_say_is_looked_at),
		cmocka_unit_test(a_flipped_bit_is_refused_or_harmless),
		cmocka_unit_test(a_torn_commit_is_cut_off_wherever_it_is_torn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
