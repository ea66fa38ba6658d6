/* What the node knows of itself, as text. */
#include "node/loop.h"

#include "base/must.h"
#include "base/text.h"

static unsigned long long ull(uint64_t v) { return v; }

static void dump_loop(const struct loop *l, struct text *out)
{
	text_putf(out, "loop: %u\n", l->index);
	text_putf(out, "turns: %llu\nruns: %llu\nreads: %llu\nwrites: %llu\nmoved: %llu\nwakes: %llu\n",
		  ull(l->count.turns), ull(l->count.runs), ull(l->count.reads),
		  ull(l->count.writes), ull(l->count.moved), ull(l->count.wakes));
}

void node_dump(struct node *n, struct text *out)
{
	must(n != NULL && out != NULL);
	text_putf(out, "version: %s\nloops: %u\n", GODWIT_VERSION, n->loops_n);
	for (uint32_t i = 0; n->loops && i < n->loops_n; i++)
		dump_loop(&n->loops[i], out);
}
