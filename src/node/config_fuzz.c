/* config_fuzz -- any text as rabbitmq.conf, and as one variable of the environment: refused with a
 * sentence, or read into values that keep their bounds, twice the same. */
#include "base/must.h"
#include "base/text.h"
#include "node/config.h"

#include <string.h>

#define NAME "x.conf"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct config one, two;
static struct config_notes notes;

static void terminated(const char *z, size_t cap)
{
	must(memchr(z, 0, cap) != NULL);
}

static void listeners(const struct config_listeners *l)
{
	must(l->n <= CONFIG_LISTENERS_MAX);
	for (uint32_t i = 0; i < l->n; i++) {
		terminated(l->at[i].name, sizeof l->at[i].name);
		terminated(l->at[i].host, sizeof l->at[i].host);
	}
}

static void users(const struct config_users *u)
{
	must(u->n <= CONFIG_USERS_MAX);
	for (uint32_t i = 0; i < u->n; i++)
		terminated(u->at[i].name, sizeof u->at[i].name);
}

static void dialects(const struct config_dialects *d)
{
	must(d->n <= CONFIG_USERS_MAX);
	for (uint32_t i = 0; i < d->n; i++) {
		terminated(d->at[i].name, sizeof d->at[i].name);
		terminated(d->at[i].source, sizeof d->at[i].source);
	}
}

static void texts(const struct config_texts *t)
{
	must(t->n <= CONFIG_TEXTS_MAX);
	for (uint32_t i = 0; i < t->n; i++) {
		terminated(t->at[i], sizeof t->at[i]);
		terminated(t->names[i], sizeof t->names[i]);
	}
}

static void choices(const struct config_choices *c)
{
	for (uint32_t i = 0; i < CONFIG_CHOICES_MAX; i++)
		must(c->at[i] == 0 || config_choice(CONFIG_MECHANISMS, c->at[i]).n > 0);
}

static void words(const struct config_words *w)
{
	terminated(w->source, sizeof w->source);
	for (uint32_t i = 0; i < CONFIG_WORDS_MAX; i++)
		terminated(w->at[i].word, sizeof w->at[i].word);
}

static void limits(const struct config_limits *l)
{
	must(l->n <= CONFIG_LIMITS_MAX);
	for (uint32_t i = 0; i < l->n; i++) {
		terminated(l->at[i].name, sizeof l->at[i].name);
		terminated(l->at[i].pattern, sizeof l->at[i].pattern);
		must(l->at[i].connections != 0 && l->at[i].queues != 0);
	}
}

static void topics(const struct config_topics *t)
{
	must(t->n <= CONFIG_TOPICS_MAX);
	for (uint32_t i = 0; i < t->n; i++) {
		terminated(t->at[i].name, sizeof t->at[i].name);
		terminated(t->at[i].line, sizeof t->at[i].line);
	}
}

#define KEEPS_BOOL(v, min, max)
#define KEEPS_INT(v, min, max)       must((v) >= (min) && (v) <= (max));
#define KEEPS_BOUND(v, min, max)     must((v) == -1 || ((v) >= (min) && (v) <= (max)));
#define KEEPS_BYTES(v, min, max)     must((v) >= (min) && (v) <= (max));
#define KEEPS_RATIO(v, min, max)     must((v) >= 0.0 && (v) <= 1.0);
#define KEEPS_STRING(v, min, max)    terminated(v, sizeof(v));
#define KEEPS_CHOICE(v, min, max)    must((v) >= 0);
#define KEEPS_CHOICES(v, min, max)   choices(&(v));
#define KEEPS_LISTENERS(v, min, max) listeners(&(v));
#define KEEPS_ENDPOINT(v, min, max)  listeners(&(v));
#define KEEPS_USERS(v, min, max)     users(&(v));
#define KEEPS_TEXTS(v, min, max)     texts(&(v));
#define KEEPS_DIALECTS(v, min, max)  dialects(&(v));
#define KEEPS_WORDS(v, min, max)     words(&(v));
#define KEEPS_LIMITS(v, min, max)    limits(&(v));

#define KEEPS_TOPICS(v, min, max)  topics(&(v));
#define KEEPS_BRIDGES(v, min, max) bridges(&(v));

static void bridges(const struct config_bridges *all)
{
	must(all->n <= CONFIG_BRIDGES_MAX);
	for (uint32_t i = 0; i < all->n; i++) {
		const struct config_bridge *c = &all->at[i];
		terminated(c->name, sizeof c->name);
#define BRIDGE(field, type, key, value, min, max, unit, prose) KEEPS_##type(c->field, min, max)
#include "node/bridge.def"
#undef BRIDGE
	}
}

static void keeps_bounds(const struct config *c)
{
#define CONFIG(field, type, key, value, min, max, unit, prose) KEEPS_##type(c->field, min, max)
#include "node/config.def"
#undef CONFIG
}

static void same(void)
{
	char room[4096];
	struct text t = text_of(room, sizeof room);
	config_changes(&one, &two, &t);
	must(strcmp(room, "none") == 0);
}

static enum err read_into(struct config *c, struct slice in, struct text *why)
{
	config_defaults(c);
	notes.n = 0;
	enum err e = config_read(c, NAME, in, &notes, why);
	must(notes.n <= CONFIG_NOTES_MAX);
	for (uint32_t i = 0; i < notes.n; i++)
		must(notes.at[i].reason && strcmp(notes.at[i].source, NAME) == 0);
	if (e != ERR_OK)
		must(strncmp(why->p, NAME ":", strlen(NAME) + 1) == 0);
	keeps_bounds(c);
	return e;
}

static void file(struct slice in)
{
	char a[1024], b[1024];
	struct text why = text_of(a, sizeof a), again = text_of(b, sizeof b);
	enum err e = read_into(&one, in, &why);
	must(read_into(&two, in, &again) == e && strcmp(a, b) == 0);
	same();
	if (e == ERR_OK && config_check(&one, &why) != ERR_OK)
		must(why.n > 0);
	(void)config_is_loopback_only(&one, in);
}

static void environment(struct slice in)
{
	char room[1024];
	struct text why = text_of(room, sizeof room);
	size_t n = slice_find(in, '=');
	if (n == in.n)
		return;
	config_defaults(&one);
	if (config_set_env(&one, slice_sub(in, 0, n), slice_from(in, n + 1), &why) != ERR_OK)
		must(why.n > 0);
	keeps_bounds(&one);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	file(slice_of(p, n));
	environment(slice_of(p, n));
	return 0;
}
