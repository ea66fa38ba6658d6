#include "migrate/model.h"

static const char *const words[FATE_N] = {
	[FATE_CHANGED] = "changed", [FATE_NEEDLESS] = "needless", [FATE_LOST] = "lost"
};

static void put_place(struct page *to, struct place at)
{
	page_put_shown(to, at.file);
	page_puts(to, ":");
	if (at.line > 0) {
		page_putn(to, at.line);
		page_puts(to, ":");
	}
	page_puts(to, " ");
}

void migrate_note(struct migration *m, struct place at, struct slice what, enum fate fate,
		  const char *why)
{
	must(fate < FATE_N);
	m->fates[fate]++;
	put_place(&m->report, at);
	page_put_shown(&m->report, what);
	page_puts(&m->report, ": ");
	page_puts(&m->report, words[fate]);
	page_puts(&m->report, ": ");
	page_puts(&m->report, why);
	page_puts(&m->report, "\n");
}

enum err migrate_read(struct migration *m, struct place at, struct slice path, struct slice *out)
{
	struct migrate_files *f = m->setup->files;
	char room[300];
	struct text why = text_of(room, sizeof room);
	if (f->ops->read(f, path, out, &why))
		return ERR_OK;
	text_put_printable(m->why, path);
	text_puts(m->why, ": ");
	text_puts(m->why, room);
	if (at.file.n > 0) {
		text_puts(m->why, ", named in ");
		text_put_printable(m->why, at.file);
		text_putf(m->why, ":%u", at.line);
	}
	return ERR_NOT_FOUND;
}

bool migrate_set(struct migration *m, const char *key, struct slice value)
{
	for (const struct setting *s = m->settings; s; s = s->next)
		if (slice_eq(s->key, slice_str(key)))
			return slice_eq(s->value, value);
	struct setting *own = hoard_get(&m->hoard, sizeof *own);
	if (!own)
		return false;
	own->key = hoard_copy(&m->hoard, slice_str(key));
	own->value = hoard_copy(&m->hoard, value);
	*m->settings_end = own;
	m->settings_end = &own->next;
	return true;
}

struct user *migrate_user(struct migration *m, struct slice name, struct place at,
			  const struct security *s)
{
	for (struct user *u = m->users; u; u = u->next)
		if (!u->is_anonymous && slice_eq(u->name, name))
			return u;
	struct user *own = hoard_get(&m->hoard, sizeof *own);
	if (!own)
		return NULL;
	own->name = name;
	own->place = at;
	own->security = s;
	*m->users_end = own;
	m->users_end = &own->next;
	return own;
}

/* ---- lines -------------------------------------------------------------------------------- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool lines_next(struct lines *l, struct slice *out)
{
	if (l->rest.n == 0)
		return false;
	struct slice line = slice_cut(&l->rest, '\n');
	l->at.line++;
	while (line.n > 0 && is_blank(line.p[line.n - 1]))
		line = slice_sub(line, 0, line.n - 1);
	while (line.n > 0 && is_blank(line.p[0]))
		line = slice_from(line, 1);
	*out = line;
	return true;
}

struct slice word_of(struct slice *io_line)
{
	struct slice line = *io_line;
	size_t n = 0;
	while (n < line.n && !is_blank(line.p[n]))
		n++;
	struct slice word = slice_sub(line, 0, n);
	while (n < line.n && is_blank(line.p[n]))
		n++;
	*io_line = slice_from(line, n);
	return word;
}
