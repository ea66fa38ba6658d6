#include "migrate/model.h"

struct listener *listener_new(struct migration *m, struct place at)
{
	struct listener *own = hoard_get(&m->hoard, sizeof *own);
	if (!own)
		return NULL;
	own->place = at;
	own->port = 1883;
	*m->listeners_end = own;
	m->listeners_end = &own->next;
	return own;
}

bool listener_is_used(const struct listener *l)
{
	return l->is_described && !l->is_off;
}

static bool is_tls(const struct listener *l)
{
	return l->certfile.n > 0 && l->keyfile.n > 0;
}

static bool is_ipv4(struct slice host)
{
	for (size_t i = 0; i < host.n; i++)
		if (host.p[i] != '.' && (host.p[i] < '0' || host.p[i] > '9'))
			return false;
	return host.n > 0;
}

/* ---- one listener ------------------------------------------------------------------------- */

/* The address alone; false: it is none. */
static bool put_host(const struct listener *l, struct text *to)
{
	bool is_ipv6 = slice_find(l->host, ':') < l->host.n;
	if (slice_eq(l->host, slice_str("localhost")))
		text_puts(to, "127.0.0.1");
	else if (is_ipv6 || is_ipv4(l->host))
		text_put_slice(to, l->host);
	else
		return l->host.n == 0;
	return true;
}

static void settle_websocket(struct migration *m, const struct listener *l, struct slice host)
{
	char room[16];
	struct text port = text_of(room, sizeof room);
	text_put_u64(&port, l->port);
	bool is_one = migrate_set(m, is_tls(l) ? "web_mqtt.ssl.port" : "web_mqtt.tcp.port",
				  text_slice(&port));
	if (host.n > 0)
		is_one = is_one &&
			 migrate_set(m, is_tls(l) ? "web_mqtt.ssl.ip" : "web_mqtt.tcp.ip", host);
	migrate_note(m, l->place, slice_str("protocol websockets"),
		     is_one ? FATE_CHANGED : FATE_LOST,
		     is_one ? "its path is /ws, unless web_mqtt.ws_path says otherwise"
			    : "there is one such listener with TLS, and one without");
}

static void settle_tcp(struct migration *m, const struct listener *l, struct slice host,
		       uint32_t number)
{
	char key_room[64], room[100];
	struct text key = text_of(key_room, sizeof key_room), to = text_of(room, sizeof room);
	bool is_ipv6 = slice_find(host, ':') < host.n;
	text_putf(&key, "mqtt.listeners.%s.%u", is_tls(l) ? "ssl" : "tcp", number);
	text_puts(&to, is_ipv6 ? "[" : "");
	text_put_slice(&to, host);
	text_puts(&to, is_ipv6 ? "]:" : host.n > 0 ? ":" : "");
	text_put_u64(&to, l->port);
	(void)migrate_set(m, key_room, text_slice(&to));
}

/* What is asked of a client's certificate. False: another listener asks something else. */
static bool settle_peer(struct migration *m, const struct listener *l)
{
	const char *from = l->name_is_cn ? "common_name" : "distinguished_name";
	bool is_one = migrate_set(m, "ssl_options.verify", slice_str("verify_peer"));
	is_one = migrate_set(m, "ssl_options.fail_if_no_peer_cert", slice_str("true")) && is_one;
	is_one = migrate_set(m, "ssl_options.depth", slice_str("100")) && is_one;
	if (l->crlfile.n > 0)
		is_one = migrate_set(m, "ssl_options.crlfile", l->crlfile) && is_one;
	if (!l->name_is_cn && !l->name_is_dn)
		return is_one;
	is_one = migrate_set(m, "mqtt.ssl_cert_login", slice_str("true")) && is_one;
	is_one = migrate_set(m, "ssl_cert_login_from", slice_str(from)) && is_one;
	migrate_note(m, l->place, slice_str("listener"), FATE_CHANGED,
		     "a name in a certificate must be that of a user: add those whom no file "
		     "names; a client that names a user itself must know his password");
	return is_one;
}

static bool settle_no_peer(struct migration *m, const struct listener *l)
{
	bool is_one = migrate_set(m, "ssl_options.verify", slice_str("verify_none"));
	if (l->crlfile.n > 0)
		migrate_note(m, l->tls_place, slice_str("crlfile"), FATE_NEEDLESS,
			     "clients are not asked for certificates");
	return migrate_set(m, "ssl_options.fail_if_no_peer_cert", slice_str("false")) && is_one;
}

/* There is one certificate, and one rule for those of clients. */
static void settle_tls(struct migration *m, const struct listener *l)
{
	bool is_one = migrate_set(m, "ssl_options.certfile", l->certfile) &&
		      migrate_set(m, "ssl_options.keyfile", l->keyfile);
	if (l->cafile.n > 0)
		is_one = migrate_set(m, "ssl_options.cacertfile", l->cafile) && is_one;
	is_one = (l->needs_certificate ? settle_peer(m, l) : settle_no_peer(m, l)) && is_one;
	if (slice_eq(l->tls_version, slice_str("tlsv1.3")))
		is_one = migrate_set(m, "ssl_options.versions.1", l->tls_version) && is_one;
	if (!is_one)
		migrate_note(m, l->tls_place, slice_str("certfile"), FATE_LOST,
			     "there is one certificate, and one rule for those of clients: that "
			     "of the first listener with TLS");
}

static void settle_listener(struct migration *m, const struct listener *l, uint32_t number)
{
	char room[100];
	struct text host = text_of(room, sizeof room);
	if (!put_host(l, &host) || text_is_full(&host)) {
		migrate_note(m, l->place, slice_str("listener"), FATE_LOST,
			     "an address is wanted, not a name: it is not opened");
		return;
	}
	if (is_tls(l))
		settle_tls(m, l);
	else if (l->certfile.n > 0 || l->keyfile.n > 0 || l->needs_certificate)
		migrate_note(m, l->place, slice_str("listener"), FATE_LOST,
			     "it has no certificate with a key: it is opened without TLS");
	if (l->is_websocket)
		settle_websocket(m, l, text_slice(&host));
	else
		settle_tcp(m, l, text_slice(&host), number);
}

/* ---- all of them -------------------------------------------------------------------------- */

static void settle_connections(struct migration *m)
{
	char room[24];
	struct text to = text_of(room, sizeof room);
	uint64_t sum = 0;
	uint32_t n = 0, bounded_n = 0;
	struct place at = { 0 };
	for (const struct listener *l = m->listeners; l; l = l->next) {
		if (!listener_is_used(l))
			continue;
		n++;
		bounded_n += l->connections_max > 0;
		sum += l->connections_max;
		at = l->connections_max > 0 ? l->place : at;
	}
	if (bounded_n == 0)
		return;
	text_put_u64(&to, sum < UINT32_MAX ? sum : UINT32_MAX);
	if (bounded_n == n)
		(void)migrate_set(m, "connection_max", text_slice(&to));
	if (n > 1)
		migrate_note(m, at, slice_str("max_connections"),
			     bounded_n == n ? FATE_CHANGED : FATE_LOST,
			     bounded_n == n ? "the bound is the sum of all listeners'"
					    : "one listener has a bound and another has none, and "
					      "there is one for all");
}

static void settle_log(struct migration *m)
{
	static const char *const levels[] = { "debug", "info",     "warning",
					      "error", "critical", "none" };
	if (m->log_level >= 0 && m->log_level != 1) {
		struct slice level = slice_str(levels[m->log_level]);
		(void)migrate_set(m, "log.console.level", level);
		if (m->logs_file)
			(void)migrate_set(m, "log.file.level", level);
	}
	if (!m->logs_stdio && (m->logs_file || m->logs_nowhere))
		(void)migrate_set(m, "log.console", slice_str("false"));
}

/* Without any listener Mosquitto serves this machine. */
static void settle_none(struct migration *m)
{
	(void)migrate_set(m, "mqtt.listeners.tcp.1", slice_str("127.0.0.1:1883"));
	(void)migrate_set(m, "mqtt.listeners.tcp.2", slice_str("[::1]:1883"));
}

/* What Mosquitto does when nothing is said, where that is another thing here. */
static void settle_defaults(struct migration *m)
{
	static const char *const defaults[][2] = {
		{ "mqtt.prefetch", "20" },
		{ "mqtt.max_session_expiry_interval_seconds", "infinity" },
		{ "mqtt.disconnect_on_unauthorized", "false" },
		{ "mqtt.topic_alias_maximum", "10" },
		{ "mqtt.max_packet_size_authenticated", "268435456" },
	};
	for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
		(void)migrate_set(m, defaults[i][0], slice_str(defaults[i][1]));
}

/* Else the broker would open one of its own. */
static bool has_plain(const struct migration *m)
{
	for (const struct setting *s = m->settings; s; s = s->next)
		if (slice_starts_with(s->key, slice_str("mqtt.listeners.tcp.")))
			return true;
	return false;
}

void listeners_settle(struct migration *m)
{
	uint32_t number = 0, all_n = 0;
	for (const struct listener *l = m->listeners; l; l = l->next) {
		all_n += listener_is_used(l);
		if (listener_is_used(l))
			settle_listener(m, l, l->is_websocket ? 0 : ++number);
	}
	if (all_n == 0 && !m->listeners->next && !m->listeners->is_off)
		settle_none(m);
	else if (!has_plain(m))
		(void)migrate_set(m, "mqtt.listeners.tcp", slice_str("none"));
	settle_connections(m);
	settle_log(m);
	settle_defaults(m);
}
