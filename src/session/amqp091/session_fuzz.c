/* session_fuzz -- any deeds of three clients, good and bad: no must fails, nothing is left behind.
 *
 * Sessions are played on the real catalog and cores. A byte below DEED_RAW names a line of `lines`,
 * which the current client says; the others are octets as they are, and octets in a frame.
 */
#include "session/amqp091/harness_for_tests.h"
#include "session/play_for_tests.h"

#define DEED_RAW   160
#define DEED_FRAME 192

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char *const lines[] = {
	"ch 1 channel.open",
	"ch 2 channel.open",
	"ch 1 channel.close reply_code=200",
	"ch 2 channel.close reply_code=200",
	"ch 1 channel.close_ok",
	"ch 2 channel.close_ok",
	"ch 0 connection.close reply_code=200",
	"ch 0 connection.close_ok",
	"ch 1 channel.flow active",
	"ch 1 confirm.select",
	"ch 2 confirm.select nowait",
	"ch 1 queue.declare queue='a'",
	"ch 1 queue.declare queue='d' durable",
	"ch 2 queue.declare queue='e' exclusive",
	"ch 1 queue.declare queue='o' auto_delete",
	"ch 1 queue.declare exclusive",
	"ch 1 queue.declare queue='a' passive",
	"ch 1 queue.declare queue='d' durable nowait",
	"ch 1 queue.declare queue='a' arguments={x-foo=[1, {y='z'}]}",
	"ch 1 queue.bind queue='a' exchange='amq.fanout'",
	"ch 1 queue.bind queue='d' exchange='amq.fanout' nowait",
	"ch 1 queue.bind queue='d' exchange='amq.topic' routing_key='a.#'",
	"ch 1 queue.bind queue='o' exchange='amq.topic' routing_key='*'",
	"ch 1 queue.bind exchange='x' routing_key='k'",
	"ch 1 queue.unbind queue='a' exchange='amq.fanout'",
	"ch 1 queue.unbind exchange='x' routing_key='k'",
	"ch 1 queue.purge queue='a'",
	"ch 1 queue.purge queue='d' nowait",
	"ch 1 queue.delete queue='a'",
	"ch 1 queue.delete queue='d' if_empty",
	"ch 1 queue.delete queue='o' if_unused",
	"ch 1 queue.delete nowait",
	"ch 1 exchange.declare exchange='x' type='direct'",
	"ch 1 exchange.declare exchange='x' type='direct' auto_delete durable",
	"ch 1 exchange.declare exchange='x' passive",
	"ch 1 exchange.delete exchange='x'",
	"ch 1 exchange.delete exchange='x' if_unused nowait",
	"ch 1 basic.publish routing_key='a' + 'one'",
	"ch 1 basic.publish routing_key='d' + 'two' delivery_mode=2",
	"ch 2 basic.publish routing_key='d' mandatory + 'three' delivery_mode=2 priority=5",
	"ch 1 basic.publish routing_key='e' + 500 'four'",
	"ch 1 basic.publish routing_key='o' + 9000 'five'",
	"ch 1 basic.publish exchange='amq.fanout' + 'six' delivery_mode=2",
	"ch 1 basic.publish exchange='amq.topic' routing_key='a.b' + 'seven'",
	"ch 1 basic.publish exchange='x' routing_key='k' mandatory + 'eight'",
	"ch 1 basic.publish routing_key='nowhere' mandatory + 'nine' type='t'",
	"ch 1 basic.publish routing_key='a'",
	"ch 1 header class=60 body=3",
	"ch 1 header class=60 body=0",
	"ch 1 body 'abc'",
	"ch 1 body 'a'",
	"ch 2 body 'bc'",
	"ch 2 basic.publish routing_key='d'",
	"ch 2 header class=60 body=3 delivery_mode=2",
	"ch 1 basic.consume queue='a' consumer_tag='t'",
	"ch 1 basic.consume queue='d' consumer_tag='u' no_ack",
	"ch 2 basic.consume queue='d' consumer_tag='t'",
	"ch 2 basic.consume queue='a' exclusive",
	"ch 1 basic.consume queue='o' consumer_tag='v' nowait",
	"ch 1 basic.consume",
	"ch 1 basic.cancel consumer_tag='t'",
	"ch 2 basic.cancel consumer_tag='t' nowait",
	"ch 1 basic.cancel consumer_tag='u'",
	"ch 1 basic.cancel consumer_tag='v'",
	"ch 1 basic.qos prefetch_count=1",
	"ch 1 basic.qos prefetch_count=2 global",
	"ch 1 basic.qos global",
	"ch 1 basic.qos",
	"ch 2 basic.qos prefetch_count=3",
	"ch 1 basic.get queue='a'",
	"ch 1 basic.get queue='d' no_ack",
	"ch 2 basic.get queue='d'",
	"ch 1 basic.ack delivery_tag=1",
	"ch 1 basic.ack delivery_tag=2",
	"ch 1 basic.ack multiple",
	"ch 2 basic.ack multiple",
	"ch 1 basic.ack delivery_tag=3 multiple",
	"ch 1 basic.nack delivery_tag=1 requeue",
	"ch 1 basic.nack multiple requeue",
	"ch 2 basic.nack multiple",
	"ch 1 basic.reject delivery_tag=2 requeue",
	"ch 1 basic.reject delivery_tag=1",
	"ch 1 basic.recover requeue",
	"ch 2 basic.recover_async requeue",
	"ch 1 tx.select",
	"ch 1 access.request",
	"ch 1 basic.publish exchange='amq.headers' + 'x'",
	"ch 1 basic.publish routing_key='a' + 'x' expiration='1'",
	"ch 1 basic.publish routing_key='a' + 'x' headers={CC=['b']}",
	"heartbeat",
	"ch 1 exchange.declare exchange='h' type='headers' arguments={alternate-exchange='x'}",
	"ch 1 queue.bind queue='a' exchange='h' arguments={x-match='any', k=1, v=(V)}",
	"ch 1 queue.bind queue='d' exchange='h' arguments={k=1, v='x'}",
	"ch 1 exchange.bind destination='x' source='h' arguments={k=1}",
	"ch 1 exchange.bind destination='h' source='x' routing_key='k' nowait",
	"ch 1 exchange.unbind destination='x' source='h' arguments={k=1}",
	"ch 1 basic.publish exchange='h' routing_key='k' + 'x' headers={k=1, BCC=['a', 'd']}",
	"ch 1 basic.publish exchange='x' routing_key='k' + 'x' headers={v='x', k=1}",
	"ch 1 exchange.declare exchange='s' type='x-consistent-hash' auto_delete",
	"ch 1 queue.bind queue='a' exchange='s' routing_key='3'",
	"ch 1 queue.bind queue='d' exchange='s' routing_key='0'",
	"ch 1 basic.publish exchange='s' routing_key='k' mandatory + 'x'",
};

#define LINES (sizeof lines / sizeof *lines)

_Static_assert(LINES <= DEED_RAW, "each line has its byte");

static void write_line(struct client *c, const char *line)
{
	struct octets o = { 0 };
	line_frames(line, c->frame_max, &o);
	client_write(c, o.p, o.n);
	free(o.p);
}

static void enter(struct client *c, unsigned no)
{
	static const char *const handshake[] = {
		"raw 'AMQP\\x00\\x00\\x09\\x01'",
		("ch 0 connection.start_ok "
		 "client_properties={capabilities={consumer_cancel_notify=true, "
		 "connection.blocked=true}} mechanism='PLAIN' response='\\x00guest\\x00guest'"),
		"ch 0 connection.tune_ok channel_max=10 frame_max=4096 heartbeat=10",
		"ch 0 connection.open virtual_host='/'",
	};
	(void)no;
	c->frame_max = 4096;
	for (int i = 0; i < 4; i++) {
		write_line(c, handshake[i]);
		world_run(c->world);
	}
}

static void fate(struct play *p, unsigned which)
{
	if (which == FATE_OWN)
		for (int i = 1; i < WORLD_SHARDS; i++)
			p->w->post.loop_of_shard[i] ^= 1;
	else
		(void)world_dispatch(p->w, &p->w->post);
}

/* Octets as they are, or in a whole frame of some kind. */
static void write_octets(struct client *c, bool is_frame, unsigned how, struct slice octets)
{
	static const uint8_t types[] = { 1, 1, 2, 3 };
	struct octets o = { 0 };
	if (is_frame)
		octets_frame(&o, types[how & 3], how >> 2 & 3, octets);
	else
		octets_put(&o, octets.p, octets.n);
	client_write(c, o.p, o.n);
	free(o.p);
}

static size_t say(struct client *c, struct slice in)
{
	unsigned what = in.p[0];
	if (what < DEED_RAW) {
		write_line(c, lines[what % LINES]);
		return 1;
	}
	bool is_frame = what >= DEED_FRAME;
	size_t n = is_frame ? (in.n > 1 ? in.p[1] : 0) : what - DEED_RAW + 1u;
	size_t head = is_frame && in.n > 1 ? 2 : 1;
	n = n < in.n - head ? n : in.n - head;
	write_octets(c, is_frame, what - DEED_FRAME, slice_sub(in, head, n));
	return head + n;
}

static const struct play_ops ops = { &amqp091_session_ops, enter, say, fate };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct play p = play_begin();
	play_all(&p, &ops, slice_of(bytes, n));
	play_end(&p);
	return 0;
}
