#include "session/amqp091/rules_of.h"

#include "base/must.h"
#include "session/queue_args.h"

enum err amqp091_rules_of(struct slice vhost, const struct declare_queue *d,
			  struct queue_rules *out, struct text *why)
{
	const struct access nobody = { .vhost_name = (char *)(uintptr_t)vhost.p,
				       .vhost_name_n = (uint8_t)vhost.n,
				       .is_trusted = true,
				       .is_in = true };
	const struct session_world world = { 0 };
	char room[SESSION_WORDS_MAX];
	struct text words = text_of(room, sizeof room);
	const struct queue_args args = { &nobody, &world, &words };
	must(vhost.n <= UINT8_MAX);
	enum err e = queue_args_rules(&args, d, true, out);
	text_put_slice(why, text_slice(&words));
	return e;
}

uint16_t amqp091_shard_of(struct slice queue)
{
	static const struct hash_key key = { 0x676f64776974, 0x706c616365 };
	must(queue.n > 0);
	return (uint16_t)(1 + hash_slice(key, queue) % LIMIT_SHARD_DATA_N);
}
