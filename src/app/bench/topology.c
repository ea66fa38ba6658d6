#include "app/bench/worker.h"
#include "base/must.h"

#include <stdio.h>
#include <string.h>

#define KEYS_OF_ONE 10000u /* keys of messages that all match one binding */
#define BIND_RUN    32u    /* bindings between two answers */

static const char *exchange_type(const struct options *o)
{
	return o->delay ? "x-delayed-message" : o->fanout ? "fanout" : o->exchange_type;
}

void topology_queue(const struct load *load, uint32_t queue, char out[LOAD_NAME_MAX])
{
	must(queue < load->o->queues);
	snprintf(out, LOAD_NAME_MAX, "%.150s.%u", load->prefix, queue);
}

/* Where what a consumer's queue gets begins to die. */
static void entry_queue(const struct load *load, uint32_t queue, char out[LOAD_NAME_MAX])
{
	must(queue < load->o->queues);
	snprintf(out, LOAD_NAME_MAX, "%.150s.%u.in", load->prefix, queue);
}

void topology_exchange(const struct load *load, char out[LOAD_NAME_MAX])
{
	snprintf(out, LOAD_NAME_MAX, "%.150s", exchange_type(load->o) ? load->prefix : "");
}

void topology_key(const struct load *load, uint32_t publisher, char out[LOAD_NAME_MAX])
{
	must(publisher < load->o->publishers);
	uint32_t queue = publisher % (uint32_t)load->o->queues;
	if (load->o->fanout)
		out[0] = '\0';
	else if (load->o->dead_letter)
		entry_queue(load, queue, out);
	else
		topology_queue(load, queue, out);
}

static enum err make_entry(const struct load *load, struct client *c, uint32_t queue,
			   const char *next)
{
	char name[LOAD_NAME_MAX];
	entry_queue(load, queue, name);
	frames_queue_declare_mortal(&c->out, 1, name, load->o->durable, next);
	return client_wait(c, 1, QUEUE_DECLARE_OK, NULL);
}

bool topology_match(const struct load *load, uint64_t n, char out_key[LOAD_NAME_MAX],
		    char out_header[LOAD_NAME_MAX])
{
	const struct options *o = load->o;
	bool is_topic = exchange_type(o)[0] == 't';
	uint64_t words = is_topic && o->bindings == 1 ? KEYS_OF_ONE : o->bindings;
	must(o->bindings > 0);
	snprintf(out_header, LOAD_NAME_MAX, "%07u", (unsigned)(n % words));
	out_key[0] = '\0';
	if (is_topic)
		snprintf(out_key, LOAD_NAME_MAX, "k.%07u.x", (unsigned)(n % words));
	return !is_topic;
}

/* Binding n wants what message n has, and of one alone what all have. */
static void bind_one(const struct load *load, struct client *c, const char *queue, uint64_t n,
		     bool nowait)
{
	char exchange[LOAD_NAME_MAX], key[LOAD_NAME_MAX], header[LOAD_NAME_MAX];
	topology_exchange(load, exchange);
	bool has_header = topology_match(load, n, key, header);
	if (!has_header)
		snprintf(key + strlen(key) - 1, 2, "*");
	if (!has_header && load->o->bindings == 1)
		snprintf(key, sizeof key, "k.*.*");
	frames_queue_bind(&c->out, 1,
			  &(struct frames_binding){ .queue = queue,
						    .exchange = exchange,
						    .key = key,
						    .header = has_header ? header : NULL,
						    .nowait = nowait });
}

static enum err bind_many(const struct load *load, struct client *c, const char *queue)
{
	uint64_t n = load->o->bindings;
	must(n > 0);
	for (uint64_t i = 0; i < n; i++) {
		bool nowait = i + 1 < n && i % BIND_RUN != BIND_RUN - 1;
		bind_one(load, c, queue, i, nowait);
		if (!nowait)
			TRY(client_wait(c, 1, QUEUE_BIND_OK, NULL));
	}
	return ERR_OK;
}

static enum err make_queue(const struct load *load, struct client *c, uint32_t queue)
{
	char name[LOAD_NAME_MAX], exchange[LOAD_NAME_MAX];
	topology_queue(load, queue, name);
	frames_queue_declare(&c->out, 1, name, load->o->durable, load->o->queue_type,
			     (uint32_t)load->o->ttl, (uint8_t)load->o->priorities);
	TRY(client_wait(c, 1, QUEUE_DECLARE_OK, NULL));
	if (load->o->dead_letter)
		return make_entry(load, c, queue, name);
	if (!exchange_type(load->o))
		return ERR_OK;
	topology_exchange(load, exchange);
	if (load->o->bindings > 0)
		return bind_many(load, c, name);
	frames_queue_bind(
		&c->out, 1,
		&(struct frames_binding){ .queue = name, .exchange = exchange, .key = name });
	return client_wait(c, 1, QUEUE_BIND_OK, NULL);
}

static enum err open_channel(const struct load *load, struct client *c, struct text *out_why)
{
	TRY(client_open(c, &load->target, out_why));
	frames_channel_open(&c->out, 1);
	return client_wait(c, 1, CHANNEL_OPEN_OK, NULL);
}

static enum err make(const struct load *load, struct client *c, struct text *out_why)
{
	char exchange[LOAD_NAME_MAX];
	TRY(open_channel(load, c, out_why));
	if (exchange_type(load->o)) {
		topology_exchange(load, exchange);
		const struct frames_exchange x = {
			.name = exchange,
			.type = exchange_type(load->o),
			.delayed_type = load->o->delay ? "direct" : NULL,
			.durable = load->o->delay && load->o->durable,
		};
		frames_exchange_declare(&c->out, 1, &x);
		TRY(client_wait(c, 1, EXCHANGE_DECLARE_OK, NULL));
	}
	for (uint32_t q = 0; q < load->o->queues; q++)
		TRY(make_queue(load, c, q));
	return ERR_OK;
}

enum err topology_make(const struct load *load, struct text *out_why)
{
	struct client c = { 0 };
	enum err e = make(load, &c, out_why);
	if (e == ERR_OK)
		client_close(&c);
	client_fini(&c);
	return e;
}

static enum err clear_queue(const struct load *load, struct client *c, const char *name,
			    uint64_t *left)
{
	struct slice args;
	frames_queue_look(&c->out, 1, name);
	TRY(client_wait(c, 1, QUEUE_DECLARE_OK, &args));
	struct rd r = rd_of(args);
	(void)rd_str8(&r);
	*left += rd_u32(&r);
	if (load->o->keep)
		return ERR_OK;
	frames_queue_delete(&c->out, 1, name);
	return client_wait(c, 1, QUEUE_DELETE_OK, NULL);
}

static enum err clear(const struct load *load, struct client *c, uint64_t *left,
		      struct text *out_why)
{
	char exchange[LOAD_NAME_MAX], name[LOAD_NAME_MAX];
	TRY(open_channel(load, c, out_why));
	for (uint32_t q = 0; q < load->o->queues; q++) {
		topology_queue(load, q, name);
		TRY(clear_queue(load, c, name, left));
		if (!load->o->dead_letter)
			continue;
		entry_queue(load, q, name);
		TRY(clear_queue(load, c, name, left));
	}
	if (!exchange_type(load->o) || load->o->keep)
		return ERR_OK;
	topology_exchange(load, exchange);
	frames_exchange_delete(&c->out, 1, exchange);
	return client_wait(c, 1, EXCHANGE_DELETE_OK, NULL);
}

enum err topology_clear(const struct load *load, uint64_t *out_left, struct text *out_why)
{
	struct client c = { 0 };
	uint64_t left = 0;
	enum err e = clear(load, &c, &left, out_why);
	if (e == ERR_OK) {
		client_close(&c);
		*out_left = left;
	}
	client_fini(&c);
	return e;
}
