#include "io/deflate.h"

#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#define MEMORY_LEVEL 6  /* 8 KiB to clear for each message, 128 KiB in all */
#define TAIL_BYTES   4u /* of each message, left out by who sends (7.2.1) */

struct inflate {
	z_stream z;
	uint8_t tail_n; /* octets of the tail that have been unpacked */
	bool is_whole;  /* a block could begin here, or nothing more come */
};

static const uint8_t tail[TAIL_BYTES] = { 0, 0, 0xff, 0xff };

/* ---- packing ------------------------------------------------------------------------------ */

static z_stream *packer_of(struct deflate_room *r, uint8_t bits)
{
	must(bits >= DEFLATE_BITS_MIN && bits <= DEFLATE_BITS_MAX);
	z_stream **at = &r->packers[bits - DEFLATE_BITS_MIN];
	if (*at)
		return deflateReset(*at) == Z_OK ? *at : NULL;
	z_stream *z = calloc(1, sizeof *z);
	if (z && deflateInit2(z, Z_BEST_SPEED, Z_DEFLATED, -(int)bits, MEMORY_LEVEL,
			      Z_DEFAULT_STRATEGY) != Z_OK) {
		free(z);
		z = NULL;
	}
	*at = z;
	return z;
}

bool deflate_pack(struct deflate_room *r, uint8_t bits, const struct slice *parts, uint32_t parts_n,
		  struct slice *out)
{
	size_t n = 0;
	for (uint32_t i = 0; i < parts_n; i++)
		n += parts[i].n;
	must(n >= DEFLATE_PACK_FROM && n <= DEFLATE_PACK_BYTES);
	z_stream *z = packer_of(r, bits);
	if (!r->packed)
		r->packed = malloc(DEFLATE_HEAD_BYTES + DEFLATE_PACK_BYTES);
	if (!z || !r->packed)
		return false;
	z->next_out = r->packed + DEFLATE_HEAD_BYTES;
	z->avail_out = (uInt)n;
	for (uint32_t i = 0; i < parts_n && z->avail_out > 0; i++) {
		z->next_in = parts[i].p;
		z->avail_in = (uInt)parts[i].n;
		(void)deflate(z, i + 1 < parts_n ? Z_NO_FLUSH : Z_SYNC_FLUSH);
	}
	if (z->avail_out == 0) /* it is not over, or not shorter */
		return false;
	*out = slice_of(r->packed + DEFLATE_HEAD_BYTES, n - z->avail_out - TAIL_BYTES);
	must(memcmp(out->p + out->n, tail, TAIL_BYTES) == 0);
	return true;
}

struct slice deflate_put_before(struct slice packed, struct slice head)
{
	must(head.n <= DEFLATE_HEAD_BYTES);
	uint8_t *p = (uint8_t *)(uintptr_t)packed.p - head.n;
	memcpy(p, head.p, head.n);
	return slice_of(p, head.n + packed.n);
}

/* ---- unpacking ---------------------------------------------------------------------------- */

struct inflate *inflate_begin(struct deflate_room *r)
{
	struct inflate *f = r->spare;
	r->spare = NULL;
	if (f) {
		f->tail_n = 0;
		f->is_whole = false;
		return f;
	}
	f = calloc(1, sizeof *f);
	if (f && inflateInit2(&f->z, -(int)DEFLATE_BITS_MAX) == Z_OK)
		return f;
	free(f);
	return NULL;
}

void inflate_free(struct inflate *own)
{
	if (!own)
		return;
	inflateEnd(&own->z);
	free(own);
}

void inflate_end(struct deflate_room *r, struct inflate *own)
{
	if (r->spare || inflateReset(&own->z) != Z_OK)
		inflate_free(own);
	else
		r->spare = own;
}

/* unpack goes on with `in`, behind what is in the room already. False: it is damaged. */
static bool unpack(struct inflate *f, struct slice *io_in)
{
	z_stream *z = &f->z;
	int code;
	z->next_in = io_in->p;
	z->avail_in = (uInt)io_in->n;
	do {
		code = inflate(z, Z_SYNC_FLUSH);
		f->is_whole = code == Z_STREAM_END || (z->data_type & 128);
		if (code == Z_STREAM_END) /* others may follow in the same message (7.2.3.5) */
			code = inflateReset(z);
	} while (code == Z_OK && z->avail_in > 0 && z->avail_out > 0);
	*io_in = slice_from(*io_in, io_in->n - z->avail_in);
	return code == Z_OK || code == Z_BUF_ERROR;
}

enum inflate_found inflate_step(struct inflate *f, struct slice *io_in, bool is_last, uint8_t *to,
				size_t cap, size_t *out_n)
{
	must(cap > 0 && cap <= UINT32_MAX && io_in->n <= DEFLATE_RAW_BYTES);
	f->z.next_out = to;
	f->z.avail_out = (uInt)cap;
	bool is_good = unpack(f, io_in);
	if (is_good && is_last && io_in->n == 0 && f->z.avail_out > 0) {
		struct slice rest = slice_from(slice_of(tail, TAIL_BYTES), f->tail_n);
		is_good = unpack(f, &rest);
		f->tail_n = (uint8_t)(TAIL_BYTES - rest.n);
	}
	*out_n = cap - f->z.avail_out;
	if (!is_good)
		return INFLATE_BAD;
	if (f->z.avail_out == 0)
		return INFLATE_FULL;
	must(io_in->n == 0);
	if (!is_last)
		return INFLATE_MORE;
	return f->tail_n == TAIL_BYTES && f->is_whole ? INFLATE_DONE : INFLATE_BAD;
}

void deflate_room_fini(struct deflate_room *r)
{
	inflate_free(r->spare);
	for (uint32_t i = 0; i < sizeof r->packers / sizeof *r->packers; i++) {
		if (r->packers[i])
			deflateEnd(r->packers[i]);
		free(r->packers[i]);
	}
	free(r->raw);
	free(r->packed);
	*r = (struct deflate_room){ .spare = NULL };
}

uint8_t *deflate_raw(struct deflate_room *r)
{
	if (!r->raw)
		r->raw = malloc(DEFLATE_RAW_BYTES);
	return r->raw;
}
