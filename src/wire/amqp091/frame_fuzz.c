/* frame_fuzz -- any octets as what a client sends: greeting, frames, whole messages. */
#include "base/must.h"
#include "wire/amqp091/content.h"
#include "wire/amqp091/fault.h"
#include "wire/amqp091/print.h"

#define FRAME_MAX 4096
#define OUT_MAX   (1 << 17)

static uint8_t out[OUT_MAX], own[OUT_MAX];
static struct slice parts[OUT_MAX / 8];

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* body_of counts the body octets in the content frames at the start of `in`. */
static uint64_t body_of(struct slice in, uint16_t channel)
{
	struct amqp091_frame f;
	uint64_t sum = 0;
	for (size_t at = 0; at < in.n; at += f.total) {
		must(amqp091_frame_read(slice_from(in, at), 0, &f) == ERR_OK);
		must(f.channel == channel && amqp091_frame_check(&f) == ERR_OK);
		must(f.type == (at ? AMQP091_FRAME_BODY : AMQP091_FRAME_HEADER));
		sum += at ? f.payload.n : 0;
	}
	return sum;
}

/* deliver sends the message on, with frames as they came and framed anew. */
static void deliver(const struct amqp091_content *c, size_t frame_max)
{
	struct amqp091_delivery d = { .channel = 9, .consumer_tag = slice_str("tag") };
	size_t size = amqp091_deliver_size(&d, frame_max, c);
	if (size > OUT_MAX)
		return;
	must(amqp091_deliver_put(out, &d, frame_max, c) == out + size);
	size_t head = amqp091_deliver_head_size(&d, c);
	must(body_of(slice_of(out + head, size - head), 9) == c->body_bytes);

	must(amqp091_gather_own(&d, frame_max, c) <= OUT_MAX);
	must(amqp091_gather_parts(frame_max, c) <= OUT_MAX / 8);
	size_t sum = 0, parts_n = amqp091_deliver_gather(own, &d, frame_max, c, parts);
	for (size_t i = 0; i < parts_n; i++)
		sum += parts[i].n;
	must(sum == head + amqp091_content_size_framed(c, frame_max));
}

static void refuse(const struct amqp091_fault *fault)
{
	char buf[256];
	struct text t = text_of(buf, sizeof buf);
	amqp091_fault_text(fault, &t);
	must(t.n > 0 && amqp091_fault_err(fault) != ERR_OK);
}

static void frames(struct slice in)
{
	char buf[1024];
	struct amqp091_frame f;
	struct amqp091_publish pub;
	for (size_t at = 0; at < in.n; at += f.total) {
		struct slice rest = slice_from(in, at);
		if (amqp091_publish_take(rest, FRAME_MAX, &pub)) {
			must(pub.total <= rest.n);
			deliver(&pub.content, 64);
			deliver(&pub.content, FRAME_MAX);
		}
		enum err e = amqp091_frame_read(rest, FRAME_MAX, &f);
		if (e == ERR_MORE) {
			must(amqp091_frame_need(rest) > rest.n);
			return;
		}
		if (e != ERR_OK) {
			struct amqp091_fault fault = amqp091_fault_of_frame(rest, FRAME_MAX);
			refuse(&fault);
			return;
		}
		must(amqp091_frame_need(rest) == f.total);
		struct text t = text_of(buf, sizeof buf);
		amqp091_frame_print(&f, &t);
		must(t.n > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	enum amqp091_greeting g;
	if (amqp091_greeting_read(in, &g) == ERR_OK && g == AMQP091_GREETING_AMQP_0_9_1)
		in = slice_from(in, AMQP091_GREETING_LEN);
	frames(in);
	return 0;
}
