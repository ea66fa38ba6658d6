#include "sim/bounds.h"

#include "node/inspect.h"

#define NODE_BYTES (UINT64_C(2) << 20)
#define LOOP_BYTES (UINT64_C(1) << 20)
#define READ_BYTES (UINT64_C(4) << 20) /* WINDOWS_N of the journal, each of 1 MiB */

uint64_t bounds_bytes(const struct world *w)
{
	const struct host *h = &w->host;
	uint64_t loop = LOOP_BYTES + (uint64_t)h->config.journal_segment_bytes;
	uint64_t conn = (uint64_t)(h->config.output_bytes_max + h->config.unconfirmed_bytes_max);
	uint64_t need = NODE_BYTES + h->loops_n * loop + ORACLE_CLIENTS * conn +
			2 * w->oracle.copied_bytes;
	return 2 * need + READ_BYTES;
}

/* Messages lie in blocks as they came, whatever little of a block is left, until a loop has so many
 * of them that it begins to copy what stays. */
static void check_blocks(struct world *w)
{
	const uint64_t out = node_blocks_out(w->host.node);
	const uint64_t bound = bounds_bytes(w) + (uint64_t)w->host.loops_n * NODE_PINNED_BYTES;
	must(w->host.loops_n > 0);
	if (out > bound)
		story_wrong(&w->story, "the broker has %lu bytes of blocks, and their bound is %lu",
			    (unsigned long)out, (unsigned long)bound);
}

void bounds_check(struct world *w)
{
	must(w->host.node);
	int64_t used = node_memory_used(w->host.node) - (int64_t)node_blocks_out(w->host.node);
	uint64_t bound = bounds_bytes(w);
	w->bounds_n++;
	check_blocks(w);
	if (used > (int64_t)bound)
		story_wrong(&w->story, "the broker has %ld bytes of memory, and its bound is %lu",
			    (long)used, (unsigned long)bound);
}
