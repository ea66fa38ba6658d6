#include "session/stomp/activemq.h"

#include "base/must.h"
#include "core/sql.h"
#include "session/defaults.h"
#include "session/stomp/lasting.h"
#include "wire/stomp/destination.h"
#include "wire/stomp/stored.h"

/* ActiveMQ's dialect, where it is not RabbitMQ's. */

#define PREFETCH     1000u
#define PREFETCH_SUB 100u

/* The message of an ERROR is its body, too. */
static struct slice say(char room[SESSION_WORDS_MAX], const char *words, struct slice what,
			const char *after)
{
	struct text body = text_of(room, SESSION_WORDS_MAX - 1);
	must(words != NULL);
	text_puts(&body, words);
	text_put_printable(&body, what);
	text_puts(&body, after);
	room[body.n < SESSION_WORDS_MAX ? body.n : SESSION_WORDS_MAX - 1] = '\0';
	return text_slice(&body);
}

enum done stomp_amq_refuse(struct turn *t, const char *words, struct slice what, const char *after)
{
	char room[SESSION_WORDS_MAX];
	const struct slice body = say(room, words, what, after);
	must(t->s->phase != PHASE_CLOSED);
	return stomp_refuse(t, room, body);
}

enum done stomp_amq_fail(struct turn *t, const char *words, struct slice what, const char *after)
{
	char room[SESSION_WORDS_MAX];
	const struct slice body = say(room, words, what, after);
	must(t->s->is_activemq && body.n > 0);
	return stomp_fail(t, room, body);
}

/* ---- destinations ------------------------------------------------------------------------- */

static bool refuse_names(struct turn *t, const char *why)
{
	must(why[0] != '\0');
	(void)stomp_refuse(t, "Invalid destination", slice_str(why));
	return false;
}

/* What > and * are to ActiveMQ, # and * are to the exchange. False: refused. */
static bool topic_filter(struct turn *t, uint8_t *room, struct destination *out)
{
	struct slice in = out->key;
	if (stomp_has_word(in, "#"))
		return refuse_names(t, "The word # in a topic's name is not there\n");
	if (!stomp_is_all_below(in))
		return true;
	must(in.n <= DESTINATION_MAX);
	memmove(room, in.p, in.n);
	room[in.n - 1] = '#';
	out->key = slice_of(room, in.n);
	return true;
}

/* A name of this conversation's own. */
static struct slice own_name(const struct stomp *s, const char *kind, struct slice name,
			     uint8_t *room)
{
	struct text t = text_of((char *)room, DESTINATION_MAX);
	must(s->name_n > 0);
	text_putf(&t, "%s.", kind);
	text_put_slice(&t, stomp_name(s));
	text_putc(&t, '.');
	text_put_slice(&t, name);
	return text_slice(&t);
}

static struct slice trimmed(struct slice in)
{
	while (in.n && in.p[0] == ' ')
		in = slice_from(in, 1);
	while (in.n && in.p[in.n - 1] == ' ')
		in.n--;
	must(in.p != NULL || in.n == 0);
	return in;
}

/* Whatever has none of the prefixes is a queue of that name. */
static void read_place(const struct turn *t, struct slice in, uint8_t *room,
		       struct destination *out)
{
	static const struct {
		const char *prefix;
		enum stomp_place place;
	} places[] = {
		{ "/queue/", STOMP_QUEUE },
		{ "/topic/", STOMP_TOPIC },
		{ "/temp-queue/", STOMP_TEMP_QUEUE },
		{ "/temp-topic/", STOMP_TOPIC },
		{ "/remote-temp-queue/", STOMP_REPLY_QUEUE },
		{ "/remote-temp-topic/", STOMP_TOPIC },
	};
	*out = (struct destination){ .place = STOMP_QUEUE, .has_key = true, .key = in };
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct slice prefix = slice_str(places[i].prefix);
		if (!slice_starts_with(in, prefix))
			continue;
		out->place = (uint8_t)places[i].place;
		out->key = slice_from(in, prefix.n);
		bool is_own = slice_starts_with(in, slice_str("/temp-"));
		if (is_own)
			out->key = own_name(
				t->s, places[i].place == STOMP_TOPIC ? "temp-topic" : "temp-queue",
				out->key, room);
	}
	must(out->place <= STOMP_REPLY_QUEUE);
	if (out->place == STOMP_TOPIC)
		out->exchange = t->w->limits->stomp->topic_exchange;
}

bool stomp_amq_destination(struct turn *t, struct slice in, uint8_t *room, struct destination *out)
{
	bool is_subscribing = t->frame->command != STOMP_SEND;
	must(t->s->is_activemq);
	if (!stomp_has(t->head, STOMP_H_DESTINATION)) {
		(void)stomp_amq_refuse(t, stomp_command_words[t->frame->command], SLICE_EMPTY,
				       " received without a Destination specified!");
		return false;
	}
	if (in.n > DESTINATION_MAX)
		return refuse_names(t, "It is too long\n");
	read_place(t, trimmed(in), room, out);
	out->is_wild = is_subscribing && out->place != STOMP_TOPIC && stomp_is_wildcard(out->key);
	if (out->is_wild && out->place != STOMP_QUEUE)
		return refuse_names(t, "Wildcards are for topics and queues\n");
	if (is_subscribing && out->place == STOMP_TOPIC && !topic_filter(t, room, out))
		return false;
	if (out->key.n == 0 || out->key.n > LIMIT_SHORTSTR)
		return refuse_names(t, "A name has 1 to 255 octets\n");
	return true;
}

/* The word behind `kind` and a point, if it begins so. */
static bool cut(struct slice *io, const char *kind, struct slice middle)
{
	struct slice prefix = slice_str(kind), in = *io;
	must(prefix.n > 0);
	if (!slice_starts_with(in, prefix))
		return false;
	in = slice_from(in, prefix.n);
	if (middle.n == 0)
		return true;
	if (!slice_starts_with(in, middle) || in.n == middle.n || in.p[middle.n] != '.')
		return false;
	*io = slice_from(in, middle.n + 1);
	return true;
}

void stomp_amq_address(const struct stomp *s, bool is_topic, struct slice name, struct text *out)
{
	const char *kind = is_topic ? "topic" : "queue";
	const char *own = is_topic ? "temp-topic." : "temp-queue.";
	must(name.n > 0);
	if (cut(&name, own, stomp_name(s)))
		text_puts(out, "/temp-");
	else if (cut(&name, own, SLICE_EMPTY))
		text_puts(out, "/remote-temp-");
	else
		text_puts(out, "/");
	text_puts(out, kind);
	text_puts(out, "/");
	text_put_slice(out, name);
}

/* ---- queues ------------------------------------------------------------------------------- */

bool stomp_amq_dies_to(struct turn *t, struct slice queue)
{
	static const enum stomp_header said[] = { STOMP_H_X_DLX, STOMP_H_X_DLK,
						  STOMP_H_X_QUEUE_TYPE };
	must(t->s->is_activemq);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		if (stomp_has(t->head, said[i]))
			return false;
	if (slice_eq(queue, slice_str(DEFAULTS_DEAD_LETTERS)) ||
	    slice_starts_with(queue, slice_str("temp-queue.")))
		return false;
	const bool may_write = stomp_allow(t, AUTH_EXCHANGE, SLICE_EMPTY, AUTH_WRITE) == ERR_OK;
	if (!may_write)
		t->why = text_of(t->w->words, sizeof t->w->words);
	return may_write;
}

/* ---- SEND --------------------------------------------------------------------------------- */

/* A map or an object is to be made of its text. What has a length is octets, whatever it says, and
 * other words mean nothing there. */
static bool wants_transformed(const struct turn *t)
{
	static const char *const words[] = { "jms-map-xml", "jms-map-json", "jms-object-xml",
					     "jms-object-json" };
	must(t->frame->command == STOMP_SEND);
	if (!stomp_has(t->head, STOMP_H_TRANSFORMATION) ||
	    stomp_has(t->head, STOMP_H_CONTENT_LENGTH))
		return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_eq(t->head->at[STOMP_H_TRANSFORMATION], slice_str(words[i])))
			return true;
	return false;
}

bool stomp_amq_may_send(struct turn *t, bool *out_is_grouped)
{
	struct slice head = t->frame->head, name, value;
	must(t->frame->command == STOMP_SEND);
	*out_is_grouped = false;
	if (wants_transformed(t)) {
		(void)stomp_amq_refuse(t, "Transformations are not there", SLICE_EMPTY, "");
		return false;
	}
	while (stomp_line(&head, &name, &value))
		*out_is_grouped |= slice_eq(name, slice_str(STOMP_AMQ_GROUP));
	return true;
}

/* Where the answer is wanted: a queue of the sender's own, which others know by its whole name. */
enum done stomp_amq_reply_to(struct turn *t, struct text *out, bool *out_is_refused)
{
	uint8_t room[DESTINATION_MAX];
	struct destination to;
	struct slice in = t->head->at[STOMP_H_REPLY_TO];
	const struct queue_record *q;
	*out_is_refused = false;
	if (!stomp_has(t->head, STOMP_H_REPLY_TO) || !slice_starts_with(in, slice_str("/temp-")) ||
	    in.n > LIMIT_SHORTSTR)
		return DONE;
	read_place(t, in, room, &to);
	must(to.key.n > 0);
	bool is_queue = to.place == STOMP_TEMP_QUEUE;
	if ((!is_queue && to.place != STOMP_TOPIC) || to.key.n > LIMIT_SHORTSTR)
		return DONE;
	const struct wanted want = { .name = to.key, .flags = QUEUE_EXCLUSIVE };
	enum err e = is_queue ? stomp_queue(t, &want, &q) : ERR_OK;
	if (e == ERR_BUSY)
		return WAIT;
	*out_is_refused = e != ERR_OK;
	if (e != ERR_OK)
		return stomp_fail_err(t, e);
	text_puts(out, is_queue ? "/remote-temp-queue/" : "/remote-temp-topic/");
	text_put_slice(out, to.key);
	return DONE;
}

static void put_one(struct wr *w, enum stomp_header which, struct slice value)
{
	must(which < STOMP_H_N);
	stomp_stored_put_one(w, slice_str(stomp_header_words[which]), value);
}

static void put_number(struct wr *w, enum stomp_header which, uint64_t n)
{
	char room[24];
	struct text t = text_of(room, sizeof room);
	text_put_u64(&t, n);
	must(!text_is_full(&t));
	put_one(w, which, text_slice(&t));
}

static bool is_named(struct slice name, enum stomp_header which)
{
	must(which < STOMP_H_N);
	return slice_eq(name, slice_str(stomp_header_words[which]));
}

void stomp_amq_props(struct turn *t, struct slice props, struct slice reply_to, bool is_one_of_many,
		     uint8_t priority, struct wr *w)
{
	struct rd r = rd_of(props);
	struct slice name, value;
	bool is_text = !stomp_has(t->head, STOMP_H_CONTENT_LENGTH);
	must(t->s->is_activemq);
	while (stomp_stored_next(&r, &name, &value)) {
		if (slice_eq(name, slice_str("JMSXUserID")) ||
		    slice_eq(name, slice_str("JMSXGroupFirstForConsumer")) ||
		    slice_eq(name, slice_str("original-destination")))
			continue;
		bool is_reply = reply_to.p && is_named(name, STOMP_H_REPLY_TO);
		if (is_named(name, STOMP_H_PRIORITY))
			put_number(w, STOMP_H_PRIORITY, priority);
		else
			stomp_stored_put_one(w, name, is_reply ? reply_to : value);
		if (is_reply)
			reply_to.p = NULL; /* of a header that comes twice only the first counts */
	}
	if (!stomp_has(t->head, STOMP_H_TIMESTAMP))
		put_number(w, STOMP_H_TIMESTAMP, t->w->wall_ms);
	if (is_text && !stomp_has(t->head, STOMP_H_MSG_TYPE))
		put_one(w, STOMP_H_MSG_TYPE, slice_str("text"));
	if (is_one_of_many)
		stomp_stored_put_one(w, slice_str("original-destination"),
				     t->head->at[STOMP_H_DESTINATION]);
}

/* ---- MESSAGE ------------------------------------------------------------------------------ */

static bool is_text_type(struct slice type)
{
	must(type.p != NULL || type.n == 0);
	return slice_starts_with(type, slice_str("text/")) ||
	       slice_starts_with(type, slice_str("application/json"));
}

bool stomp_amq_is_text(const struct msg *m, const struct header_ops *ops)
{
	struct header h;
	bool is_text = false;
	must(ops != NULL);
	if (header_find(ops, msg_props(m), slice_str(stomp_header_words[STOMP_H_MSG_TYPE]), &h))
		is_text = h.class == HEADER_TEXT && slice_eq(h.octets, slice_str("text"));
	else if (ops->property(msg_props(m), HEADER_CONTENT_TYPE, &h))
		is_text = ops != &stomp_header_ops && is_text_type(h.octets);
	for (uint32_t i = 0; is_text && i < msg_piece_n(m); i++) {
		struct slice piece = msg_piece(m, i);
		is_text = slice_find(piece, '\0') == piece.n;
	}
	return is_text;
}

/* ---- SUBSCRIBE ---------------------------------------------------------------------------- */

static bool is_set(const struct turn *t, enum stomp_header which)
{
	must(which < STOMP_H_N);
	return stomp_has(t->head, which) && slice_eq(t->head->at[which], slice_str("true"));
}

bool stomp_amq_is_exclusive(const struct turn *t)
{
	must(t->frame != NULL);
	return t->s->is_activemq && t->frame->command == STOMP_SUBSCRIBE &&
	       is_set(t, STOMP_H_SUB_EXCLUSIVE);
}

struct slice stomp_amq_wish(const struct turn *t)
{
	must(t->frame->command == STOMP_SUBSCRIBE || t->frame->command == STOMP_SEND);
	return t->s->is_activemq && t->frame->command == STOMP_SUBSCRIBE
		       ? t->head->at[STOMP_H_TRANSFORMATION]
		       : SLICE_EMPTY;
}

bool stomp_amq_is_no_local(const struct turn *t)
{
	must(t->frame != NULL);
	return t->s->is_activemq && t->frame->command == STOMP_SUBSCRIBE &&
	       is_set(t, STOMP_H_NO_LOCAL);
}

/* False: refused. */
static bool may_subscribe(struct turn *t, bool is_topic)
{
	struct slice sub;
	const struct stomp *s = t->s;
	must(s->is_activemq);
	bool has_name = stomp_amq_sub_name(t, &sub);
	const char *why = NULL;
	if (stomp_amq_wish(t).n > LIMIT_SHORTSTR)
		why = "A transformation has at most 255 octets";
	else if (s->version == STOMP_1_0 && stomp_is_browser(t))
		why = "Queue Browser feature only valid for Stomp v1.1+ clients!";
	else if (!is_topic && stomp_is_browser(t) && stomp_amq_is_no_local(t))
		why = "A browser is shown what its own connection has sent, too";
	else if (s->version > STOMP_1_0 && !stomp_has(t->head, STOMP_H_ID))
		why = "SUBSCRIBE received without a subscription id!";
	else if (has_name && !is_topic)
		why = "Invalid Subscription: cannot durably subscribe to a Queue destination!";
	else if (has_name && !s->client_id && s->version > STOMP_1_0)
		why = "A subscription with a name needs a client-id in CONNECT";
	if (why)
		(void)stomp_amq_refuse(t, why, SLICE_EMPTY, "");
	return !why;
}

bool stomp_amq_asked(struct turn *t, bool is_topic, uint32_t *io_prefetch, int64_t *out_priority)
{
	struct slice sub;
	if (!may_subscribe(t, is_topic))
		return false;
	if (stomp_has(t->head, STOMP_H_SUB_PRIORITY) &&
	    !stomp_number(t->head->at[STOMP_H_SUB_PRIORITY], out_priority)) {
		(void)stomp_refuse_value(t);
		return false;
	}
	bool has_name = stomp_amq_sub_name(t, &sub);
	must(!has_name || is_topic);
	if (*io_prefetch == 0)
		*io_prefetch = has_name ? PREFETCH_SUB : is_topic ? UINT16_MAX : PREFETCH;
	return true;
}

enum err stomp_selector(struct turn *t, uint8_t *code, uint32_t *out_n)
{
	*out_n = 0;
	if (!stomp_has(t->head, STOMP_H_SELECTOR) || t->head->at[STOMP_H_SELECTOR].n == 0)
		return ERR_OK;
	uint8_t *room = code ? code : mem_get(t->w->mem, SQL_CODE_MAX, "selector");
	must(room != NULL);
	enum err e = sql_compile(t->head->at[STOMP_H_SELECTOR], SQL_LENIENT, room, out_n);
	if (!code)
		mem_put(t->w->mem, room, SQL_CODE_MAX);
	return e;
}
