#include "base/crc32c.h"
#include "base/exact_for_tests.h"
#include "core/core_for_tests.h"

struct record_body {
	uint8_t bytes[4096];
	struct wr w;
	struct logged_last last;
};

static void put(struct record_body *b, struct run *o)
{
	uint32_t need = logged_bytes(o, &b->last);
	size_t before = b->w.n;
	logged_put(o, &b->w, &b->last);
	must(b->w.n == before + need);
	must(b->last.sum == crc32c_extend(0, b->bytes, b->w.n));
}

/* A run in `room` with rows of 32 bytes; the caller fills them. */
static struct run *run_of(uint64_t *room, uint8_t kind, uint16_t n)
{
	struct run *o = (struct run *)(void *)room;
	*o = (struct run){
		.kind = kind, .flags = RUN_LOGGED, .n = n, .row_bytes = 32, .queue = 77
	};
	memset(run_rows(o), 0, n * 32u);
	return o;
}

static _Alignas(8) uint8_t room_bytes[LOGGED_RUN_BYTES];

/* All kinds, one message in two queues, one with an expiry. */
static void write_all(struct rig *r, struct record_body *b)
{
	uint64_t room[200], one = rig_message(r, 1, 1), two = rig_message(r, 2, 1);
	*b = (struct record_body){ 0 };
	b->w = wr_of(b->bytes, sizeof b->bytes);
	struct run *o = run_of(room, OUTCOME_ADD, 2);
	struct add_row *add = run_rows(o);
	add[0] = (struct add_row){ .mem = one,
				   .bytes = RIG_STORED_BYTES,
				   .priority = 5,
				   .flags = ENTRY_PERSISTENT | ENTRY_CONFIRM };
	add[1] = (struct add_row){ .mem = two,
				   .bytes = RIG_STORED_BYTES,
				   .expiry_ms = 99,
				   .flags = ENTRY_PERSISTENT | ENTRY_BIG };
	put(b, o);
	must(add[0].loc == 18 && add[1].loc == 18 + RIG_STORED_BYTES + 14);
	o = run_of(room, OUTCOME_ADD, 1);
	add[0] = (struct add_row){ .mem = two,
				   .bytes = RIG_STORED_BYTES,
				   .flags = ENTRY_PERSISTENT | ENTRY_SAME };
	put(b, o);
	must(add[0].loc == 18 + RIG_STORED_BYTES + 14);
	o = run_of(room, OUTCOME_REMOVE, 1);
	o->flags |= REMOVE_PURGED;
	*(struct remove_row *)run_rows(o) = (struct remove_row){ 3, 9, 1000, 1001 };
	put(b, o);
	o = run_of(room, OUTCOME_GIVE_MARK, 0);
	o->arg = 4711;
	put(b, o);
	o = run_of(room, OUTCOME_COUNT, 0);
	o->tail_len = 5;
	memcpy(run_rows(o), "abcde", 5);
	put(b, o);
	o = run_of(room, OUTCOME_RETAIN, 1);
	o->tail_len = 3;
	memcpy(add + 1, "a.b", 3);
	add[0] = (struct add_row){
		.mem = one, .bytes = RIG_STORED_BYTES, .expiry_ms = 5, .flags = ENTRY_PERSISTENT
	};
	put(b, o);
	o = run_of(room, OUTCOME_FORGET, 0);
	o->arg = 8;
	put(b, o);
	o = run_of(room, OUTCOME_ADD_ONCE, 1);
	o->tail_len = 8;
	memcpy(add + 1, "12345678", 8);
	add[0] = (struct add_row){ .mem = two,
				   .bytes = RIG_STORED_BYTES,
				   .flags = ENTRY_PERSISTENT };
	put(b, o);
}

/* Of eight octets, no more and no less. */
static void a_number_has_its_length(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	for (uint32_t n = 7; n <= 9; n++) {
		uint64_t room[200];
		struct record_body b = { 0 };
		b.w = wr_of(b.bytes, sizeof b.bytes);
		struct run *o = run_of(room, OUTCOME_ADD_ONCE, 1);
		struct add_row *add = run_rows(o);
		add[0] = (struct add_row){ .mem = rig_message(r, 1, 0),
					   .bytes = RIG_STORED_BYTES,
					   .flags = ENTRY_PERSISTENT };
		o->tail_len = n;
		memcpy(add + 1, "123456789", n);
		put(&b, o);
		struct slice body = wr_done(&b.w);
		struct rd rd = rd_of(body);
		must((logged_get(&rd, body, (struct run *)(void *)room_bytes, sizeof room_bytes) ==
		      ERR_OK) == (n == 8));
	}
	rig_free(r);
}

static struct run *get(struct rd *r, struct slice body)
{
	struct run *o = (struct run *)(void *)room_bytes;
	enum err err = logged_get(r, body, o, sizeof room_bytes);
	must(err == ERR_OK);
	must(o->len >= sizeof *o + (uint32_t)o->n * o->row_bytes + o->tail_len && o->len % 8 == 0);
	return o;
}

static void what_is_put_is_what_is_got(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	struct record_body b;
	write_all(r, &b);
	struct slice body = wr_done(&b.w);
	struct rd rd = rd_of(body);
	struct run *o = get(&rd, body);
	struct add_row *add = run_rows(o);
	must(o->kind == OUTCOME_ADD && o->flags == RUN_LOGGED && o->n == 2 && o->queue == 77);
	must(add[0].mem == 0 && add[0].loc == 18 && add[0].priority == 5);
	must(add[0].flags == ENTRY_PERSISTENT && add[0].bytes == RIG_STORED_BYTES);
	must(add[1].expiry_ms == 99 && add[1].flags == (ENTRY_PERSISTENT | ENTRY_BIG));
	uint64_t two = add[1].loc;
	o = get(&rd, body);
	must(o->n == 1 && add[0].loc == two && add[0].expiry_ms == 0);
	o = get(&rd, body);
	struct remove_row *gone = run_rows(o);
	must(o->flags == (RUN_LOGGED | REMOVE_PURGED) && gone->first_id == 3 && gone->last_id == 9);
	must(gone->first_pos == 0 && gone->last_pos == 0);
	o = get(&rd, body);
	must(o->kind == OUTCOME_GIVE_MARK && o->arg == 4711 && o->n == 0);
	o = get(&rd, body);
	must(o->kind == OUTCOME_COUNT && slice_eq(run_tail(o), slice_str("abcde")));
	o = get(&rd, body);
	must(o->kind == OUTCOME_RETAIN && slice_eq(run_tail(o), slice_str("a.b")));
	must(o->n == 1 && add[0].expiry_ms == 5 && add[0].bytes == RIG_STORED_BYTES);
	o = get(&rd, body);
	must(o->kind == OUTCOME_FORGET && o->arg == 8 && run_tail(o).n == 0);
	o = get(&rd, body);
	must(o->kind == OUTCOME_ADD_ONCE && slice_eq(run_tail(o), slice_str("12345678")));
	must(o->n == 1 && add[0].bytes == RIG_STORED_BYTES && add[0].loc > two);
	must(rd_done(&rd));
	char said[200];
	struct text text = text_of(said, sizeof said);
	logged_describe(body, (struct run *)(void *)room_bytes, sizeof room_bytes, &text);
	must(strcmp(said, " ADD REMOVE GIVE_MARK COUNT RETAIN FORGET ADD_ONCE") == 0);
	msg_unref(rig_message(r, 0, 1), 1);
	must(block_room(r->filling) > 0);
	r->filling->given -= 2; /* the two messages that no row owns */
	rig_free(r);
}

/* The body's first n bytes, in a heap block of exactly that size, are read whole runs far. */
static void every_prefix_is_refused(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	struct record_body b;
	write_all(r, &b);
	uint32_t whole_n = 0;
	for (size_t n = 1; n <= b.w.n; n++) {
		struct slice body = exact(slice_of(b.bytes, n), n);
		enum err err = logged_check(body, (struct run *)(void *)room_bytes,
					    sizeof room_bytes);
		must(err == ERR_OK || err == ERR_CORRUPT);
		whole_n += err == ERR_OK;
		exact_free(body);
	}
	must(whole_n == 8);
	r->filling->given -= 2;
	rig_free(r);
}

static enum err refused(const char *bytes, size_t n)
{
	struct slice body = slice_of(bytes, n);
	struct rd rd = rd_of(body);
	return logged_get(&rd, body, (struct run *)(void *)room_bytes, sizeof room_bytes);
}

static void what_nobody_wrote_is_refused(void **s)
{
	(void)s;
#define REFUSED(bytes) refused(bytes, sizeof bytes - 1)
	must(REFUSED("\x63\0\0\0"
		     "\1\0\0\0\0\0\0\0") == ERR_NOT_IMPLEMENTED);
	must(REFUSED("\x3c\0\0\0"
		     "\1\0\0\0\0\0\0\0") == ERR_NOT_IMPLEMENTED); /* BARRIER */
	must(REFUSED("\1\0\0\0"
		     "\1\0\0\0\0\0\0\0") == ERR_CORRUPT); /* no rows */
	must(REFUSED("\2\0\1\0"
		     "\1\0\0\0\0\0\0\0"
		     "\5\0\0\0\0\0\0\0"
		     "\4\0\0\0\0\0\0\0") == ERR_CORRUPT); /* a range backwards */
	must(REFUSED("\1\0\1\0"
		     "\1\0\0\0\0\0\0\0"
		     "\x11\0\1\0\0\0"
		     "\x20\0\0\0") == ERR_CORRUPT);
	must(REFUSED("\1\0\1\0"
		     "\1\0\0\0\0\0\0\0"
		     "\x21\0\1\0\0\0"
		     "x") == ERR_CORRUPT);
	must(REFUSED("\1\0\1\0"
		     "\0\0\0\0\0\0\0\0"
		     "\1\0\1\0\0\0"
		     "x") == ERR_CORRUPT);
	must(REFUSED("\1\0\1\0"
		     "\1\0\0\0\0\0\0\0"
		     "\1\0\1\0\0\0"
		     "x") == ERR_OK);
#define HEAD(kind) kind "\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	must(REFUSED(HEAD("\x14") "\1\0\0\0x") == ERR_CORRUPT); /* no declaration */
	must(REFUSED(HEAD("\x14") "\x0b\0\0\0\0\0\1\1x\1t\0\0\0\0") == ERR_NOT_IMPLEMENTED);
	must(REFUSED(HEAD("\x16") "\x17\0\0\0\0\0\1\1\0\0\0\0\0\0\0\0\0\1q\0\0\0\0"
				  "\2\0\xff\0") == ERR_NOT_IMPLEMENTED); /* a rule to come */
#undef HEAD
#undef REFUSED
}

/* A message with a body of `n` bytes. */
static uint64_t message_of(struct rig *r, uint32_t n)
{
	msg_unref(rig_message(r, 1, 1), 1); /* there is a block with room */
	struct block *b = r->filling;
	uint32_t off = (b->fill + 7u) & ~7u;
	must(block_room(b) > n + 128);
	memset((uint8_t *)b + off, (int)n, n + 2);
	memset((uint8_t *)b + off, 0, 2);
	b->fill = off + n + 2;
	struct msg *m = msg_new(b, &(struct msg){ .route_off = off,
						  .route_len = 2,
						  .body_off = off + 2,
						  .body_bytes = n,
						  .props_off = off,
						  .proto = 1 });
	must(m != NULL);
	block_give(b, 1);
	return msg_mem(m);
}

static void the_sum_of_a_record_is_joined_from_those_of_its_messages(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	uint64_t room[100];
	static struct record_body b;
	b = (struct record_body){ 0 };
	b.w = wr_of(b.bytes, sizeof b.bytes);
	for (uint32_t n = 100; n < 900; n += 111) {
		struct run *o = run_of(room, OUTCOME_ADD, 2);
		struct add_row *add = run_rows(o);
		uint64_t mem = message_of(r, n);
		for (int i = 0; i < 2; i++)
			add[i] = (struct add_row){ .mem = mem,
						   .bytes = msg_stored_bytes(msg_of(mem)),
						   .flags = ENTRY_PERSISTENT };
		if (b.w.n + logged_bytes(o, &b.last) <= sizeof b.bytes)
			put(&b, o); /* looks at the sum */
		msg_unref(mem, 1);
	}
	must(b.w.n > 2000);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sum_of_a_record_is_joined_from_those_of_its_messages),
		cmocka_unit_test(what_is_put_is_what_is_got),
		cmocka_unit_test(a_number_has_its_length),
		cmocka_unit_test(every_prefix_is_refused),
		cmocka_unit_test(what_nobody_wrote_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
