#include "repl/repl.h"

#include "base/ablate.h"
#include "base/bits.h"
#include "base/text.h"

void repl_init(struct repl *r, uint16_t shard, uint64_t epoch, uint64_t index, uint64_t wall_ms)
{
	must(shard < JOURNAL_SHARDS_MAX);
	*r = (struct repl){ .shard = shard,
			    .epoch = epoch,
			    .proposed = index,
			    .committed = index,
			    .wall_ms = wall_ms };
	repl_check(r);
}

enum err repl_begin(struct repl *r, struct jbatch *b, uint8_t **out_body, uint32_t *out_cap)
{
	must(r->proposed < UINT64_MAX);
	repl_check(r);
	return journal_record_begin(b, out_body, out_cap);
}

uint64_t repl_propose(struct repl *r, struct jbatch *b, uint64_t wall_ms, uint32_t body_len,
		      uint32_t body_sum, uint32_t *out_off)
{
	must(body_len <= LIMIT_RECORD_BYTES_MAX);
	r->wall_ms = max_u64(r->wall_ms, wall_ms);
	struct record rec = { .shard = r->shard,
			      .kind = RECORD_OUTCOMES,
			      .epoch = r->epoch,
			      .index = r->proposed + 1,
			      .wall_ms = r->wall_ms };
	*out_off = journal_record_end_summed(b, &rec, body_len, body_sum);
	return ++r->proposed;
}

bool repl_durable(struct repl *r, uint64_t index)
{
	must(index <= r->proposed);
	if (index <= r->committed)
		return false;
	r->committed = index;
	return true;
}

/* truncate takes a tail back. Below what is committed nothing may ever be cut. With one replica
 * everything durable is committed once recovery is over; until then nobody has been told. */
static enum err truncate(struct repl *r, const struct record *rec)
{
	if (ABLATED(truncate))
		return ERR_OK;
	if (rec->index == 0 || rec->index > r->proposed + 1 || rec->epoch < r->epoch)
		return ERR_CORRUPT;
	must(rec->kind == RECORD_TRUNCATE);
	r->proposed = rec->index - 1;
	r->committed = min_u64(r->committed, r->proposed);
	r->epoch = rec->epoch;
	return ERR_OK;
}

enum err repl_recovered(struct repl *r, const struct record *rec)
{
	must(rec->shard == r->shard);
	if (rec->kind == RECORD_TRUNCATE)
		return truncate(r, rec);
	if (rec->index == 0)
		return ERR_OK;
	if (rec->index != r->proposed + 1 || rec->epoch < r->epoch)
		return ERR_CORRUPT;
	r->epoch = rec->epoch;
	r->wall_ms = max_u64(r->wall_ms, rec->wall_ms);
	r->proposed = r->committed = rec->index;
	repl_check(r);
	return ERR_OK;
}

void repl_check(const struct repl *r)
{
	must(r->committed <= r->proposed);
	must(r->shard < JOURNAL_SHARDS_MAX);
}

void repl_dump(const struct repl *r, struct text *out)
{
	text_putf(out, "shard %u epoch %llu proposed %llu committed %llu", r->shard,
		  (unsigned long long)r->epoch, (unsigned long long)r->proposed,
		  (unsigned long long)r->committed);
}
