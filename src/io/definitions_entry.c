#include "io/definitions_entry.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/wr.h"
#include "io/pattern.h"
#include "session/manage/item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- out ---------------------------------------------------------------------------------- */

/* Makes the block at *p at least `want` bytes. */
static enum err grow(void **p, size_t *cap, size_t want)
{
	size_t to = *cap ? *cap : 65536;
	while (to < want)
		to *= 2;
	void *more = to > *cap ? realloc(*p, to) : *p;
	if (!more)
		return ERR_RESOURCE_ERROR;
	*p = more;
	*cap = to;
	return ERR_OK;
}

enum err definitions_add(struct definitions *d, uint8_t kind, struct slice vhost, struct slice body)
{
	size_t len = 1 + (kind == ITEM_FACT ? 0 : 1 + vhost.n) + body.n;
	void *p = d->items;
	if (len + 4 > ITEM_BYTES_MAX)
		return ERR_LIMIT;
	TRY(grow(&p, &d->cap, d->n + len + 8));
	d->items = p;
	struct wr w = wr_of(d->items + d->n, d->cap - d->n);
	wr_le32(&w, (uint32_t)len);
	wr_u8(&w, kind);
	if (kind != ITEM_FACT)
		wr_str8(&w, vhost);
	wr_slice(&w, body);
	d->n += w.n;
	d->items_n++;
	return ERR_OK;
}

enum err definitions_end(struct definitions *d)
{
	void *p = d->items;
	TRY(grow(&p, &d->cap, d->n + 4));
	d->items = p;
	memset(d->items + d->n, 0, 4);
	d->n += 4;
	return ERR_OK;
}

enum err definitions_note(const struct entry *e, const char *what, const char *name)
{
	struct definitions *d = e->d;
	void *p = d->notes;
	TRY(grow(&p, &d->notes_cap, d->notes_n + 600));
	d->notes = p;
	int n = snprintf(d->notes + d->notes_n, 600, "%s[%d]: %s %.400s\n", e->section, e->at, what,
			 name);
	d->notes_n += (size_t)n;
	d->noted_n++;
	return ERR_OK;
}

enum err definitions_leave_out(const struct entry *e, const char *reason)
{
	e->d->refused_n++;
	return definitions_note(e, "is left out:", reason);
}

enum err definitions_refuse(const struct entry *e, const char *what, const char *name)
{
	text_putf(e->why, "%s[%d]: %s %s", e->section, e->at, what, name);
	return ERR_MALFORMED;
}

enum err definitions_fact(const struct entry *e, const struct fact *f)
{
	static uint8_t buf[FACT_BYTES_MAX];
	uint32_t n = f->value.n > FACT_VALUE_MAX ? 0 : fact_put(f, buf, sizeof buf);
	return n ? definitions_add(e->d, ITEM_FACT, SLICE_EMPTY, slice_of(buf, n))
		 : definitions_refuse(e, "is too large:", fact_word(f->kind));
}

/* ---- what is kept as it is ---------------------------------------------------------------- */

/* A thing's number, by which it is found again: in the file, and by the next import. */
static uint64_t number_of(const char *section, struct slice vhost, struct slice name)
{
	static const struct hash_key key = { 0x6b65707420617320, 0x6974206361756d65 };
	const uint64_t parts[] = { hash_slice(key, slice_str(section)), hash_slice(key, vhost),
				   hash_slice(key, name) };
	return hash_slice(key, slice_of(parts, sizeof parts));
}

enum err definitions_keep(const struct entry *e, struct slice vhost, struct slice name,
			  const char *reason)
{
	const uint64_t number = number_of(e->section, vhost, name);
	struct definitions *d = e->d;
	char word[20];
	void *p = d->kept;
	TRY(grow(&p, &d->kept_cap, (d->kept_n + 1) * sizeof *d->kept));
	d->kept = p;
	d->kept[d->kept_n++] = number;
	char *json = cJSON_PrintUnformatted(e->in);
	if (!json)
		return ERR_RESOURCE_ERROR;
	(void)snprintf(word, sizeof word, "%016llx", (unsigned long long)number);
	struct fact f = fact_of(FACT_UNKNOWN, slice_str(e->section), slice_str(word), SLICE_EMPTY);
	f.value = slice_str(json);
	enum err err = definitions_fact(e, &f);
	free(json);
	if (err != ERR_OK)
		return err;
	d->refused_n++;
	return definitions_note(e, "is left out, but kept for an export:", reason);
}

bool definitions_is_kept(const struct definitions *d, const char *section, struct slice vhost,
			 struct slice name)
{
	if (d->kept_n == 0)
		return false;
	const uint64_t number = number_of(section, vhost, name);
	for (size_t i = 0; i < d->kept_n; i++)
		if (d->kept[i] == number)
			return true;
	return false;
}

/* ---- members ------------------------------------------------------------------------------ */

/* A name: there, a string, of at most 255 bytes. */
enum err entry_name(const struct entry *e, const char *member, struct slice *out)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(e->in, member);
	if (!cJSON_IsString(v))
		return definitions_refuse(e, "needs the string", member);
	*out = slice_str(v->valuestring);
	return out->n <= LIMIT_SHORTSTR
		       ? ERR_OK
		       : definitions_refuse(e, "has more than 255 bytes in", member);
}

struct slice entry_string(const struct entry *e, const char *member)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(e->in, member);
	return cJSON_IsString(v) ? slice_str(v->valuestring) : SLICE_EMPTY;
}

bool entry_is_true(const struct entry *e, const char *member)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(e->in, member));
}

bool entry_is_pattern(const char *member, struct slice expr, struct text *why)
{
	char room[300];
	struct text reason = text_of(room, sizeof room);
	if (pattern_check(expr, &reason) == ERR_OK)
		return true;
	text_putf(why, "%s is no regular expression: %s", member, room);
	return false;
}

/* Members that nobody reads are named. `known` ends with NULL. */
enum err entry_note_others(const struct entry *e, const char *const *known)
{
	for (const cJSON *v = e->in->child; v; v = v->next) {
		bool is_known = false;
		for (const char *const *k = known; *k && !is_known; k++)
			is_known = strcmp(*k, v->string) == 0;
		if (!is_known)
			TRY(definitions_note(
				e, "has an unknown member, which is left out:", v->string));
	}
	return ERR_OK;
}
