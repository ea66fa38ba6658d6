#include "base/digest.h"

#include "base/byteorder.h"

void digest_init(struct digest *d)
{
	/* Two lanes with different fixed keys: the digits of pi, which nobody chose to suit. */
	d->lane[0] = sip_init((struct hash_key){ 0x243f6a8885a308d3, 0x13198a2e03707344 });
	d->lane[1] = sip_init((struct hash_key){ 0xa4093822299f31d0, 0x082efa98ec4e6c89 });
	d->words_n = 0;
}

void digest_put(struct digest *d, struct slice s)
{
	digest_put_u64(d, s.n);
	while (s.n >= 8) {
		digest_put_u64(d, load_le64(s.p));
		s = slice_from(s, 8);
	}
	uint8_t last[8] = { 0 };
	if (s.n) {
		memcpy(last, s.p, s.n);
		digest_put_u64(d, load_le64(last));
	}
}

struct digest_sum digest_end(const struct digest *d)
{
	struct digest copy = *d;
	digest_put_u64(&copy, d->words_n);
	return (struct digest_sum){ sip_end(&copy.lane[0]), sip_end(&copy.lane[1]) };
}

void digest_dump(struct digest_sum sum, struct text *out)
{
	text_putf(out, "%016llx%016llx", (unsigned long long)sum.hi, (unsigned long long)sum.lo);
}
