/* session_fuzz -- any deeds of three clients, good and bad: no must fails, nothing is left behind.
 *
 * Sessions are played on the real catalog and cores. A byte below DEED_RAW names one of
 * `frames`, which the current client says; the others are octets as they are.
 */
#include "session/play_for_tests.h"
#include "session/stomp/ops.h"

#define DEED_RAW 128

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The end of a frame is added. */
static const char *const frames[] = {
	"SEND\ndestination:/queue/a\n\none",
	"SEND\ndestination:/queue/a\npersistent:true\nreceipt:1\n\ntwo",
	"SEND\ndestination:/queue/b\npersistent:true\npriority:5\nfoo:b\\car\nreceipt:2\n\nthree",
	"SEND\ndestination:/topic/a.b\n\nfour",
	"SEND\ndestination:/exchange/amq.fanout\nreceipt:3\n\nfive",
	"SEND\ndestination:/exchange/none\n\n",
	"SEND\ndestination:/amq/queue/a\nexpiration:1\n\nsix",
	"SEND\ndestination:/queue/a\nexpires:1\n\nseven",
	"SEND\ndestination:/queue/a\nreply-to:/temp-queue/x\nreceipt:4\n\neight",
	"SEND\ndestination:/queue/q\nx-max-length:1\nx-overflow:reject-publish\nreceipt:5\n\nnine",
	"SEND\ndestination:/queue/a\na:\nb:\nc:\nd:\ne:\nf:\ng:\nh:\ni:\nj:\nk:\nl:\nm:\n\nten",
	"SEND\ndestination:/queue/a\npriority:x\n\n",
	"SEND\ndestination:/queue/a\nuser-id:x\n\n",
	"SEND\ndestination:/queue/a/b\n\n",
	"SEND\n\n",
	"SEND\ndestination:/queue/a\ncontent-length:9\n\n",
	"SEND\ndestination:/queue/a\ntransaction:t\npersistent:true\n\neleven",
	"SEND\ndestination:/queue/new\ntransaction:t\nreceipt:6\n\ntwelve",
	"SEND\ndestination:/queue/b\ntransaction:u\n\nthirteen",
	"SUBSCRIBE\nid:1\ndestination:/queue/a\n\n",
	"SUBSCRIBE\nid:1\ndestination:/queue/a\nack:client\nreceipt:7\n\n",
	"SUBSCRIBE\nid:2\ndestination:/queue/b\nack:client-individual\nprefetch-count:2\n\n",
	"SUBSCRIBE\nid:3\ndestination:/topic/a.#\nreceipt:8\n\n",
	"SUBSCRIBE\nid:4\ndestination:/topic/a.*\ndurable:true\nauto-delete:false\nack:client\n\n",
	"SUBSCRIBE\nid:5\ndestination:/exchange/amq.fanout\nexclusive:false\nauto-delete:true\n\n",
	"SUBSCRIBE\nid:6\ndestination:/queue/q\nx-max-length:1\nx-overflow:reject-publish\n\n",
	"SUBSCRIBE\nid:7\ndestination:/queue/s\nx-queue-type:stream\nx-stream-offset:first\n\n",
	"SUBSCRIBE\nid:8\ndestination:/queue/e\nexclusive:true\nreceipt:9\n\n",
	"SUBSCRIBE\nid:9\ndestination:/amq/queue/none\n\n",
	"SUBSCRIBE\ndestination:/queue/a\nack:client\n\n",
	"SUBSCRIBE\nid:1\ndestination:/queue/a\nack:what\n\n",
	"SEND\ndestination:/queue/s\nx-queue-type:stream\n\nfourteen",
	"UNSUBSCRIBE\nid:1\nreceipt:10\n\n",
	"UNSUBSCRIBE\nid:2\n\n",
	"UNSUBSCRIBE\nid:4\ndurable:true\nauto-delete:false\nreceipt:11\n\n",
	"UNSUBSCRIBE\nid:3\n\n",
	"UNSUBSCRIBE\ndestination:/queue/a\n\n",
	"UNSUBSCRIBE\n\n",
	"BEGIN\ntransaction:t\nreceipt:12\n\n",
	"BEGIN\ntransaction:u\n\n",
	"COMMIT\ntransaction:t\nreceipt:13\n\n",
	"COMMIT\ntransaction:u\n\n",
	"ABORT\ntransaction:t\n\n",
	"ABORT\ntransaction:u\nreceipt:14\n\n",
	"DISCONNECT\nreceipt:15\n\n",
	"DISCONNECT\n\n",
	"ACK\nid:nothing\n\n",
	"ACK\n\n",
	"CONNECT\n\n",
	"FOO\n\n",
	"\n\n",
	"SUBSCRIBE\nid:s\ndestination:/queue/a\nselector:foo = 'bar' OR n > "
	"5\nack:client-individual\n\n",
	"SUBSCRIBE\nid:d\ndestination:/topic/a.>\nactivemq.subscriptionName:n\nselector:foo IS "
	"NULL\n\n",
	"UNSUBSCRIBE\nid:d\nactivemq.subscriptionName:n\n\n",
	"SEND\ndestination:/queue/a,/topic/a.b,/temp-queue/x\nreply-to:/temp-queue/"
	"x\nfoo:bar\nn:7\n"
	"receipt:21\n\nbody",
	"SUBSCRIBE\nid:q\ndestination:/temp-queue/x\nack:client\nselector:n IS NOT NULL\n\n",
	"SEND\ndestination:/queue/a\npersistent:true\nexpires:1\ntransaction:t\n\nx",
	"SEND\ndestination:/queue/a\npersistent:true\nn:6\n\nx",
	"SEND\ndestination:/queue/a\ncontent-length:3\nreceipt:22\n\none",
	"SEND\ndestination:/queue/a\ncontent-length:5\nreceipt:23\n\nthree",
	"SUBSCRIBE\nid:w\ndestination:/queue/>\nack:client\nreceipt:24\n\n",
	"UNSUBSCRIBE\nid:w\nreceipt:25\n\n",
};

#define FRAMES_N (sizeof frames / sizeof *frames)
/* Among the frames: acknowledgements of what the client was told last. They keep their numbers when
 * there are more frames. */
enum { ACK_LAST = 51, NACK_LAST, REJECT_LAST, ACK_IN_T, NACK_IN_U, SEND_LARGE, FRAMES_GO_ON };
#define DEEDS_N (FRAMES_N + FRAMES_GO_ON - ACK_LAST)

_Static_assert(DEEDS_N <= DEED_RAW, "each has its byte");

static const struct stomp_settings settings = { .default_user = { (const uint8_t *)"guest", 5 },
						.default_pass = { (const uint8_t *)"guest", 5 },
						.default_vhost = { (const uint8_t *)"/", 1 },
						.topic_exchange = { (const uint8_t *)"amq.topic",
								    9 },
						.frame_max = 1 << 18,
						.requeues = true,
						.is_trailing_lf = true };

static void send(struct client *c, const char *text)
{
	client_write(c, text, strlen(text) + 1);
}

static void enter(struct client *c, unsigned no)
{
	static const char *const hellos[] = { "CONNECT\naccept-version:1.2\nheart-beat:500,500\n\n",
					      "STOMP\naccept-version:1.0,1.1\nhost:/\n\n",
					      "CONNECT\nlogin:guest\npasscode:guest\n\n",
					      "CONNECT\naccept-version:1.1\nclient-id:c\n\n" };
	send(c, hellos[no % 4]);
}

/* The last message-id that the client was told; empty: none. */
static struct slice last_id(const struct client *c)
{
	static const char name[] = "message-id:";
	const size_t n = sizeof name - 1;
	for (size_t i = c->out.n; i-- > 0;) {
		if (c->out.n - i < n || memcmp(c->out.p + i, name, n) != 0)
			continue;
		struct slice rest = slice_of(c->out.p + i + n, c->out.n - i - n);
		return slice_sub(rest, 0, slice_find(rest, '\n'));
	}
	return SLICE_EMPTY;
}

static void acknowledge(struct client *c, unsigned what)
{
	struct octets o = { 0 };
	struct slice id = last_id(c);
	const char *command = what == ACK_LAST || what == ACK_IN_T ? "ACK\n" : "NACK\n";
	const char *rest = what == REJECT_LAST ? "\nrequeue:false\n\n"
			   : what == ACK_IN_T  ? "\ntransaction:t\n\n"
			   : what == NACK_IN_U ? "\ntransaction:u\n\n"
					       : "\n\n";
	octets_put(&o, command, strlen(command));
	octets_put(&o, "id:", 3);
	octets_put(&o, id.p, id.n);
	octets_put(&o, "\nmessage-id:", 12);
	octets_put(&o, id.p, id.n);
	octets_put(&o, rest, strlen(rest) + 1);
	client_write(c, o.p, o.n);
	free(o.p);
}

/* A body that is too large for one record. */
static void send_large(struct client *c)
{
	static const char head[] = "SEND\ndestination:/queue/a\npersistent:true\nreceipt:16\n"
				   "content-length:140000\n\n";
	static const uint8_t body[140001];
	struct octets o = { 0 };
	octets_put(&o, head, sizeof head - 1);
	octets_put(&o, body, sizeof body);
	client_write(c, o.p, o.n);
	free(o.p);
}

static size_t say(struct client *c, struct slice in)
{
	unsigned what = in.p[0];
	if (what >= DEED_RAW)
		return 1 + play_octets(c, slice_from(in, 1), what - DEED_RAW + 1u);
	what %= DEEDS_N;
	if (what < ACK_LAST)
		send(c, frames[what]);
	else if (what >= FRAMES_GO_ON)
		send(c, frames[what - (FRAMES_GO_ON - ACK_LAST)]);
	else if (what == SEND_LARGE)
		send_large(c);
	else
		acknowledge(c, what);
	return 1;
}

static void fate(struct play *p, unsigned which)
{
	if (which == FATE_OWN)
		(void)world_dispatch(p->w, &p->w->post);
	else
		p->w->is_losing_stores = !p->w->is_losing_stores;
}

/* The last byte says in which dialect. */
static const struct play_ops ops[2] = { { &stomp_session_ops, enter, say, fate },
					{ &stomp_activemq_session_ops, enter, say, fate } };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct play p = play_begin();
	p.w->limits.stomp = &settings;
	play_all(&p, &ops[n > 0 && bytes[n - 1] & 1], slice_of(bytes, n));
	play_end(&p);
	return 0;
}
