#include "node/config.h"

#include "base/near.h"
#include "base/text.h"
#include "node/config_value.h"

enum type {
	TYPE_BOOL,
	TYPE_INT,
	TYPE_BOUND,
	TYPE_BYTES,
	TYPE_RATIO,
	TYPE_STRING,
	TYPE_CHOICE,
	TYPE_CHOICES,
	TYPE_LISTENERS,
	TYPE_USERS
};

struct row {
	const char *key;
	enum type type;
	size_t at, bytes; /* of the field in a struct config */
	const char *value;
	int64_t min, max;
	const char *unit;
};

static const struct row rows[] = {
#define CONFIG(field, type, key, value, min, max, unit, prose) \
	{ key,                                                 \
	  TYPE_##type,                                         \
	  offsetof(struct config, field),                      \
	  sizeof((struct config *)0)->field,                   \
	  value,                                               \
	  min,                                                 \
	  max,                                                 \
	  unit },
#include "node/config.def"
#undef CONFIG
};
#define ROWS_N (sizeof rows / sizeof *rows)

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
	{ "definitions.local.path", "load_definitions" },
	{ "management.load_definitions", "load_definitions" },
};
#define ALIASES_N (sizeof aliases / sizeof *aliases)

/* What `near` offers for keys that go on with a name of the user's. */
static const char *const examples[] = { "listeners.tcp.default", "loopback_users.guest",
					"auth_mechanisms.1" };
#define EXAMPLES_N (sizeof examples / sizeof *examples)

static bool has_names(const struct row *row)
{
	return row->type == TYPE_LISTENERS || row->type == TYPE_USERS || row->type == TYPE_CHOICES;
}

/* goes_on: `key` is "base" or "base.NAME"; *out_name gets NAME, or nothing. */
static bool goes_on(struct slice key, struct slice base, struct slice *out_name)
{
	if (!slice_starts_with(key, base) || (key.n > base.n && key.p[base.n] != '.'))
		return false;
	*out_name = key.n > base.n ? slice_from(key, base.n + 1) : SLICE_EMPTY;
	return true;
}

static const struct row *row_find(struct slice key, struct slice *out_name)
{
	for (size_t i = 0; i < ALIASES_N; i++)
		if (slice_eq(key, slice_str(aliases[i][0])))
			key = slice_str(aliases[i][1]);
	*out_name = SLICE_EMPTY;
	for (size_t i = 0; i < ROWS_N; i++)
		if (has_names(&rows[i]) ? goes_on(key, slice_str(rows[i].key), out_name)
					: slice_eq(key, slice_str(rows[i].key)))
			return &rows[i];
	return NULL;
}

/* known_reason: why a setting of RabbitMQ has no effect here; NULL: it is no such setting. */
static const char *known_reason(struct slice key)
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

static const char *near_key(struct slice key)
{
	const char *names[EXAMPLES_N + ROWS_N + KNOWN_N];
	size_t n = 0;
	for (size_t i = 0; i < EXAMPLES_N; i++)
		names[n++] = examples[i];
	for (size_t i = 0; i < ROWS_N; i++)
		names[n++] = rows[i].key;
	for (size_t i = 0; i < KNOWN_N; i++)
		names[n++] = known[i].key;
	return near_name(key, names, n);
}

/* ---- fields ------------------------------------------------------------------------------- */

static bool name_is(const char *have, struct slice want)
{
	return slice_eq(slice_str(have), want);
}

static void name_put(char *out, struct slice name)
{
	memcpy(out, name.p, name.n);
	out[name.n] = '\0';
}

static enum err listener_name(struct slice name, struct text *why)
{
	if (name.n > 0 && name.n <= CONFIG_NAME_MAX)
		return ERR_OK;
	text_putf(why, "a listener's name has 1 to %d bytes, as in listeners.tcp.default",
		  CONFIG_NAME_MAX);
	return ERR_MALFORMED;
}

/* The first listener that anybody names takes the place of the built-in one; one of the same name
 * is overridden. */
static enum err set_listener(struct config_listeners *l, struct slice name, struct slice value,
			     struct text *why)
{
	if (name.n == 0 && slice_eq(value, slice_str("none"))) {
		*l = (struct config_listeners){ 0 };
		return ERR_OK;
	}
	if (name.n == 0) {
		text_puts(why,
			  "is none, or goes on with a name, as in listeners.tcp.default = 5672");
		return ERR_MALFORMED;
	}
	TRY(listener_name(name, why));
	struct config_listener one = { 0 };
	TRY(config_value_listener(value, &one, why));
	name_put(one.name, name);
	if (l->is_default)
		*l = (struct config_listeners){ 0 };
	uint32_t i = 0;
	while (i < l->n && !name_is(l->at[i].name, name))
		i++;
	if (i == CONFIG_LISTENERS_MAX) {
		text_putf(why, "there can be %d listeners", CONFIG_LISTENERS_MAX);
		return ERR_MALFORMED;
	}
	l->at[i] = one;
	l->n += i == l->n;
	return ERR_OK;
}

static enum err set_user(struct config_users *u, struct slice name, struct slice value,
			 struct text *why)
{
	bool is_in = false;
	if (name.n == 0 && slice_eq(value, slice_str("none"))) {
		u->n = 0;
		return ERR_OK;
	}
	if (name.n == 0 || name.n > CONFIG_STRING_MAX) {
		text_puts(why,
			  "is none, or goes on with a name, as in loopback_users.guest = true");
		return ERR_MALFORMED;
	}
	TRY(config_value_bool(value, &is_in, why));
	uint32_t i = 0;
	while (i < u->n && !name_is(u->at[i].name, name))
		i++;
	if (!is_in && i < u->n)
		u->at[i] = u->at[--u->n];
	if (!is_in || i < u->n)
		return ERR_OK;
	if (i == CONFIG_USERS_MAX) {
		text_putf(why, "there can be %d such users", CONFIG_USERS_MAX);
		return ERR_MALFORMED;
	}
	name_put(u->at[u->n++].name, name);
	return ERR_OK;
}

static enum err set_choice(struct config_choices *c, const struct row *row, struct slice name,
			   struct slice value, struct text *why)
{
	struct config_bounds bounds = { 1, CONFIG_CHOICES_MAX, "" };
	char room[CONFIG_STRING_MAX];
	struct text unsaid = text_of(room, sizeof room);
	int64_t number = 0;
	int place = 0;
	if (name.n == 0 && slice_eq(value, slice_str("none"))) {
		*c = (struct config_choices){ 0 };
		return ERR_OK;
	}
	if (config_value_int(name, bounds, &number, &unsaid) != ERR_OK) {
		text_putf(why, "is none, or goes on with a number from 1 to %d, as in %s.1 = ...",
			  CONFIG_CHOICES_MAX, row->key);
		return ERR_MALFORMED;
	}
	TRY(config_value_choice(value, row->unit, &place, why));
	if (c->is_default)
		*c = (struct config_choices){ 0 };
	c->at[number - 1] = (uint8_t)(place + 1);
	return ERR_OK;
}

/* The default of choices is some of them in an order. */
static void choices_default(struct config_choices *c, const struct row *row)
{
	char room[CONFIG_STRING_MAX];
	struct text unsaid = text_of(room, sizeof room);
	struct slice rest = slice_str(row->value);
	c->is_default = true;
	for (uint8_t i = 0; rest.n; i++) {
		int place = 0;
		size_t n = slice_find(rest, '|');
		enum err e = config_value_choice(slice_sub(rest, 0, n), row->unit, &place, &unsaid);
		must(i < CONFIG_CHOICES_MAX && e == ERR_OK);
		c->at[i] = (uint8_t)(place + 1);
		rest = slice_from(rest, n < rest.n ? n + 1 : n);
	}
}

struct slice config_choice(const char *words, uint8_t place)
{
	struct slice rest = slice_str(words);
	must(place > 0);
	for (size_t n = slice_find(rest, '|'); --place > 0; n = slice_find(rest, '|')) {
		must(n < rest.n);
		rest = slice_from(rest, n + 1);
	}
	return slice_sub(rest, 0, slice_find(rest, '|'));
}

static enum err set_field(struct config *c, const struct row *row, struct slice name,
			  struct slice value, struct text *why)
{
	void *field = (uint8_t *)c + row->at;
	struct config_bounds bounds = { row->min, row->max, row->unit };
	switch (row->type) {
	case TYPE_BOOL: return config_value_bool(value, field, why);
	case TYPE_INT: return config_value_int(value, bounds, field, why);
	case TYPE_BOUND: return config_value_bound(value, bounds, field, why);
	case TYPE_BYTES: return config_value_bytes(value, bounds, field, why);
	case TYPE_RATIO: return config_value_ratio(value, bounds, field, why);
	case TYPE_STRING: return config_value_string(value, bounds, field, why);
	case TYPE_CHOICE: return config_value_choice(value, row->unit, field, why);
	case TYPE_CHOICES: return set_choice(field, row, name, value, why);
	case TYPE_LISTENERS: return set_listener(field, name, value, why);
	case TYPE_USERS: return set_user(field, name, value, why);
	}
	must(!"every type has its reader");
	return ERR_MALFORMED;
}

/* ---- sources ------------------------------------------------------------------------------ */

void config_defaults(struct config *c)
{
	char room[256];
	struct text why = text_of(room, sizeof room);
	*c = (struct config){ 0 };
	for (size_t i = 0; i < ROWS_N; i++) {
		if (rows[i].type == TYPE_CHOICES) {
			choices_default((void *)((uint8_t *)c + rows[i].at), &rows[i]);
			continue;
		}
		if (rows[i].type == TYPE_LISTENERS && strcmp(rows[i].value, "none") == 0)
			continue;
		bool is_user = rows[i].type == TYPE_USERS;
		struct slice value = slice_str(rows[i].value);
		struct slice name = is_user ? value : slice_str("default");
		enum err e = set_field(c, &rows[i], name, is_user ? slice_str("true") : value,
				       &why);
		must(e == ERR_OK);
	}
	c->amqp.is_default = true;
}

static void put_source(struct text *why, struct config_source from)
{
	text_puts(why, from.name);
	if (from.line)
		text_putf(why, ":%u", from.line);
	text_puts(why, ": ");
}

static void keep(char *out, struct slice s)
{
	struct text t = text_of(out, CONFIG_STRING_MAX + 1);
	text_put_slice(&t, s);
}

static void note(struct config_notes *notes, struct config_source from, struct slice key,
		 const char *reason)
{
	if (notes->n++ >= CONFIG_NOTES_MAX)
		return;
	struct config_note *one = &notes->at[notes->n - 1];
	one->line = from.line;
	one->reason = reason;
	keep(one->source, slice_str(from.name));
	keep(one->key, key);
}

static enum err unknown(struct config_source from, struct slice key, struct text *why)
{
	const char *near = near_key(key);
	put_source(why, from);
	text_puts(why, "unknown key ");
	text_put_printable(why, key);
	if (near)
		text_putf(why, "; did you mean %s?", near);
	return ERR_MALFORMED;
}

enum err config_set(struct config *c, struct config_source from, struct slice key,
		    struct slice value, struct config_notes *notes, struct text *why)
{
	struct slice name;
	const struct row *row = row_find(key, &name);
	if (!row) {
		const char *reason = known_reason(key);
		if (!reason)
			return unknown(from, key, why);
		note(notes, from, key, reason);
		return ERR_OK;
	}
	char room[512];
	struct text reason = text_of(room, sizeof room);
	if (set_field(c, row, name, value, &reason) == ERR_OK)
		return ERR_OK;
	put_source(why, from);
	text_put_printable(why, key);
	text_putf(why, ": %s", room);
	return ERR_MALFORMED;
}

/* ---- the environment ---------------------------------------------------------------------- */

static uint8_t env_char(uint8_t c)
{
	return c == '.' ? '_' : c >= 'a' && c <= 'z' ? (uint8_t)(c - 0x20) : c;
}

/* env_key: how far `name` is the spelling of `key` in the environment; 0: not at all. */
static size_t env_key(struct slice name, const char *key)
{
	size_t n = 0;
	for (; key[n]; n++)
		if (n == name.n || name.p[n] != env_char((uint8_t)key[n]))
			return 0;
	return n;
}

static const struct row *env_row(struct slice name, struct slice *out_rest)
{
	for (size_t i = 0; i < ROWS_N; i++) {
		size_t n = env_key(name, rows[i].key);
		bool is_whole = n == name.n;
		if (n == 0 || (!is_whole && !(has_names(&rows[i]) && name.p[n] == '_')))
			continue;
		*out_rest = is_whole ? SLICE_EMPTY : slice_from(name, n + 1);
		return &rows[i];
	}
	return NULL;
}

static void put_lower(struct text *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		text_putc(out, (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 0x20 : s.p[i]));
}

/* The keys' dots are underscores here, so nearness is measured between such spellings. */
static const char *env_near(struct slice name)
{
	char spelled[CONFIG_STRING_MAX + 1], lower[CONFIG_STRING_MAX + 1];
	struct text want = text_of(lower, sizeof lower);
	put_lower(&want, name);
	for (size_t i = 0; i < ROWS_N; i++) {
		struct text key = text_of(spelled, sizeof spelled);
		for (const char *p = rows[i].key; *p; p++)
			text_putc(&key, *p == '.' ? '_' : *p);
		const char *const one = spelled;
		if (near_name(text_slice(&want), &one, 1))
			return rows[i].key;
	}
	return NULL;
}

enum err config_set_env(struct config *c, struct slice name, struct slice value, struct text *why)
{
	struct slice prefix = slice_str("GODWIT_"), rest;
	char key[2 * CONFIG_STRING_MAX], source[CONFIG_STRING_MAX + 1];
	if (!slice_starts_with(name, prefix))
		return ERR_OK;
	keep(source, name);
	struct slice mine = slice_from(name, prefix.n);
	const struct row *row = env_row(mine, &rest);
	if (row) {
		struct text t = text_of(key, sizeof key);
		text_puts(&t, row->key);
		if (rest.n)
			text_putc(&t, '.');
		put_lower(&t, rest);
		return config_set(c, (struct config_source){ source, 0 }, text_slice(&t), value,
				  NULL, why);
	}
	const char *near = env_near(mine);
	if (!near)
		return ERR_OK;
	text_put_printable(why, name);
	text_putf(why, ": no setting is called so; did you mean %s?", near);
	return ERR_MALFORMED;
}

/* ---- together ----------------------------------------------------------------------------- */

enum err config_check(const struct config *c, struct text *why)
{
	if (c->initial_frame_max > c->frame_max) {
		text_puts(why, "initial_frame_max is larger than frame_max; lower it");
		return ERR_MALFORMED;
	}
	if (c->journal_segment_bytes < 4 * (int64_t)LIMIT_RECORD_BYTES_MAX) {
		text_puts(why, "journal.segment_size is too small for the largest records");
		return ERR_MALFORMED;
	}
	for (uint32_t i = 0; i < c->amqp.n; i++)
		for (uint32_t j = 0; j < i; j++) {
			const struct config_listener *a = &c->amqp.at[i], *b = &c->amqp.at[j];
			if (a->port == 0 || a->port != b->port ||
			    !name_is(a->host, slice_str(b->host)))
				continue;
			text_putf(why,
				  "listeners.tcp.%s and listeners.tcp.%s have the same address; "
				  "take one out",
				  b->name, a->name);
			return ERR_MALFORMED;
		}
	if (slice_find(slice_str(c->control_socket), '/') < strlen(c->control_socket)) {
		text_puts(why, "control_socket is a name in the data directory, without a slash");
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

/* Bytes behind the end of a string may differ without meaning anything. */
static bool is_changed(const struct row *row, const struct config *a, const struct config *b)
{
	const uint8_t *one = (const uint8_t *)a + row->at, *other = (const uint8_t *)b + row->at;
	if (row->type == TYPE_STRING)
		return !slice_eq(slice_str((const char *)one), slice_str((const char *)other));
	return memcmp(one, other, row->bytes) != 0;
}

void config_changes(const struct config *a, const struct config *b, struct text *out)
{
	size_t before = out->n;
	for (size_t i = 0; i < ROWS_N; i++)
		if (is_changed(&rows[i], a, b))
			text_putf(out, "%s%s", out->n > before ? " " : "", rows[i].key);
	if (out->n == before)
		text_puts(out, "none");
}

bool config_is_loopback_only(const struct config *c, struct slice user)
{
	for (uint32_t i = 0; i < c->loopback_users.n; i++)
		if (name_is(c->loopback_users.at[i].name, user))
			return true;
	return false;
}
