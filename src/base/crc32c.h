/* crc32c -- the Castagnoli checksum (reflected, polynomial 0x1EDC6F41), as fast as the machine can.
 *
 * Pure. The way is chosen at run time by what the processor has; all ways give the same sum.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc32c_extend gives the sum of what `crc` is the sum of, followed by these bytes; begin with 0.
 * So crc32c_extend(crc32c_extend(0, a), b) is the sum of a and b in one piece. */
uint32_t crc32c_extend(uint32_t crc, const void *p, size_t n);

/* crc32c_join gives the sum of a and b in one piece from their sums: `b` is that of `n` bytes,
 * fewer than 2^20. */
uint32_t crc32c_join(uint32_t a, uint32_t b, size_t n);

/* crc32c_copy copies `n` bytes and sums them on the way. The two must not overlap. */
uint32_t crc32c_copy(void *dst, const void *src, size_t n, uint32_t crc);

/* crc32c_extend_by_table is for processors without the instruction, and to test the fast ways. */
uint32_t crc32c_extend_by_table(uint32_t crc, const void *p, size_t n);

#endif
