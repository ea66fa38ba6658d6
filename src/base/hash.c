#include "base/hash.h"

#include "base/byteorder.h"

uint64_t hash_slice(struct hash_key key, struct slice s)
{
	struct sip sip = sip_init(key);
	size_t whole = s.n & ~(size_t)7;
	for (size_t at = 0; at < whole; at += 8)
		sip_word(&sip, load_le64(s.p + at));

	uint64_t last = (uint64_t)s.n << 56;
	for (size_t i = 0; i < s.n % 8; i++)
		last |= (uint64_t)s.p[whole + i] << (8 * i);
	sip_word(&sip, last);
	return sip_end(&sip);
}
