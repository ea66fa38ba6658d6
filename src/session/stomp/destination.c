#include "session/stomp/activemq.h"

#include "base/must.h"
#include "wire/stomp/destination.h"

static enum done refuse_place(struct turn *t, struct slice in)
{
	char room[SESSION_WORDS_MAX];
	struct text body = text_of(room, sizeof room);
	must(t->frame->command < STOMP_COMMAND_N);
	text_putc(&body, '\'');
	text_put_slice(&body, in);
	text_putf(&body, "' is not a valid destination for '%s'\n",
		  stomp_command_words[t->frame->command]);
	return stomp_refuse(t, "Invalid destination", text_slice(&body));
}

static struct destination place_of(const struct turn *t, const struct stomp_destination *d)
{
	struct destination out = { .place = (uint8_t)d->place,
				   .has_key = d->has_key,
				   .key = d->name };
	must(d->place <= STOMP_REPLY_QUEUE);
	if (d->place == STOMP_TOPIC)
		out.exchange = t->w->limits->stomp->topic_exchange;
	else if (d->place == STOMP_EXCHANGE)
		out.exchange = d->exchange;
	return out;
}

bool stomp_destination(struct turn *t, struct slice in, uint8_t *room, struct destination *out)
{
	struct wr scratch = wr_of(room, DESTINATION_MAX);
	struct stomp_destination d;
	bool is_unknown;
	if (t->s->is_activemq)
		return stomp_amq_destination(t, in, room, out);
	if (!stomp_has(t->head, STOMP_H_DESTINATION)) {
		(void)stomp_refuse_missing(t, "Missing destination", "destination");
		return false;
	}
	if (in.n > DESTINATION_MAX) {
		(void)stomp_refuse(t, "Invalid destination", slice_str("It is too long\n"));
		return false;
	}
	if (stomp_destination_read(in, &scratch, &d, &is_unknown, &t->why) != ERR_OK) {
		(void)stomp_refuse(t, is_unknown ? "Unknown destination" : "Invalid destination",
				   text_slice(&t->why));
		return false;
	}
	*out = place_of(t, &d);
	must(out->exchange.n <= in.n || d.place == STOMP_TOPIC);
	if (d.place == STOMP_TEMP_QUEUE) {
		(void)refuse_place(t, in);
		return false;
	}
	bool is_empty = out->key.n == 0 && d.place != STOMP_EXCHANGE;
	if (out->key.n <= LIMIT_SHORTSTR && out->exchange.n <= LIMIT_SHORTSTR && !is_empty)
		return true;
	(void)stomp_refuse(t, "Invalid destination", slice_str("A name has 1 to 255 octets\n"));
	return false;
}
