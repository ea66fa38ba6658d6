/* frame_fuzz -- any octets as what a client sends: frames, heads, destinations, stored headers. */
#include "base/must.h"
#include "wire/stomp/destination.h"
#include "wire/stomp/for_tests.h"
#include "wire/stomp/print.h"
#include "wire/stomp/stored.h"

#define BODY_MAX 5000
#define ROOM     (1 << 18)

static uint8_t scratch_room[ROOM], stored_room[ROOM], out[4 * ROOM], again[4 * ROOM];

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void go_to(struct slice destination)
{
	static char room[ROOM];
	struct text why = text_of(room, sizeof room);
	struct wr scratch = wr_of(scratch_room, sizeof scratch_room);
	struct stomp_destination d;
	bool is_unknown;
	if (stomp_destination_read(destination, &scratch, &d, &is_unknown, &why) != ERR_OK)
		must(why.n > 0);
	else
		must(d.name.n <= destination.n && d.exchange.n <= destination.n);
}

/* What is read is stored, told, and read again the same. */
static void pass_on(const struct stomp_frame *f, enum stomp_version v)
{
	struct wr scratch = wr_of(scratch_room, sizeof scratch_room);
	struct wr w = wr_of(stored_room, STOMP_STORED_MAX(f->head.n));
	stomp_stored_put(f->head, v, &scratch, &w);
	const struct stomp_message m = { .version = v,
					 .destination = slice_str("/queue/a"),
					 .id = slice_str("T_1@@s@@1"),
					 .body_bytes = f->body.n,
					 .ops = &stomp_header_ops,
					 .props = wr_done(&w) };
	size_t size = stomp_message_put(NULL, &m), need;
	must(size + f->body.n < sizeof out && stomp_message_put(out, &m) == size);
	if (f->body.n)
		memcpy(out + size, f->body.p, f->body.n);
	out[size + f->body.n] = 0;
	struct stomp_scan s = { 0 };
	struct stomp_frame back;
	enum err e = stomp_scan(&s, slice_of(out, size + f->body.n + 1), BODY_MAX, &back, &need);
	must(e == ERR_OK || e == ERR_LIMIT); /* escapes and what is added make it longer */
	if (e != ERR_OK)
		return;
	must(back.command == STOMP_MESSAGE && slice_eq(back.body, f->body));
	struct stomp_head head;
	struct wr second = wr_of(again, sizeof again);
	must(stomp_head_read(back.head, v, STOMP_ESCAPES, &second, &head) == ERR_OK);
	must(stomp_has(&head, STOMP_H_MESSAGE_ID));
}

static void look(const struct stomp_frame *f)
{
	static char line[ROOM];
	struct text t = text_of(line, sizeof line);
	stomp_frame_print(f, &t);
	must(t.n > 0 || f->word.n == 0);
	for (uint32_t v = STOMP_1_0; v <= STOMP_1_2; v++) {
		struct wr scratch = wr_of(scratch_room, sizeof scratch_room);
		struct stomp_head head;
		if (stomp_head_read(f->head, (enum stomp_version)v, STOMP_ESCAPES_OR_NOT, &scratch,
				    &head) != ERR_OK)
			must(!"everything else stands for itself");
		if (stomp_has(&head, STOMP_H_DESTINATION))
			go_to(head.at[STOMP_H_DESTINATION]);
		pass_on(f, (enum stomp_version)v);
	}
}

static void view(struct slice props)
{
	struct header h;
	for (uint32_t i = 0; i < HEADER_PROPERTY_N; i++)
		if (stomp_header_ops.property(props, (enum header_property)i, &h))
			must(h.octets.n <= props.n);
	struct rd r = stomp_header_ops.begin(props);
	while (stomp_header_ops.next(&r, &h))
		must(h.name.n <= props.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	view(in);
	go_to(in);
	while (in.n) {
		struct stomp_scan s = { 0 };
		struct stomp_frame f;
		size_t need = 0;
		in = slice_from(in, stomp_blank(in));
		enum err e = ERR_MORE;
		for (size_t part = 0; e == ERR_MORE && part <= in.n; part = need)
			e = stomp_scan(&s, slice_sub(in, 0, part), BODY_MAX, &f, &need);
		must_if(e == ERR_LIMIT || e == ERR_MALFORMED, s.fault != NULL);
		if (e != ERR_OK)
			break;
		look(&f);
		in = slice_from(in, f.total);
	}
	return 0;
}
