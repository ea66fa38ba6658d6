#include "migrate/model.h"

#include "auth/auth.h"

#define VHOST    "/"
#define EXCHANGE "amq.topic"

/* ---- definitions -------------------------------------------------------------------------- */

static void put_member(struct page *to, const char *before, const char *name, struct slice value)
{
	page_puts(to, before);
	page_put_json(to, slice_str(name));
	page_puts(to, ": ");
	page_put_json(to, value);
}

static void put_users(const struct migration *m, struct page *to)
{
	const char *between = "\n";
	page_puts(to, "\t\"users\": [");
	for (const struct user *u = m->users; u; u = u->next, between = ",\n") {
		page_puts(to, between);
		put_member(to, "\t\t{", "name", u->name);
		put_member(to, ", ", "password_hash", u->hash);
		put_member(
			to, ",\n\t\t\t", "hashing_algorithm",
			slice_str(u->algorithm ? u->algorithm : "rabbit_password_hashing_sha256"));
		page_puts(to, ", \"tags\": []}");
	}
	page_puts(to, "\n\t],\n");
}

/* His own queues, and the exchange through which all topics go. */
static void put_permissions(const struct migration *m, struct page *to)
{
	static const char queues[] = "^mqtt-", both[] = "^(?:mqtt-|amq\\.topic$)";
	const char *between = "\n";
	page_puts(to, "\t\"permissions\": [");
	for (const struct user *u = m->users; u; u = u->next, between = ",\n") {
		page_puts(to, between);
		put_member(to, "\t\t{", "user", u->name);
		put_member(to, ", ", "vhost", slice_str(VHOST));
		put_member(to, ", ", "configure", slice_str(queues));
		put_member(to, ",\n\t\t\t", "write", slice_str(both));
		put_member(to, ", ", "read", slice_str(both));
		page_puts(to, "}");
	}
	page_puts(to, "\n\t],\n");
}

/* False: there can be no such expression, or it would be too long. */
static bool put_write(const struct user *u, struct page *to)
{
	page_puts(to, "(?s)^(?:");
	bool is_good = rights_put(&u->write, RIGHTS_TOPICS, to);
	page_puts(to, ")\\z");
	return is_good && to->n <= AUTH_EXPRESSION_MAX;
}

static bool put_read(const struct user *u, struct page *to)
{
	bool is_good = true;
	page_puts(to, "(?s)^");
	if (u->has_subscribe) {
		page_puts(to, "(?=(?:");
		is_good = rights_put(&u->subscribe, RIGHTS_FILTERS, to);
		page_puts(to, ")\\z)");
	}
	page_puts(to, "(?:");
	is_good = rights_put(&u->read, RIGHTS_READING, to) && is_good;
	page_puts(to, ")\\z");
	return is_good && to->n <= AUTH_EXPRESSION_MAX;
}

static void put_expression(struct migration *m, const struct user *u, struct page *to,
			   const char *action)
{
	struct page expression = { 0 };
	bool is_write = action[0] == 'w';
	bool is_good = is_write ? put_write(u, &expression) : put_read(u, &expression);
	if (!is_good)
		migrate_note(m, u->place, u->name, FATE_LOST,
			     is_write ? "he has too many rules for one expression: he may publish "
					"nothing"
				      : "he has too many rules for one expression: he may read "
					"nothing");
	put_member(to, ",\n\t\t\t", action, is_good ? page_slice(&expression) : slice_str("^$"));
	to->is_short |= expression.is_short;
	page_fini(&expression);
}

static void put_topic_permissions(struct migration *m, struct page *to)
{
	const char *between = "\n";
	page_puts(to, "\t\"topic_permissions\": [");
	for (const struct user *u = m->users; u; u = u->next) {
		if (!u->is_ruled)
			continue;
		page_puts(to, between);
		between = ",\n";
		put_member(to, "\t\t{", "user", u->name);
		put_member(to, ", ", "vhost", slice_str(VHOST));
		put_member(to, ", ", "exchange", slice_str(EXCHANGE));
		put_expression(m, u, to, "write");
		put_expression(m, u, to, "read");
		page_puts(to, "}");
	}
	page_puts(to, "\n\t],\n");
}

static void put_policies(const struct migration *m, struct page *to)
{
	const char *between = "";
	page_puts(to, "\t\"policies\": [");
	if (m->queued_max.n + m->queued_bytes_max.n > 0) {
		put_member(to, "\n\t\t{", "vhost", slice_str(VHOST));
		put_member(to, ", ", "name", slice_str("mqtt-sessions"));
		put_member(to, ", ", "pattern", slice_str("^mqtt-subscription-"));
		page_puts(to, ", \"apply-to\": \"queues\", \"priority\": 0,\n\t\t\t"
			      "\"definition\": {\"overflow\": \"drop-head\", ");
		if (m->queued_max.n > 0) {
			page_puts(to, "\"max-length\": ");
			page_put(to, m->queued_max);
			between = ", ";
		}
		if (m->queued_bytes_max.n > 0) {
			page_puts(to, between);
			page_puts(to, "\"max-length-bytes\": ");
			page_put(to, m->queued_bytes_max);
		}
		page_puts(to, "}}\n\t");
	}
	page_puts(to, "]\n");
}

void write_definitions(struct migration *m, struct page *to)
{
	page_puts(to, "{\n\t\"vhosts\": [{\"name\": \"" VHOST "\"}],\n");
	put_users(m, to);
	put_permissions(m, to);
	put_topic_permissions(m, to);
	put_policies(m, to);
	page_puts(to, "}\n");
}

/* ---- godwit.conf -------------------------------------------------------------------------- */

static void put_setting(struct page *to, const char *key, struct slice value)
{
	bool is_quoted = slice_find(value, '#') < value.n || slice_find(value, ' ') < value.n;
	page_puts(to, key);
	page_puts(to, is_quoted ? " = '" : " = ");
	page_put(to, value);
	page_puts(to, is_quoted ? "'\n" : "\n");
}

static bool has_setting(const struct migration *m, const char *begin)
{
	for (const struct setting *s = m->settings; s; s = s->next)
		if (slice_starts_with(s->key, slice_str(begin)))
			return true;
	return false;
}

void write_conf(const struct migration *m, struct page *to)
{
	page_puts(to, "# What `godwit migrate mosquitto` has made of ");
	page_put_shown(to, m->setup->path);
	page_puts(to, "\n\n# Users and permissions, which every start imports.\n");
	put_setting(to, "load_definitions", m->setup->definitions);
	page_puts(to, "\n# Mosquitto spoke nothing but MQTT. These users would be allowed to read "
		      "the queues of\n# all sessions through other protocols.\n");
	for (const char *const *z = m->setup->closed; *z; z++)
		if (!has_setting(m, *z))
			put_setting(to, *z, slice_str("none"));
	page_puts(to, "\n");
	for (const struct setting *s = m->settings; s; s = s->next) {
		char room[100];
		struct text key = text_of(room, sizeof room);
		text_put_slice(&key, s->key);
		put_setting(to, room, s->value);
	}
}
