#include "core/queue_record.h"

#include "base/bits.h"
#include "base/wr.h"

static size_t bytes_of(size_t texts)
{
	size_t n = offsetof(struct queue_record, bytes) + texts;
	return max_size(n, sizeof(struct queue_record));
}

struct queue_record *queue_record_new(struct pmap_edit *e, uint64_t id,
				      const struct declare_queue *d)
{
	size_t texts = d->name.n + d->arguments.n + d->rules.n;
	struct queue_record *q = pmap_alloc(e, bytes_of(texts), "catalog queue");
	must(d->name.n <= UINT8_MAX && d->arguments.n <= UINT16_MAX && d->rules.n <= UINT16_MAX);
	*q = (struct queue_record){
		.id = id,
		.version = e->version,
		.owner = d->owner,
		.vhost = d->vhost,
		.shard = d->shard,
		.flags = d->flags,
		.name_len = (uint8_t)d->name.n,
		.arguments_len = (uint16_t)d->arguments.n,
		.rules_len = (uint16_t)d->rules.n,
	};
	struct wr w = wr_of(q->bytes, texts);
	wr_slice(&w, d->name);
	wr_slice(&w, d->arguments);
	wr_slice(&w, d->rules);
	must(wr_ok(&w));
	return q;
}

void queue_record_retire(struct pmap_edit *e, const struct queue_record *own_q)
{
	size_t texts = (size_t)own_q->name_len + own_q->arguments_len + own_q->rules_len;
	must(own_q->id != 0);
	pmap_retire(e, own_q, bytes_of(texts), own_q->version);
}
