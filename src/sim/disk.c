#include "sim/disk.h"

#include "base/bits.h"
#include "base/hash.h"
#include "base/list.h"
#include "sim/disk_state.h"

#include <stdio.h>
#include <stdlib.h>

struct sim_disk *sim_disk_of(struct disk *d)
{
	return containerof(d, struct sim_disk, port);
}

enum err sim_disk_fail(struct sim_disk *d, enum err e, const char *what, const char *path)
{
	snprintf(d->why, sizeof d->why, "%s%s%s", what, path[0] ? ": " : "", path);
	return e;
}

/* ---- faults ----------------------------------------------------------------------------- */

static bool counts_down(uint64_t *in)
{
	return *in > 0 && --*in == 0;
}

bool sim_disk_call_fails(struct sim_disk *d, uint64_t *in)
{
	uint32_t often = d->faults.fail_per_million;
	return counts_down(in) || (often && prng_chance(&d->prng, often, 1000000));
}

void sim_disk_kill(struct sim_disk *d)
{
	must(!d->is_dead);
	d->is_dead = true;
	d->is_locked = false;
	for (int i = 0; i < d->handles_n; i++)
		d->handles[i].how = 0;
	memset(d->begun, 0, sizeof d->begun);
}

void sim_disk_crash(struct sim_disk *d)
{
	sim_disk_kill(d);
	uint64_t num = prng_below(&d->prng, 5); /* 0: nothing unsynced stays; 4: everything */
	for (uint32_t i = 0; i < d->inodes_n; i++) {
		if (!d->inodes[i].is_used)
			continue;
		struct image_loss loss = image_crash(&d->inodes[i].image, &d->prng, num, 4);
		d->count.lost += loss.lost > 0;
		d->count.torn += loss.lost > 0 && loss.kept > 0;
	}
	names_crash(&d->names, &d->prng);
}

bool sim_disk_is_dead(const struct sim_disk *d)
{
	return d->is_dead;
}

void sim_disk_restart(struct sim_disk *d)
{
	d->is_dead = false;
	d->faults = (struct sim_disk_faults){ .bytes_max = d->faults.bytes_max };
}

bool sim_disk_is_down(struct sim_disk *d)
{
	d->count.calls++;
	return d->is_dead;
}

bool sim_disk_crashes_before(struct sim_disk *d)
{
	struct sim_disk_faults *f = &d->faults;
	if ((f->crash_in != 1 && f->kill_in != 1) || !prng_chance(&d->prng, 1, 2))
		return false;
	if (f->crash_in == 1)
		sim_disk_crash(d);
	else
		sim_disk_kill(d);
	f->crash_in = f->kill_in = 0;
	return true;
}

enum err sim_disk_crashes_after(struct sim_disk *d, enum err e)
{
	bool is_crash = counts_down(&d->faults.crash_in), is_kill = counts_down(&d->faults.kill_in);
	if (!is_crash && !is_kill)
		return e;
	if (is_crash)
		sim_disk_crash(d);
	else
		sim_disk_kill(d);
	return sim_disk_fail(d, ERR_IO, "the machine is down", "");
}

/* ---- files ------------------------------------------------------------------------------ */

uint32_t sim_inode_new(struct sim_disk *d, bool is_dir)
{
	uint32_t at = 0;
	while (at < d->inodes_n && d->inodes[at].is_used)
		at++;
	if (at == d->inodes_n) {
		d->inodes = realloc(d->inodes, (at + 1) * sizeof *d->inodes);
		must(d->inodes != NULL);
		d->inodes_n++;
	}
	d->inodes[at] = (struct inode){ .is_dir = is_dir, .is_used = true };
	return at;
}

void sim_inodes_sweep(struct sim_disk *d)
{
	for (uint32_t i = 0; i < d->inodes_n; i++) {
		bool is_held = !d->inodes[i].is_used || names_is_held(&d->names, i);
		for (int h = 0; !is_held && h < d->handles_n; h++)
			is_held = d->handles[h].how != 0 && d->handles[h].inode == i;
		if (is_held)
			continue;
		image_fini(&d->inodes[i].image);
		d->inodes[i].is_used = false;
	}
}

static struct inode *inode_of(struct sim_disk *d, int file, unsigned how)
{
	must(file >= 0 && file < d->handles_n && (d->handles[file].how & how));
	return &d->inodes[d->handles[file].inode];
}

static int handle_new(struct sim_disk *d, uint32_t inode, unsigned how)
{
	int at = 0;
	while (at < d->handles_n && d->handles[at].how)
		at++;
	if (at == d->handles_n) {
		d->handles = realloc(d->handles, (size_t)(at + 1) * sizeof *d->handles);
		must(d->handles != NULL);
		d->handles_n++;
	}
	d->handles[at] = (struct handle){ inode, how };
	return at;
}

bool sim_disk_is_dir(const struct sim_disk *d, const char *path)
{
	uint32_t inode = names_find(&d->names, path);
	return strcmp(path, ".") == 0 || (inode != NAMES_NONE && d->inodes[inode].is_dir);
}

bool sim_disk_has_parent(const struct sim_disk *d, const char *path)
{
	char dir[NAMES_PATH_MAX] = ".";
	const char *slash = strrchr(path, '/');
	if (slash) {
		must((size_t)(slash - path) < sizeof dir);
		memcpy(dir, path, (size_t)(slash - path));
		dir[slash - path] = '\0';
	}
	return sim_disk_is_dir(d, dir);
}

static enum err sim_open(struct disk *port, const char *path, unsigned how, int *out_file)
{
	struct sim_disk *d = sim_disk_of(port);
	if (sim_disk_is_down(d))
		return DOWN(d);
	uint32_t inode = names_find(&d->names, path);
	if (inode != NAMES_NONE && (how & DISK_EXCLUSIVE))
		return sim_disk_fail(d, ERR_EXISTS, "it exists", path);
	if (inode == NAMES_NONE && (!(how & DISK_CREATE) || !sim_disk_has_parent(d, path)))
		return sim_disk_fail(d, ERR_NOT_FOUND, "no such file", path);
	if (inode == NAMES_NONE) {
		if (sim_disk_crashes_before(d))
			return DOWN(d);
		inode = sim_inode_new(d, false);
		names_change(&d->names, "", path, inode);
		d->count.spills += strncmp(path, "spill/", 6) == 0;
		TRY(sim_disk_crashes_after(d, ERR_OK));
	}
	*out_file = handle_new(d, inode, how);
	return ERR_OK;
}

static void sim_close(struct disk *port, int file)
{
	struct sim_disk *d = sim_disk_of(port);
	d->count.calls++;
	if (file < 0 || file >= d->handles_n)
		return;
	d->handles[file].how = 0;
	sim_inodes_sweep(d);
}

uint64_t sim_disk_used(const struct sim_disk *d)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < d->inodes_n; i++)
		if (d->inodes[i].is_used)
			sum += d->inodes[i].image.size;
	return sum;
}

static uint64_t bytes_free(const struct sim_disk *d)
{
	uint64_t used = sim_disk_used(d),
		 max = d->faults.bytes_max ? d->faults.bytes_max : UINT64_C(1) << 40;
	return used < max ? max - used : 0;
}

/* put writes as many of the bytes as `n` says. */
static void put(struct inode *f, uint64_t at, const struct slice *parts, uint32_t parts_n,
		uint64_t n)
{
	for (uint32_t i = 0; i < parts_n && n > 0; i++) {
		size_t part = (size_t)min_u64(n, parts[i].n);
		image_write(&f->image, at, slice_of(parts[i].p, part));
		at += part;
		n -= part;
	}
}

static enum err sim_write(struct disk *port, int file, uint64_t at, const struct slice *parts,
			  uint32_t n)
{
	struct sim_disk *d = sim_disk_of(port);
	if (sim_disk_is_down(d) || sim_disk_crashes_before(d))
		return DOWN(d);
	struct inode *f = inode_of(d, file, DISK_WRITE);
	uint64_t bytes = 0, room = bytes_free(d);
	for (uint32_t i = 0; i < n; i++)
		bytes += parts[i].n;
	d->count.writes++;
	d->count.written_bytes += bytes;
	if (prng_chance(&d->prng, 1, 8))
		image_write_back(&f->image, &d->prng, 1, 2);
	if (sim_disk_call_fails(d, &d->faults.fail_write_in)) {
		d->count.failed_writes++;
		put(f, at, parts, n, prng_between(&d->prng, 0, bytes));
		return sim_disk_fail(d, ERR_IO, "the write failed", "");
	}
	uint64_t growth = at + bytes > f->image.size ? at + bytes - f->image.size : 0;
	if (growth > room) {
		d->count.full++;
		put(f, at, parts, n, bytes - min_u64(bytes, growth - room));
		return sim_disk_fail(d, ERR_NO_SPACE, "no space left", "");
	}
	put(f, at, parts, n, bytes);
	return sim_disk_crashes_after(d, ERR_OK);
}

static enum err sim_read(struct disk *port, int file, uint64_t at, uint8_t *buf, size_t n,
			 size_t *out_n)
{
	struct sim_disk *d = sim_disk_of(port);
	if (sim_disk_is_down(d))
		return DOWN(d);
	struct inode *f = inode_of(d, file, DISK_READ);
	d->count.reads++;
	if (sim_disk_call_fails(d, &d->faults.fail_read_in))
		return sim_disk_fail(d, ERR_IO, "the read failed", "");
	*out_n = image_read(&f->image, at, buf, n);
	d->count.read_bytes += *out_n;
	return ERR_OK;
}

/* The model has no cache: what was written is read, synced or not. */
static enum err sim_read_past(struct disk *port, int file, uint64_t at, uint8_t *buf, size_t n,
			      size_t *out_n)
{
	must(at % DISK_ALIGN == 0 && n % DISK_ALIGN == 0 && (uintptr_t)buf % DISK_ALIGN == 0);
	sim_disk_of(port)->count.reads_past++;
	return sim_read(port, file, at, buf, n, out_n);
}

/* Now and then there is no such thing. Until its end a read has not happened: who looks earlier
 * finds what was never written. */
static bool sim_begin_past(struct disk *port, uint32_t slot, int file, uint64_t at, uint8_t *buf,
			   size_t n)
{
	struct sim_disk *d = sim_disk_of(port);
	must(slot < DISK_AHEAD_MAX && !d->begun[slot].is_begun && n <= DISK_AHEAD_BYTES);
	must(at % DISK_ALIGN == 0 && n % DISK_ALIGN == 0 && (uintptr_t)buf % DISK_ALIGN == 0);
	if (sim_disk_is_down(d) || prng_chance(&d->prng, 1, 16))
		return false;
	d->begun[slot] = (struct begun){ true, file, at, buf, n };
	d->count.begun++;
	memset(buf, 0xa5, n);
	return true;
}

static size_t sim_end_past(struct disk *port, uint32_t slot)
{
	struct sim_disk *d = sim_disk_of(port);
	const struct begun b = d->begun[slot];
	size_t got = 0;
	must(d->is_dead || b.is_begun);
	d->begun[slot].is_begun = false;
	if (!b.is_begun || sim_read_past(port, b.file, b.at, b.buf, b.n, &got) != ERR_OK)
		return 0;
	return got;
}

static enum err sim_sync(struct disk *port, int file)
{
	struct sim_disk *d = sim_disk_of(port);
	if (sim_disk_is_down(d) || sim_disk_crashes_before(d))
		return DOWN(d);
	struct inode *f = inode_of(d, file, DISK_READ | DISK_WRITE);
	d->count.syncs++;
	if (sim_disk_call_fails(d, &d->faults.fail_sync_in)) {
		d->count.failed_syncs++;
		image_sync_fails(&f->image);
		return sim_disk_fail(d, ERR_IO, "the sync failed", "");
	}
	image_sync(&f->image);
	return sim_disk_crashes_after(d, ERR_OK);
}

static enum err sim_size(struct disk *port, int file, uint64_t *out_bytes)
{
	struct sim_disk *d = sim_disk_of(port);
	if (sim_disk_is_down(d))
		return DOWN(d);
	*out_bytes = inode_of(d, file, DISK_READ | DISK_WRITE)->image.size;
	return ERR_OK;
}

static enum err sim_truncate(struct disk *port, int file, uint64_t bytes)
{
	struct sim_disk *d = sim_disk_of(port);
	if (sim_disk_is_down(d) || sim_disk_crashes_before(d))
		return DOWN(d);
	image_truncate(&inode_of(d, file, DISK_WRITE)->image, bytes);
	return sim_disk_crashes_after(d, ERR_OK);
}

/* ---- the whole disk ---------------------------------------------------------------------- */

static enum err sim_free_bytes(struct disk *port, uint64_t *out_bytes)
{
	struct sim_disk *d = sim_disk_of(port);
	if (sim_disk_is_down(d))
		return DOWN(d);
	*out_bytes = bytes_free(d);
	return ERR_OK;
}

static enum err sim_lock(struct disk *port, const char *path)
{
	struct sim_disk *d = sim_disk_of(port);
	if (sim_disk_is_down(d))
		return DOWN(d);
	if (d->is_locked)
		return sim_disk_fail(d, ERR_BUSY, "in use by another process", path);
	d->is_locked = true;
	return ERR_OK;
}

static void sim_unlock(struct disk *port)
{
	sim_disk_of(port)->is_locked = false;
}

static const char *sim_why(struct disk *port)
{
	return sim_disk_of(port)->why;
}

static const struct disk_ops sim_disk_ops = {
	.open = sim_open,
	.close = sim_close,
	.write = sim_write,
	.read = sim_read,
	.read_past = sim_read_past,
	.begin_past = sim_begin_past,
	.end_past = sim_end_past,
	.sync = sim_sync,
	.size = sim_size,
	.truncate = sim_truncate,
	.rename = sim_disk_rename,
	.remove = sim_disk_remove,
	.make_dir = sim_disk_make_dir,
	.sync_dir = sim_disk_sync_dir,
	.list = sim_disk_list,
	.free_bytes = sim_free_bytes,
	.lock = sim_lock,
	.unlock = sim_unlock,
	.why = sim_why,
};

/* ---- life ------------------------------------------------------------------------------- */

struct sim_disk *sim_disk_new(uint64_t seed)
{
	struct sim_disk *d = calloc(1, sizeof *d);
	must(d != NULL);
	d->port.ops = &sim_disk_ops;
	d->prng = prng_of(seed);
	return d;
}

struct sim_disk *sim_disk_clone(const struct sim_disk *from)
{
	struct sim_disk *d = malloc(sizeof *d);
	must(d != NULL);
	*d = *from;
	names_copy(&d->names, &from->names);
	d->inodes = calloc(from->inodes_n + 1, sizeof *d->inodes);
	must(d->inodes != NULL);
	for (uint32_t i = 0; i < from->inodes_n; i++) {
		d->inodes[i] = from->inodes[i];
		image_copy(&d->inodes[i].image, &from->inodes[i].image);
	}
	d->handles = NULL;
	d->handles_n = 0;
	memset(d->begun, 0, sizeof d->begun);
	d->is_locked = false;
	return d;
}

void sim_disk_free(struct sim_disk *own_d)
{
	if (!own_d)
		return;
	for (uint32_t i = 0; i < own_d->inodes_n; i++)
		image_fini(&own_d->inodes[i].image);
	names_fini(&own_d->names);
	free(own_d->inodes);
	free(own_d->handles);
	free(own_d);
}

struct disk *sim_disk_port(struct sim_disk *d)
{
	return &d->port;
}

struct sim_disk_faults *sim_disk_faults(struct sim_disk *d)
{
	return &d->faults;
}

const struct sim_disk_count *sim_disk_count(const struct sim_disk *d)
{
	return &d->count;
}

bool sim_disk_flip(struct sim_disk *d, const char *path, uint64_t at, uint8_t mask)
{
	uint32_t inode = names_find(&d->names, path);
	return inode != NAMES_NONE && image_flip(&d->inodes[inode].image, at, mask);
}

static uint64_t image_hash(const struct image *f, uint64_t name)
{
	uint8_t part[IMAGE_CHUNK_BYTES];
	uint64_t sum = name;
	for (uint64_t at = 0; at < f->size; at += sizeof part)
		sum = hash_slice((struct hash_key){ sum, f->size },
				 slice_of(part, image_read(f, at, part, sizeof part)));
	return sum;
}

uint64_t sim_disk_hash(const struct sim_disk *d)
{
	uint64_t sum = 0; /* the same in every order of names */
	for (size_t i = 0; i < d->names.now.n; i++) {
		const struct name *e = &d->names.now.at[i];
		uint64_t name = hash_slice((struct hash_key){ 1, 2 }, slice_str(e->path));
		sum += image_hash(&d->inodes[e->inode].image, name);
	}
	return sum;
}
