#include "sim/rot.h"

#include "base/text.h"
#include "wire/record/commit.h"

#include <stdlib.h>

#define NAMES_BYTES 4096
#define PATH_BYTES  64
#define TRIES       40

/* The newest commit on the disk. */
struct newest {
	uint64_t number, at;
	char path[PATH_BYTES];
};

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

static void look_at(struct newest *n, struct slice bytes, const char *path)
{
	for (size_t at = 0; at + COMMIT_HEAD_BYTES <= bytes.n; at += COMMIT_ALIGN) {
		struct commit c;
		if (commit_get(slice_from(bytes, at), generation_of(path), &c) != ERR_OK ||
		    c.number < n->number)
			continue;
		struct text t = text_of(n->path, sizeof n->path);
		n->number = c.number;
		n->at = at;
		text_puts(&t, path);
	}
}

static void look_into(struct world *w, struct newest *n, const char *path)
{
	struct disk *d = sim_disk_port(w->host.disk);
	size_t cap = (size_t)w->host.config.journal_segment_bytes, len = 0;
	uint8_t *bytes = malloc(cap);
	int file;
	must(bytes != NULL);
	if (d->ops->open(d, path, DISK_READ, &file) == ERR_OK) {
		if (d->ops->read(d, file, 0, bytes, cap, &len) == ERR_OK)
			look_at(n, slice_of(bytes, len), path);
		d->ops->close(d, file);
	}
	free(bytes);
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
	size_t len = 0, n = 0, at = 0;
	if (!list(sim_disk_port(w->host.disk), names, &len))
		return false;
	for (; at < len; at += strlen(names + at) + 1, n++) {
		struct text t = text_of(path, PATH_BYTES);
		text_putf(&t, "segment/%s", names + at);
		look_into(w, &newest, path);
	}
	for (int i = 0; i < TRIES; i++) {
		at = 0;
		for (uint64_t which = prng_below(&w->prng, n); which > 0; which--)
			at += strlen(names + at) + 1;
		struct text t = text_of(path, PATH_BYTES);
		text_putf(&t, "segment/%s", names + at);
		*out_at = prng_below(&w->prng, (uint64_t)w->host.config.journal_segment_bytes);
		bool is_newest = strcmp(path, newest.path) == 0 && *out_at >= newest.at;
		if (!is_newest && is_written(sim_disk_port(w->host.disk), path, *out_at))
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
