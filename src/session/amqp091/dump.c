#include "session/amqp091/amqp091.h"

#include "base/must.h"

static unsigned long long ull(uint64_t v)
{
	return v;
}

static const char *yes(bool is)
{
	return is ? "yes" : "no";
}

static void dump_channel(const struct channel *c, struct text *out)
{
	must(c->number > 0);
	text_putf(out, "channel: %u consumers %u unacked %u prefetch %u shared %u", c->number,
		  c->consumers_n, c->unacked.n - c->holes_n, c->prefetch, c->prefetch_shared);
	text_putf(out, " transactional %s confirm %s", yes(c->tx), yes(c->confirm));
	text_putf(out, " published %llu delivered %llu", ull(c->published), ull(c->next_tag - 1));
	text_putf(out, " unconfirmed %u", c->confirm ? c->confirm->window.n : 0);
	text_puts(out, c->is_closing ? " closing\n" : "\n");
}

/* The tag comes last, since it may hold blanks. */
static void dump_consumer(const struct consumer *k, struct text *out)
{
	must(k->channel != NULL);
	text_putf(out, "consumer: %u channel %u ack %s prefetch %u tag ", k->id, k->channel->number,
		  yes(!k->is_no_ack), k->prefetch);
	text_put_printable(out, slice_of(k->tag, k->tag_n));
	text_putc(out, '\n');
}

static void dump_names(const struct amqp091 *s, const struct session_world *w, struct text *out)
{
	must(s->phase <= PHASE_CLOSED);
	text_puts(out, "client: ");
	text_put_printable(out, slice_of(s->client_name, s->client_name_n));
	text_puts(out, "\nuser: ");
	if (s->phase > PHASE_REFUSED)
		text_put_printable(out, access_name(&s->access));
	text_puts(out, "\nvhost: ");
	if (s->phase >= PHASE_RUNNING)
		text_put_printable(out, catalog_vhost_name(w->view, s->vhost));
	text_putc(out, '\n');
}

static void dump_counts(const struct amqp091 *s, struct text *out)
{
	must(s->session.ops == &amqp091_session_ops);
#define COUNT(name, prose) text_putf(out, #name ": %llu\n", ull(s->count.name));
#include "session/amqp091/count.def"
#undef COUNT
}

void amqp091_dump(const struct session *own, const struct session_world *w, struct text *out)
{
	const struct amqp091 *s = (const struct amqp091 *)(const void *)own;
	static const char *const phases[] = {
		"greeting", "start",  "refused", "tune",   "open",
		"running",  "ending", "closing", "closed",
	};
	size_t cursor = 0;
	must(s->phase <= PHASE_CLOSED);
	text_putf(out, "phase: %s\n", phases[s->phase]);
	dump_names(s, w, out);
	text_putf(out, "frame_max: %u\nheartbeat_s: %u\nchannel_max: %u\n", s->frame_max,
		  s->heartbeat_s, s->channel_max);
	text_putf(out, "channels: %zu\nconsumers: %zu\n", s->channels.n, s->consumers.n);
	dump_counts(s, out);
	text_putf(out, "unacked: %u\nwaiting: %u\nloading: %u\nunconfirmed_bytes: %llu\n",
		  s->held_n, s->waiting.n, s->loading_n, ull(s->unconfirmed_bytes));
	text_putf(out, "asking: %s\nblocked: %s\n", yes(s->call), yes(s->is_held));
	for (struct map_slot *slot; (slot = map_next(&s->channels, &cursor)) != NULL;)
		dump_channel((const struct channel *)(uintptr_t)slot->value, out);
	cursor = 0;
	for (struct map_slot *slot; (slot = map_next(&s->consumers, &cursor)) != NULL;)
		dump_consumer((const struct consumer *)(uintptr_t)slot->value, out);
}
