#include "migrate/bridge.h"
#include "migrate/model.h"

struct option {
	struct place at;
	struct slice key, value;
	const char *to, *prose;
	uint32_t depth;
};

static void note(struct migration *m, const struct option *o, enum fate fate, const char *why)
{
	migrate_note(m, o->at, o->key, fate, why);
}

static void set(struct migration *m, const struct option *o, const char *key, struct slice value)
{
	if (!migrate_set(m, key, value))
		note(m, o, FATE_LOST, "it was said before, with another value, which stays");
}

static bool is(struct slice s, const char *word)
{
	return slice_eq(s, slice_str(word));
}

static bool is_true(struct slice s)
{
	return is(s, "true") || is(s, "1");
}

/* Digits, and not too many. */
static bool number_of(struct slice s, uint64_t *out)
{
	uint64_t v = 0;
	if (s.n == 0 || s.n > 18)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (s.p[i] - '0');
	}
	*out = v;
	return true;
}

/* ---- one thing for many ------------------------------------------------------------------- */

static enum err take_LOST(struct migration *m, const struct option *o)
{
	note(m, o, FATE_LOST, o->prose);
	return ERR_OK;
}

static enum err take_CONNECTION(struct migration *m, const struct option *o)
{
	return bridge_begin(m, o->at, o->value);
}

static enum err take_BRIDGE(struct migration *m, const struct option *o)
{
	const char *lost = bridge_take(m, o->to, o->value);
	if (lost)
		note(m, o, FATE_LOST, lost);
	return ERR_OK;
}

static enum err take_PLUGIN_OPTION(struct migration *m, const struct option *o)
{
	return take_LOST(m, o);
}

static enum err take_NEEDLESS(struct migration *m, const struct option *o)
{
	note(m, o, FATE_NEEDLESS, o->prose);
	return ERR_OK;
}

static enum err take_NUMBER(struct migration *m, const struct option *o)
{
	uint64_t v;
	if (!number_of(o->value, &v))
		note(m, o, FATE_LOST, "its value is no number");
	else
		set(m, o, o->to, o->value);
	return ERR_OK;
}

static enum err take_FLAG(struct migration *m, const struct option *o)
{
	set(m, o, o->to, slice_str(is_true(o->value) ? "true" : "false"));
	return ERR_OK;
}

/* A number with h, d, w, m or y behind it: hours to years, as Mosquitto counts them. */
static enum err take_SPAN(struct migration *m, const struct option *o)
{
	static const char units[] = "hdwmy";
	static const uint32_t hours[] = { 1, 24, 168, 720, 8760 };
	char room[24];
	struct text t = text_of(room, sizeof room);
	uint64_t v = 0;
	size_t n = o->value.n ? o->value.n - 1 : 0;
	const char *unit = n ? memchr(units, o->value.p[n], sizeof units - 1) : NULL;
	if (!unit || !number_of(slice_sub(o->value, 0, n), &v) || v > UINT32_MAX) {
		note(m, o, FATE_LOST, "its value is no number with h, d, w, m or y");
		return ERR_OK;
	}
	v *= hours[unit - units] * UINT64_C(3600);
	text_put_u64(&t, v < UINT32_MAX ? v : UINT32_MAX - 1);
	set(m, o, o->to, text_slice(&t));
	return ERR_OK;
}

/* ---- the file ----------------------------------------------------------------------------- */

static enum err take_INCLUDE(struct migration *m, const struct option *o)
{
	struct migrate_files *f = m->setup->files;
	struct slice path;
	for (uint32_t i = 0; f->ops->list(f, o->value, i, &path); i++)
		TRY(conf_read(m, o->at, path, o->depth + 1));
	return ERR_OK;
}

static enum err take_PER_LISTENER(struct migration *m, const struct option *o)
{
	m->is_per_listener = is_true(o->value);
	if (m->is_per_listener)
		note(m, o, FATE_CHANGED, o->prose);
	return ERR_OK;
}

/* ---- security ----------------------------------------------------------------------------- */

/* Of whom options of security speak. NULL: no memory. */
static struct security *security_of(struct migration *m, const struct option *o)
{
	if (!m->is_per_listener)
		return m->global;
	if (!m->listener->security) {
		struct security *own = hoard_get(&m->hoard, sizeof *own);
		if (!own)
			return NULL;
		own->place = o->at;
		own->anonymous = -1;
		*m->securities_end = own;
		m->securities_end = &own->next;
		m->listener->security = own;
	}
	return m->listener->security;
}

static enum err take_ANONYMOUS(struct migration *m, const struct option *o)
{
	struct security *s = security_of(m, o);
	if (!s)
		return ERR_RESOURCE_ERROR;
	s->anonymous = is_true(o->value);
	return ERR_OK;
}

/* A file, which is read when all options are known. */
static void keep_file(struct migration *m, const struct option *o, struct slice *file,
		      struct place *place)
{
	if (file->n > 0 && !slice_eq(*file, o->value))
		note(m, o, FATE_LOST, "another file was named before, which is read");
	if (file->n > 0)
		return;
	*file = o->value;
	*place = o->at;
}

static enum err take_PASSWORDS(struct migration *m, const struct option *o)
{
	struct security *s = security_of(m, o);
	if (!s)
		return ERR_RESOURCE_ERROR;
	keep_file(m, o, &s->password_file, &s->password_place);
	return ERR_OK;
}

static enum err take_ACLS(struct migration *m, const struct option *o)
{
	struct security *s = security_of(m, o);
	if (!s)
		return ERR_RESOURCE_ERROR;
	keep_file(m, o, &s->acl_file, &s->acl_place);
	return ERR_OK;
}

static enum err take_PLUGIN(struct migration *m, const struct option *o)
{
	static const char name[] = "mosquitto_dynamic_security.so";
	const size_t n = sizeof name - 1;
	m->is_dynsec = o->value.n >= n && is(slice_from(o->value, o->value.n - n), name);
	if (!m->is_dynsec)
		note(m, o, FATE_LOST,
		     "plugins are not loaded: whom it lets in, and what it allows, is not known "
		     "here");
	return ERR_OK;
}

static enum err take_PLUGIN_LOAD(struct migration *m, const struct option *o)
{
	struct option without_name = *o;
	(void)word_of(&without_name.value);
	return take_PLUGIN(m, &without_name);
}

static enum err take_DYNSEC(struct migration *m, const struct option *o)
{
	struct security *s = security_of(m, o);
	if (!s)
		return ERR_RESOURCE_ERROR;
	if (m->is_dynsec)
		keep_file(m, o, &s->dynsec_file, &s->dynsec_place);
	else
		note(m, o, FATE_LOST, "what it configures is not loaded");
	return ERR_OK;
}

/* ---- the broker --------------------------------------------------------------------------- */

static enum err take_CONNECTION_MESSAGES(struct migration *m, const struct option *o)
{
	set(m, o, "log.connection.level", slice_str(is_true(o->value) ? "debug" : "warning"));
	return ERR_OK;
}

static enum err take_LOG_DEST(struct migration *m, const struct option *o)
{
	struct slice path = o->value, word = word_of(&path);
	if (is(word, "file")) {
		m->logs_file = true;
		set(m, o, "log.file", path);
	} else if (is(word, "stdout") || is(word, "stderr")) {
		m->logs_stdio = true;
		set(m, o, "log.console.stdio", word);
	} else if (is(word, "none")) {
		m->logs_nowhere = true;
	} else {
		m->logs_stdio = true;
		note(m, o, FATE_CHANGED, "lines go to the console, and systemd keeps those");
	}
	return ERR_OK;
}

static enum err take_LOG_TYPE(struct migration *m, const struct option *o)
{
	static const struct {
		const char *word;
		int level;
	} words[] = { { "debug", 0 },   { "all", 0 },   { "information", 1 },  { "notice", 1 },
		      { "warning", 2 }, { "error", 3 }, { "none", LOG_LEVELS } };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!is(o->value, words[i].word))
			continue;
		if (m->log_level < 0 || words[i].level < m->log_level)
			m->log_level = words[i].level;
		return ERR_OK;
	}
	note(m, o, FATE_LOST, "such lines are not written");
	return ERR_OK;
}

static enum err take_INFLIGHT(struct migration *m, const struct option *o)
{
	struct option all = *o;
	all.to = "mqtt.prefetch";
	if (is(o->value, "0"))
		all.value = slice_str("65535"); /* no bound: as many as there are packet ids */
	return take_NUMBER(m, &all);
}

static enum err take_QUEUED(struct migration *m, const struct option *o)
{
	uint64_t v;
	if (is(o->value, "0"))
		return ERR_OK; /* no bound, here as there */
	if (!number_of(o->value, &v)) {
		note(m, o, FATE_LOST, "its value is no number");
		return ERR_OK;
	}
	m->queued_max = o->value;
	note(m, o, FATE_CHANGED, "a queue that is full drops its oldest messages, not new ones");
	return ERR_OK;
}

static enum err take_QUEUED_BYTES(struct migration *m, const struct option *o)
{
	uint64_t v;
	if (!number_of(o->value, &v)) {
		note(m, o, FATE_LOST, "its value is no number");
		return ERR_OK;
	}
	m->queued_bytes_max = o->value;
	note(m, o, FATE_CHANGED, "a queue that is full drops its oldest messages, not new ones");
	return ERR_OK;
}

/* ---- listeners ---------------------------------------------------------------------------- */

/* The listener that is being described; a description opens the default one. */
static struct listener *listener_of(struct migration *m)
{
	m->listener->is_described = true;
	return m->listener;
}

static enum err take_LISTENER(struct migration *m, const struct option *o)
{
	struct slice host = o->value, port = word_of(&host);
	uint64_t v;
	struct listener *l = listener_new(m, o->at);
	if (!l)
		return ERR_RESOURCE_ERROR;
	m->listener = l;
	l->is_described = true;
	l->host = host;
	if (!number_of(port, &v) || v > UINT16_MAX) {
		l->is_off = true;
		note(m, o, FATE_LOST, "its port is none");
	} else if (v == 0) {
		l->is_off = true;
		note(m, o, FATE_LOST, "there are no listeners on Unix sockets");
	} else {
		l->port = (uint16_t)v;
	}
	return ERR_OK;
}

static enum err take_PORT(struct migration *m, const struct option *o)
{
	uint64_t v;
	if (!number_of(o->value, &v) || v > UINT16_MAX)
		note(m, o, FATE_LOST, "that is no port");
	else if (v == 0)
		m->listener->is_off = true;
	else
		listener_of(m)->port = (uint16_t)v;
	return ERR_OK;
}

static enum err take_BIND(struct migration *m, const struct option *o)
{
	listener_of(m)->host = o->value;
	return ERR_OK;
}

static enum err take_CONNECTIONS(struct migration *m, const struct option *o)
{
	if (!number_of(o->value, &listener_of(m)->connections_max))
		note(m, o, FATE_LOST, "its value is no number");
	return ERR_OK;
}

static enum err take_PROTOCOL(struct migration *m, const struct option *o)
{
	listener_of(m)->is_websocket = is(o->value, "websockets");
	if (is(o->value, "websockets"))
		return ERR_OK;
	note(m, o, FATE_LOST, "there is no such listener");
	m->listener->is_off = true;
	return ERR_OK;
}

static enum err take_CAFILE(struct migration *m, const struct option *o)
{
	listener_of(m)->cafile = o->value;
	return ERR_OK;
}

static enum err take_CERTFILE(struct migration *m, const struct option *o)
{
	listener_of(m)->certfile = o->value;
	m->listener->tls_place = o->at;
	return ERR_OK;
}

static enum err take_KEYFILE(struct migration *m, const struct option *o)
{
	listener_of(m)->keyfile = o->value;
	return ERR_OK;
}

static enum err take_CRLFILE(struct migration *m, const struct option *o)
{
	listener_of(m)->crlfile = o->value;
	return ERR_OK;
}

static enum err take_TLS_VERSION(struct migration *m, const struct option *o)
{
	listener_of(m)->tls_version = o->value;
	if (!is(o->value, "tlsv1.2") && !is(o->value, "tlsv1.3"))
		note(m, o, FATE_CHANGED, "only TLS 1.2 and 1.3 are spoken");
	return ERR_OK;
}

static enum err take_REQUIRE_CERTIFICATE(struct migration *m, const struct option *o)
{
	listener_of(m)->needs_certificate = is_true(o->value);
	return ERR_OK;
}

static enum err take_NAME_CN(struct migration *m, const struct option *o)
{
	listener_of(m)->name_is_cn = is_true(o->value);
	return ERR_OK;
}

static enum err take_NAME_DN(struct migration *m, const struct option *o)
{
	listener_of(m)->name_is_dn = is_true(o->value);
	return ERR_OK;
}

/* ---- the table ---------------------------------------------------------------------------- */

static const struct key {
	const char *name;
	enum err (*take)(struct migration *m, const struct option *o);
	const char *to, *harmless, *prose;
} keys[] = {
#define KEY(name, does, to, harmless, prose) { name, take_##does, to, harmless, prose },
#include "migrate/keys.def"
#undef KEY
};

static const struct key *key_of(struct slice name)
{
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		size_t n = strlen(keys[i].name) - 1;
		bool is_family = keys[i].name[n] == '*';
		if (is(name, keys[i].name) ||
		    (is_family && slice_starts_with(name, slice_of(keys[i].name, n))))
			return &keys[i];
	}
	return NULL;
}

enum err option_take(struct migration *m, struct place at, struct slice key, struct slice value,
		     uint32_t depth)
{
	const struct key *k = key_of(key);
	if (!k) {
		m->unknown_n++;
		migrate_note(m, at, key, FATE_LOST, "that is no option which is known");
		return ERR_OK;
	}
	m->known_n++;
	m->kept_n++;
	if (k->harmless[0] && is(value, k->harmless))
		return ERR_OK;
	uint64_t said = m->fates[FATE_LOST] + m->fates[FATE_NEEDLESS];
	struct option o = { at, key, value, k->to, k->prose, depth };
	enum err e = k->take(m, &o);
	if (m->fates[FATE_LOST] + m->fates[FATE_NEEDLESS] != said)
		m->kept_n--;
	return e;
}
