#include "node/config_lists.h"

#include "base/text.h"
#include "node/config_value.h"

bool config_is_none(struct slice name, struct slice value)
{
	return name.n == 0 && slice_eq(value, slice_str("none"));
}

uint32_t config_place(const void *list, size_t bytes, uint32_t n, struct slice name)
{
	const char *have = list;
	uint32_t i = 0;
	while (i < n && !slice_eq(slice_str(have + i * bytes), name))
		i++;
	return i;
}

void config_name_put(char *out, size_t cap, struct slice name)
{
	struct text t = text_of(out, cap);
	text_put_slice(&t, name);
}

static enum err listener_name(struct slice name, struct text *why)
{
	if (name.n > 0 && name.n <= CONFIG_NAME_MAX)
		return ERR_OK;
	text_putf(why, "a listener's name has 1 to %d bytes, as in listeners.tcp.default",
		  CONFIG_NAME_MAX);
	return ERR_MALFORMED;
}

/* The first listener that anybody names takes the place of the built-in one; one of the same name
 * is overridden. */
enum err config_listener_set(struct config_listeners *l, struct slice name, struct slice value,
			     struct text *why)
{
	if (config_is_none(name, value)) {
		*l = (struct config_listeners){ 0 };
		return ERR_OK;
	}
	if (name.n == 0) {
		text_puts(why,
			  "is none, or goes on with a name, as in listeners.tcp.default = 5672");
		return ERR_MALFORMED;
	}
	TRY(listener_name(name, why));
	struct config_listener one = { 0 };
	TRY(config_value_listener(value, &one, why));
	config_name_put(one.name, sizeof one.name, name);
	if (l->is_default)
		*l = (struct config_listeners){ 0 };
	const uint32_t i = config_place(l->at, sizeof *l->at, l->n, name);
	if (i == CONFIG_LISTENERS_MAX) {
		text_putf(why, "there can be %d listeners", CONFIG_LISTENERS_MAX);
		return ERR_MALFORMED;
	}
	l->at[i] = one;
	l->n += i == l->n;
	return ERR_OK;
}

/* One address, whose parts have keys of their own. What RabbitMQ opens by default is there. */
enum err config_endpoint_set(struct config_listeners *l, const struct config_row *row,
			     struct slice name, struct slice value, struct text *why)
{
	struct config_listener one = l->n ? l->at[0] : (struct config_listener){ .name = "port" };
	struct config_bounds port_bounds = { row->min, row->max, "" };
	bool is_whole = name.n == 0 || slice_eq(name, slice_str("listener"));
	int64_t port = one.port;
	if (is_whole && slice_eq(value, slice_str("none"))) {
		*l = (struct config_listeners){ 0 };
		return ERR_OK;
	}
	if (name.n == 0) {
		text_putf(why, "is none, or goes on, as in %s.port = 8080", row->key);
		return ERR_MALFORMED;
	}
	if (slice_eq(name, slice_str("port"))) {
		TRY(config_value_int(value, port_bounds, &port, why));
		one.port = (uint16_t)port;
	} else if (is_whole) {
		TRY(config_value_listener(value, &one, why));
	} else if (l->n == 0) {
		text_putf(why, "stands below %s.port, which says where it is open", row->key);
		return ERR_MALFORMED;
	} else {
		TRY(config_value_host(value, &one, why));
	}
	l->at[0] = one;
	l->n = 1;
	return ERR_OK;
}

enum err config_text_set(struct config_texts *t, const struct config_row *row, struct slice name,
			 struct slice value, struct text *why)
{
	struct config_bounds bounds = { row->min, row->max, "" };
	if (config_is_none(name, value)) {
		t->n = 0;
		return ERR_OK;
	}
	if (name.n == 0 || name.n > CONFIG_NAME_MAX) {
		text_putf(why, "is none, or goes on with a name, as in %s.1 = ...", row->key);
		return ERR_MALFORMED;
	}
	const uint32_t i = config_place(t->names, sizeof *t->names, t->n, name);
	if (i == CONFIG_TEXTS_MAX) {
		text_putf(why, "there can be %d of them", CONFIG_TEXTS_MAX);
		return ERR_MALFORMED;
	}
	TRY(config_value_string(value, bounds, t->at[i], why));
	config_name_put(t->names[i], sizeof t->names[i], name);
	t->n += i == t->n;
	return ERR_OK;
}

enum err config_user_set(struct config_users *u, struct slice name, struct slice value,
			 struct text *why)
{
	bool is_in = false;
	if (config_is_none(name, value)) {
		u->n = 0;
		return ERR_OK;
	}
	if (name.n == 0 || name.n > CONFIG_STRING_MAX) {
		text_puts(why,
			  "is none, or goes on with a name, as in loopback_users.guest = true");
		return ERR_MALFORMED;
	}
	TRY(config_value_bool(value, &is_in, why));
	const uint32_t i = config_place(u->at, sizeof *u->at, u->n, name);
	if (!is_in && i < u->n)
		u->at[i] = u->at[--u->n];
	if (!is_in || i < u->n)
		return ERR_OK;
	if (i == CONFIG_USERS_MAX) {
		text_putf(why, "there can be %d such users", CONFIG_USERS_MAX);
		return ERR_MALFORMED;
	}
	config_name_put(u->at[u->n++].name, sizeof u->at->name, name);
	return ERR_OK;
}

enum err config_choice_set(struct config_choices *c, const struct config_row *row,
			   struct slice name, struct slice value, struct text *why)
{
	struct config_bounds bounds = { 1, CONFIG_CHOICES_MAX, "" };
	char room[CONFIG_STRING_MAX];
	struct text unsaid = text_of(room, sizeof room);
	int64_t number = 0;
	int place = 0;
	if (config_is_none(name, value)) {
		*c = (struct config_choices){ 0 };
		return ERR_OK;
	}
	if (config_value_int(name, bounds, &number, &unsaid) != ERR_OK) {
		text_putf(why, "is none, or goes on with a number from 1 to %d, as in %s.1 = ...",
			  CONFIG_CHOICES_MAX, row->key);
		return ERR_MALFORMED;
	}
	TRY(config_value_choice(value, row->unit, &place, why));
	if (c->is_default)
		*c = (struct config_choices){ 0 };
	c->at[number - 1] = (uint8_t)(place + 1);
	return ERR_OK;
}

/* The default of choices is some of them in an order. */
void config_choices_default(struct config_choices *c, const struct config_row *row)
{
	char room[CONFIG_STRING_MAX];
	struct text unsaid = text_of(room, sizeof room);
	struct slice rest = slice_str(row->value);
	c->is_default = true;
	for (uint8_t i = 0; rest.n; i++) {
		int place = 0;
		enum err e = config_value_choice(slice_cut(&rest, '|'), row->unit, &place, &unsaid);
		must(i < CONFIG_CHOICES_MAX && e == ERR_OK);
		c->at[i] = (uint8_t)(place + 1);
	}
}

struct slice config_choice(const char *words, uint8_t place)
{
	struct slice rest = slice_str(words);
	must(place > 0);
	while (--place > 0) {
		(void)slice_cut(&rest, '|');
		must(rest.n > 0);
	}
	return slice_cut(&rest, '|');
}
