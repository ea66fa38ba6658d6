/* image -- the bytes of one simulated file, twice: as a process reads them, and as the disk holds
 * them.
 *
 * What was written is dirty, sector by sector, until it is synced. A crash keeps any subset of the
 * dirty sectors, and of the file's growth; meanwhile the system may write any of them back by
 * itself, at any time. Bytes beyond a size are zero in both.
 *
 * The bytes lie in chunks. Where there is none, both are zero; a copy of an image shares them until
 * somebody writes. A byte that is the same in both costs a crash nothing.
 */
#ifndef SIM_IMAGE_H
#define SIM_IMAGE_H
#include "base/prng.h"
#include "base/slice.h"

#define IMAGE_SECTOR      512u
#define IMAGE_CHUNK_BYTES (64u * IMAGE_SECTOR)

struct image_chunk {
	uint32_t users_n; /* images that have it */
	uint64_t dirty;   /* a bit per sector: will be written back */
	uint64_t differs; /* likewise: now and durable may differ */
	uint8_t now[IMAGE_CHUNK_BYTES], durable[IMAGE_CHUNK_BYTES];
};

struct image {
	struct image_chunk **chunk; /* NULL: zeros */
	uint64_t chunks_n;
	uint64_t size, size_durable;
};

/* A zeroed image is a good empty one. image_copy makes `to`, which is none yet, equal. */
void image_fini(struct image *i);
void image_copy(struct image *to, const struct image *from);

/* image_write puts bytes at `at`; the file grows over a gap with zeros. */
void image_write(struct image *i, uint64_t at, struct slice s);
/* image_read gives how many bytes there were. */
size_t image_read(const struct image *i, uint64_t at, uint8_t *buf, size_t n);
void image_truncate(struct image *i, uint64_t bytes);
/* image_flip changes bits of one byte, in both. False: beyond the end. */
bool image_flip(struct image *i, uint64_t at, uint8_t mask);

/* image_sync makes everything durable; image_sync_fails only says that nothing is dirty. */
void image_sync(struct image *i);
void image_sync_fails(struct image *i);
/* image_write_back makes dirty sectors durable, each with a chance of num / den. */
void image_write_back(struct image *i, struct prng *r, uint64_t num, uint64_t den);
/* image_crash keeps what write_back of such a chance has kept, and forgets the rest. */
struct image_loss {
	uint64_t kept, lost; /* dirty sectors */
};
struct image_loss image_crash(struct image *i, struct prng *r, uint64_t num, uint64_t den);
#endif
