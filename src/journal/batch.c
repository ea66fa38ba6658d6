#include "journal/batch.h"

#include "base/limits.h"
#include "journal/state.h"

#define PAGE_BYTES 4096u

/* The largest batch: with others in one commit, and of its loop's part of all buffers. */
static uint32_t cap_max(const struct journal_setup *s, uint32_t record_max)
{
	must(s->loops_n > 0 && record_max > 0);
	uint64_t share = LIMIT_JOURNAL_BUFFER_BYTES / (s->loops_n * JOURNAL_BATCHES);
	uint64_t room = min_u64(COMMIT_BYTES_MAX,
				s->segment_bytes - SEGMENT_DATA_AT - COMMIT_ALIGN);
	room -= COMMIT_HEAD_BYTES + COMMIT_ALIGN;
	return (uint32_t)max_u64(min_u64(share, room), record_space(record_max));
}

void jloop_init(struct jloop *l, uint32_t loop, const struct journal_setup *s)
{
	must(loop < s->loops_n && s->loop_mem[loop] != NULL);
	uint32_t record_max = (uint32_t)min_u64(LIMIT_RECORD_BYTES_MAX, s->segment_bytes / 4);
	memset(l, 0, sizeof *l);
	l->mem = s->loop_mem[loop];
	l->cap_max = cap_max(s, record_max);
	l->cap_min = (uint32_t)min_u64(align_up(2 * (uint64_t)record_space(record_max), PAGE_BYTES),
				       l->cap_max);
	l->cap_next = l->cap_min;
	for (uint32_t i = 0; i < JOURNAL_BATCHES; i++) {
		l->batches[i] = (struct jbatch){ .loop = loop, .record_max = record_max };
		l->batches[i].next = l->free;
		l->free = &l->batches[i];
	}
	spill_init(&l->spill);
	spsc_init(&l->submitted, l->batch_slots, BATCH_RING);
	spsc_init(&l->done, l->batch_slots + BATCH_RING, BATCH_RING);
	spsc_init(&l->asked, l->read_slots, JOURNAL_READS);
	spsc_init(&l->answered, l->read_slots + JOURNAL_READS, JOURNAL_READS);
}

static void release(struct jloop *l, struct jbatch *b)
{
	must_if(b->at != NULL, b->cap > 0);
	mem_put(l->mem, b->at, b->cap);
	b->at = NULL;
	b->cap = 0;
}

void jloop_fini(struct jloop *l, struct disk *d)
{
	for (uint32_t i = 0; i < JOURNAL_BATCHES; i++)
		release(l, &l->batches[i]);
	spill_fini(&l->spill, l->mem, d);
}

static struct jloop *loop_of(struct journal *j, uint32_t loop)
{
	must(loop < j->loops_n);
	return &j->loops[loop];
}

struct jbatch *journal_batch(struct journal *j, uint32_t loop)
{
	struct jloop *l = loop_of(j, loop);
	struct jbatch *b = l->free;
	must(!b || b->loop == loop);
	if (!b)
		return NULL;
	if (!b->at) {
		b->at = mem_get(l->mem, l->cap_next, "journal batch");
		if (!b->at)
			return NULL;
		b->cap = l->cap_next;
	}
	l->free = b->next;
	b->next = NULL;
	b->len = 0;
	b->loc = 0;
	return b;
}

/* follow_use makes the next batches larger or smaller after one that held `len` bytes. */
static void follow_use(struct jloop *l, uint32_t len)
{
	must(l->cap_min <= l->cap_next && l->cap_next <= l->cap_max);
	if (len > l->cap_next / 2)
		l->cap_next = (uint32_t)min_u64(2 * (uint64_t)l->cap_next, l->cap_max);
	else if (len < l->cap_next / 16)
		l->cap_next = (uint32_t)max_u64(l->cap_next / 2, l->cap_min);
}

void journal_batch_free(struct journal *j, struct jbatch *own_b)
{
	must(own_b->at != NULL && own_b->len <= own_b->cap);
	struct jloop *l = loop_of(j, own_b->loop);
	if (own_b->len)
		follow_use(l, own_b->len);
	if (own_b->cap != l->cap_next)
		release(l, own_b);
	own_b->next = l->free;
	l->free = own_b;
}

void journal_trim(struct journal *j, uint32_t loop)
{
	struct jloop *l = loop_of(j, loop);
	must(l->cap_min <= l->cap_max && l->cap_min > 0);
	l->cap_next = l->cap_min;
	for (struct jbatch *b = l->free; b; b = b->next)
		release(l, b);
}

enum err journal_record_begin(struct jbatch *b, uint8_t **out_body, uint32_t *out_cap)
{
	must(b->len % RECORD_ALIGN == 0 && b->len <= b->cap);
	uint32_t room = b->cap - b->len;
	if (room < record_space(b->record_max))
		return ERR_LIMIT;
	*out_body = b->at + b->len + RECORD_HEAD_BYTES;
	*out_cap = (uint32_t)min_u64(room - RECORD_HEAD_BYTES - (RECORD_ALIGN - 1),
				     LIMIT_RECORD_BYTES_MAX);
	*out_cap = (uint32_t)max_u64(*out_cap, b->record_max);
	return ERR_OK;
}

uint32_t journal_record_end(struct jbatch *b, const struct record *r, uint32_t body_len)
{
	must(r->shard < JOURNAL_SHARDS_MAX && record_space(body_len) <= b->cap - b->len);
	uint32_t at = b->len;
	record_put(b->at + at, r, body_len);
	b->len += record_space(body_len);
	return at + RECORD_HEAD_BYTES;
}

uint32_t journal_record_end_summed(struct jbatch *b, const struct record *r, uint32_t body_len,
				   uint32_t body_sum)
{
	must(r->shard < JOURNAL_SHARDS_MAX && record_space(body_len) <= b->cap - b->len);
	uint32_t at = b->len;
	record_put_summed(b->at + at, r, body_len, body_sum);
	b->len += record_space(body_len);
	return at + RECORD_HEAD_BYTES;
}

bool journal_submit(struct journal *j, struct jbatch *own_b)
{
	must(own_b->len > 0);
	own_b->ticket = atomic_fetch_add_explicit(&j->tickets, 1, memory_order_relaxed);
	bool is_in = spsc_push(&loop_of(j, own_b->loop)->submitted, own_b);
	must(is_in);
	return atomic_exchange(&j->writer_sleeps, false);
}

struct jbatch *journal_done(struct journal *j, uint32_t loop)
{
	return spsc_pop(&loop_of(j, loop)->done);
}

bool journal_has_done(struct journal *j, uint32_t loop)
{
	struct jloop *l = loop_of(j, loop);
	return !spsc_is_empty(&l->done) || !spsc_is_empty(&l->answered);
}
