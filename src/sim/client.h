/* client -- a simulated AMQP 0-9-1 client: one connection at a time, a few channels on it.
 *
 * It is written over the codec of wire/ and knows nothing else of the broker. What it sends and
 * gets it tells the oracle; what the broker may not do at all (unknown tags, unexpected answers,
 * too many deliveries) it reports itself.
 *
 *     client_do_*  -> out bytes -> socket        (client_send.c; workload.c chooses)
 *     socket -> in bytes -> frames -> client_on_* (client_read.c, client_take.c)
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H
#include "sim/host.h"
#include "sim/oracle.h"
#include "wire/amqp091/method.h"

#define CLIENT_CONSUMERS 3
#define CLIENT_GET       CLIENT_CONSUMERS /* who holds what basic.get has fetched */
#define CLIENT_FRAME_MAX 131072u
#define CLIENT_PROPS_MAX 1024u /* of a dead letter */

struct bytes {
	uint8_t *at;
	uint32_t begin, n, cap;
};

struct held { /* a delivery that is not settled */
	uint64_t tag;
	uint32_t copy;
	uint8_t consumer;
	bool is_settled;
};

struct consumer_state {
	enum life life;
	uint8_t queue;
	bool is_no_ack;
	uint16_t number;               /* its tag is "n" and this */
	uint32_t prefetch, held_n;     /* prefetch 0: no limit */
	uint32_t losing_n;             /* what it may be given is given back */
	uint32_t channel;              /* for life: oracle_channel */
	uint64_t since;                /* event of its beginning */
	struct oracle_reading reading; /* of a stream */
};

/* A call that is not answered yet. */
struct asked {
	enum amqp091_method_kind answer; /* AMQP091_METHOD_N: none */
	uint64_t event, since_ms;
	uint32_t place, arg;
};

/* A message on its way in: its method came, its header and body follow. */
struct incoming {
	enum amqp091_method_kind kind; /* AMQP091_METHOD_N: none */
	uint8_t consumer, exchange_n, key_n;
	bool is_redelivered, has_header;
	uint64_t tag, body_bytes;
	char exchange[64], key[64];
	uint8_t props[CLIENT_PROPS_MAX];
	uint32_t props_n;
	struct bytes body;
};

struct channel_state {
	enum life life;  /* GOING: we closed it; COMING: being opened */
	uint32_t number; /* for life: oracle_channel */
	uint64_t next_tag, next_confirm;
	bool is_confirming;
	bool is_dealing;           /* all that is published and settled is in transactions */
	bool is_void;              /* what it says now will be rolled back */
	uint32_t tx;               /* 0, or the one that is being said or committed */
	uint32_t prefetch;         /* for consumers to come */
	uint32_t shared, shared_n; /* shared prefetch, and how many count for it */
	bool has_shared;           /* it was asked for */
	uint16_t consumers_n;      /* ever: for tags */
	struct consumer_state consumer[CLIENT_CONSUMERS];
	struct asked asked;
	struct incoming incoming;
	struct held *held; /* from held_first on, by tag */
	uint32_t held_first, held_end, held_cap, held_n;
	uint32_t *unconfirmed; /* message by confirm tag; 0: confirmed */
	uint32_t unconfirmed_cap, unconfirmed_n;
	uint64_t confirmed_to; /* all tags up to it are confirmed */
	struct oracle_order order[PLACE_QUEUES][CLIENT_CONSUMERS + 1];
};

enum client_phase {
	CLIENT_OFF,
	CLIENT_GREETING,
	CLIENT_STARTING,
	CLIENT_OPENING,
	CLIENT_UP,
	CLIENT_LEAVING
};

struct client {
	struct host *host;
	struct oracle *oracle;
	struct story *story;
	struct sock *sock;
	uint32_t index, generation;
	enum client_phase phase;
	struct prng prng;
	struct bytes in, out;
	uint32_t frame_max;
	uint64_t slow_until_ms; /* does not read before */
	uint64_t rest_until_ms; /* does not do anything before */
	uint64_t asked_ms;      /* when it began to connect, or to leave */
	bool is_blocked, is_draining;
	uint64_t blocked_n, received_n;
	struct channel_state channel[ORACLE_CHANNELS];
};

/* client_init: it is not connected. client_fini gives back its memory, not its socket. */
void client_init(struct client *c, struct host *h, struct oracle *o, uint32_t index, uint64_t seed);
void client_fini(struct client *c);

/* client_connect begins a connection. False: no socket is free. */
bool client_connect(struct client *c, uint32_t loop);
/* client_drop ends it without a word. client_died: the broker is gone. */
void client_drop(struct client *c, bool is_hard);
void client_died(struct client *c);

/* client_has_io: bytes could move now. client_io moves some and takes what came. */
bool client_has_io(const struct client *c);
void client_io(struct client *c);
/* client_is_silent: everything it had to say was read by the broker's machine. */
bool client_is_silent(const struct client *c);
/* client_has_all: everything the broker wrote was taken. */
bool client_has_all(const struct client *c);

/* ---- client_send.c: each says something, if it makes sense now; false: it does not ---- */

/* client_open, client_close: a channel. */
bool client_open(struct client *c, uint32_t channel);
bool client_close(struct client *c, uint32_t channel);
/* client_leave closes the connection in good form. */
bool client_leave(struct client *c);
/* client_select asks for confirms. */
bool client_select(struct client *c, uint32_t channel);
/* client_publish: what `m` says of size, flags and place; the rest is filled in. */
bool client_publish(struct client *c, uint32_t channel, struct message *m);
/* client_declare_exchange, client_declare: the exchange or queue as its table says. */
bool client_declare_exchange(struct client *c, uint32_t channel, uint32_t exchange);
bool client_declare(struct client *c, uint32_t channel, uint32_t queue);
/* client_delete_exchange: with it go its bindings, also those to it. */
bool client_delete_exchange(struct client *c, uint32_t channel, uint32_t exchange);
/* client_count declares passively: how many messages are ready? */
bool client_count(struct client *c, uint32_t channel, uint32_t queue);
/* client_bind, client_unbind: the queue of a place_binding, which must surely be there. */
bool client_bind(struct client *c, uint32_t channel, uint32_t binding);
bool client_unbind(struct client *c, uint32_t channel, uint32_t binding);
/* client_join binds an exchange to an exchange, or unbinds it. */
bool client_join(struct client *c, uint32_t channel, uint32_t joint, bool is_unbind);
/* client_purge drops what is ready; client_delete the queue. flags: 1 if unused, 2 if empty. */
bool client_purge(struct client *c, uint32_t channel, uint32_t queue);
bool client_delete(struct client *c, uint32_t channel, uint32_t queue, uint32_t flags);
/* client_qos: prefetch `n` for consumers to come, or for the whole channel. */
bool client_qos(struct client *c, uint32_t channel, uint32_t n, bool is_shared);
/* client_consume, client_cancel: one of CLIENT_CONSUMERS. Who reads a stream needs a prefetch; he
 * begins anywhere, who drains it at its first message. */
bool client_consume(struct client *c, uint32_t channel, uint32_t queue, bool is_no_ack);
bool client_cancel(struct client *c, uint32_t channel, uint32_t consumer);
/* client_get fetches one message, if any. */
bool client_get(struct client *c, uint32_t channel, uint32_t queue, bool is_no_ack);
/* client_recover gives all that is held back to the queues. */
bool client_recover(struct client *c, uint32_t channel);
enum client_how { CLIENT_ACK, CLIENT_REQUEUE, CLIENT_REJECT };
/* client_settle: `at` is a place in held, is_multiple: and all before. */
bool client_settle(struct client *c, uint32_t channel, uint32_t at, enum client_how how,
		   bool is_multiple);
void client_beat(struct client *c);

/* ---- client_deal.c: transactions, each in one breath ---- */

/* client_select_tx asks for transactions. */
bool client_select_tx(struct client *c, uint32_t channel);
/* client_deal_begin begins one; what the channel publishes and settles until client_deal_end is in
 * it. */
bool client_deal_begin(struct client *c, uint32_t channel);
void client_deal_end(struct client *c, uint32_t channel);
/* client_take_back publishes and acknowledges something, and rolls it back: it is as nothing. */
bool client_take_back(struct client *c, uint32_t channel, struct message *m);

/* ---- client_take.c: what came ---- */

/* client_on_method takes any method; what makes no sense there is wrong. */
void client_on_method(struct client *c, uint32_t channel, const struct amqp091_method *m);
/* client_on_message: the incoming message of the channel is complete. */
void client_on_message(struct client *c, uint32_t channel);

/* ---- client_call.c: answers to calls ---- */

/* client_on_answer takes what a call asked for. False: it was not asked for. */
bool client_on_answer(struct client *c, uint32_t channel, const struct amqp091_method *m);
/* client_abandon: the call will not be answered; it may have been done. */
void client_abandon(struct client *c, struct channel_state *ch);

/* ---- inside ---- */

/* bytes_reserve makes room for n bytes behind those that are there. */
void bytes_reserve(struct bytes *b, uint32_t n);
/* client_say puts a method into `out`; `channel` as on the wire, 0: the connection. */
void client_say(struct client *c, uint32_t channel, const struct amqp091_method *m);
/* client_losing: what the consumer may be given is given back, from now (1) until it is told
 * (-1). */
void client_losing(struct client *c, struct consumer_state *s, int change);
/* client_channel_over: the channel is no more, and what it held went back. is_open_loss: the broker
 * may not know it yet. */
void client_channel_over(struct client *c, uint32_t channel, bool is_open_loss);
/* client_call notes that `answer` is due; `place` and `arg` are for whoever takes it. */
void client_call(struct client *c, uint32_t channel, enum amqp091_method_kind answer,
		 uint32_t place, uint32_t arg);
/* client_call_queue is client_call for what may find that the queue is gone. */
void client_call_queue(struct client *c, uint32_t channel, enum amqp091_method_kind answer,
		       uint32_t queue, bool is_risky, uint32_t arg);
/* client_may_call: a call can be made now; client_may_use: about that queue. */
bool client_may_call(const struct client *c, uint32_t channel);
bool client_may_use(const struct client *c, uint32_t channel, uint32_t queue);
void client_wrong(struct client *c, uint32_t channel, const char *what, uint64_t value);
static inline bool client_is_stream(const struct client *c, uint32_t queue)
{
	return c->oracle->places.rule[queue].kind == PLACE_STREAM;
}
static inline struct slice client_queue_name(const struct client *c, uint32_t queue, char *buf)
{
	return place_name(queue, c->oracle->queue[queue].generation, buf);
}
#endif
