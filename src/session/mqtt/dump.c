#include "session/mqtt/mqtt.h"

#include "base/must.h"

static void dump_names(const struct mqtt *s, struct text *out)
{
	must(s->phase <= PHASE_CLOSED);
	text_puts(out, "client: ");
	text_put_printable(out, s->client_id);
	text_puts(out, "\nuser: ");
	text_put_printable(out, access_name(&s->access));
	text_puts(out, "\nvhost: ");
	text_put_printable(out, access_vhost_name(&s->access));
	text_putc(out, '\n');
}

void mqtt_dump(const struct session *own, const struct session_world *w, struct text *out)
{
	const struct mqtt *s = (const struct mqtt *)(const void *)own;
	static const char *const phases[] = { "greeting", "proving", "checking", "claiming",
					      "opening",  "running", "ending",   "closed" };
	(void)w;
	must(s->phase <= PHASE_CLOSED);
	text_putf(out, "phase: %s\nversion: %u\n", phases[s->phase], s->version);
	dump_names(s, out);
	text_putf(out, "keep_alive_s: %u\nexpiry_s: %u\nwindow: %u\nsubscriptions: %u\n",
		  s->keep_alive_s, s->expiry_s, s->window, s->subs->n);
#define COUNT(name, prose) \
	text_putf(out, #name ": %llu\n", (unsigned long long)s->more->count.name);
#include "session/mqtt/count.def"
#undef COUNT
	text_putf(out, "unacked: %u\nwaiting: %u\nunconfirmed_bytes: %llu\nasking: %s\n",
		  (unsigned)s->more->flights.n, s->receiver.waiting.n,
		  (unsigned long long)s->publisher.bytes, s->call ? "yes" : "no");
	text_putf(out, "blocked: %s\ndropped: %s\n", s->is_held ? "yes" : "no",
		  s->is_shed ? "yes" : "no");
}
