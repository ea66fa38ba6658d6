#include "node/config_rows.h"

#include "base/near.h"

const struct config_row config_rows[] = {
#define CONFIG(field, type, key, value, min, max, unit, prose) \
	{ key,                                                 \
	  CONFIG_TYPE_##type,                                  \
	  offsetof(struct config, field),                      \
	  sizeof((struct config *)0)->field,                   \
	  value,                                               \
	  min,                                                 \
	  max,                                                 \
	  unit },
#include "node/config.def"
#undef CONFIG
};
const size_t config_rows_n = sizeof config_rows / sizeof *config_rows;
#define ROWS_N (sizeof config_rows / sizeof *config_rows)

static const struct {
	const char *key, *reason;
} known[] = {
#define KNOWN(key, prose) { key, prose },
#include "node/config_known.def"
#undef KNOWN
};
#define KNOWN_N (sizeof known / sizeof *known)

/* Names that newer versions of RabbitMQ have for the same thing. */
static const char *const aliases[][2] = {
	{ "max_channels_per_connection", "channel_max" },
	{ "max_connections", "connection_max" },
	{ "web_stomp.port", "web_stomp.tcp.port" },
	{ "definitions.local.path", "load_definitions" },
	{ "management.load_definitions", "load_definitions" },
};
#define ALIASES_N (sizeof aliases / sizeof *aliases)

/* What `near` offers for keys that go on with a name of the user's. */
static const char *const examples[] = { "listeners.tcp.default",    "loopback_users.guest",
					"auth_mechanisms.1",        "web_amqp.tcp.port",
					"web_mqtt.tcp.port",        "web_stomp.tcp.port",
					"mqtt.bridges.NAME.address" };
#define EXAMPLES_N (sizeof examples / sizeof *examples)

bool config_row_has_names(const struct config_row *row)
{
	return config_row_is_listening(row) || row->type == CONFIG_TYPE_USERS ||
	       row->type == CONFIG_TYPE_CHOICES || row->type == CONFIG_TYPE_TEXTS ||
	       row->type == CONFIG_TYPE_DIALECTS || row->type == CONFIG_TYPE_BRIDGES ||
	       row->type == CONFIG_TYPE_LIMITS || row->type == CONFIG_TYPE_WORDS;
}

bool config_row_is_listening(const struct config_row *row)
{
	return row->type == CONFIG_TYPE_LISTENERS || row->type == CONFIG_TYPE_ENDPOINT;
}

/* goes_on: `key` is "base" or "base.NAME"; *out_name gets NAME, or nothing. */
static bool goes_on(struct slice key, struct slice base, struct slice *out_name)
{
	if (!slice_starts_with(key, base) || (key.n > base.n && key.p[base.n] != '.'))
		return false;
	*out_name = key.n > base.n ? slice_from(key, base.n + 1) : SLICE_EMPTY;
	return true;
}

/* An endpoint has few names: what else RabbitMQ has there may stand in the other table. */
static bool is_of_row(const struct config_row *row, struct slice key, struct slice *out_name)
{
	if (!config_row_has_names(row))
		return slice_eq(key, slice_str(row->key));
	if (!goes_on(key, slice_str(row->key), out_name))
		return false;
	struct slice end = slice_str(CONFIG_DIALECT_END);
	if (row->type == CONFIG_TYPE_DIALECTS)
		return out_name->n > end.n &&
		       slice_eq(slice_from(*out_name, out_name->n - end.n), end);
	return row->type != CONFIG_TYPE_ENDPOINT || out_name->n == 0 ||
	       slice_eq(*out_name, slice_str("port")) || slice_eq(*out_name, slice_str("ip")) ||
	       slice_eq(*out_name, slice_str("listener"));
}

const struct config_row *config_row_find(struct slice key, struct slice *out_name)
{
	for (size_t i = 0; i < ALIASES_N; i++)
		if (slice_eq(key, slice_str(aliases[i][0])))
			key = slice_str(aliases[i][1]);
	for (size_t i = 0; i < ROWS_N; i++) {
		*out_name = SLICE_EMPTY;
		if (is_of_row(&config_rows[i], key, out_name))
			return &config_rows[i];
	}
	return NULL;
}

const char *config_known_reason(struct slice key)
{
	for (size_t i = 0; i < KNOWN_N; i++) {
		struct slice base = slice_str(known[i].key), name;
		bool is_family = base.n > 2 && base.p[base.n - 1] == '*';
		if (is_family)
			base.n -= 2;
		if (is_family ? goes_on(key, base, &name) : slice_eq(key, base))
			return known[i].reason;
	}
	return NULL;
}

const char *config_near_key(struct slice key)
{
	const char *names[EXAMPLES_N + ROWS_N + KNOWN_N];
	size_t n = 0;
	for (size_t i = 0; i < EXAMPLES_N; i++)
		names[n++] = examples[i];
	for (size_t i = 0; i < ROWS_N; i++)
		names[n++] = config_rows[i].key;
	for (size_t i = 0; i < KNOWN_N; i++)
		names[n++] = known[i].key;
	return near_name(key, names, n);
}
