#include "migrate/bridge.h"

#include "session/mqtt/bridge.h"

#define KEY_ROOM   200u
#define NAMES_MAX  61u /* octets of a bridge's name in a key, and a zero */
#define NUMBER_MAX 12u /* of a number behind it */

static bool is_of_key(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_' || c == '-';
}

/* Sets KEY of a bridge. False: it was said before, with another value. */
static bool put(struct migration *m, const struct bridge *b, const char *key, struct slice value)
{
	char room[KEY_ROOM];
	struct text t = text_of(room, sizeof room);
	text_puts(&t, "mqtt.bridges.");
	text_put_slice(&t, b->name);
	text_putc(&t, '.');
	text_puts(&t, key);
	return migrate_set(m, room, value);
}

/* Of IPv4 or IPv6, as far as its signs say. */
static bool is_address(struct slice s)
{
	bool is_good = s.n > 0;
	for (size_t i = 0; i < s.n; i++)
		is_good &= s.p[i] != '\0' && strchr("0123456789abcdefABCDEF.:%", s.p[i]) != NULL;
	return is_good;
}

static bool is_level(struct slice s)
{
	return slice_find(s, '/') == s.n && slice_find(s, '+') == s.n && slice_find(s, '#') == s.n;
}

static bool is_taken(const struct migration *m, struct slice name)
{
	const struct bridge *b = m->bridges;
	while (b && !slice_eq(b->name, name))
		b = b->next;
	return b != NULL;
}

/* Its name as a part of a key, and a number behind it if another has become the same. */
static struct slice name_for(const struct migration *m, struct slice name, char copy[NAMES_MAX])
{
	struct text t = text_of(copy, NAMES_MAX);
	for (size_t i = 0; i < name.n && i < NAMES_MAX - NUMBER_MAX; i++)
		text_putc(&t, is_of_key(name.p[i]) ? (char)name.p[i] : '-');
	if (t.n == 0)
		text_putc(&t, '-');
	const size_t stem = t.n;
	for (unsigned i = 2; is_taken(m, text_slice(&t)); i++) {
		t.n = stem;
		text_putf(&t, "-%u", i);
	}
	return text_slice(&t);
}

enum err bridge_begin(struct migration *m, struct place at, struct slice name)
{
	struct bridge *b = hoard_get(&m->hoard, sizeof *b);
	uint8_t *copy = hoard_get(&m->hoard, NAMES_MAX);
	if (!b || !copy)
		return ERR_RESOURCE_ERROR;
	*b = (struct bridge){ .place = at, .clean = -1, .local_clean = -1 };
	b->name = name_for(m, name, (char *)copy);
	if (!slice_eq(b->name, name)) {
		migrate_note(
			m, at, slice_str("connection"), FATE_CHANGED,
			"a bridge's name is of letters, digits, _ and -, and of one bridge; its "
			"client id there changes with it");
	}
	*m->bridges_end = b;
	m->bridges_end = &b->next;
	m->bridge = b;
	return ERR_OK;
}

/* PATTERN [DIRECTION [QOS [LOCAL [REMOTE]]]], the same words here. */
static bool put_topic(struct migration *m, struct bridge *b, struct slice line)
{
	char key[32], room[200];
	struct text t = text_of(key, sizeof key), unsaid = text_of(room, sizeof room);
	struct mqtt_bridge_topic topic;
	if (line.n > BRIDGE_LINE_MAX || b->topics_n == BRIDGE_TOPICS_MAX ||
	    !mqtt_bridge_topic_read(line, &topic, &unsaid))
		return false;
	text_putf(&t, "topics.%u", ++b->topics_n);
	b->goes_out |= topic.is_out;
	return put(m, b, key, line);
}

/* One number, or the shortest and the longest pause. */
static bool put_pauses(struct migration *m, struct bridge *b, struct slice value)
{
	struct slice rest = value, least = word_of(&rest);
	return put(m, b, "restart_timeout", least) &&
	       put(m, b, "restart_timeout_max", rest.n > 0 ? rest : least);
}

const char *bridge_take(struct migration *m, const char *key, struct slice value)
{
	static const struct slice yes = { (const uint8_t *)"true", 4 };
	struct bridge *b = m->bridge;
	const bool is_true = slice_eq(value, yes) || slice_eq(value, slice_str("1"));
	if (!b)
		return "it stands before any connection";
	if (slice_find(value, '\'') < value.n)
		return "a value with a single quote in it cannot be written";
	if (!strcmp(key, "topic"))
		return put_topic(m, b, value) ? NULL : "no topic of a bridge can be made of it";
	b->is_lazy |= !strcmp(key, "start_type") && slice_eq(value, slice_str("lazy"));
	if ((!strcmp(key, "threshold") || !strcmp(key, "idle_timeout")) &&
	    slice_eq(value, slice_str("0")))
		value = slice_str("1"); /* as Mosquitto has it */
	if (!strcmp(key, "bind_address") && !is_address(value))
		return "a bridge calls from an address, not from a name";
	if (!strcmp(key, "restart"))
		return put_pauses(m, b, value) ? NULL : "it was said before";
	if (!strcmp(key, "clean"))
		b->clean = is_true;
	else if (!strcmp(key, "local_clean"))
		b->local_clean = is_true;
	else if (!strcmp(key, "os_certs"))
		b->has_tls |= is_true;
	else if (!strcmp(key, "round_robin") || !strcmp(key, "try_private") ||
		 !strcmp(key, "ssl_options.insecure") || !strcmp(key, "ssl_options.require_ocsp") ||
		 !strcmp(key, "notifications") || !strcmp(key, "notifications_local_only") ||
		 !strcmp(key, "attempt_unsubscribe") || !strcmp(key, "outgoing_retain"))
		return put(m, b, key, slice_str(is_true ? "true" : "false")) ? NULL
									     : "it was said before";
	else if (value.n == 0 || !put(m, b, key, value))
		return "it was said before, with another value, which stays, or says nothing";
	b->has_address |= !strcmp(key, "address");
	b->has_note_topic |= !strcmp(key, "notification_topic");
	b->has_odd_id |= !strcmp(key, "client_id") && !is_level(value);
	b->has_key |= !strcmp(key, "ssl_options.psk");
	b->has_identity |= !strcmp(key, "ssl_options.psk_identity");
	b->has_tls |= slice_starts_with(slice_str(key), slice_str("ssl_options.cacert")) ||
		      b->has_key || b->has_identity;
	return NULL;
}

/* ---- when all is read --------------------------------------------------------------------- */

/* Takes back what was set of a bridge, all keys that begin so. */
static void take_back(struct migration *m, const struct bridge *b, const char *keys)
{
	char room[KEY_ROOM];
	struct text t = text_of(room, sizeof room);
	struct setting **at = &m->settings;
	text_puts(&t, "mqtt.bridges.");
	text_put_slice(&t, b->name);
	text_putc(&t, '.');
	text_puts(&t, keys);
	while (*at)
		if (slice_starts_with((*at)->key, text_slice(&t)))
			*at = (*at)->next;
		else
			at = &(*at)->next;
	m->settings_end = at;
}

static void leave_out(struct migration *m, const struct bridge *b, const char *why)
{
	take_back(m, b, "");
	migrate_note(m, b->place, slice_str("connection"), FATE_LOST, why);
}

/* One that Mosquitto never calls: it counts nothing for who is not connected and has a clean
 * session, or for whom nothing goes out. */
static void settle_lazy(struct migration *m, const struct bridge *b, bool is_clean)
{
	if (!b->is_lazy || (b->goes_out && !is_clean))
		return;
	take_back(m, b, "start_type");
	take_back(m, b, "threshold");
	take_back(m, b, "idle_timeout");
	migrate_note(m, b->place, slice_str("start_type"), FATE_CHANGED,
		     "Mosquitto never calls one that is lazy and keeps nothing, or has no topic "
		     "that goes out: it is called at once");
}

static void settle(struct migration *m, const struct bridge *b, struct slice user)
{
	const int local = b->local_clean < 0 ? b->clean : b->local_clean;
	if (b->has_key != b->has_identity || !b->has_address || b->topics_n == 0) {
		leave_out(m, b,
			  b->has_key != b->has_identity
				  ? "bridge_psk and bridge_identity stand together: it is left "
				    "out, rather than speak in the clear"
				  : "without address and topics it is left out");
		return;
	}
	if (b->has_tls)
		(void)put(m, b, "tls", slice_str("true"));
	else
		take_back(m, b, "ssl_options."); /* Mosquitto does not look at them then */
	if (b->has_odd_id && !b->has_note_topic) {
		take_back(m, b, "notifications");
		(void)put(m, b, "notifications", slice_str("false"));
		migrate_note(
			m, b->place, slice_str("connection"), FATE_LOST,
			"it does not say whether it is up: its client id is no level of a topic");
	}
	settle_lazy(m, b, local > 0);
	if (b->clean >= 0)
		(void)put(m, b, "clean_start", slice_str(b->clean ? "true" : "false"));
	if (local >= 0)
		(void)put(m, b, "local_clean_start", slice_str(local ? "true" : "false"));
	(void)put(m, b, "local_username", user);
}

static bool has_user(const struct migration *m, struct slice name)
{
	const struct user *u = m->users;
	while (u && !slice_eq(u->name, name))
		u = u->next;
	return u != NULL;
}

enum err bridges_settle(struct migration *m)
{
	static const char *const names[] = { "mqtt-bridge", "mqtt-bridges", "mqtt-connections" };
	size_t i = 0;
	if (!m->bridges)
		return ERR_OK;
	while (i + 1 < sizeof names / sizeof *names && has_user(m, slice_str(names[i])))
		i++;
	for (const struct bridge *b = m->bridges; b; b = b->next)
		settle(m, b, slice_str(names[i]));
	struct user *u = migrate_user(m, slice_str(names[i]), m->bridges->place, m->global);
	return u ? ERR_OK : ERR_RESOURCE_ERROR;
}
