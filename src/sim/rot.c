#include "sim/rot.h"

#include "base/text.h"
#include "sim/faults.h"
#include "sim/twin.h"
#include "wire/record/commit.h"

#include <stdlib.h>

#define NAMES_BYTES 4096
#define PATH_BYTES  64
#define TRIES       40

/* The newest commit on the disk. */
struct newest {
	uint64_t number, at, synced;
	char path[PATH_BYTES];
};

/* A byte of some commit that a later one calls durable. */
struct settled {
	struct prng *r;
	uint64_t synced, n, at;
	char path[PATH_BYTES];
};

typedef void seen(void *arg, const char *path, uint64_t at, const struct commit *c);

static bool list(struct disk *d, char names[NAMES_BYTES], size_t *out_len)
{
	return d->ops->list(d, "segment", names, NAMES_BYTES, out_len) == ERR_OK && *out_len > 0;
}

/* "0000000000000007.seg" is of generation 7. */
static uint32_t generation_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return (uint32_t)strtoul(slash ? slash + 1 : path, NULL, 10);
}

static void look_into(struct disk *d, const char *path, uint64_t cap, seen *see, void *arg)
{
	uint8_t *bytes = malloc(cap);
	size_t len = 0;
	int file;
	struct commit c;
	must(bytes != NULL);
	if (d->ops->open(d, path, DISK_READ, &file) == ERR_OK) {
		if (d->ops->read(d, file, 0, bytes, cap, &len) != ERR_OK)
			len = 0;
		d->ops->close(d, file);
	}
	for (size_t at = 0; at + COMMIT_HEAD_BYTES <= len; at += COMMIT_ALIGN)
		if (commit_get(slice_of(bytes + at, len - at), generation_of(path), &c) == ERR_OK)
			see(arg, path, at, &c);
	free(bytes);
}

/* each_commit shows all that lie in segments, and says how many segments there are. */
static size_t each_commit(struct disk *d, uint64_t segment_bytes, seen *see, void *arg)
{
	char names[NAMES_BYTES], path[PATH_BYTES];
	size_t len = 0, n = 0;
	if (!list(d, names, &len))
		return 0;
	for (size_t at = 0; at < len; at += strlen(names + at) + 1, n++) {
		struct text t = text_of(path, PATH_BYTES);
		text_putf(&t, "segment/%s", names + at);
		look_into(d, path, segment_bytes, see, arg);
	}
	return n;
}

static void see_newest(void *arg, const char *path, uint64_t at, const struct commit *c)
{
	struct newest *n = arg;
	if (c->number < n->number)
		return;
	struct text t = text_of(n->path, sizeof n->path);
	n->number = c->number;
	n->synced = c->synced;
	n->at = at;
	text_puts(&t, path);
}

static void see_settled(void *arg, const char *path, uint64_t at, const struct commit *c)
{
	struct settled *x = arg;
	if (c->number > x->synced || prng_below(x->r, ++x->n) > 0)
		return;
	struct text t = text_of(x->path, sizeof x->path);
	x->at = at + prng_below(x->r, c->bytes);
	text_puts(&t, path);
}

/* Most of a segment may be empty, where nobody would notice. */
static bool is_written(struct disk *d, const char *path, uint64_t at)
{
	uint8_t byte = 0;
	size_t n;
	int file;
	if (d->ops->open(d, path, DISK_READ, &file) != ERR_OK)
		return false;
	bool is_read = d->ops->read(d, file, at, &byte, 1, &n) == ERR_OK;
	d->ops->close(d, file);
	return is_read && byte != 0;
}

/* Chooses a byte of a segment that is not of the newest commit. False: none was found. */
static bool choose(struct world *w, char path[PATH_BYTES], uint64_t *out_at)
{
	char names[NAMES_BYTES];
	struct newest newest = { 0 };
	struct disk *d = sim_disk_port(w->host.disk);
	const uint64_t segment_bytes = (uint64_t)w->host.config.journal_segment_bytes;
	size_t len = 0, at = 0;
	const size_t n = each_commit(d, segment_bytes, see_newest, &newest);
	if (n == 0 || !list(d, names, &len))
		return false;
	for (int i = 0; i < TRIES; i++) {
		at = 0;
		for (uint64_t which = prng_below(&w->prng, n); which > 0; which--)
			at += strlen(names + at) + 1;
		struct text t = text_of(path, PATH_BYTES);
		text_putf(&t, "segment/%s", names + at);
		*out_at = prng_below(&w->prng, segment_bytes);
		bool is_newest = strcmp(path, newest.path) == 0 && *out_at >= newest.at;
		if (!is_newest && is_written(d, path, *out_at))
			return true;
	}
	return false;
}

bool rot_happen(struct world *w)
{
	char path[PATH_BYTES], room[512];
	uint64_t at = 0;
	struct text why = text_of(room, sizeof room);
	world_crash(w, true);
	sim_disk_restart(w->host.disk);
	uint8_t mask = (uint8_t)(1u << prng_below(&w->prng, 8));
	bool is_flipped = choose(w, path, &at) && sim_disk_flip(w->host.disk, path, at, mask);
	if (!is_flipped) {
		TELL(&w->story, unflipped, 0);
		return world_start(w);
	}
	TELL(&w->story, flip, at, mask);
	bool was_rotten = w->is_rotten;
	w->is_rotten = true;
	enum err e = host_start(&w->host, &why);
	if (e == ERR_OK)
		return true;
	w->is_rotten = was_rotten; /* this one is flipped back */
	TELL(&w->story, refused, e);
	if (e != ERR_CORRUPT)
		story_wrong(&w->story, "a flipped bit makes the start fail with: %s (%s)",
			    err_words[e].text, room);
	(void)sim_disk_flip(w->host.disk, path, at, mask);
	return !w->story.is_wrong && world_start(w);
}

static void start_rotten(struct host *h, struct story *story, struct sim_disk *disk)
{
	char room[512];
	struct text why = text_of(room, sizeof room);
	struct digest_sum its, ours = host_digest(h);
	const enum err e = twin_start(h, disk, &its, &why);
	if (e != ERR_OK && e != ERR_CORRUPT)
		story_wrong(story, "a flipped bit makes the start fail with: %s (%s)",
			    err_words[e].text, room);
	else if (e == ERR_OK && !digest_eq(its, ours))
		story_wrong(story, "a flipped bit makes another state");
}

bool rot_compare(struct host *h, struct story *story, struct prng *r, struct sim_disk *own_before)
{
	struct disk *d = sim_disk_port(own_before);
	const uint64_t segment_bytes = (uint64_t)h->config.journal_segment_bytes;
	struct newest newest = { 0 };
	struct settled x = { .r = r };
	(void)each_commit(d, segment_bytes, see_newest, &newest);
	x.synced = newest.synced;
	(void)each_commit(d, segment_bytes, see_settled, &x);
	const uint8_t mask = (uint8_t)(1u << prng_below(r, 8));
	const bool is_flipped = x.n > 0 && sim_disk_flip(own_before, x.path, x.at, mask);
	if (is_flipped)
		start_rotten(h, story, own_before);
	sim_disk_free(own_before);
	return is_flipped;
}
