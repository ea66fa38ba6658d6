#include "session/ask.h"

#include "base/base64.h"
#include "base/hash.h"
#include "base/must.h"

uint32_t ask_ticket(struct asker *a)
{
	must(a->session != 0);
	if (++a->last_ticket == TICKET_NONE)
		a->last_ticket++;
	return a->last_ticket;
}

void ask_queue(const struct asker *a, struct post *p, enum cmd kind, uint8_t flags,
	       const struct queue_record *q, uint32_t ticket)
{
	const struct run head = {
		.kind = (uint8_t)kind,
		.flags = flags,
		.channel = a->channel,
		.session = a->session,
		.shard = q->shard,
		.vhost = a->vhost,
		.queue = q->id,
		.arg = ticket,
	};
	must(q->shard > 0 && q->shard < SHARDS_MAX && q->id != 0);
	(void)post_run(p, p->loop_of_shard[q->shard], &head, NULL, 0, 0, SLICE_EMPTY);
}

void ask_catalog(const struct asker *a, struct post *p, enum cmd kind, uint8_t flags,
		 uint32_t ticket, struct slice tail)
{
	const struct run head = {
		.kind = (uint8_t)kind,
		.flags = flags,
		.channel = a->channel,
		.session = a->session,
		.vhost = a->vhost,
		.arg = ticket,
	};
	must(a->session != 0 && ticket != TICKET_NONE);
	(void)post_run(p, p->loop_of_shard[0], &head, NULL, 0, 0, tail);
}

static uint32_t declare(struct asker *a, struct session_world *w, enum cmd kind, uint8_t flags,
			const struct declare_queue *d)
{
	uint32_t cap = DECLARE_BYTES_MAX + (uint32_t)d->arguments.n, ticket = ask_ticket(a);
	uint8_t *buf = mem_get(w->mem, cap, "declaration");
	must(buf != NULL && d->vhost == a->vhost);
	uint32_t n = declare_queue_put(d, buf, cap);
	must(n > 0);
	ask_catalog(a, w->post, kind, flags, ticket, slice_of(buf, n));
	mem_put(w->mem, buf, cap);
	return ticket;
}

uint32_t ask_declare(struct asker *a, struct session_world *w, const struct declare_queue *d)
{
	must(d->name.n > 0);
	return declare(a, w, CMD_QUEUE_DECLARE, 0, d);
}

uint32_t ask_alter(struct asker *a, struct session_world *w, const struct declare_queue *d)
{
	must(d->flags & QUEUE_DURABLE);
	return declare(a, w, CMD_QUEUE_ALTER, 0, d);
}

uint32_t ask_lengthen(struct asker *a, struct session_world *w, const struct declare_queue *d)
{
	must(d->flags & QUEUE_DURABLE);
	return declare(a, w, CMD_QUEUE_ALTER, ALTER_LENGTHENS, d);
}

uint32_t ask_bind(struct asker *a, struct session_world *w, enum cmd bind_or_unbind,
		  const struct bind *b)
{
	uint32_t cap = DECLARE_BYTES_MAX + (uint32_t)b->arguments.n, ticket = ask_ticket(a);
	uint8_t *buf = mem_get(w->mem, cap, "binding");
	must(buf != NULL && (bind_or_unbind == CMD_BIND || bind_or_unbind == CMD_UNBIND));
	uint32_t n = bind_put(b, buf, cap);
	must(n > 0);
	ask_catalog(a, w->post, bind_or_unbind, 0, ticket, slice_of(buf, n));
	mem_put(w->mem, buf, cap);
	return ticket;
}

/* What cannot outlive its connection lies on the connection's loop; the rest in one of the data
 * shards that live here, so that who declares also finds it near. */
uint16_t ask_place(const struct post *p, struct slice name, uint16_t flags)
{
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

struct slice ask_name(struct session_world *w, struct slice prefix, char *buf)
{
	uint64_t bits[2] = { w->random(w->random_arg), w->random(w->random_arg) };
	struct slice raw = slice_of(bits, sizeof bits);
	size_t n = prefix.n;
	must(n <= NAME_PREFIX_MAX && n + 1 + base64_url_len(raw.n) <= NAME_MADE_MAX);
	memcpy(buf, prefix.p, n);
	buf[n++] = '-';
	base64_url_put(buf + n, raw);
	return slice_of(buf, n + base64_url_len(raw.n));
}
