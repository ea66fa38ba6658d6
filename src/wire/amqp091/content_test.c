#include "wire/amqp091/content.h"

#include "base/wr.h"
#include "wire/amqp091/for_tests.h"
#include "wire/amqp091/method.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define BUF       200000
#define BODY_MAX  60000
#define PIECE_MAX 32

static uint8_t in_buf[BUF], want_buf[BUF], got_buf[BUF], body_buf[BODY_MAX];

/* A message as a test thinks of it. */
struct message {
	struct slice exchange, routing_key, props, body;
};

/* ---- the reference: fields one after the other, frame by frame ---- */

static void ref_frame(struct wr *w, uint8_t type, uint16_t channel, struct slice payload)
{
	wr_u8(w, type);
	wr_u16(w, channel);
	wr_u32(w, (uint32_t)payload.n);
	wr_slice(w, payload);
	wr_u8(w, 0xCE);
}

static void ref_content(struct wr *w, uint16_t channel, size_t frame_max, const struct message *m)
{
	uint8_t header[600];
	struct wr h = wr_of(header, sizeof header);
	wr_u16(&h, 60);
	wr_u16(&h, 0);
	wr_u64(&h, m->body.n);
	wr_slice(&h, m->props);
	ref_frame(w, 2, channel, wr_done(&h));
	for (size_t at = 0; at < m->body.n; at += frame_max - 8) {
		size_t n = m->body.n - at < frame_max - 8 ? m->body.n - at : frame_max - 8;
		ref_frame(w, 3, channel, slice_sub(m->body, at, n));
	}
}

static void ref_method(struct wr *w, uint16_t channel, const struct amqp091_method *m)
{
	uint8_t *at = wr_reserve(w, amqp091_method_size(m));
	must(at != NULL);
	must(amqp091_method_put(at, channel, m) == w->p + w->n);
}

static struct slice ref_publish(uint16_t channel, size_t frame_max, const struct message *m)
{
	struct wr w = wr_of(in_buf, sizeof in_buf);
	struct amqp091_method method = { .kind = AMQP091_basic_publish };
	method.basic_publish = (struct amqp091_basic_publish){ .exchange = m->exchange,
							       .routing_key = m->routing_key,
							       .mandatory = true };
	ref_method(&w, channel, &method);
	ref_content(&w, channel, frame_max, m);
	must(wr_ok(&w));
	return wr_done(&w);
}

static struct slice ref_deliver(const struct amqp091_delivery *d, size_t frame_max,
				const struct message *m)
{
	struct wr w = wr_of(want_buf, sizeof want_buf);
	struct amqp091_method method = { .kind = AMQP091_basic_deliver };
	method.basic_deliver = (struct amqp091_basic_deliver){
		.consumer_tag = d->consumer_tag,
		.delivery_tag = d->delivery_tag,
		.redelivered = d->redelivered,
		.exchange = m->exchange,
		.routing_key = m->routing_key,
	};
	ref_method(&w, d->channel, &method);
	ref_content(&w, d->channel, frame_max, m);
	must(wr_ok(&w));
	return wr_done(&w);
}

/* ---- messages ---- */

static struct message some_message(struct prng *r)
{
	static uint8_t exchange[255], key[255];
	memset(exchange, 'e', sizeof exchange);
	memset(key, 'k', sizeof key);
	static const struct slice props[] = {
		{ (const uint8_t *)"\0\0", 2 },
		{ (const uint8_t *)"\20\0\2", 3 },
		{ (const uint8_t *)"\220\0\12text/plain\2", 14 },
	};
	size_t most = prng_chance(r, 1, 2) ? 200 : BODY_MAX;
	return (struct message){
		.exchange = slice_of(exchange, (size_t)prng_below(r, 256)),
		.routing_key = slice_of(key, (size_t)prng_below(r, 256)),
		.props = props[prng_below(r, 3)],
		.body = random_octets(r, body_buf, (size_t)prng_below(r, most + 1)),
	};
}

static struct amqp091_delivery some_delivery(struct prng *r)
{
	static uint8_t tag[255];
	memset(tag, 't', sizeof tag);
	return (struct amqp091_delivery){
		.channel = (uint16_t)prng_between(r, 1, 3),
		.redelivered = prng_chance(r, 1, 2),
		.consumer_tag = slice_of(tag, (size_t)prng_below(r, 256)),
		.delivery_tag = prng_u64(r),
	};
}

/* cut makes pieces of a body, some of them empty. */
static size_t cut(struct slice body, struct slice *pieces, struct prng *r)
{
	size_t n = 0;
	while (body.n > 0 && n < PIECE_MAX - 1) {
		size_t k = (size_t)prng_below(r, body.n + 1);
		pieces[n++] = slice_sub(body, 0, k);
		body = slice_from(body, k);
	}
	pieces[n++] = body;
	return n;
}

/* ---- builders against the reference ---- */

static void check_put(const struct amqp091_delivery *d, size_t frame_max,
		      const struct amqp091_content *c, struct slice want)
{
	must(amqp091_deliver_size(d, frame_max, c) == want.n);
	struct slice room = exact(slice_of(got_buf, want.n), want.n);
	uint8_t *at = (uint8_t *)(uintptr_t)room.p;
	must(amqp091_deliver_put(at, d, frame_max, c) == at + want.n);
	must(slice_eq(room, want));
	exact_free(room);
}

/* Gathering may frame anew what put would copy, so it is compared where frames are as large. */
static void check_gather(const struct amqp091_delivery *d, size_t frame_max,
			 const struct amqp091_content *c, struct slice want)
{
	struct slice parts[200];
	must(amqp091_gather_parts(frame_max, c) <= 200);
	size_t own = amqp091_gather_own(d, frame_max, c);
	struct slice room = exact(slice_of(got_buf, own), own);
	size_t n = amqp091_deliver_gather((uint8_t *)(uintptr_t)room.p, d, frame_max, c, parts);
	struct wr w = wr_of(got_buf, sizeof got_buf);
	for (size_t i = 0; i < n; i++) {
		must(parts[i].n > 0);
		wr_slice(&w, parts[i]);
	}
	must(slice_eq(wr_done(&w), want));
	exact_free(room);
}

static const size_t frame_maxes[] = { 4096, 4097, 9000, 131072 };

static size_t some_frame_max(struct prng *r)
{
	return frame_maxes[prng_below(r, 4)];
}

/* as_it_came: true if nobody framed anew, so the reference must use the publisher's frames. */
static size_t kept_frame_max(const struct amqp091_content *c, size_t in_max, size_t out_max)
{
	return amqp091_content_as_it_came(c, out_max) ? in_max : out_max;
}

static void a_message_is_delivered_as_it_came(void **s)
{
	(void)s;
	struct prng r = prng_of(60);
	for (int i = 0; i < 1500; i++) {
		struct message m = some_message(&r);
		struct amqp091_delivery d = some_delivery(&r);
		size_t in_max = some_frame_max(&r), out_max = some_frame_max(&r);
		struct slice in = ref_publish(2, in_max, &m);
		struct slice block = exact(in, in.n);
		struct amqp091_publish p;
		must(amqp091_publish_take(block, in_max, &p) && p.total == in.n);
		must(p.channel == 2 && p.mandatory && !p.immediate);
		must(slice_eq(p.content.exchange, m.exchange));
		must(slice_eq(p.content.routing_key, m.routing_key));
		must(slice_eq(p.content.props, m.props) && p.content.body_bytes == m.body.n);

		size_t kept = kept_frame_max(&p.content, in_max, out_max);
		check_put(&d, out_max, &p.content, ref_deliver(&d, kept, &m));
		check_gather(&d, out_max, &p.content, ref_deliver(&d, out_max, &m));
		exact_free(block);
	}
}

static void pieces_are_delivered_like_frames(void **s)
{
	(void)s;
	struct prng r = prng_of(61);
	for (int i = 0; i < 1500; i++) {
		struct message m = some_message(&r);
		struct amqp091_delivery d = some_delivery(&r);
		struct slice pieces[PIECE_MAX];
		struct amqp091_content c = {
			.exchange = m.exchange,
			.routing_key = m.routing_key,
			.props = m.props,
			.body_bytes = m.body.n,
			.body = pieces,
			.body_n = cut(m.body, pieces, &r),
		};
		size_t out_max = some_frame_max(&r);
		struct slice want = ref_deliver(&d, out_max, &m);
		check_put(&d, out_max, &c, want);
		check_gather(&d, out_max, &c, want);
		check_put(&d, 0, &c, ref_deliver(&d, 131072, &m));
	}
}

static void frames_can_be_found_again(void **s)
{
	(void)s;
	struct prng r = prng_of(62);
	for (int i = 0; i < 100; i++) {
		struct message m = some_message(&r);
		struct slice in = ref_publish(9, 4096, &m);
		struct amqp091_publish p;
		struct amqp091_content c;
		must(amqp091_publish_take(in, 4096, &p));
		struct slice frames = p.content.frames;
		must(amqp091_content_of_frames(m.exchange, m.routing_key, frames, &c) == ERR_OK);
		must(c.frame_largest == p.content.frame_largest);
		must(slice_eq(c.props, m.props) && c.body_bytes == m.body.n);
		for (size_t n = 0; n < frames.n && n < 300; n++)
			must(amqp091_content_of_frames(m.exchange, m.routing_key,
						       slice_sub(frames, 0, n),
						       &c) == ERR_MALFORMED);
	}
}

static void got_and_returned_messages_have_their_heads(void **s)
{
	(void)s;
	struct prng r = prng_of(63);
	for (int i = 0; i < 200; i++) {
		struct message m = some_message(&r);
		struct amqp091_publish p;
		must(amqp091_publish_take(ref_publish(1, 4096, &m), 4096, &p));
		struct amqp091_got g = { .channel = 5, .delivery_tag = 7, .message_count = 9 };
		struct amqp091_method method = { .kind = AMQP091_basic_get_ok };
		method.basic_get_ok = (struct amqp091_basic_get_ok){ .delivery_tag = 7,
								     .exchange = m.exchange,
								     .routing_key = m.routing_key,
								     .message_count = 9 };
		struct wr w = wr_of(want_buf, sizeof want_buf);
		ref_method(&w, 5, &method);
		ref_content(&w, 5, 4096, &m);
		must(amqp091_get_ok_size(4096, &p.content) == w.n);
		must(amqp091_get_ok_put(got_buf, &g, 4096, &p.content) == got_buf + w.n);
		must(slice_eq(slice_of(got_buf, w.n), wr_done(&w)));

		struct amqp091_returned ret = { 6, 312, slice_str("NO_ROUTE") };
		method = (struct amqp091_method){ .kind = AMQP091_basic_return };
		method.basic_return = (struct amqp091_basic_return){ .reply_code = 312,
								     .reply_text = slice_str(
									     "NO_ROUTE"),
								     .exchange = m.exchange,
								     .routing_key = m.routing_key };
		w = wr_of(want_buf, sizeof want_buf);
		ref_method(&w, 6, &method);
		ref_content(&w, 6, 4096, &m);
		must(amqp091_return_size(&ret, 4096, &p.content) == w.n);
		must(amqp091_return_put(got_buf, &ret, 4096, &p.content) == got_buf + w.n);
		must(slice_eq(slice_of(got_buf, w.n), wr_done(&w)));
	}
}

/* ---- what take leaves to others ---- */

static void a_message_is_taken_whole_or_not_at_all(void **s)
{
	(void)s;
	struct message m = { .exchange = slice_str("ex"),
			     .routing_key = slice_str("key"),
			     .props = bytes_of("\20\0\2"),
			     .body = slice_of(body_buf, 5000) };
	struct slice in = ref_publish(1, 4096, &m);
	struct amqp091_publish p;
	for (size_t n = 0; n < in.n; n++) {
		struct slice part = exact(in, n);
		must(!amqp091_publish_take(part, 4096, &p));
		exact_free(part);
	}
	must(amqp091_publish_take(in, 4096, &p));
	must(!amqp091_publish_take(in, 4000, &p));
}

/* Any octet changed: either it is still a message that the slow road would take as well, or it is
 * refused; never a wrong length. */
static void a_changed_octet_never_makes_a_wrong_message(void **s)
{
	(void)s;
	struct message m = { .exchange = slice_str("ex"),
			     .routing_key = slice_str("key"),
			     .props = bytes_of("\20\0\2"),
			     .body = slice_str("hello") };
	struct slice in = ref_publish(1, 4096, &m);
	struct amqp091_publish p;
	for (size_t i = 0; i < in.n; i++) {
		for (unsigned v = 0; v < 256; v++) {
			struct slice copy = exact(in, in.n);
			uint8_t *octets = (uint8_t *)(uintptr_t)copy.p;
			octets[i] = (uint8_t)v;
			if (amqp091_publish_take(copy, 4096, &p))
				must(p.content.body_bytes == 0 ? p.total == in.n - 13
							       : p.total == in.n);
			exact_free(copy);
		}
	}
}

static void odd_contents_are_left_to_the_slow_road(void **s)
{
	(void)s;
	struct amqp091_publish p;
#define PUB       "\1\0\1\0\0\0\12\0\74\0\50\0\0\0\1q\0\xCE"
#define HDR(body) "\2\0\1\0\0\0\16\0\74\0\0\0\0\0\0\0\0\0" body "\0\0\xCE"
	must(amqp091_publish_take(bytes_of(PUB HDR("\0")), 4096, &p) &&
	     p.content.frame_largest == 0);
	must(amqp091_publish_take(bytes_of(PUB HDR("\1") "\3\0\1\0\0\0\1x\xCE"), 4096, &p));
	/* an empty body frame, one too long, one of another channel, another class */
	must(!amqp091_publish_take(bytes_of(PUB HDR("\1") "\3\0\1\0\0\0\0\xCE"
							  "\3\0\1\0\0\0\1x\xCE"),
				   4096, &p));
	must(!amqp091_publish_take(bytes_of(PUB HDR("\1") "\3\0\1\0\0\0\2xy\xCE"), 4096, &p));
	must(!amqp091_publish_take(bytes_of(PUB HDR("\1") "\3\0\2\0\0\0\1x\xCE"), 4096, &p));
	must(!amqp091_publish_take(bytes_of(PUB "\2\0\1\0\0\0\16\0\62\0\0\0\0\0\0\0\0\0\0\0\0\xCE"),
				   4096, &p));
	/* a routing key that is no UTF-8, channel 0 */
	must(!amqp091_publish_take(
		bytes_of("\1\0\1\0\0\0\12\0\74\0\50\0\0\0\1\xFF\0\xCE" HDR("\0")), 4096, &p));
	must(!amqp091_publish_take(bytes_of("\1\0\0\0\0\0\12\0\74\0\50\0\0\0\1q\0\xCE"
					    "\2\0\0\0\0\0\16\0\74\0\0\0\0\0\0\0\0\0\0\0\0\xCE"),
				   4096, &p));
}

static struct amqp091_heads heads_of(struct slice in, const struct amqp091_publish *p)
{
	uint32_t method_n = (uint32_t)(p->content.frames.p - in.p);
	return (struct amqp091_heads){
		.at = in.p,
		.method_n = method_n,
		.n = method_n + load_be32(p->content.frames.p + 3) + AMQP091_FRAME_OVERHEAD,
		.body_max = 4096,
		.channel = p->channel,
	};
}

/* What passes as a repetition is taken like any other, as the same but for its body; whatever octet
 * of it is changed, and however much of it is there. */
static void a_repeated_publish_is_the_same_but_for_its_body(void **s)
{
	(void)s;
	struct message m = { .exchange = slice_str("ex"),
			     .routing_key = slice_str("key"),
			     .props = bytes_of("\20\0\2"),
			     .body = slice_str("hello") };
	struct slice first = ref_publish(1, 4096, &m);
	first = exact(first, first.n);
	struct amqp091_publish p, q;
	must(amqp091_publish_take(first, 4096, &p));
	const struct amqp091_heads h = heads_of(first, &p);
	uint32_t body_bytes = 0, repeats_n = 0;
	m.body = slice_str("good bye");
	struct slice in = ref_publish(1, 4096, &m);
	for (size_t n = 0; n <= in.n; n++) {
		struct slice part = exact(in, n);
		must(amqp091_publish_repeats(&h, part, &body_bytes) == (n == in.n));
		exact_free(part);
	}
	must(body_bytes == m.body.n);
	for (size_t i = 0; i < in.n; i++) {
		for (unsigned v = 0; v < 256; v++) {
			struct slice copy = exact(in, in.n);
			((uint8_t *)(uintptr_t)copy.p)[i] = (uint8_t)v;
			if (amqp091_publish_repeats(&h, copy, &body_bytes)) {
				must(amqp091_publish_take(copy, 4096, &q) && q.total == in.n);
				must(q.content.body_bytes == body_bytes &&
				     slice_eq(q.content.exchange, p.content.exchange) &&
				     slice_eq(q.content.routing_key, p.content.routing_key) &&
				     slice_eq(q.content.props, p.content.props) &&
				     q.mandatory == p.mandatory && q.channel == p.channel);
				repeats_n++;
			}
			exact_free(copy);
		}
	}
	must(repeats_n == 256 * m.body.n + (in.n - m.body.n));
	exact_free(first);
}

static void an_empty_or_too_large_body_is_no_repetition(void **s)
{
	(void)s;
	struct message m = { .exchange = slice_str(""),
			     .routing_key = slice_str("q"),
			     .props = bytes_of("\0\0"),
			     .body = slice_str("hello") };
	struct slice first = ref_publish(1, 4096, &m);
	first = exact(first, first.n);
	struct amqp091_publish p;
	must(amqp091_publish_take(first, 4096, &p));
	struct amqp091_heads h = heads_of(first, &p);
	uint32_t body_bytes;
	must(amqp091_publish_repeats(&h, first, &body_bytes));
	h.body_max = 4;
	must(!amqp091_publish_repeats(&h, first, &body_bytes));
	h.body_max = 4096;
	m.body = SLICE_EMPTY;
	must(!amqp091_publish_repeats(&h, ref_publish(1, 4096, &m), &body_bytes));
	m.body = slice_str("in two frames");
	must(!amqp091_publish_repeats(&h, ref_publish(1, 16, &m), &body_bytes));
	exact_free(first);
}

/* ---- fan-out ---- */

static void a_run_is_encoded_once_and_addressed_to_many(void **s)
{
	(void)s;
	struct prng r = prng_of(64);
	struct message m[3];
	struct amqp091_publish p;
	struct amqp091_delivery d = { .channel = 4,
				      .consumer_tag = slice_str("amq.ctag-1"),
				      .delivery_tag = 100 };
	static uint8_t run[BUF];
	uint32_t starts[3];
	uint8_t *at = run;
	for (int i = 0; i < 3; i++) {
		m[i] = some_message(&r);
		m[i].body = slice_of("a body of about sixteen octets", 16 + (size_t)i);
		must(amqp091_publish_take(ref_publish(1, 4096, &m[i]), 4096, &p));
		starts[i] = (uint32_t)(at - run);
		at = amqp091_deliver_put(at, &d, 4096, &p.content);
	}
	d.consumer_tag = slice_str("amq.ctag-2");
	amqp091_run_retag(run, starts, 3, d.consumer_tag, 7);
	for (int i = 0; i < 3; i++) {
		d.delivery_tag = 7 + (uint64_t)i;
		struct slice want = ref_deliver(&d, 4096, &m[i]);
		must(slice_eq(slice_of(run + starts[i], want.n), want));
	}
	d.delivery_tag = 99;
	amqp091_deliver_renumber(run + starts[1], 99);
	struct slice want = ref_deliver(&d, 4096, &m[1]);
	must(slice_eq(slice_of(run + starts[1], want.n), want));
}

static void short_copies_are_copies(void **s)
{
	(void)s;
	uint8_t from[200];
	struct prng r = prng_of(65);
	random_octets(&r, from, sizeof from);
	for (size_t n = 0; n < sizeof from; n++) {
		struct slice a = exact(slice_of(from, n), n), b = exact(slice_of(got_buf, n), n);
		uint8_t *to = (uint8_t *)(uintptr_t)b.p;
		must(amqp091_copy(to, a.p, n) == to + n);
		must(slice_eq(a, b));
		exact_free(a);
		exact_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_delivered_as_it_came),
		cmocka_unit_test(pieces_are_delivered_like_frames),
		cmocka_unit_test(frames_can_be_found_again),
		cmocka_unit_test(got_and_returned_messages_have_their_heads),
		cmocka_unit_test(a_message_is_taken_whole_or_not_at_all),
		cmocka_unit_test(a_changed_octet_never_makes_a_wrong_message),
		cmocka_unit_test(odd_contents_are_left_to_the_slow_road),
		cmocka_unit_test(a_repeated_publish_is_the_same_but_for_its_body),
		cmocka_unit_test(an_empty_or_too_large_body_is_no_repetition),
		cmocka_unit_test(a_run_is_encoded_once_and_addressed_to_many),
		cmocka_unit_test(short_copies_are_copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
