#include "session/stomp/activemq.h"

#include "base/hash.h"
#include "base/must.h"
#include "wire/stomp/stored.h"

/* A sequence below 0 is that of a group's last message; others say nothing. */
bool stomp_amq_group(struct turn *t, struct slice props, uint64_t *io_expiry_ms)
{
	static const struct hash_key key = { 0x676f64776974, 0x67726f757073 };
	struct header h;
	int64_t sequence = 0;
	must(t->s->is_activemq);
	if (header_find(&stomp_header_ops, props, slice_str("JMSXGroupSeq"), &h) &&
	    !stomp_number(h.octets, &sequence)) {
		(void)stomp_amq_refuse(t, "JMSXGroupSeq is not a number: ", h.octets, "");
		return false;
	}
	if (!header_find(&stomp_header_ops, props, slice_str(STOMP_AMQ_GROUP), &h) ||
	    h.octets.n == 0)
		return true;
	*io_expiry_ms = expiry_in_group(
		*io_expiry_ms, (uint32_t)(hash_slice(key, h.octets) % LIMIT_GROUPS), sequence < 0);
	return true;
}
