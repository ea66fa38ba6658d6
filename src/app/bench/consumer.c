#include "app/bench/worker.h"
#include "base/bits.h"
#include "base/must.h"

void consumer_arrived(struct worker *w, struct consumer *c, bool torn)
{
	struct load *load = w->load;
	const struct options *o = load->o;
	if (torn)
		ledger_see_torn(&load->ledger, c->id);
	else
		w->arrived += ledger_see(&load->ledger, c->queue, c->id, c->stamp);
	if (w->delivery && !torn) {
		uint64_t sent_ns = load->origin_ns + c->stamp.sent_ns;
		histogram_add(w->delivery, w->now_ns - min_u64(sent_ns, w->now_ns));
	}
	if (!o->manual_ack)
		return;
	if (++c->unacked < o->ack_batch)
		return;
	must(wr_left(&c->link->client.out) >= FRAMES_ACK_BYTES);
	frames_ack(&c->link->client.out, c->channel, c->tag, o->ack_batch > 1);
	c->unacked = 0;
}
