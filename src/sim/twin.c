#include "sim/twin.h"

#include "base/text.h"
#include "sim/world.h"
#include "wire/record/head.h"

#include <stdlib.h>

#define STORE_FILE "store"
#define SLOT_BYTES 4096u

/* Damages the newest slot of the store, so that the other counts. False: there is no other.
 * *out_number: the checkpoint that counts now. */
static bool step_back(struct sim_disk *d, uint64_t *out_number)
{
	struct disk *port = sim_disk_port(d);
	uint8_t bytes[SLOT_BYTES + HEAD_BYTES] = { 0 };
	struct head slot[2];
	size_t n = 0;
	int file;
	if (port->ops->open(port, STORE_FILE, DISK_READ, &file) != ERR_OK)
		return false;
	enum err e = port->ops->read(port, file, 0, bytes, sizeof bytes, &n);
	port->ops->close(port, file);
	if (e != ERR_OK || n < sizeof bytes)
		return false;
	for (uint32_t i = 0; i < 2; i++)
		if (head_get(slice_of(bytes + i * SLOT_BYTES, HEAD_BYTES), HEAD_STORE, &slot[i]) !=
		    ERR_OK)
			return false;
	uint64_t newest = slot[1].number > slot[0].number;
	*out_number = slot[!newest].number;
	return sim_disk_flip(d, STORE_FILE, newest * SLOT_BYTES + HEAD_BYTES / 2, 1);
}

/* The same machine, but for what it holds. */
static void host_twin(struct host *t, const struct host *h, struct story *story,
		      struct sim_disk *disk)
{
	*t = *h;
	t->story = story;
	t->disk = disk;
	t->node = NULL;
	sim_heap_init(&t->heap);
	for (uint32_t i = 0; i < HOST_LOOPS_MAX; i++)
		t->loops[i].host = t;
}

enum err twin_start(const struct host *h, struct sim_disk *disk, struct digest_sum *out,
		    struct text *why)
{
	struct host *t = malloc(sizeof *t);
	struct story *story = malloc(sizeof *story);
	must(h->node && t != NULL && story != NULL);
	story_init(story, false);
	host_twin(t, h, story, disk);
	enum err e = host_start(t, why);
	if (e == ERR_OK) {
		*out = host_digest(t);
		sim_heap_forget(&t->heap);
	}
	free(story);
	free(t);
	return e;
}

static void recover_and_compare(struct world *w, struct sim_disk *disk, uint64_t number)
{
	char room[512];
	struct text why = text_of(room, sizeof room);
	struct digest_sum its, ours = host_digest(&w->host);
	enum err e = twin_start(&w->host, disk, &its, &why);
	if (e == ERR_CORRUPT && w->is_rotten)
		return;
	if (e != ERR_OK) {
		story_wrong(&w->story, "from checkpoint %lu the broker does not start: %s (%s)",
			    (unsigned long)number, err_words[e].text, room);
		return;
	}
	TELL(&w->story, twin, its.hi, its.lo, number);
	if (!digest_eq(its, ours))
		story_wrong(&w->story, "checkpoint %lu and the log behind it make another state",
			    (unsigned long)number);
}

void twin_compare(struct world *w, struct sim_disk *own_before)
{
	uint64_t number = 0;
	*sim_disk_faults(own_before) = (struct sim_disk_faults){ 0 };
	if (w->host.node && step_back(own_before, &number))
		recover_and_compare(w, own_before, number);
	sim_disk_free(own_before);
}
