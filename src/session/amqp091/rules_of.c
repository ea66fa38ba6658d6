#include "session/amqp091/rules_of.h"

#include "base/must.h"
#include "session/queue_args.h"

static const struct session_world world;

enum err amqp091_rules_of(struct slice vhost, const struct declare_queue *d,
			  struct queue_rules *out, struct text *why)
{
	const struct access trusted = access_of_operator(vhost);
	char room[SESSION_WORDS_MAX];
	struct text words = text_of(room, sizeof room);
	const struct queue_args args = { &trusted, &world, &words };
	must(d->name.n > 0);
	enum err e = queue_args_rules(&args, d, true, out);
	text_put_slice(why, text_slice(&words));
	return e;
}

enum err amqp091_rule_of(struct slice name, const struct amqp091_value *v, struct queue_rules *io)
{
	const struct access trusted = access_of_operator(slice_str("/"));
	char room[SESSION_WORDS_MAX];
	struct text words = text_of(room, sizeof room);
	const struct queue_args args = { &trusted, &world, &words };
	must(v != NULL);
	return queue_arg_rule(&args, name, v, io);
}

uint16_t amqp091_shard_of(struct slice queue)
{
	static const struct hash_key key = { 0x676f64776974, 0x706c616365 };
	must(queue.n > 0);
	return (uint16_t)(1 + hash_slice(key, queue) % LIMIT_SHARD_DATA_N);
}
