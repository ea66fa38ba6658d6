#include "io/definitions_entry.h"

#include "core/catalog.h"
#include "session/amqp091/rules_of.h"
#include "session/manage/item.h"
#include "wire/amqp091/table.h"

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
	d.arguments = wr_done(&w);
	d.flags = (uint8_t)((entry_is_true(e, "durable") ? EXCHANGE_DURABLE : 0) |
			    (entry_is_true(e, "auto_delete") ? EXCHANGE_AUTO_DELETE : 0) |
			    (entry_is_true(e, "internal") ? EXCHANGE_INTERNAL : 0));
	uint32_t n = declare_exchange_put(&d, buf, sizeof buf);
	return n ? definitions_add(e->d, ITEM_EXCHANGE, vhost, slice_of(buf, n)) : ERR_LIMIT;
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
	b.arguments = amqp091_table_sort(wr_done(&w), sorted);
	uint32_t n = bind_put(&b, buf, sizeof buf);
	return n ? definitions_add(e->d, ITEM_BINDING, vhost, slice_of(buf, n)) : ERR_LIMIT;
}
