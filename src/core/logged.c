#include "core/logged.h"

#include "base/bits.h"
#include "base/crc32c.h"
#include "base/text.h"
#include "core/catalog.h"
#include "core/core.h"
#include "core/fact.h"
#include "msg/msg.h"

#define RUN_HEAD_BYTES   12u
#define OTHER_HEAD_BYTES 12u /* of the kinds without rows: arg, tail_len */
#define ADD_ROW_BYTES    6u
#define REMOVE_ROW_BYTES 16u

/* Numbers that the keys of a checkpoint's units have room for (catalog_unit.h). */
#define LOGGED_QUEUES_END ((UINT64_C(1) << 43) - 1)
#define LOGGED_FACTS_END  (UINT64_C(1) << 62)

/* Which kinds may be stored; the rest of their numbers are unknown to this build. */
static bool is_stored_kind(uint8_t kind)
{
	switch (kind) {
	case OUTCOME_ADD:
	case OUTCOME_STREAM_ADD:
	case OUTCOME_STREAM_TRIM:
	case OUTCOME_RETAIN:
	case OUTCOME_ADD_ONCE:
	case OUTCOME_FORGET:
	case OUTCOME_REMOVE:
	case OUTCOME_GIVE_MARK:
	case OUTCOME_QUEUE_DROP:
	case OUTCOME_CHUNK:
	case OUTCOME_COUNT:
	case OUTCOME_RETURN:
	case OUTCOME_AGAIN:
	case OUTCOME_UNUSED:
	case OUTCOME_CHUNK_DROP:
	case OUTCOME_TX_BEGIN:
	case OUTCOME_TX_PREPARE:
	case OUTCOME_TX_END:
	case OUTCOME_TX_ABORT:
	case OUTCOME_EXCHANGE_DECLARE:
	case OUTCOME_EXCHANGE_DELETE:
	case OUTCOME_QUEUE_DECLARE:
	case OUTCOME_QUEUE_DELETE:
	case OUTCOME_BIND:
	case OUTCOME_UNBIND:
	case OUTCOME_FACT_PUT:
	case OUTCOME_FACT_DELETE: return true;
	default: return false;
	}
}

/* Its only row has a key, or the number by which it is known again. */
static bool has_key(uint8_t kind)
{
	return kind == OUTCOME_RETAIN || kind == OUTCOME_ADD_ONCE;
}

static const struct add_row *add_rows(const struct run *o)
{
	return (const struct add_row *)(const void *)(o + 1);
}

static uint32_t add_bytes(const struct run *o, uint64_t last_mem)
{
	const struct add_row *row = add_rows(o);
	uint32_t sum = o->n * ADD_ROW_BYTES + (has_key(o->kind) ? 1 + o->tail_len : 0);
	for (uint32_t i = 0; i < o->n; i++) {
		sum += row[i].mem == last_mem ? 4 : row[i].bytes;
		sum += row[i].expiry_ms ? 8 : 0;
		last_mem = row[i].mem;
	}
	return sum;
}

uint32_t logged_bytes(const struct run *o, const struct logged_last *last)
{
	must(o->flags & RUN_LOGGED && is_stored_kind(o->kind));
	if (outcome_adds(o->kind))
		return RUN_HEAD_BYTES + add_bytes(o, last->mem);
	if (o->kind == OUTCOME_REMOVE)
		return RUN_HEAD_BYTES + o->n * REMOVE_ROW_BYTES;
	return RUN_HEAD_BYTES + OTHER_HEAD_BYTES + o->tail_len;
}

/* Stored forms from here on are summed once: as messages. */
#define JOINED_BYTES_MIN 192u

static void sum_up_to(struct logged_last *last, const struct wr *w, size_t end)
{
	must(last->summed <= end && end <= w->n);
	last->sum = crc32c_extend(last->sum, w->p + last->summed, end - last->summed);
	last->summed = (uint32_t)end;
}

/* A stored form begins with the sum of the rest of it. */
static void sum_message(struct logged_last *last, const struct wr *w)
{
	uint32_t rest = (uint32_t)(w->n - last->off) - 4;
	if (rest < JOINED_BYTES_MIN)
		return;
	sum_up_to(last, w, (size_t)last->off + 4);
	last->sum = crc32c_join(last->sum, load_le32(w->p + last->off), rest);
	last->summed = (uint32_t)w->n;
	must(last->summed == last->off + 4 + rest);
}

static void add_put(struct run *o, struct wr *w, struct logged_last *last)
{
	struct add_row *row = run_rows(o);
	for (struct add_row *end = row + o->n; row < end; row++) {
		must(row->mem && row->flags & ENTRY_PERSISTENT);
		bool is_same = row->mem == last->mem;
		wr_u8(w, (uint8_t)((row->flags & ENTRY_STORED) | (is_same ? LOGGED_SAME : 0) |
				   (row->expiry_ms ? LOGGED_EXPIRY : 0)));
		wr_u8(w, row->priority);
		wr_le32(w, row->bytes);
		if (row->expiry_ms)
			wr_le64(w, row->expiry_ms);
		if (is_same) {
			wr_le32(w, (uint32_t)last->off);
		} else {
			last->mem = row->mem;
			last->off = w->n;
			msg_store(msg_of(row->mem), w);
			must(w->n - last->off == row->bytes);
			sum_message(last, w);
		}
		row->loc = last->off;
	}
	if (has_key(o->kind))
		wr_str8(w, run_tail(o));
}

static void remove_put(struct run *o, struct wr *w)
{
	const struct remove_row *row = run_rows(o);
	for (uint32_t i = 0; i < o->n; i++) {
		must(row[i].first_id <= row[i].last_id);
		wr_le64(w, row[i].first_id);
		wr_le64(w, row[i].last_id);
	}
}

void logged_put(struct run *o, struct wr *w, struct logged_last *last)
{
	must(o->flags & RUN_LOGGED && is_stored_kind(o->kind));
	wr_u8(w, o->kind);
	wr_u8(w, outcome_adds(o->kind) ? 0 : (uint8_t)(o->flags & ~RUN_LOGGED));
	wr_le16(w, o->n);
	wr_le64(w, o->queue);
	if (outcome_adds(o->kind)) {
		add_put(o, w, last);
	} else if (o->kind == OUTCOME_REMOVE) {
		remove_put(o, w);
	} else {
		must(o->n == 0);
		wr_le64(w, o->arg);
		wr_le32(w, o->tail_len);
		wr_slice(w, run_tail(o));
	}
	must(wr_ok(w));
	sum_up_to(last, w, w->n);
}

/* The body of a stored message is what is left behind its lengths (msg.h). */
static uint32_t before_body(struct slice stored)
{
	if (stored.n < MSG_STORED_HEAD_BYTES)
		return 0;
	const uint32_t body = load_le32(stored.p + 12);
	const uint64_t before = (uint64_t)stored.n - min_u64(body, stored.n);
	must(before <= stored.n);
	return (uint32_t)before;
}

static enum err add_get(struct rd *r, struct slice body, struct add_row *row)
{
	uint8_t how = rd_u8(r);
	*row = (struct add_row){ .flags = how & ENTRY_STORED };
	row->priority = rd_u8(r);
	row->bytes = rd_le32(r);
	row->expiry_ms = how & LOGGED_EXPIRY ? rd_le64(r) : 0;
	if (how & LOGGED_SAME) {
		row->loc = rd_le32(r);
		if (row->loc + row->bytes > body.n - rd_left(r))
			rd_fail(r);
	} else {
		row->loc = body.n - rd_left(r);
		rd_skip(r, row->bytes);
	}
	if (rd_ok(r))
		add_row_set_head(row, before_body(slice_sub(body, row->loc, row->bytes)));
	bool is_known = !(how & ~(ENTRY_STORED | LOGGED_SAME | LOGGED_EXPIRY));
	return rd_ok(r) && is_known && how & ENTRY_PERSISTENT ? ERR_OK : ERR_CORRUPT;
}

/* The key, behind the only row. */
static enum err key_get(struct rd *r, struct run *room)
{
	struct slice key = rd_str8(r);
	if (!rd_ok(r) || room->n != 1 ||
	    (room->kind == OUTCOME_ADD_ONCE && key.n != sizeof(uint64_t)))
		return ERR_CORRUPT;
	room->tail_len = (uint32_t)key.n;
	if (key.n)
		memcpy((uint8_t *)(room + 1) + room->row_bytes, key.p, key.n);
	return ERR_OK;
}

static enum err remove_get(struct rd *r, struct remove_row *row)
{
	*row = (struct remove_row){ .first_id = rd_le64(r) };
	row->last_id = rd_le64(r);
	return rd_ok(r) && row->first_id <= row->last_id ? ERR_OK : ERR_CORRUPT;
}

static enum err rows_get(struct rd *r, struct slice body, struct run *room)
{
	if (room->n == 0 || room->n > LIMIT_RUN_ROWS_MAX)
		return ERR_CORRUPT;
	for (uint32_t i = 0; i < room->n; i++) {
		if (outcome_adds(room->kind))
			TRY(add_get(r, body, (struct add_row *)run_rows(room) + i));
		else
			TRY(remove_get(r, (struct remove_row *)run_rows(room) + i));
	}
	return has_key(room->kind) ? key_get(r, room) : ERR_OK;
}

static enum err fact_look(const struct run *room)
{
	struct fact f;
	struct fact_limits limits;
	TRY(fact_get(run_tail(room), &f));
	must(fact_names(f.kind) != NULL);
	if (room->kind == OUTCOME_FACT_PUT &&
	    (f.kind == FACT_VHOST_LIMITS || f.kind == FACT_USER_LIMITS))
		return fact_limits_get(f.value, &limits);
	return ERR_OK;
}

static enum err declared_look(const struct run *room, struct slice *out_arguments)
{
	struct declare_exchange x;
	struct declare_queue q;
	struct bind b;
	must(out_arguments->n == 0);
	if (room->kind == OUTCOME_QUEUE_DECLARE) {
		TRY(declare_queue_get(run_tail(room), &q));
		*out_arguments = q.arguments;
		return q.owner && !(q.flags & QUEUE_EXCLUSIVE) ? ERR_MALFORMED : ERR_OK;
	}
	if (room->kind == OUTCOME_BIND || room->kind == OUTCOME_UNBIND) {
		TRY(bind_get(run_tail(room), &b));
		*out_arguments = b.arguments;
		return ERR_OK;
	}
	TRY(declare_exchange_get(run_tail(room), &x));
	*out_arguments = x.arguments;
	bool is_known = room->kind == OUTCOME_EXCHANGE_DELETE || exchange_type_of(x.type);
	return is_known ? ERR_OK : ERR_NOT_IMPLEMENTED;
}

/* What the catalog makes true must be something that it can read: apply has nobody to tell. */
static enum err catalog_look(const struct run *room)
{
	struct slice arguments = SLICE_EMPTY;
	enum err e = ERR_OK;
	if (room->kind == OUTCOME_FACT_PUT || room->kind == OUTCOME_FACT_DELETE)
		e = fact_look(room);
	else if (room->kind >= OUTCOME_EXCHANGE_DECLARE && room->kind <= OUTCOME_UNBIND &&
		 room->kind != OUTCOME_QUEUE_DELETE)
		e = declared_look(room, &arguments);
	must(e != ERR_LIMIT);
	return e == ERR_MALFORMED || arguments.n > CATALOG_ARGUMENTS_MAX ? ERR_CORRUPT : e;
}

/* Numbers of objects that the kind can have: from 1 up to, but not with, this; 0: it has none. */
static uint64_t objects_end(uint8_t kind)
{
	switch (kind) {
	case OUTCOME_QUEUE_DECLARE:
	case OUTCOME_QUEUE_DELETE: return LOGGED_QUEUES_END;
	case OUTCOME_FACT_PUT:
	case OUTCOME_FACT_DELETE: return LOGGED_FACTS_END;
	default:
		return kind <= OUTCOME_QUEUE_DROP ||
				       (kind >= OUTCOME_COUNT && kind <= OUTCOME_UNUSED)
			       ? UINT64_MAX
			       : 0;
	}
}

static enum err other_get(struct rd *r, struct run *room, uint32_t room_bytes)
{
	room->arg = rd_le64(r);
	struct slice tail = rd_take(r, rd_le32(r));
	if (!rd_ok(r) || room->n || tail.n > room_bytes - sizeof *room - 7)
		return ERR_CORRUPT;
	room->tail_len = (uint32_t)tail.n;
	if (tail.n)
		memcpy(run_rows(room), tail.p, tail.n);
	return ERR_OK;
}

enum err logged_get(struct rd *r, struct slice body, struct run *room, uint32_t room_bytes)
{
	must(room_bytes >= sizeof *room + LIMIT_RUN_ROWS_MAX * LIMIT_RUN_ROW_BYTES);
	*room = (struct run){ .kind = rd_u8(r) };
	room->flags = rd_u8(r);
	room->n = rd_le16(r);
	room->queue = rd_le64(r);
	if (!rd_ok(r) || room->flags & (outcome_adds(room->kind) ? 0xff : RUN_LOGGED))
		return ERR_CORRUPT;
	if (!is_stored_kind(room->kind))
		return ERR_NOT_IMPLEMENTED;
	uint64_t end = objects_end(room->kind);
	if (end && (room->queue == 0 || room->queue >= end))
		return ERR_CORRUPT;
	room->flags |= RUN_LOGGED;
	bool has_rows = outcome_adds(room->kind) || room->kind == OUTCOME_REMOVE;
	room->row_bytes = has_rows ? LIMIT_RUN_ROW_BYTES : 0;
	TRY(has_rows ? rows_get(r, body, room) : other_get(r, room, room_bytes));
	TRY(catalog_look(room));
	uint32_t len = (uint32_t)sizeof *room + (uint32_t)room->n * room->row_bytes +
		       room->tail_len;
	room->len = (len + 7u) & ~7u;
	return ERR_OK;
}

enum err logged_check(struct slice body, struct run *room, uint32_t room_bytes)
{
	struct rd r = rd_of(body);
	must(room != NULL);
	while (rd_left(&r) > 0)
		TRY(logged_get(&r, body, room, room_bytes));
	return ERR_OK;
}

void logged_describe(struct slice body, struct run *room, uint32_t room_bytes, struct text *out)
{
	static const char *const names[UINT8_MAX + 1] = {
#define OUTCOME(number, name, row, prose) [number] = #name,
#include "core/outcome.def"
#undef OUTCOME
	};
	bool is_there[UINT8_MAX + 1] = { false };
	struct rd r = rd_of(body);
	must(room != NULL);
	while (rd_left(&r) > 0 && logged_get(&r, body, room, room_bytes) == ERR_OK)
		is_there[room->kind] = true;
	for (uint32_t kind = 0; kind <= UINT8_MAX; kind++)
		if (is_there[kind])
			text_putf(out, " %s", names[kind]);
}
