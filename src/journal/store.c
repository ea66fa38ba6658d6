#include "journal/store.h"

#include "base/text.h"
#include "journal/journal.h"
#include "journal/path.h"

#define STORE_BYTES (2 * STORE_SLOT_BYTES)

/* write_slot makes one slot durable; the page behind the head stays as it is. */
static enum err write_slot(struct disk *d, int file, uint64_t slot, const struct head *h)
{
	must(file >= 0 && slot < 2);
	uint8_t bytes[HEAD_BYTES];
	head_put(bytes, h);
	struct slice part = { bytes, sizeof bytes };
	TRY(d->ops->write(d, file, slot * STORE_SLOT_BYTES, &part, 1));
	return d->ops->sync(d, file);
}

enum err store_write(struct disk *d, int file, const struct head *h)
{
	must(h->kind == HEAD_STORE);
	return write_slot(d, file, h->number % 2, h);
}

enum err store_make(struct disk *d, const struct head *h)
{
	must(h->kind == HEAD_STORE && h->number == 0);
	int file;
	TRY(d->ops->open(d, PATH_STORE_NEW, DISK_READ | DISK_WRITE | DISK_CREATE, &file));
	enum err e = d->ops->truncate(d, file, STORE_BYTES);
	if (e == ERR_OK)
		e = write_slot(d, file, 0, h);
	d->ops->close(d, file);
	return e == ERR_OK ? d->ops->rename(d, PATH_STORE_NEW, PATH_STORE) : e;
}

static enum err read_slots(struct disk *d, struct store *s, enum err state[2])
{
	must(s->file >= 0);
	for (uint32_t i = 0; i < 2; i++) {
		uint8_t bytes[HEAD_BYTES];
		size_t n = 0;
		TRY(d->ops->read(d, s->file, i * STORE_SLOT_BYTES, bytes, sizeof bytes, &n));
		state[i] = head_get(slice_of(bytes, n), HEAD_STORE, &s->slot[i]);
	}
	return ERR_OK;
}

static enum err judge(struct store *s, const enum err state[2], struct text *why)
{
	must(s->file >= 0);
	for (uint32_t i = 0; i < 2; i++) {
		const struct head *h = &s->slot[i];
		if (state[i] == ERR_NOT_IMPLEMENTED && h->version == HEAD_VERSION) {
			text_putf(why,
				  "the data directory was made by a later version: of its features "
				  "this build does not know %llx; start it with the version that "
				  "wrote it, or a later one",
				  (unsigned long long)(h->features & ~FEATURES_KNOWN));
			return ERR_NOT_IMPLEMENTED;
		}
		if (state[i] == ERR_NOT_IMPLEMENTED) {
			text_putf(why,
				  "the data directory has format %lu, this build knows format %u: "
				  "start it with the version that wrote it, or a later one",
				  (unsigned long)h->version, HEAD_VERSION);
			return ERR_NOT_IMPLEMENTED;
		}
		s->has_slot[i] = state[i] == ERR_OK;
	}
	if (!s->has_slot[0] && !s->has_slot[1]) {
		text_putf(why, "%s: both slots are damaged: " JOURNAL_MEND, PATH_STORE);
		return ERR_CORRUPT;
	}
	if (s->has_slot[1] && (!s->has_slot[0] || s->slot[1].number > s->slot[0].number)) {
		struct head newest = s->slot[1];
		bool has_older = s->has_slot[0];
		s->slot[1] = s->slot[0];
		s->slot[0] = newest;
		s->has_slot[0] = true;
		s->has_slot[1] = has_older;
	}
	return ERR_OK;
}

enum err store_open(struct disk *d, unsigned how, struct store *out_s, struct text *why)
{
	must((how & DISK_READ) != 0);
	struct store s = { 0 };
	enum err state[2];
	TRY(d->ops->open(d, PATH_STORE, how, &s.file));
	enum err e = read_slots(d, &s, state);
	if (e == ERR_OK)
		e = judge(&s, state, why);
	if (e != ERR_OK)
		d->ops->close(d, s.file);
	else
		*out_s = s;
	return e;
}
