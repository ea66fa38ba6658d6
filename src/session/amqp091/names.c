#include "session/amqp091/amqp091.h"

#include "base/base64.h"
#include "base/hash.h"
#include "base/must.h"

struct slice amqp091_strip(struct slice name, char *buf)
{
	size_t n = 0;
	must(name.n <= LIMIT_SHORTSTR);
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '\r' && name.p[i] != '\n')
			buf[n++] = (char)name.p[i];
	return slice_of(buf, n);
}

bool amqp091_is_reserved(struct slice name)
{
	must(name.n <= LIMIT_SHORTSTR);
	return slice_starts_with(name, slice_str("amq."));
}

struct slice amqp091_new_name(struct turn *t, const char *prefix, char *buf)
{
	uint64_t bits[2] = { t->w->random(t->w->random_arg), t->w->random(t->w->random_arg) };
	struct slice raw = slice_of(bits, sizeof bits);
	size_t n = strlen(prefix);
	must(n + 1 + base64_url_len(raw.n) <= NAME_NEW_MAX);
	memcpy(buf, prefix, n);
	buf[n++] = '-';
	base64_url_put(buf + n, raw);
	return slice_of(buf, n + base64_url_len(raw.n));
}

/* What cannot outlive its connection lies on the connection's loop; the rest in one of the data
 * shards that live here, so that who declares also finds it near. */
uint16_t amqp091_place(const struct turn *t, struct slice name, uint8_t flags)
{
	const struct post *p = t->w->post;
	static const struct hash_key key = { 0x676f64776974, 0x706c616365 };
	uint16_t here[LIMIT_SHARD_DATA_N], n = 0;
	must(name.n > 0);
	bool is_short_lived = flags & QUEUE_EXCLUSIVE ||
			      (flags & QUEUE_AUTO_DELETE && !(flags & QUEUE_DURABLE));
	if (is_short_lived)
		return (uint16_t)(1 + LIMIT_SHARD_DATA_N + p->loop);
	for (uint16_t i = 1; i <= LIMIT_SHARD_DATA_N; i++)
		if (p->loop_of_shard[i] == p->loop)
			here[n++] = i;
	uint64_t hash = hash_slice(key, name);
	return n > 0 ? here[hash % n] : (uint16_t)(1 + hash % LIMIT_SHARD_DATA_N);
}
