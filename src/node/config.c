#include "node/config.h"

#include "base/text.h"
#include "node/config_bridge.h"
#include "node/config_lists.h"
#include "node/config_value.h"

/* ---- fields ------------------------------------------------------------------------------- */

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
	case CONFIG_TYPE_CHOICES: return config_choice_set(field, row, name, value, why);
	case CONFIG_TYPE_LISTENERS: return config_listener_set(field, name, value, why);
	case CONFIG_TYPE_ENDPOINT: return config_endpoint_set(field, row, name, value, why);
	case CONFIG_TYPE_TEXTS: return config_text_set(field, row, name, value, why);
	case CONFIG_TYPE_USERS: return config_user_set(field, name, value, why);
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
		config_choices_default(field, row);
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

void config_source_put(struct text *t, struct config_source from)
{
	must(from.name != NULL);
	text_puts(t, from.name);
	if (from.line)
		text_putf(t, ":%u", from.line);
}

static void note(struct config_notes *notes, struct config_source from, struct slice key,
		 const char *reason)
{
	if (notes->n++ >= CONFIG_NOTES_MAX)
		return;
	struct config_note *one = &notes->at[notes->n - 1];
	one->line = from.line;
	one->reason = reason;
	config_name_put(one->source, sizeof one->source, slice_str(from.name));
	config_name_put(one->key, sizeof one->key, key);
}

static enum err unknown(struct config_source from, struct slice key, struct text *why)
{
	const char *near = config_near_key(key);
	config_source_put(why, from);
	if (key.n == 0) {
		text_puts(why, ": there is no key before the =");
		return ERR_MALFORMED;
	}
	text_puts(why, ": unknown key ");
	text_put_printable(why, key);
	if (near)
		text_putf(why, "; did you mean %s?", near);
	else
		text_puts(why, "; godwit.conf(5) has them all");
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
	config_source_put(why, from);
	text_puts(why, ": ");
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
	return a->port != 0 && a->port == b->port && strcmp(a->host, b->host) == 0;
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
	const struct config_users *u = &c->loopback_users;
	return config_place(u->at, sizeof *u->at, u->n, user) < u->n;
}
