#include "node/config_bridge.h"

#include "base/near.h"
#include "base/text.h"
#include "node/config_lists.h"
#include "node/config_value.h"
#include "session/mqtt/bridge.h"
#include "wire/mqtt/topic.h"

#define PORT 1883u

static const struct config_row rows[] = {
#define BRIDGE(field, type, key, value, min, max, unit, prose) \
	{ key,                                                 \
	  CONFIG_TYPE_##type,                                  \
	  offsetof(struct config_bridge, field),               \
	  sizeof((struct config_bridge *)0)->field,            \
	  value,                                               \
	  min,                                                 \
	  max,                                                 \
	  unit },
#include "node/bridge.def"
#undef BRIDGE
};
#define ROWS_N (sizeof rows / sizeof *rows)

/* A setting of a bridge does not remember where it comes from. */
static const struct config_source nowhere = { "", 0 };

/* ---- addresses ---------------------------------------------------------------------------- */

/* host, host:port, [host] or [host]:port; a host with two colons and no brackets is IPv6. */
static bool split(struct slice word, char *out_host, struct slice *out_port)
{
	size_t end = slice_find(word, ':');
	const bool is_bracketed = word.n > 0 && word.p[0] == '[';
	if (is_bracketed) {
		word = slice_from(word, 1);
		end = slice_find(word, ']');
		if (end == word.n)
			return false;
	} else if (end < word.n && slice_find(slice_from(word, end + 1), ':') < word.n - end - 1) {
		end = word.n;
	}
	struct slice rest = slice_from(word, end + (is_bracketed ? 1 : 0));
	memcpy(out_host, word.p, end);
	out_host[end] = '\0';
	*out_port = rest.n > 0 ? slice_from(rest, 1) : SLICE_EMPTY;
	return end > 0 && (rest.n == 0 || (rest.p[0] == ':' && rest.n > 1));
}

static bool address_read(struct slice word, char *out_host, uint16_t *out_port)
{
	char room[CONFIG_STRING_MAX];
	struct text unsaid = text_of(room, sizeof room);
	struct slice digits;
	int64_t port = PORT;
	must(word.n > 0 && word.n <= CONFIG_STRING_MAX);
	if (!split(word, out_host, &digits))
		return false;
	if (digits.n > 0 && config_value_int(digits, (struct config_bounds){ 1, UINT16_MAX, "" },
					     &port, &unsaid) != ERR_OK)
		return false;
	*out_port = (uint16_t)port;
	return true;
}

static struct slice next_word(struct slice *io_rest)
{
	while (io_rest->n && io_rest->p[0] == ' ')
		*io_rest = slice_from(*io_rest, 1);
	const size_t n = slice_find(*io_rest, ' ');
	const struct slice word = slice_sub(*io_rest, 0, n);
	*io_rest = slice_from(*io_rest, n);
	return word;
}

bool config_bridge_address(struct slice *io_rest, char *out_host, uint16_t *out_port)
{
	const struct slice word = next_word(io_rest);
	return word.n > 0 && address_read(word, out_host, out_port);
}

static enum err check_address(struct slice value, struct text *why)
{
	char host[CONFIG_STRING_MAX + 1];
	uint16_t port;
	for (struct slice word; (word = next_word(&value)).n > 0;)
		if (!address_read(word, host, &port)) {
			text_puts(why, "is host or host:port, as in broker.example:1883");
			return ERR_MALFORMED;
		}
	return ERR_OK;
}

/* ---- setting ------------------------------------------------------------------------------ */

enum err config_topics_set(struct config_topics *t, struct slice name, struct slice value,
			   struct text *why)
{
	struct mqtt_bridge_topic unused;
	if (name.n == 0 || name.n > CONFIG_NAME_MAX) {
		text_puts(why, "goes on with a name, as in topics.1 = # out 1");
		return ERR_MALFORMED;
	}
	const uint32_t i = config_place(t->at, sizeof *t->at, t->n, name);
	if (i == CONFIG_TOPICS_MAX) {
		text_putf(why, "there can be %d of them", CONFIG_TOPICS_MAX);
		return ERR_MALFORMED;
	}
	if (value.n > CONFIG_STRING_MAX) {
		text_putf(why, "has at most %d bytes", CONFIG_STRING_MAX);
		return ERR_MALFORMED;
	}
	if (!mqtt_bridge_topic_read(value, &unused, why))
		return ERR_MALFORMED;
	config_name_put(t->at[i].name, sizeof t->at[i].name, name);
	memcpy(t->at[i].line, value.p, value.n);
	t->at[i].line[value.n] = '\0';
	t->n += i == t->n;
	return ERR_OK;
}

static void set_defaults(struct config_bridge *b, struct slice name)
{
	char room[CONFIG_STRING_MAX];
	struct text unsaid = text_of(room, sizeof room);
	memset(b, 0, offsetof(struct config_bridge, topics));
	b->topics.n = 0;
	memset((uint8_t *)(&b->topics + 1), 0,
	       sizeof *b - offsetof(struct config_bridge, topics) - sizeof b->topics);
	config_name_put(b->name, sizeof b->name, name);
	for (size_t i = 0; i < ROWS_N; i++)
		if (rows[i].type != CONFIG_TYPE_STRING && rows[i].type != CONFIG_TYPE_TOPICS &&
		    config_field_set(b, &rows[i], nowhere, SLICE_EMPTY, slice_str(rows[i].value),
				     &unsaid) != ERR_OK)
			must(!"a default is a value");
}

static struct config_bridge *bridge_named(struct config_bridges *all, struct slice name,
					  struct text *why)
{
	const uint32_t i = config_place(all->at, sizeof *all->at, all->n, name);
	if (i == CONFIG_BRIDGES_MAX) {
		text_putf(why, "there can be %d bridges", CONFIG_BRIDGES_MAX);
		return NULL;
	}
	if (i == all->n)
		set_defaults(&all->at[all->n++], name);
	return &all->at[i];
}

static enum err unknown(struct slice key, struct text *why)
{
	const char *names[ROWS_N];
	for (size_t i = 0; i < ROWS_N; i++)
		names[i] = rows[i].key;
	const char *near = near_name(key, names, ROWS_N);
	text_puts(why, "a bridge has no such setting");
	if (near)
		text_putf(why, "; did you mean %s?", near);
	return ERR_MALFORMED;
}

enum err config_bridges_set(struct config_bridges *all, struct slice name, struct slice value,
			    struct text *why)
{
	const size_t n = slice_find(name, '.');
	const struct slice whose = slice_sub(name, 0, n);
	struct slice key = slice_from(name, n < name.n ? n + 1 : n), of = SLICE_EMPTY;
	if (whose.n == 0 || whose.n > CONFIG_NAME_MAX || key.n == 0) {
		text_puts(why, "goes on with a bridge's name and a setting, as in "
			       "mqtt.bridges.east.address = east.example:1883");
		return ERR_MALFORMED;
	}
	const size_t topics = slice_find(key, '.');
	if (slice_eq(slice_sub(key, 0, topics), slice_str("topics"))) {
		of = slice_from(key, topics < key.n ? topics + 1 : topics);
		key = slice_sub(key, 0, topics);
	}
	for (size_t i = 0; i < ROWS_N; i++) {
		if (!slice_eq(slice_str(rows[i].key), key))
			continue;
		struct config_bridge *b = bridge_named(all, whose, why);
		if (!b)
			return ERR_MALFORMED;
		if (rows[i].at == offsetof(struct config_bridge, address))
			TRY(check_address(value, why));
		return config_field_set(b, &rows[i], nowhere, of, value, why);
	}
	return unknown(key, why);
}

/* ---- together ----------------------------------------------------------------------------- */

/* Where it says whether it is up. A client identifier that is not set yet has no signs that matter.
 */
static enum err check_note(const struct config_bridge *b, struct text *why)
{
	char room[CONFIG_STRING_MAX + 60];
	struct text topic = text_of(room, sizeof room);
	if (b->note_topic[0])
		text_puts(&topic, b->note_topic);
	else
		text_putf(&topic, "$SYS/broker/connection/%s/state", b->client_id);
	if (!b->is_noted || (topic.n <= LIMIT_SHORTSTR && mqtt_topic_ok(text_slice(&topic)) &&
			     !mqtt_topic_is_ours(text_slice(&topic))))
		return ERR_OK;
	text_putf(
		why,
		"mqtt.bridges.%s.notification_topic: nobody may publish to %s; set another one, or "
		"notifications = false",
		b->name, room);
	return ERR_MALFORMED;
}

/* What is to wait for a call must outlast those that come to nothing; and who only takes in would
 * never call. */
static enum err check_lazy(const struct config_bridge *b, struct text *why)
{
	struct mqtt_bridge_topic topic;
	bool is_out = false;
	if (b->start != CONFIG_START_LAZY)
		return ERR_OK;
	if (b->is_local_clean) {
		text_putf(why,
			  "mqtt.bridges.%s.start_type = lazy needs local_clean_start = false: "
			  "otherwise nothing waits",
			  b->name);
		return ERR_MALFORMED;
	}
	for (uint32_t i = 0; i < b->topics.n; i++)
		is_out |= mqtt_bridge_topic_read(slice_str(b->topics.at[i].line), &topic, why) &&
			  topic.is_out;
	if (is_out)
		return ERR_OK;
	text_putf(why,
		  "mqtt.bridges.%s.start_type = lazy needs a topic that goes out: otherwise the "
		  "other broker is never called",
		  b->name);
	return ERR_MALFORMED;
}

/* Pairs of hexadecimal digits. */
static bool is_key(const char *digits)
{
	const size_t n = strlen(digits);
	must(n <= CONFIG_STRING_MAX);
	return n % 2 == 0 && strspn(digits, "0123456789abcdefABCDEF") == n;
}

static enum err check_psk(const struct config_bridge *b, struct text *why)
{
	const bool has_certificates = b->tls_cacertfile[0] || b->tls_cacertdir[0] ||
				      b->tls_certfile[0] || b->is_insecure || b->is_status_wanted;
	const char *wrong = NULL;
	if (!b->tls_psk[0] != !b->tls_psk_identity[0])
		wrong = "psk and psk_identity stand together";
	else if (!is_key(b->tls_psk))
		wrong = "psk is no pairs of hexadecimal digits";
	else if (b->tls_psk[0] && has_certificates)
		wrong = "a shared key (psk) stands instead of certificates";
	if (!wrong)
		return ERR_OK;
	must(b->name[0] != '\0');
	text_putf(why, "mqtt.bridges.%s.ssl_options: %s", b->name, wrong);
	return ERR_MALFORMED;
}

/* Nothing is set that is not looked at. */
static enum err check_tls(const struct config_bridge *b, struct text *why)
{
	const bool is_said = b->tls_cacertfile[0] || b->tls_cacertdir[0] || b->tls_certfile[0] ||
			     b->tls_keyfile[0] || b->tls_alpn[0] || b->tls_psk[0] ||
			     b->tls_psk_identity[0] || b->is_insecure || b->is_status_wanted;
	if (!b->is_tls && is_said) {
		text_putf(why, "mqtt.bridges.%s.ssl_options needs mqtt.bridges.%s.tls = true",
			  b->name, b->name);
		return ERR_MALFORMED;
	}
	if (!b->tls_certfile[0] != !b->tls_keyfile[0]) {
		text_putf(why, "mqtt.bridges.%s.ssl_options: certfile and keyfile stand together",
			  b->name);
		return ERR_MALFORMED;
	}
	return check_psk(b, why);
}

static enum err check_one(const struct config_bridge *b, struct text *why)
{
	const char *lacks = !b->address[0] ? "address" : b->topics.n == 0 ? "topics.1" : NULL;
	if (lacks) {
		text_putf(why, "mqtt.bridges.%s.%s is missing", b->name, lacks);
		return ERR_MALFORMED;
	}
	if (b->restart_max_s < b->restart_s) {
		text_putf(why,
			  "mqtt.bridges.%s.restart_timeout_max is shorter than its "
			  "restart_timeout",
			  b->name);
		return ERR_MALFORMED;
	}
	if (b->password[0] && !b->username[0] && b->protocol != CONFIG_MQTT_V5) {
		text_putf(why, "mqtt.bridges.%s.password stands without a username", b->name);
		return ERR_MALFORMED;
	}
	TRY(check_note(b, why));
	TRY(check_lazy(b, why));
	return check_tls(b, why);
}

/* They would take the session over from each other for ever. What is unset is of a bridge alone. */
static bool have_one_session(const struct config_bridge *a, const struct config_bridge *b)
{
	bool is_here = a->local_client_id[0] || b->local_client_id[0];
	const char *one = is_here ? a->local_client_id : a->client_id;
	return one[0] && strcmp(one, is_here ? b->local_client_id : b->client_id) == 0;
}

enum err config_bridges_check(const struct config_bridges *all, struct text *why)
{
	for (uint32_t i = 0; i < all->n; i++) {
		TRY(check_one(&all->at[i], why));
		for (uint32_t k = 0; k < i; k++) {
			if (!have_one_session(&all->at[k], &all->at[i]))
				continue;
			text_putf(
				why,
				"mqtt.bridges.%s and mqtt.bridges.%s have one local_client_id, or "
				"one client_id and none",
				all->at[k].name, all->at[i].name);
			return ERR_MALFORMED;
		}
	}
	return ERR_OK;
}

static bool is_other(const struct config_bridge *a, const struct config_bridge *b)
{
	bool is_same = strcmp(a->name, b->name) == 0 && a->topics.n == b->topics.n;
	for (size_t i = 0; i < ROWS_N && is_same; i++) {
		const uint8_t *one = (const uint8_t *)a + rows[i].at;
		const uint8_t *two = (const uint8_t *)b + rows[i].at;
		if (rows[i].type == CONFIG_TYPE_STRING)
			is_same = strcmp((const char *)one, (const char *)two) == 0;
		else if (rows[i].type != CONFIG_TYPE_TOPICS)
			is_same = memcmp(one, two, rows[i].bytes) == 0;
	}
	for (uint32_t i = 0; i < a->topics.n && is_same; i++)
		is_same = strcmp(a->topics.at[i].line, b->topics.at[i].line) == 0;
	return !is_same;
}

bool config_bridges_differ(const struct config_bridges *a, const struct config_bridges *b)
{
	bool differ = a->n != b->n;
	for (uint32_t i = 0; i < a->n && !differ; i++)
		differ = is_other(&a->at[i], &b->at[i]);
	return differ;
}
