#include "node/inspect.h"

#include "node/loop.h"

struct digest_sum node_digest(struct node *n)
{
	struct digest d;
	digest_init(&d);
	catalog_digest(n->shard[0]->catalog, &d);
	for (uint16_t no = 1; no <= LIMIT_SHARD_DATA_N; no++)
		core_digest(n->shard[no]->core, &d);
	return digest_end(&d);
}

void node_check(const struct node *n)
{
	catalog_check(n->shard[0]->catalog);
	for (uint16_t no = 1; no < n->shards_n; no++)
		core_check(n->shard[no]->core);
}

uint64_t node_blocks_out(const struct node *n)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < n->loops_n; i++)
		bytes += n->loops[i].home.out_bytes;
	return bytes;
}

void node_chunks(const struct node *n, uint64_t *io_left, uint64_t *io_read)
{
	for (uint16_t no = 1; no < n->shards_n; no++) {
		struct cold_count c = core_cold_count(n->shard[no]->core);
		*io_left += c.left_n;
		*io_read += c.read_n;
	}
}

int64_t node_memory_used(const struct node *n)
{
	int64_t used = memory_used(&n->boot_memory) + memory_used(&n->journal_memory);
	for (uint32_t i = 0; i < n->loops_n; i++)
		used += memory_used(&n->loops[i].memory);
	return used;
}

void node_bounds(struct node *n)
{
	must(n->config == n->setup.config);
	alarm_limits_begin(n);
}

void node_describe(const struct node *n, struct text *out)
{
	catalog_dump(n->shard[0]->catalog, out);
	for (uint16_t no = 1; no < n->shards_n; no++)
		core_dump(n->shard[no]->core, out);
}
