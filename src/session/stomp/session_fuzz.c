/* session_fuzz -- any deeds of three clients, good and bad: no must fails, nothing is left behind.
 *
 * Sessions are played on the real catalog and cores. An input is a list of deeds. A byte below
 * DEED_RAW names one of `frames`, which the current client says; the others are octets as they are,
 * and turns of fate.
 */
#include "session/harness_for_tests.h"
#include "session/stomp/ops.h"

#define DEED_RAW   128
#define DEED_FATE  224
#define CLIENTS    3
#define OUTPUT_MAX (1u << 17)

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
};

#define FRAMES_N (sizeof frames / sizeof *frames)
/* Behind the frames: acknowledgements of what the client was told last. */
enum { ACK_LAST = FRAMES_N, NACK_LAST, REJECT_LAST, ACK_IN_T, NACK_IN_U, SEND_LARGE, DEEDS_N };

_Static_assert(DEEDS_N <= DEED_RAW, "each has its byte");

static const struct stomp_settings settings = { .default_user = { (const uint8_t *)"guest", 5 },
						.default_pass = { (const uint8_t *)"guest", 5 },
						.default_vhost = { (const uint8_t *)"/", 1 },
						.topic_exchange = { (const uint8_t *)"amq.topic",
								    9 },
						.frame_max = 1 << 18,
						.requeues = true,
						.is_trailing_lf = true };

struct play {
	struct world *w;
	struct client *clients[CLIENTS];
	unsigned at, opened_n;
};

static void say(struct client *c, const char *text)
{
	client_write(c, text, strlen(text) + 1);
}

static void open_client(struct play *p)
{
	static const char *const hellos[] = { "CONNECT\naccept-version:1.2\nheart-beat:500,500\n\n",
					      "STOMP\naccept-version:1.0,1.1\nhost:/\n\n",
					      "CONNECT\nlogin:guest\npasscode:guest\n\n" };
	struct client *c = client_of(p->w, &stomp_session_ops, true);
	p->clients[p->at] = c;
	say(c, hellos[p->opened_n++ % 3]);
	world_run(p->w);
}

static void drop_client(struct play *p)
{
	if (p->clients[p->at])
		client_lost(p->clients[p->at]);
	p->clients[p->at] = NULL;
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

static void turn_of_fate(struct play *p, unsigned which)
{
	struct world *w = p->w;
	switch (which % 14) {
	case 0: drop_client(p); break;
	case 1: p->at = 0; break;
	case 2: p->at = 1; break;
	case 3: p->at = 2; break;
	case 4: w->is_log_held = !w->is_log_held; break;
	case 5: w->is_not_reading = !w->is_not_reading; break;
	case 6: w->is_dripping = !w->is_dripping; break;
	case 7: w->sw.is_blocked = !w->sw.is_blocked; break;
	case 8: (void)world_later(w, 60000); break;
	case 9: w->is_losing_reads = !w->is_losing_reads; break;
	case 10:
		for (int i = 1; i < WORLD_SHARDS; i++)
			core_cache_limit(w->shard[i].core, 0);
		break;
	case 11: (void)world_dispatch(w, &w->post); break;
	case 12: w->is_losing_stores = !w->is_losing_stores; break;
	default: world_run(w);
	}
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

/* A deed, and how many bytes of the input it took. */
static size_t deed(struct play *p, struct slice in)
{
	unsigned what = in.p[0];
	struct client **c = &p->clients[p->at];
	if (what >= DEED_FATE) {
		turn_of_fate(p, what - DEED_FATE);
		return 1;
	}
	if (*c && (*c)->is_closed)
		drop_client(p);
	if (!*c)
		open_client(p);
	if (what < DEED_RAW) {
		what %= DEEDS_N;
		if (what < FRAMES_N)
			say(*c, frames[what]);
		else if (what == SEND_LARGE)
			send_large(*c);
		else
			acknowledge(*c, what);
		return 1;
	}
	size_t n = what - DEED_RAW + 1u;
	n = n < in.n - 1 ? n : in.n - 1;
	client_write(*c, in.p + 1, n);
	return 1 + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct play p = { .w = world_new() };
	p.w->limits.stomp = &settings;
	p.w->limits.output_bytes_max = OUTPUT_MAX;
	p.w->limits.unconfirmed_bytes_max = OUTPUT_MAX;
	p.w->limits.message_bytes_max = 1 << 20;
	for (size_t at = 0; at < n;)
		at += deed(&p, slice_of(bytes + at, n - at));
	p.w->sw.is_blocked = p.w->is_not_reading = p.w->is_log_held = false;
	world_run(p.w);
	for (int i = 0; i < CLIENTS; i++)
		must(!p.clients[i] || p.clients[i]->s->sendq.bytes < 4 * OUTPUT_MAX);
	world_free(p.w);
	return 0;
}
