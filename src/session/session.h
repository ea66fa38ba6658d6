/* session -- one conversation with a client: bytes in, commands out; effects in, bytes out.
 *
 * A session is a state machine without I/O: the node feeds it bytes from a block and runs of
 * effects, and it writes runs of commands into the loop's post and bytes into its send queue. It
 * knows nothing of sockets, TLS or threads, so it can move between loops while it is quiet.
 * Each protocol is one struct session_ops.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H
#include "base/err.h"
#include "base/mem.h"
#include "base/meter.h"
#include "core/catalog.h"
#include "core/exchange_count.h"
#include "core/run.h"
#include "msg/msg.h"
#include "port/clock.h"
#include "port/pattern.h"
#include "port/secret.h"
#include "port/zone.h"
#include "session/sendq.h"

struct mqtt_settings;
struct stomp_settings;
struct session_limits;
struct tally;
struct queue_rules;
struct text;

#define SESSION_WORDS_MAX 512u

/* How the run of deliveries that a session was told last reads in bytes: whoever is told the same
 * run next copies them and changes the tags (a fan-out is encoded once). All is borrowed from that
 * session's run and send queue, so the node forgets it (n = 0) before it does anything but tell
 * the effects of one batch. */
struct session_echo {
	const struct session_ops *ops; /* of that session */
	const struct deliver_row *row;
	uint32_t n; /* rows; 0: nothing */
	const uint8_t *bytes;
	uint32_t bytes_n;
	uint32_t bodies_n; /* of these, what are bodies: MQTT */
	uint32_t frame_max;
	uint16_t channel;
	uint32_t start[LIMIT_RUN_ROWS_MAX]; /* of each delivery in the bytes */
};

/* What a session may use during a call; all of it belongs to the loop. */
struct session_world {
	uint64_t now_ms;                 /* monotonic */
	uint64_t wall_ms;                /* of the turn: bytes may have come after it */
	const struct catalog_view *view; /* newest version, valid for this call */
	struct patterns *patterns;       /* of the loop */
	struct secrets *secrets;         /* likewise */
	const struct zone *zone;         /* of the broker's machine; NULL: UTC */
	const struct clock *clock;       /* likewise; NULL: nothing is after wall_ms */
	struct tally *tally;             /* connections and channels of all loops */
	struct meter *meter;             /* likewise: what is counted of them */
	struct meter_lane *lane;         /* of it, this loop's */
	const struct session_limits *limits;
	struct post *post;                /* commands go here, by shard */
	struct exchange_tally *exchanges; /* of the loop: what came to them in this turn */
	struct mem *mem;
	struct block_home *home;
	struct loads *loads;           /* requests to read messages from the journal */
	struct stores *stores;         /* requests to write pieces of bodies to the journal */
	struct session_echo *echo;     /* NULL: nobody forgets it in time */
	struct session_events *events; /* what the node is to log and count */
	uint64_t (*random)(void *);    /* entropy port, for names */
	void *random_arg;
	uint32_t watchers_n;           /* of the loop's sessions, with watches_view */
	bool is_blocked;               /* an alarm stands: publishers wait */
	bool is_traced;                /* what is consumed is read once more, for operators */
	struct slice blocked_reason;   /* "low on memory" ... */
	char words[SESSION_WORDS_MAX]; /* room for the text of a refusal, during one call */
};

/* session_late_ms is from when on a message waits that is to go later: not before it came. */
static inline uint64_t session_late_ms(const struct session_world *w)
{
	const uint64_t late_ms = w->clock ? w->clock->late_ms(w->clock) : 0;
	must(w->wall_ms <= INT64_MAX);
	return late_ms > w->wall_ms ? late_ms : w->wall_ms;
}

#define SESSION_LOOPBACK_USERS_MAX 16u
#define SESSION_MECHANISMS_MAX     8u

/* Of a virtual host that is made, if the pattern fits its name; -1: none. */
struct session_vhost_limits {
	struct slice pattern;
	int64_t connections, queues;
};
#define SESSION_VHOST_LIMITS_MAX 16u

struct session_limits {
	uint32_t frame_max, channel_max, heartbeat_s;
	uint32_t initial_frame_max;
	uint32_t handshake_timeout_ms;
	int64_t connection_max, channel_max_per_node, consumer_max_per_channel; /* -1: none */
	uint64_t message_bytes_max;
	uint64_t output_bytes_max;      /* of one connection, not yet taken by its socket */
	uint64_t unconfirmed_bytes_max; /* published by one connection, not yet confirmed */
	uint64_t consumer_timeout_ms;   /* how long one may hold a message; 0: for ever */
	bool consumer_timeout_closes;   /* then its channel is closed; else it is cancelled */
	bool is_relaxed;                /* quorum queues may be declared again as classic ones */
	uint8_t default_queue_type;     /* enum queue_type: of a queue that names none */
	/* What the arguments of a queue mean that no client declares (amqp091_rules_of). */
	enum err (*rules_of)(struct slice vhost, const struct declare_queue *d,
			     struct queue_rules *out, struct text *why);
	struct session_vhost_limits
		vhost_limits[SESSION_VHOST_LIMITS_MAX]; /* the first that fits */
	uint32_t vhost_limits_n;
	uint8_t queue_types_off; /* a bit each: nobody may declare one of these */
	struct slice product, version, server_version, platform, cluster_name;
	struct slice loopback_users[SESSION_LOOPBACK_USERS_MAX]; /* from this machine only */
	uint32_t loopback_users_n;
	struct slice mechanisms[SESSION_MECHANISMS_MAX]; /* SASL names that are offered, in order */
	uint32_t mechanisms_n;
	struct slice anonymous_user, anonymous_pass; /* of ANONYMOUS; no user: nobody */
	const struct mqtt_settings *mqtt;            /* as its room says; NULL: it is not spoken */
	const struct stomp_settings *stomp;
	uint64_t store_id;            /* of the data directory; strangers do not know it */
	struct slice retain_exchange; /* its keys are topics, whose last messages may be kept */
};

/* What came of feeding. */
enum feed {
	FEED_MORE, /* all whole frames are consumed; needs more bytes */
	FEED_WAIT, /* waits for an effect (or room); feed again when session_ops.ready */
	FEED_MOVE, /* wants to go to loop *out_loop first; nothing of the rest consumed */
	FEED_CLOSE /* the conversation is over: flush what is in the send queue, close */
};

struct session;

struct session_ops {
	const char *name;

	/* other: another dialect, which a listener may be set to speak; NULL: there is none. */
	const struct session_ops *other;

	/* new: handle is this session's address for effects; peer is the client's address in text,
	 * is_loopback whether it came from this machine. NULL: no memory. */
	struct session *(*new)(struct session_world *w, uint64_t handle, struct slice peer,
			       bool is_loopback);

	/* begin: this end speaks first, to bridge number `which` of its settings; before anything
	 * else. NULL for protocols that are spoken to only. */
	void (*begin)(struct session *s, struct session_world *w, uint32_t which);

	/* feed consumes from bytes [*io_off, b->fill) of block `b`, which the loop is filling;
	 * messages it publishes point into it (block_give counts them). On FEED_MORE
	 * *out_need is how many bytes from *io_off on it wants contiguous before it is called
	 * again (at least 1 more than there are), never above the negotiated frame size plus a
	 * message of LIMIT_CHUNK_BYTES. */
	enum feed (*feed)(struct session *s, struct session_world *w, struct block *b,
			  uint32_t *io_off, uint32_t *out_need, uint32_t *out_loop);

	/* tell brings one run of effects for this session; it consumes the rows' references. */
	void (*tell)(struct session *s, struct session_world *w, struct run *fx);

	/* ready: may feed go on (after FEED_WAIT)? */
	bool (*ready)(const struct session *s, const struct session_world *w);

	/* pump: the send queue has become smaller than its bound again: give more credit, write
	 * what waited. Also called once each turn after tell, before the flush. */
	void (*pump)(struct session *s, struct session_world *w);

	/* loaded brings a message that was asked for through w->loads; mem 0: it is unreadable. It
	 * owns the reference in mem. */
	void (*loaded)(struct session *s, struct session_world *w, uint64_t ticket, uint64_t mem);

	/* stored says where a piece lies that was given through w->stores: `loc`, 0: it could not
	 * be stored, and `bytes` of stored form. True: the session has written it into the list of
	 * a message (msg/big.h) whose block is noted; while that block is held the piece stays
	 * stored. False: nobody wants it any more. NULL for protocols that put no stores. */
	bool (*stored)(struct session *s, struct session_world *w, uint64_t ticket, uint64_t loc,
		       uint32_t bytes);

	/* checked says what came of a password that was asked about later (port/secret.h). NULL
	 * for protocols without passwords. */
	void (*checked)(struct session *s, struct session_world *w, bool is_right);

	/* deadline: next time (now_ms scale) at which tick has something to do; UINT64_MAX none. */
	uint64_t (*deadline)(const struct session *s);
	enum feed (*tick)(struct session *s, struct session_world *w);

	/* stop: say goodbye (connection.close 320): an operator wants it to end, for the reason
	 * `why`; empty: the broker is shutting down. */
	void (*stop)(struct session *s, struct session_world *w, struct slice why);

	/* gone: the connection is lost or closed. The session releases what it held with commands
	 * and answers true when nothing is outstanding any more (exclusive queues are deleted,
	 * consumers ended); until then the node keeps telling it. Then free. */
	bool (*gone)(struct session *s, struct session_world *w);
	void (*free)(struct session *s, struct session_world *w);

	/* moved: the session will have this handle when it returns; it has the old one still. NULL
	 * for protocols that never answer FEED_MOVE. */
	void (*moved)(struct session *s, uint64_t handle);

	/* dump: what there is to know about it, as lines `name: value`. */
	void (*dump)(const struct session *s, const struct session_world *w, struct text *out);

	/* print writes one line, without its end, for the frame at the start of `in`, which came or
	 * goes whole, and gives its length: at least 1. Secrets are not shown. NULL: this protocol
	 * is not traced. */
	size_t (*print)(const struct session *s, struct slice in, struct text *out);
};

/* The common head of every protocol's session struct. */
struct session {
	const struct session_ops *ops;
	uint64_t handle;
	uint64_t in_bytes;      /* read from its peer: the node counts, heartbeats look */
	uint16_t port;          /* of this machine, where the peer came; 0: none */
	struct slice cert_name; /* in a certificate that TLS believes; the node's. Empty: none */
	uint8_t cert_id_n;      /* octets of session_cert_id, which lie behind cert_name */
	bool watches_view;      /* pump is to come with each new version of the catalog */
	struct sendq sendq;
};

/* session_cert_id is the client's name in that certificate (mqtt.ssl_cert_client_id_from), which
 * may have no user's. Empty: nobody wants to know, or there is none. */
static inline struct slice session_cert_id(const struct session *s)
{
	must_if(s->cert_id_n > 0, s->cert_name.p != NULL);
	return slice_of(s->cert_name.p + s->cert_name.n, s->cert_id_n);
}

/* session_move gives a session its handle on another loop. Only after FEED_MOVE: it is quiet
 * then. */
void session_move(struct session *s, uint64_t handle);

/* What travels straight from session to session (FX_DIRECT) names its sender when that one asks
 * what became of it. Asked with one row, the answer is FX_DIRECTED; without rows it is FX_REPLY, as
 * to CMD_QUEUE_STAT. */
struct direct_from {
	uint64_t session, arg;
	uint32_t birth; /* of the channel: an answer to an earlier one of its number is nobody's */
	uint16_t channel, pad;
};
/* session_direct_answer answers `fx`, if it asks. Rows stay the receiver's when somebody is there;
 * else they are consumed. */
void session_direct_answer(struct post *p, const struct run *fx, bool is_there);

/* Requests to read stored messages: appended by sessions, taken by the node. */
struct load {
	uint64_t session, ticket, loc;
	uint32_t bytes, flags;
};
struct loads {
	struct load *at;
	uint32_t n, cap;
	struct mem *mem;
};
void loads_put(struct loads *l, struct load one);

/* Requests to store pieces of big bodies: `mem` is a message that is all body, and the request owns
 * a reference to it. Answered by session_ops.stored, in any order. Or `mem` is a new message, in a
 * block that is noted, with the list of another that the session still holds: then the pieces are
 * held by both, and nothing is answered. */
struct store {
	uint64_t session, ticket, mem;
};
struct stores {
	struct store *at;
	uint32_t n, cap;
	struct mem *mem;
};
void stores_put(struct stores *l, struct store own_one);

/* What a session wants logged: the node takes it after each call, and adds which connection it is
 * of. Behind each event what its note says. */
enum session_event {
	SESSION_OPENED = 1,        /* user, vhost, text: what the client calls itself */
	SESSION_CLOSED,            /* in good order; text: the reason */
	SESSION_LOGIN_REFUSED,     /* user, reason, text: the mechanism */
	SESSION_HANDSHAKE_TIMEOUT, /* n: milliseconds */
	SESSION_HEARTBEAT_LOST,    /* n: seconds */
	SESSION_ERROR,             /* and so the connection is closed: code, text */
	SESSION_CHANNEL_ERROR,     /* channel, code, text */
	SESSION_CONSUMER_TIMEOUT,  /* channel, text: the consumer's tag; n: milliseconds */
	SESSION_SHED,              /* messages for it are dropped; text: as SESSION_OPENED */
	SESSION_UNKNOWN_PROTOCOL,  /* text: the first bytes */
	SESSION_OTHER_DIALECT,     /* text: a header's name */
	SESSION_TOPIC_REFUSED      /* text: a topic filter; code, reason */
};
struct session_note {
	enum session_event event;
	uint16_t channel, code;
	uint32_t n;
	uint64_t session;
	struct slice user, vhost, reason, text; /* of any bytes */
};

/* session_stop_words says what `stop` says, in RabbitMQ's words, within a short string; `room` has
 * SESSION_STOP_BYTES. */
#define SESSION_STOP_BYTES 256u
struct slice session_stop_words(struct slice why, char *room);

#define SESSION_NOTES_MAX  16u
#define SESSION_NOTE_BYTES 320u /* of the words of one; the rest is cut off */
struct session_events {
	struct session_note at[SESSION_NOTES_MAX];
	uint8_t words[SESSION_NOTES_MAX][SESSION_NOTE_BYTES];
	uint32_t n, lost_n; /* lost_n: had no room */
};
/* session_events_put keeps a copy of `what` and of its words. NULL for `e`: nobody listens. */
void session_events_put(struct session_events *e, const struct session_note *what);

/* How the arguments are read that sessions put into declarations and bindings (catalog_read_by). */
extern const struct header_ops *const session_arguments;
#endif
