#include "session/amqp091/rules_of.h"

#include "base/must.h"
#include "session/amqp091/amqp091.h"

enum err amqp091_rules_of(struct slice vhost, const struct declare_queue *d,
			  struct queue_rules *out, struct text *why)
{
	struct amqp091 nobody = { .phase = PHASE_RUNNING };
	struct session_world world = { 0 };
	struct turn t;
	must(vhost.n <= UINT8_MAX);
	nobody.session.ops = &amqp091_session_ops;
	nobody.access.vhost_name = (char *)(uintptr_t)vhost.p;
	nobody.access.vhost_name_n = (uint8_t)vhost.n;
	nobody.access.is_trusted = nobody.access.is_in = true;
	amqp091_turn(&t, &nobody.session, &world);
	enum err e = amqp091_args_of_queue(&t, d, true, out);
	text_put_slice(why, text_slice(&t.why));
	return e;
}

uint16_t amqp091_shard_of(struct slice queue)
{
	static const struct hash_key key = { 0x676f64776974, 0x706c616365 };
	must(queue.n > 0);
	return (uint16_t)(1 + hash_slice(key, queue) % LIMIT_SHARD_DATA_N);
}
