#include "node/config.h"

#include "base/text.h"
#include "node/config_bridge.h"
#include "node/config_rows.h"
#include "node/config_value.h"

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

/* One address, whose parts have keys of their own. What RabbitMQ opens by default is there. */
static enum err set_endpoint(struct config_listeners *l, const struct config_row *row,
			     struct slice name, struct slice value, struct text *why)
{
	struct config_listener one = l->n ? l->at[0] : (struct config_listener){ .name = "port" };
	struct config_bounds port_bounds = { row->min, row->max, "" };
	bool is_whole = name.n == 0 || slice_eq(name, slice_str("listener"));
	int64_t port = one.port;
	if (is_whole && slice_eq(value, slice_str("none"))) {
		*l = (struct config_listeners){ 0 };
		return ERR_OK;
	}
	if (name.n == 0) {
		text_putf(why, "is none, or goes on, as in %s.port = 8080", row->key);
		return ERR_MALFORMED;
	}
	if (slice_eq(name, slice_str("port"))) {
		TRY(config_value_int(value, port_bounds, &port, why));
		one.port = (uint16_t)port;
	} else if (is_whole) {
		TRY(config_value_listener(value, &one, why));
	} else if (l->n == 0) {
		text_putf(why, "stands below %s.port, which says where it is open", row->key);
		return ERR_MALFORMED;
	} else {
		TRY(config_value_host(value, &one, why));
	}
	l->at[0] = one;
	l->n = 1;
	return ERR_OK;
}

static enum err set_text(struct config_texts *t, const struct config_row *row, struct slice name,
			 struct slice value, struct text *why)
{
	struct config_bounds bounds = { row->min, row->max, "" };
	if (name.n == 0 && slice_eq(value, slice_str("none"))) {
		t->n = 0;
		return ERR_OK;
	}
	if (name.n == 0 || name.n > CONFIG_NAME_MAX) {
		text_putf(why, "is none, or goes on with a name, as in %s.1 = ...", row->key);
		return ERR_MALFORMED;
	}
	uint32_t i = 0;
	while (i < t->n && !name_is(t->names[i], name))
		i++;
	if (i == CONFIG_TEXTS_MAX) {
		text_putf(why, "there can be %d of them", CONFIG_TEXTS_MAX);
		return ERR_MALFORMED;
	}
	TRY(config_value_string(value, bounds, t->at[i], why));
	name_put(t->names[i], name);
	t->n += i == t->n;
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

static enum err set_choice(struct config_choices *c, const struct config_row *row,
			   struct slice name, struct slice value, struct text *why)
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
static void choices_default(struct config_choices *c, const struct config_row *row)
{
	char room[CONFIG_STRING_MAX];
	struct text unsaid = text_of(room, sizeof room);
	struct slice rest = slice_str(row->value);
	c->is_default = true;
	for (uint8_t i = 0; rest.n; i++) {
		int place = 0;
		enum err e = config_value_choice(slice_cut(&rest, '|'), row->unit, &place, &unsaid);
		must(i < CONFIG_CHOICES_MAX && e == ERR_OK);
		c->at[i] = (uint8_t)(place + 1);
	}
}

struct slice config_choice(const char *words, uint8_t place)
{
	struct slice rest = slice_str(words);
	must(place > 0);
	while (--place > 0) {
		(void)slice_cut(&rest, '|');
		must(rest.n > 0);
	}
	return slice_cut(&rest, '|');
}

enum err config_field_set(void *all, const struct config_row *row, struct config_source from,
			  struct slice name, struct slice value, struct text *why)
{
	void *field = (uint8_t *)all + row->at;
	struct config_bounds bounds = { row->min, row->max, row->unit };
	switch (row->type) {
	case CONFIG_TYPE_BOOL: return config_value_bool(value, field, why);
	case CONFIG_TYPE_INT: return config_value_int(value, bounds, field, why);
	case CONFIG_TYPE_BOUND: return config_value_bound(value, bounds, field, why);
	case CONFIG_TYPE_BYTES: return config_value_bytes(value, bounds, field, why);
	case CONFIG_TYPE_RATIO: return config_value_ratio(value, bounds, field, why);
	case CONFIG_TYPE_STRING: return config_value_string(value, bounds, field, why);
	case CONFIG_TYPE_CHOICE: return config_value_choice(value, row->unit, field, why);
	case CONFIG_TYPE_CHOICES: return set_choice(field, row, name, value, why);
	case CONFIG_TYPE_LISTENERS: return set_listener(field, name, value, why);
	case CONFIG_TYPE_ENDPOINT: return set_endpoint(field, row, name, value, why);
	case CONFIG_TYPE_TEXTS: return set_text(field, row, name, value, why);
	case CONFIG_TYPE_USERS: return set_user(field, name, value, why);
	case CONFIG_TYPE_LIMITS: return config_limits_set(field, row, name, value, why);
	case CONFIG_TYPE_DIALECTS: return config_dialect_set(field, row, from, name, value, why);
	case CONFIG_TYPE_WORDS: return config_words_set(field, row, from, name, value, why);
	case CONFIG_TYPE_TOPICS: return config_topics_set(field, name, value, why);
	case CONFIG_TYPE_BRIDGES: return config_bridges_set(field, name, value, why);
	}
	must(!"every type has its reader");
	return ERR_MALFORMED;
}

/* ---- sources ------------------------------------------------------------------------------ */

static void set_default(struct config *c, const struct config_row *row)
{
	char room[256];
	struct text why = text_of(room, sizeof room);
	struct slice value = slice_str(row->value), name = slice_str("default");
	void *field = (uint8_t *)c + row->at;
	if (row->type == CONFIG_TYPE_CHOICES) {
		choices_default(field, row);
		return;
	}
	bool is_listening = config_row_is_listening(row);
	bool is_empty = is_listening || row->type == CONFIG_TYPE_TEXTS ||
			row->type == CONFIG_TYPE_DIALECTS || row->type == CONFIG_TYPE_BRIDGES ||
			row->type == CONFIG_TYPE_LIMITS || row->type == CONFIG_TYPE_WORDS;
	if (is_empty && slice_eq(value, slice_str("none")))
		return;
	if (row->type == CONFIG_TYPE_ENDPOINT)
		name = slice_str("port");
	if (row->type == CONFIG_TYPE_USERS) {
		name = value;
		value = slice_str("true");
	}
	enum err e = config_field_set(c, row, (struct config_source){ "", 0 }, name, value, &why);
	must(e == ERR_OK);
	if (is_listening)
		((struct config_listeners *)field)->is_default = true;
}

void config_defaults(struct config *c)
{
	memset(c, 0, offsetof(struct config, bridges) + sizeof c->bridges.n);
	for (size_t i = 0; i < config_rows_n; i++)
		set_default(c, &config_rows[i]);
}

void config_put_source(struct text *why, struct config_source from)
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
	const char *near = config_near_key(key);
	config_put_source(why, from);
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
	const struct config_row *row = config_row_find(key, &name);
	if (!row) {
		const char *reason = config_known_reason(key);
		if (!reason)
			return unknown(from, key, why);
		note(notes, from, key, reason);
		return ERR_OK;
	}
	char room[512];
	struct text reason = text_of(room, sizeof room);
	if (config_field_set(c, row, from, name, value, &reason) == ERR_OK)
		return ERR_OK;
	config_put_source(why, from);
	text_put_printable(why, key);
	text_putf(why, ": %s", room);
	return ERR_MALFORMED;
}

/* ---- together ----------------------------------------------------------------------------- */

static const struct config_listeners *listeners_of(const struct config *c, size_t i)
{
	static const struct config_listeners none;
	return config_row_is_listening(&config_rows[i])
		       ? (const void *)((const uint8_t *)c + config_rows[i].at)
		       : &none;
}

static bool is_same_address(const struct config_listener *a, const struct config_listener *b)
{
	return a->port != 0 && a->port == b->port && name_is(a->host, slice_str(b->host));
}

/* refuse_same looks for the address of row i's listener k among those of row j, as far as `end`. */
static enum err refuse_same(const struct config *c, size_t i, uint32_t k, size_t j, uint32_t end,
			    struct text *why)
{
	const struct config_listener *a = &listeners_of(c, i)->at[k];
	const struct config_listener *b = listeners_of(c, j)->at;
	for (; end > 0; end--, b++)
		if (is_same_address(a, b)) {
			text_putf(why, "%s.%s and %s.%s have the same address; take one out",
				  config_rows[j].key, b->name, config_rows[i].key, a->name);
			return ERR_MALFORMED;
		}
	return ERR_OK;
}

static enum err check_addresses(const struct config *c, struct text *why)
{
	for (size_t i = 0; i < config_rows_n; i++)
		for (uint32_t k = 0; k < listeners_of(c, i)->n; k++)
			for (size_t j = 0; j <= i; j++)
				TRY(refuse_same(c, i, k, j, j < i ? listeners_of(c, j)->n : k,
						why));
	return ERR_OK;
}

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
	if (slice_find(slice_str(c->control_socket), '/') < strlen(c->control_socket)) {
		text_puts(why, "control_socket is a name in the data directory, without a slash");
		return ERR_MALFORMED;
	}
	TRY(config_dialects_check(c, why));
	TRY(config_bridges_check(&c->bridges, why));
	return check_addresses(c, why);
}

/* Bytes behind the end of a string may differ without meaning anything. */
static bool is_changed(const struct config_row *row, const struct config *a, const struct config *b)
{
	const uint8_t *one = (const uint8_t *)a + row->at, *other = (const uint8_t *)b + row->at;
	if (row->type == CONFIG_TYPE_STRING)
		return !slice_eq(slice_str((const char *)one), slice_str((const char *)other));
	if (row->type == CONFIG_TYPE_DIALECTS)
		return !config_dialects_same((const void *)one, (const void *)other);
	if (row->type == CONFIG_TYPE_WORDS)
		return !config_words_same((const void *)one, (const void *)other);
	if (row->type == CONFIG_TYPE_BRIDGES)
		return config_bridges_differ(&a->bridges, &b->bridges);
	return memcmp(one, other, row->bytes) != 0;
}

void config_changes(const struct config *a, const struct config *b, struct text *out)
{
	size_t before = out->n;
	for (size_t i = 0; i < config_rows_n; i++)
		if (is_changed(&config_rows[i], a, b))
			text_putf(out, "%s%s", out->n > before ? " " : "", config_rows[i].key);
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
