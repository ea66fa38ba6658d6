#include "io/definitions_entry.h"

#include "core/catalog.h"
#include "session/amqp091/rules_of.h"
#include "session/defaults.h"
#include "session/manage/item.h"
#include "wire/amqp091/table.h"

#include <stdlib.h>

/* ---- queues, exchanges, bindings ---------------------------------------------------------- */

static enum err arguments_of(const struct entry *e, struct wr *w)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(e->in, "arguments");
	if (v && !cJSON_IsArray(v) && !cJSON_IsObject(v))
		return definitions_refuse(e, "needs an object in", "arguments");
	return definitions_table(v, w)
		       ? ERR_OK
		       : definitions_refuse(e, "has arguments that cannot be said", "");
}

/* A type of queue that this version does not have. */
static bool is_unknown_type(struct slice arguments)
{
	struct slice word;
	struct amqp091_value v;
	return defaults_type_is_named(arguments, &v) &&
	       amqp091_table_str(arguments, "x-queue-type", &word) &&
	       !slice_eq(word, defaults_type_word(QUEUE_CLASSIC)) &&
	       !slice_eq(word, defaults_type_word(QUEUE_QUORUM)) &&
	       !slice_eq(word, defaults_type_word(QUEUE_STREAM));
}

enum err definitions_read_queue(const struct entry *e)
{
	static const char *const known[] = { "name",      "vhost", "durable", "auto_delete",
					     "arguments", "type",  NULL };
	static uint8_t args[CATALOG_ARGUMENTS_MAX], buf[CATALOG_ARGUMENTS_MAX + 4096];
	uint8_t rules_bytes[RULES_BYTES_MAX];
	struct wr w = wr_of(args, sizeof args);
	char room[512];
	struct text reason = text_of(room, sizeof room);
	struct slice vhost;
	struct queue_rules rules;
	struct declare_queue d = { 0 };
	TRY(entry_name(e, "name", &d.name));
	TRY(entry_name(e, "vhost", &vhost));
	TRY(arguments_of(e, &w));
	TRY(entry_note_others(e, known));
	if (d.name.n == 0)
		return definitions_refuse(e, "has no name", "");
	d.arguments = wr_done(&w);
	d.flags = (uint8_t)((entry_is_true(e, "durable") ? QUEUE_DURABLE : 0) |
			    (entry_is_true(e, "auto_delete") ? QUEUE_AUTO_DELETE : 0));
	d.shard = amqp091_shard_of(d.name);
	if (is_unknown_type(d.arguments))
		return definitions_keep(e, vhost, d.name, "its type is unknown");
	if (amqp091_rules_of(vhost, &d, &rules, &reason) != ERR_OK)
		return definitions_leave_out(e, room);
	d.rules = slice_of(rules_bytes, rules_put(&rules, rules_bytes, sizeof rules_bytes));
	uint32_t n = declare_queue_put(&d, buf, sizeof buf);
	return n ? definitions_add(e->d, ITEM_QUEUE, vhost, slice_of(buf, n)) : ERR_LIMIT;
}

enum err definitions_read_exchange(const struct entry *e)
{
	static const char *const known[] = { "name",        "vhost",    "type",      "durable",
					     "auto_delete", "internal", "arguments", NULL };
	static uint8_t args[CATALOG_ARGUMENTS_MAX], buf[CATALOG_ARGUMENTS_MAX + 4096];
	struct wr w = wr_of(args, sizeof args);
	struct slice vhost;
	struct declare_exchange d = { 0 };
	TRY(entry_name(e, "name", &d.name));
	TRY(entry_name(e, "vhost", &vhost));
	TRY(entry_name(e, "type", &d.type));
	TRY(arguments_of(e, &w));
	TRY(entry_note_others(e, known));
	if (!exchange_type_of(d.type))
		return definitions_keep(e, vhost, d.name, "its type is unknown");
	d.arguments = wr_done(&w);
	d.flags = (uint8_t)((entry_is_true(e, "durable") ? EXCHANGE_DURABLE : 0) |
			    (entry_is_true(e, "auto_delete") ? EXCHANGE_AUTO_DELETE : 0) |
			    (entry_is_true(e, "internal") ? EXCHANGE_INTERNAL : 0));
	uint32_t n = declare_exchange_put(&d, buf, sizeof buf);
	return n ? definitions_add(e->d, ITEM_EXCHANGE, vhost, slice_of(buf, n)) : ERR_LIMIT;
}

/* Of an exchange or a queue that is kept as it is? */
static bool has_kept_end(const struct entry *e, struct slice vhost, const struct bind *b)
{
	return definitions_is_kept(e->d, "exchanges", vhost, b->exchange) ||
	       definitions_is_kept(e->d, b->to_exchange ? "exchanges" : "queues", vhost, b->queue);
}

/* All that it says is its name. */
static enum err keep_binding(const struct entry *e, struct slice vhost)
{
	char *json = cJSON_PrintUnformatted(e->in);
	if (!json)
		return ERR_RESOURCE_ERROR;
	enum err err = definitions_keep(e, vhost, slice_str(json),
					"one of its ends has an unknown type");
	free(json);
	return err;
}

enum err definitions_read_binding(const struct entry *e)
{
	static const char *const known[] = { "source",           "vhost",       "destination",
					     "destination_type", "routing_key", "arguments",
					     "properties_key",   NULL };
	static uint8_t args[CATALOG_ARGUMENTS_MAX], sorted[CATALOG_ARGUMENTS_MAX],
		buf[CATALOG_ARGUMENTS_MAX + 4096];
	struct wr w = wr_of(args, sizeof args);
	struct slice vhost;
	struct bind b = { 0 };
	TRY(entry_name(e, "source", &b.exchange));
	TRY(entry_name(e, "vhost", &vhost));
	TRY(entry_name(e, "destination", &b.queue));
	TRY(entry_name(e, "routing_key", &b.key));
	TRY(arguments_of(e, &w));
	TRY(entry_note_others(e, known));
	b.to_exchange = slice_eq(entry_string(e, "destination_type"), slice_str("exchange"));
	if (has_kept_end(e, vhost, &b))
		return keep_binding(e, vhost);
	b.arguments = amqp091_table_sort(wr_done(&w), sorted);
	uint32_t n = bind_put(&b, buf, sizeof buf);
	return n ? definitions_add(e->d, ITEM_BINDING, vhost, slice_of(buf, n)) : ERR_LIMIT;
}
