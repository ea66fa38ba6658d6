#include "session/amqp091/amqp091.h"

#include "base/must.h"

static void dump_channel(const struct channel *c, struct text *out)
{
	uint32_t consumers_n = 0;
	must(c->number > 0);
	for (const struct consumer *k = c->consumers; k; k = k->next)
		consumers_n++;
	text_putf(out, " | channel %u%s consumers=%u unacked=%zu prefetch=%u/%u", c->number,
		  c->is_closing ? " closing" : "", consumers_n, c->unacked.n - c->holes_n,
		  c->prefetch, c->prefetch_shared);
	if (c->confirm)
		text_putf(out, " unconfirmed=%zu", c->confirm->window.n);
}

void amqp091_dump(const struct session *own, struct text *out)
{
	const struct amqp091 *s = (const struct amqp091 *)(const void *)own;
	static const char *const phases[] = {
		"greeting", "start", "refused", "tune", "open", "running", "ending", "closing", "closed",
	};
	size_t cursor = 0;
	must(s->phase <= PHASE_CLOSED);
	text_putf(out, "amqp091 %s client='", phases[s->phase]);
	text_put_printable(out, slice_of(s->client_name, s->client_name_n));
	text_putf(out, "' user=%u vhost=%u frame_max=%u heartbeat=%u channels=%zu waiting=%zu "
		       "unconfirmed_bytes=%llu out=%llu%s%s",
		  s->user, s->vhost, s->frame_max, s->heartbeat_s, s->channels.n, s->waiting.n,
		  (unsigned long long)s->unconfirmed_bytes,
		  (unsigned long long)s->session.sendq.bytes, s->call ? " asking" : "",
		  s->is_held ? " blocked" : "");
	for (struct map_slot *slot; (slot = map_next(&s->channels, &cursor)) != NULL;)
		dump_channel((const struct channel *)(uintptr_t)slot->value, out);
}
