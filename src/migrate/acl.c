#include "migrate/model.h"

#include "base/limits.h"

enum { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_DENY = 4 };

/* A line of the file. */
struct acl {
	struct acl *next;
	struct slice user; /* empty: who gives no name */
	struct slice filter;
	struct place at;
	uint8_t access;
	bool is_pattern; /* of everybody */
};

struct reader {
	struct migration *m;
	const struct security *security;
	struct acl *first, **end;
	struct slice user;
};

static bool is(struct slice s, const char *word)
{
	return slice_eq(s, slice_str(word));
}

/* 0: it is no word for that. */
static uint8_t access_of(struct slice word)
{
	if (is(word, "read"))
		return ACCESS_READ;
	if (is(word, "write"))
		return ACCESS_WRITE;
	if (is(word, "readwrite"))
		return ACCESS_READ | ACCESS_WRITE;
	return is(word, "deny") ? ACCESS_DENY : 0;
}

/* What a key cannot tell apart. */
static void note_dots(struct migration *m, const struct acl *a)
{
	bool has_wildcard = slice_find(a->filter, '+') < a->filter.n ||
			    (a->is_pattern && filter_has(a->filter, "%c"));
	if (slice_find(a->filter, '.') < a->filter.n)
		migrate_note(m, a->at, a->filter, FATE_CHANGED,
			     "a dot separates levels as a slash does, so it means topics with a "
			     "slash there, too");
	else if (a->access == ACCESS_DENY && has_wildcard)
		migrate_note(m, a->at, a->filter, FATE_CHANGED,
			     "a dot separates levels as a slash does, so a topic with a dot in "
			     "such a level is not denied by it");
}

static enum err take_topic(struct reader *r, struct place at, struct slice line, bool is_pattern)
{
	struct slice rest = line, word = word_of(&rest);
	uint8_t access = rest.n > 0 ? access_of(word) : ACCESS_READ | ACCESS_WRITE;
	struct acl *own = hoard_get(&r->m->hoard, sizeof *own);
	if (!own)
		return ERR_RESOURCE_ERROR;
	own->user = r->user;
	own->filter = rest.n > 0 ? rest : word;
	own->at = at;
	own->access = access;
	own->is_pattern = is_pattern;
	if (access == 0 || !filter_is_good(own->filter)) {
		migrate_note(r->m, at, line, FATE_LOST,
			     access == 0 ? "read, write, readwrite or deny is wanted before the "
					   "topic"
					 : "that is no topic filter, so nothing fits it");
		return ERR_OK;
	}
	note_dots(r->m, own);
	r->m->kept_n++;
	*r->end = own;
	r->end = &own->next;
	return ERR_OK;
}

static enum err take_line(struct reader *r, struct place at, struct slice line)
{
	struct slice rest = line, word = word_of(&rest);
	if (is(word, "topic"))
		return take_topic(r, at, rest, false);
	if (is(word, "pattern"))
		return take_topic(r, at, rest, true);
	if (!is(word, "user") || rest.n == 0 || rest.n > LIMIT_SHORTSTR) {
		migrate_note(r->m, at, line, FATE_LOST, "topic, pattern or user is wanted");
		return ERR_OK;
	}
	r->user = rest;
	return migrate_user(r->m, rest, at, r->security) ? ERR_OK : ERR_RESOURCE_ERROR;
}

/* ---- users -------------------------------------------------------------------------------- */

/* May a pattern be filled in for him? */
static bool fits_patterns(const struct user *u)
{
	return slice_find(u->name, '+') == u->name.n && slice_find(u->name, '#') == u->name.n;
}

/* A level cannot be had by a name that would be several. */
static bool can_be_level(const struct user *u)
{
	return slice_find(u->name, '/') == u->name.n && slice_find(u->name, '.') == u->name.n;
}

static bool is_his(const struct acl *a, const struct user *u)
{
	bool is_named = !u->is_anonymous, wants_name = filter_has(a->filter, "%u");
	if (a->is_pattern)
		return fits_patterns(u) && (!wants_name || (is_named && can_be_level(u)));
	return is_named ? slice_eq(a->user, u->name) : a->user.n == 0;
}

static bool add(struct reader *r, struct user *u, const struct acl *a)
{
	struct hoard *h = &r->m->hoard;
	struct right rule = {
		.filter = { .text = a->filter, .user = u->name, .has_variables = a->is_pattern },
		.is_allowed = a->access != ACCESS_DENY
	};
	bool is_good = true;
	if (a->access & (ACCESS_READ | ACCESS_DENY))
		is_good = rights_add(&u->read, h, &rule);
	if (a->access & (ACCESS_WRITE | ACCESS_DENY))
		is_good = is_good && rights_add(&u->write, h, &rule);
	return is_good;
}

/* His own lines come first, then the patterns; and what is denied first, in both. */
static enum err give(struct reader *r, struct user *u)
{
	u->is_ruled = true;
	for (int step = 0; step < 4; step++)
		for (const struct acl *a = r->first; a; a = a->next)
			if (a->is_pattern == (step >= 2) &&
			    (a->access == ACCESS_DENY) == (step % 2 == 0) && is_his(a, u) &&
			    !add(r, u, a))
				return ERR_RESOURCE_ERROR;
	bool is_left_out = false;
	for (const struct acl *a = r->first; a && !can_be_level(u); a = a->next)
		is_left_out = is_left_out || (a->is_pattern && filter_has(a->filter, "%u"));
	if (is_left_out)
		migrate_note(r->m, u->place, u->name, FATE_LOST,
			     "patterns with %u in them mean nothing for him: his name has a slash "
			     "or a dot, which separate levels");
	return ERR_OK;
}

enum err acl_read(struct migration *m, const struct security *s)
{
	struct lines l = { .at = { s->acl_file, 0 } };
	struct reader r = { .m = m, .security = s };
	struct slice line;
	r.end = &r.first;
	TRY(migrate_read(m, s->acl_place, s->acl_file, &l.rest));
	while (lines_next(&l, &line))
		if (line.n > 0 && line.p[0] != '#')
			TRY(take_line(&r, l.at, line));
	for (struct user *u = m->users; u; u = u->next)
		if (u->security == s && !u->is_of_dynsec)
			TRY(give(&r, u));
	return ERR_OK;
}
