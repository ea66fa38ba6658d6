#include "app/bench/talk.h"
#include "base/bits.h"
#include "base/must.h"

void consumer_arrived(struct worker *w, struct consumer *c, bool torn)
{
	struct load *load = w->load;
	if (torn)
		ledger_see_torn(&load->ledger, c->id);
	else
		w->arrived += ledger_see(&load->ledger, c->queue, c->id, c->stamp);
	if (w->delivery && !torn) {
		uint64_t sent_ns = load->origin_ns + c->stamp.sent_ns;
		histogram_add(w->delivery, w->now_ns - min_u64(sent_ns, w->now_ns));
	}
	if (load->talk->acknowledge)
		load->talk->acknowledge(load, c);
}
