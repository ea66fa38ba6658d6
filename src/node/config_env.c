#include "base/near.h"
#include "base/text.h"
#include "node/config_rows.h"

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

static const struct config_row *env_row(struct slice name, struct slice *out_rest)
{
	for (size_t i = 0; i < config_rows_n; i++) {
		size_t n = env_key(name, config_rows[i].key);
		bool is_whole = n == name.n;
		if (n == 0 ||
		    (!is_whole && !(config_row_has_names(&config_rows[i]) && name.p[n] == '_')))
			continue;
		*out_rest = is_whole ? SLICE_EMPTY : slice_from(name, n + 1);
		return &config_rows[i];
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
	for (size_t i = 0; i < config_rows_n; i++) {
		struct text key = text_of(spelled, sizeof spelled);
		for (const char *p = config_rows[i].key; *p; p++)
			text_putc(&key, *p == '.' ? '_' : *p);
		const char *const one = spelled;
		if (near_name(text_slice(&want), &one, 1))
			return config_rows[i].key;
	}
	return NULL;
}

enum err config_set_env(struct config *c, struct slice name, struct slice value, struct text *why)
{
	struct slice prefix = slice_str("GODWIT_"), rest;
	char key[2 * CONFIG_STRING_MAX], source[CONFIG_STRING_MAX + 1];
	if (!slice_starts_with(name, prefix))
		return ERR_OK;
	struct text whole = text_of(source, sizeof source);
	text_put_slice(&whole, name);
	struct slice mine = slice_from(name, prefix.n);
	const struct config_row *row = env_row(mine, &rest);
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
