#include "sim/names.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

void names_fini(struct names *n)
{
	free(n->now.at);
	free(n->durable.at);
	free(n->pending);
	*n = (struct names){ 0 };
}

static void *copy_of(const void *p, size_t bytes)
{
	if (bytes == 0)
		return NULL;
	void *copy = malloc(bytes);
	must(copy != NULL);
	return memcpy(copy, p, bytes);
}

void names_copy(struct names *to, const struct names *from)
{
	*to = *from;
	to->now.at = copy_of(from->now.at, from->now.cap * sizeof *from->now.at);
	to->durable.at = copy_of(from->durable.at, from->durable.cap * sizeof *from->durable.at);
	to->pending = copy_of(from->pending, from->pending_cap * sizeof *from->pending);
}

static void *room_for_one(void *own_at, size_t n, size_t *cap, size_t row_bytes)
{
	if (n < *cap)
		return own_at;
	*cap = *cap ? *cap * 2 : 16;
	void *at = realloc(own_at, *cap * row_bytes);
	must(at != NULL);
	return at;
}

static void path_set(char to[NAMES_PATH_MAX], const char *path)
{
	size_t len = strlen(path);
	must(len < NAMES_PATH_MAX);
	memcpy(to, path, len + 1);
}

static struct name *entry(const struct name_list *l, const char *path)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i].path, path) == 0)
			return &l->at[i];
	return NULL;
}

static void entry_drop(struct name_list *l, const char *path)
{
	struct name *e = entry(l, path);
	if (e)
		*e = l->at[--l->n];
}

static void entry_set(struct name_list *l, const char *path, uint32_t inode)
{
	struct name *e = entry(l, path);
	if (!e) {
		l->at = room_for_one(l->at, l->n, &l->cap, sizeof *l->at);
		e = &l->at[l->n++];
		path_set(e->path, path);
	}
	e->inode = inode;
}

static void change(struct name_list *l, const struct name_change *c)
{
	if (c->gone[0])
		entry_drop(l, c->gone);
	if (c->there[0])
		entry_set(l, c->there, c->inode);
}

uint32_t names_find(const struct names *n, const char *path)
{
	const struct name *e = entry(&n->now, path);
	return e ? e->inode : NAMES_NONE;
}

static bool leads_to(const struct name_list *l, uint32_t inode)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i].inode == inode)
			return true;
	return false;
}

bool names_is_held(const struct names *n, uint32_t inode)
{
	for (size_t i = 0; i < n->pending_n; i++)
		if (n->pending[i].inode == inode)
			return true;
	return leads_to(&n->now, inode) || leads_to(&n->durable, inode);
}

void names_change(struct names *n, const char *gone, const char *there, uint32_t inode)
{
	struct name_change c = { .inode = inode };
	path_set(c.gone, gone);
	path_set(c.there, there);
	change(&n->now, &c);
	n->pending = room_for_one(n->pending, n->pending_n, &n->pending_cap, sizeof *n->pending);
	n->pending[n->pending_n++] = c;
}

/* parent writes the directory of `path`; "." for a name at the top. */
static void parent(const char *path, char out[NAMES_PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	path_set(out, ".");
	if (!slash)
		return;
	memcpy(out, path, (size_t)(slash - path));
	out[slash - path] = '\0';
}

static bool is_in(const struct name_change *c, const char *dir)
{
	char up[NAMES_PATH_MAX];
	parent(c->there[0] ? c->there : c->gone, up);
	return strcmp(up, dir) == 0;
}

/* settle takes the first `keep` pending changes of `dir` over, and drops the others if asked to. */
static void settle(struct names *n, const char *dir, size_t keep, bool is_end)
{
	size_t left = 0, seen = 0;
	for (size_t i = 0; i < n->pending_n; i++) {
		bool is_mine = is_in(&n->pending[i], dir);
		if (is_mine && seen++ < keep)
			change(&n->durable, &n->pending[i]);
		else if (!is_mine || !is_end)
			n->pending[left++] = n->pending[i];
	}
	n->pending_n = left;
}

void names_sync(struct names *n, const char *dir)
{
	settle(n, dir, n->pending_n, false);
}

void names_crash(struct names *n, struct prng *r)
{
	while (n->pending_n > 0) {
		char dir[NAMES_PATH_MAX];
		const struct name_change *first = &n->pending[0];
		size_t mine = 0;
		parent(first->there[0] ? first->there : first->gone, dir);
		for (size_t i = 0; i < n->pending_n; i++)
			mine += is_in(&n->pending[i], dir);
		settle(n, dir, (size_t)prng_between(r, 0, mine), true);
	}
	for (size_t i = n->durable.n; i-- > 0;) {
		char dir[NAMES_PATH_MAX];
		parent(n->durable.at[i].path, dir);
		if (strcmp(dir, ".") != 0 && !entry(&n->durable, dir))
			n->durable.at[i] = n->durable.at[--n->durable.n];
	}
	free(n->now.at);
	n->now = n->durable;
	n->now.at = copy_of(n->durable.at, n->durable.cap * sizeof *n->durable.at);
}
