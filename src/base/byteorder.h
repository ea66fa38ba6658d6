/* byteorder -- integers in byte arrays: big-endian on the network, little-endian on our disk.
 *
 * No alignment is needed. Each is one load or store and at most one swap.
 */
#ifndef BASE_BYTEORDER_H
#define BASE_BYTEORDER_H

#include <stdint.h>
#include <string.h>

#define BYTEORDER_HOST_IS_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

#define BYTEORDER_PAIR(bits)                                                    \
	static inline uint##bits##_t load_be##bits(const void *p)               \
	{                                                                       \
		uint##bits##_t v;                                               \
		memcpy(&v, p, sizeof v);                                        \
		return BYTEORDER_HOST_IS_LITTLE ? __builtin_bswap##bits(v) : v; \
	}                                                                       \
	static inline uint##bits##_t load_le##bits(const void *p)               \
	{                                                                       \
		uint##bits##_t v;                                               \
		memcpy(&v, p, sizeof v);                                        \
		return BYTEORDER_HOST_IS_LITTLE ? v : __builtin_bswap##bits(v); \
	}                                                                       \
	static inline void store_be##bits(void *p, uint##bits##_t v)            \
	{                                                                       \
		v = BYTEORDER_HOST_IS_LITTLE ? __builtin_bswap##bits(v) : v;    \
		memcpy(p, &v, sizeof v);                                        \
	}                                                                       \
	static inline void store_le##bits(void *p, uint##bits##_t v)            \
	{                                                                       \
		v = BYTEORDER_HOST_IS_LITTLE ? v : __builtin_bswap##bits(v);    \
		memcpy(p, &v, sizeof v);                                        \
	}

/* load_be16(p) store_be16(p, v) load_le16(p) store_le16(p, v), and the same for 32 and 64. */
BYTEORDER_PAIR(16)
BYTEORDER_PAIR(32)
BYTEORDER_PAIR(64)

#undef BYTEORDER_PAIR
#endif
