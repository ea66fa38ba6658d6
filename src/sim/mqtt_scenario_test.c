/* Plays every story of test/scenario/mqtt, or the one that is named, against the whole broker on a
 * simulated machine. */
#include "session/mqtt/ops.h"
#include "sim/words_for_tests.h"
#include "sim/world_for_tests.h"

#include "sim/no_channels_for_tests.h"
#include "wire/mqtt/ack.h"
#include "wire/mqtt/connect.h"
#include "wire/mqtt/print.h"
#include "wire/mqtt/publish.h"
#include "wire/mqtt/subscribe.h"

#define STORIES_FOLDER "test/scenario/mqtt"
#include "sim/stories_for_tests.h"

#define SHOWN_MAX 64u /* octets of a payload that are shown */

/* ---- what comes ---------------------------------------------------------------------------- */

/* A reason is its number: its words are for people. */
static void cut_words_of_reasons(char *line)
{
	for (char *at = line; (at = strstr(at, " reason=")) != NULL; at++) {
		char *from = strstr(at, " ("), *to = from ? strchr(from, ')') : NULL;
		if (to)
			memmove(from, to + 1, strlen(to + 1) + 1);
	}
}

static void put_payload(const struct mqtt_packet *p, struct text *out)
{
	struct mqtt_publish pub;
	must(mqtt_publish_decode(p, &pub) == MQTT_FAULT_NONE);
	bool is_whole = pub.payload.n <= SHOWN_MAX;
	text_puts(out, " '");
	text_put_printable(out, is_whole ? pub.payload : slice_sub(pub.payload, 0, SHOWN_MAX));
	text_puts(out, is_whole ? "'" : "'...");
}

static inline void scenario_listen_to(struct scenario *s, struct client *c)
{
	char buf[SCENARIO_LINE];
	struct mqtt_packet p;
	for (;;) {
		struct text t = text_of(buf, sizeof buf);
		const struct slice in = slice_of(c->out.p + c->out_read, c->out.n - c->out_read);
		if (in.n == 0 || mqtt_packet_read(in, 0, c->version, &p) != MQTT_FAULT_NONE)
			return;
		p.from_server = true;
		p.version = c->version;
		mqtt_packet_print(&p, &t);
		if (p.type == MQTT_PUBLISH)
			put_payload(&p, &t);
		cut_words_of_reasons(buf);
		scenario_note(s, c, buf);
		c->out_read += p.total;
	}
}

/* ---- what is sent -------------------------------------------------------------------------- */

static void put_user_property(struct mqtt_props *p, const struct words *w, size_t at,
			      struct octets *users)
{
	must(at + 1 < w->n && strcmp(w->at[at + 1].name, "to") == 0);
	const struct mqtt_user u = { w->at[at].text, w->at[at + 1].text };
	(void)mqtt_user_put(octets_more(users, mqtt_user_size(&u)), &u);
	p->has |= MQTT_HAS(user_property);
	p->user_property++;
}

#define take_bit(x)    (mqtt_bit)(x)->number
#define take_u16(x)    (mqtt_u16)(x)->number
#define take_u32(x)    (mqtt_u32)(x)->number
#define take_pos16(x)  (mqtt_pos16)(x)->number
#define take_pos32(x)  (mqtt_pos32)(x)->number
#define take_alias(x)  (mqtt_alias)(x)->number
#define take_number(x) (mqtt_number)(x)->number
#define take_str(x)    (x)->text
#define take_topic(x)  (x)->text
#define take_bin(x)    (x)->text
#define take_secret(x) (x)->text
#define take_pair(x)   0

#define IN(place) (UINT32_C(1) << MQTT_##place)
#define ANY       UINT32_C(0xffffffff)

/* The properties of a line that may stand in `place`; `users` holds those of the application. */
static struct mqtt_props props_of(const struct words *w, uint32_t place, struct octets *users)
{
	struct mqtt_props p = { 0 };
	const struct word *x;
#define PROP(id, name, type, places, many, prose)                                        \
	x = words_find(w, #name);                                                        \
	if (x && (places) >> place & 1 && MQTT_PROP_##name != MQTT_PROP_user_property) { \
		p.has |= MQTT_HAS(name);                                                 \
		p.name = take_##type(x);                                                 \
	}
#include "wire/mqtt/props.def"
#undef PROP
	for (size_t i = 0; place != MQTT_WILL && i < w->n; i++)
		if (strcmp(w->at[i].name, "user_property") == 0)
			put_user_property(&p, w, i, users);
	p.block = slice_of(users->p, users->n);
	return p;
}

static void say_connect(struct client *c, const struct words *w, struct octets *out)
{
	struct octets users = { 0 }, none = { 0 };
	struct mqtt_connect m = {
		.version = (uint8_t)words_number(w, "version"),
		.clean_start = words_find(w, "clean_start") != NULL,
		.keep_alive_s = (uint16_t)words_number(w, "keep_alive_s"),
		.client_id = words_text(w, "client_id"),
		.has_will = words_find(w, "will_topic") != NULL,
		.will_retain = words_find(w, "will_retain") != NULL,
		.will_qos = (uint8_t)words_number(w, "will_qos"),
		.will_topic = words_text(w, "will_topic"),
		.will_payload = words_text(w, "will_payload"),
		.has_user = words_find(w, "user") != NULL,
		.has_password = words_find(w, "password") != NULL,
		.user = words_text(w, "user"),
		.password = words_text(w, "password"),
	};
	c->version = m.version;
	if (m.version == MQTT_V5) {
		m.props = props_of(w, MQTT_CONNECT, &users);
		m.will_props = props_of(w, MQTT_WILL, &none);
	}
	const size_t n = mqtt_connect_size(&m);
	(void)mqtt_connect_put(octets_more(out, n), &m);
	free(users.p);
}

static void say_publish(const struct client *c, const struct words *w, struct octets *out)
{
	struct octets users = { 0 };
	const struct mqtt_props props = props_of(w, MQTT_PUBLISH, &users);
	const struct slice payload = words_text(w, "payload");
	const struct mqtt_publish_out o = { .version = c->version,
					    .qos = (uint8_t)words_number(w, "qos"),
					    .dup = words_find(w, "dup") != NULL,
					    .retain = words_find(w, "retain") != NULL,
					    .id = (uint16_t)words_number(w, "id"),
					    .topic = words_text(w, "topic"),
					    .props = &props,
					    .payload_n = payload.n };
	(void)mqtt_publish_head_put(octets_more(out, mqtt_publish_head_size(&o)), &o);
	octets_put(out, payload.p, payload.n);
	free(users.p);
}

static void put_filter(const struct words *w, size_t at, struct octets *list)
{
	struct mqtt_subscription one = { .filter = w->at[at].text };
	for (size_t i = at + 1; i < w->n && strcmp(w->at[i].name, "filter") != 0; i++) {
		const struct word *x = &w->at[i];
		if (strcmp(x->name, "qos") == 0)
			one.qos = (uint8_t)x->number;
		if (strcmp(x->name, "retain_handling") == 0)
			one.retain_handling = (uint8_t)x->number;
		one.no_local |= strcmp(x->name, "no_local") == 0;
		one.retain_as_published |= strcmp(x->name, "retain_as_published") == 0;
	}
	(void)mqtt_subscription_put(octets_more(list, one.filter.n + 3), &one);
}

static void say_subscribe(const struct client *c, const struct words *w, enum mqtt_type type,
			  struct octets *out)
{
	struct octets users = { 0 }, list = { 0 };
	for (size_t i = 0; i < w->n; i++) {
		const struct slice filter = w->at[i].text;
		if (strcmp(w->at[i].name, "filter") != 0)
			continue;
		if (type == MQTT_SUBSCRIBE) {
			put_filter(w, i, &list);
			continue;
		}
		uint8_t *at = octets_more(&list, filter.n + 2);
		at[0] = (uint8_t)(filter.n >> 8);
		at[1] = (uint8_t)filter.n;
		memcpy(at + 2, filter.p, filter.n);
	}
	const struct mqtt_subscribe m = { .id = (uint16_t)words_number(w, "id"),
					  .props = props_of(w, (uint32_t)type, &users),
					  .list = slice_of(list.p, list.n) };
	const size_t n = mqtt_subscribe_size(c->version, &m);
	(void)mqtt_subscribe_put(octets_more(out, n), c->version, (uint8_t)type, &m);
	free(users.p);
	free(list.p);
}

static void say_ack(const struct client *c, const struct words *w, enum mqtt_type type,
		    struct octets *out)
{
	struct octets users = { 0 };
	const struct mqtt_ack a = { .id = (uint16_t)words_number(w, "id"),
				    .reason = (uint8_t)words_number(w, "reason"),
				    .props = props_of(w, (uint32_t)type, &users) };
	(void)mqtt_ack_put(octets_more(out, mqtt_ack_size(c->version, &a)), c->version,
			   (uint8_t)type, &a);
	free(users.p);
}

static enum mqtt_type type_of(const char *verb)
{
	int type = MQTT_CONNECT;
	while (type < 16 && strcmp(mqtt_packet_name((uint8_t)type), verb) != 0)
		type++;
	must_if(type == 16, strcmp(verb, "raw") == 0);
	return (enum mqtt_type)type;
}

static inline void scenario_frames(struct client *c, const char *line, struct octets *out)
{
	struct words *w = malloc(sizeof *w);
	must(w != NULL);
	words_read(w, line);
	const enum mqtt_type type = type_of(w->verb);
	switch ((int)type) {
	case 16: octets_put(out, w->at[0].text.p, w->at[0].text.n); break;
	case MQTT_CONNECT: say_connect(c, w, out); break;
	case MQTT_PUBLISH: say_publish(c, w, out); break;
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE: say_subscribe(c, w, type, out); break;
	case MQTT_PINGREQ: octets_put(out, mqtt_pingreq_octets, sizeof mqtt_pingreq_octets); break;
	default: say_ack(c, w, type, out); break;
	}
	free(w);
}

int main(int argc, char **argv)
{
	return stories_play(argc, argv, &mqtt_session_ops);
}
