#include "journal/filebuf.h"

#include "base/bits.h"

/* So much is read at a time: pages that have just been read are warm still when they are looked
 * at, and a buffer that one large commit may need is not all touched for small ones. */
#define STEP_BYTES ((size_t)256 << 10)

void filebuf_check(const struct filebuf *f)
{
	must(f->n <= f->cap);
	must_if(f->n > 0, f->file >= 0);
	must_if(f->cap > 0, f->buf != NULL && f->disk != NULL);
}

enum err filebuf_init(struct filebuf *f, struct disk *d, struct mem *mem, size_t cap)
{
	must(cap > 0 && d != NULL);
	*f = (struct filebuf){ .disk = d, .file = -1, .cap = cap };
	f->buf = mem_get(mem, cap, "file buffer");
	return f->buf ? ERR_OK : ERR_LIMIT;
}

void filebuf_fini(struct filebuf *f, struct mem *mem)
{
	must_if(f->buf != NULL, f->cap > 0);
	if (f->buf)
		mem_put(mem, f->buf, f->cap);
	*f = (struct filebuf){ .file = -1 };
}

void filebuf_turn_to(struct filebuf *f, int file)
{
	must(file >= -1);
	f->file = file;
	f->at = 0;
	f->n = 0;
}

/* keep moves what is asked for and already there to the front. */
static void keep(struct filebuf *f, uint64_t at)
{
	must(f->n <= f->cap);
	if (at < f->at || at >= f->at + f->n) {
		f->n = 0;
	} else if (at > f->at) {
		f->n -= (size_t)(at - f->at);
		memmove(f->buf, f->buf + (at - f->at), f->n);
	}
	f->at = at;
	filebuf_check(f);
}

enum err filebuf_get(struct filebuf *f, uint64_t at, size_t n, struct slice *out)
{
	must(n <= f->cap && f->file >= 0);
	if (at < f->at || at + n > f->at + f->n) {
		keep(f, at);
		size_t room = max_size(n, min_size(f->cap, STEP_BYTES)) - f->n, got = 0;
		TRY(f->disk->ops->read(f->disk, f->file, at + f->n, f->buf + f->n, room, &got));
		must(got <= room);
		f->n += got;
	}
	*out = slice_of(f->buf + (at - f->at), min_size(n, (size_t)(f->at + f->n - at)));
	return ERR_OK;
}
