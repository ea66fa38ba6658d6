/* publish -- a message on its way in: from frames to rows of CMD_PUBLISH.
 *
 * The fast way (publish.c) finds all frames of a message in one piece and publishes it as it lies;
 * the slow way (assembly.c) takes frame by frame and copies into a block of its own. Both pass
 * amqp091_publish_route, which does every check, and end in amqp091_publish_rows (rows.c).
 * Private to this room.
 */
#ifndef SESSION_AMQP091_PUBLISH_H
#define SESSION_AMQP091_PUBLISH_H
#include "session/amqp091/amqp091.h"
#include "session/posting.h"
#include "session/upload.h"
#include "wire/amqp091/content.h"

/* What is known of a message before it is one. */
struct publish {
	struct slice exchange, key, props;
	struct slice route;  /* exchange and key as two short strings, as they came */
	struct slice copies; /* its headers, if CC or BCC is among them */
	uint64_t body_bytes;
	uint64_t expiry_ms; /* of publish_row */
	bool is_mandatory, is_immediate;
	bool asks_direct; /* its reply-to is to be written by us (direct.c) */
	bool is_retained; /* it is to be kept as the last one of its key (retain.c) */
	bool has_priority;
	uint8_t flags, priority; /* MSG_..., found by amqp091_publish_props */
};

/* A message that does not come in one piece (assembly.c). A big one's body leaves for the journal
 * in chunks while it comes (upload.c); then the block holds the list of them in its place. */
struct assembly {
	struct block *block; /* props and body or list so far; NULL: no header yet */
	struct msg *msg;
	uint32_t at;  /* where the props begin in the block */
	uint32_t cap; /* bytes from there on */
	uint32_t props_n;
	uint64_t body_bytes, got_bytes;
	struct upload upload; /* of a big one */
	uint32_t size;        /* of this struct */
	bool is_mandatory, is_immediate;
	bool is_whole; /* big: waits only for the journal */
	uint8_t exchange_n;
	uint16_t route_n;
	uint8_t route[];
};

/* The publish before, as long as nothing else has come in this feed: of one that repeats its heads
 * all is known but the body. */
struct again {
	struct channel *channel; /* NULL: there was none like that */
	struct amqp091_heads heads;
	struct publish publish;
	const struct route_hit *hit;
	struct msg facts; /* of its message */
	uint32_t shards_n;
};

enum publish_sight { PUBLISH_SLOWLY, PUBLISH_MORE, PUBLISH_DONE };

/* amqp091_publish_fast takes the message at the start of `in` if all of it is there in one piece.
 * SLOWLY: to be looked at frame by frame. MORE: good so far, *out_used is how many bytes it wants
 * to see. DONE: *out_used bytes are consumed, *out_err says whether it was refused; ERR_BUSY:
 * nothing was done, move or wait. */
enum publish_sight amqp091_publish_fast(struct turn *t, struct slice in, size_t *out_used,
					enum err *out_err);

/* amqp091_publish_again takes the message at the start of `in` if it repeats the one before. False:
 * it does not, or something stands in the way; nothing was done. */
bool amqp091_publish_again(struct turn *t, struct slice in, size_t *out_used);

/* amqp091_publish_route does everything that can refuse a message, and finds where it goes: the
 * hit is valid until the channel's next publish. ERR_BUSY: move first, nothing was done. */
MUST_USE enum err amqp091_publish_route(struct turn *t, struct channel *c, struct publish *p,
					struct route_hit **out_hit);

/* amqp091_publish_is_kept: no queue takes it, but somebody may: a session that waits for a reply,
 * or its publisher when he commits. */
bool amqp091_publish_is_kept(const struct turn *t, const struct channel *c,
			     const struct publish *p);

/* amqp091_publish_nowhere: no queue takes it. It is returned if mandatory, and confirmed. */
void amqp091_publish_nowhere(struct turn *t, struct channel *c, const struct publish *p,
			     const struct amqp091_content *content);

/* amqp091_hold: an alarm stands, so publishers wait (connection.c). */
bool amqp091_hold(struct turn *t);

/* amqp091_publish_props looks at what a broker must know of the properties (props.c). */
MUST_USE enum err amqp091_publish_props(struct turn *t, struct publish *p);

/* ---- retain.c */
/* amqp091_publish_wants_keeping: its headers ask for that, and it can be done. */
bool amqp091_publish_wants_keeping(const struct turn *t, const struct publish *p,
				   struct slice headers);
/* amqp091_publish_store says where. ERR_BUSY: that is being made, publish it again when the answer
 * has come; ERR_RESOURCE_ERROR: refused, there is none. */
MUST_USE enum err amqp091_publish_store(struct turn *t, const struct channel *c,
					struct route_to *out);
/* amqp091_store_ready looks for a content header that comes by itself. False: as ERR_BUSY. */
MUST_USE bool amqp091_store_ready(struct turn *t, const struct channel *c, struct slice payload);

/* ---- copies.c */
/* amqp091_publish_copies routes a message by the keys in its headers CC and BCC, too.
 * amqp091_publish_strip takes BCC out of its properties, in place, when nothing can refuse it any
 * more: they end where they did and begin so many octets later as it returns, and so do the
 * `front` octets before them. */
MUST_USE enum err amqp091_publish_copies(struct turn *t, struct channel *c, const struct publish *p,
					 struct routing *m, struct route_hit **inout_hit);
uint32_t amqp091_publish_strip(struct publish *p, uint32_t front);
/* amqp091_publish_also finds the route anew, with the further keys and places of `m`. */
MUST_USE enum err amqp091_publish_also(struct turn *t, struct channel *c, const struct routing *m,
				       struct route_hit **inout_hit);

/* ---- rows.c */
/* amqp091_publish_rows sends `m`, which lies in the block `b` that we fill, where the hit says. */
void amqp091_publish_rows(struct turn *t, struct channel *c, const struct publish *p,
			  const struct route_hit *hit, struct block *b, const struct msg *m);

/* amqp091_publish_routed does so when the route leads to `shards_n` > 0 shards (posting_shards_n)
 * and no transaction keeps it. */
void amqp091_publish_routed(struct turn *t, struct channel *c, const struct publish *p,
			    const struct route_hit *hit, uint32_t shards_n, const struct msg *m);

/* The fan holds messages that amqp091_publish_rows has taken and not posted yet: those in the block
 * being fed whose route leads to several shards. It is empty before anything else is posted, and
 * gone at the end of the feed. amqp091_fan_look empties it unless `p` has the same route (so call
 * it before the route is looked up), amqp091_fan_send in any case. */
#define FAN_MESSAGES 64u
void amqp091_fan_look(struct turn *t, const struct channel *c, const struct publish *p);
void amqp091_fan_send(struct turn *t);
void amqp091_fan_end(struct turn *t);

/* ---- assembly.c: the slow way */
/* amqp091_publish_copy publishes a copy in a block of its own. */
MUST_USE enum err amqp091_publish_copy(struct turn *t, struct channel *c, const struct publish *p,
				       const struct route_hit *hit,
				       const struct amqp091_content *content);

/* header and body are for frames of a channel with an assembly; amqp091_assembly_fault: one came
 * that must not come now. */
struct amqp091_fault amqp091_assembly_fault(const struct channel *c);
MUST_USE enum err amqp091_assembly_header(struct turn *t, struct channel *c, struct slice payload);
MUST_USE enum err amqp091_assembly_body(struct turn *t, struct channel *c, struct slice payload);
/* amqp091_assembly_finish publishes what is whole, and frees the assembly. */
MUST_USE enum err amqp091_assembly_finish(struct turn *t, struct channel *c);

/* ---- upload.c: big bodies */
/* amqp091_upload_is_big: too large for one record. begin makes the block with the list, body takes
 * what a frame has brought; close lets go of a chunk that is half full. */
bool amqp091_upload_is_big(const struct assembly *a);
MUST_USE enum err amqp091_upload_begin(struct turn *t, const struct channel *c, struct slice props);
MUST_USE enum err amqp091_upload_body(struct turn *t, struct channel *c, struct slice body);
void amqp091_upload_close(struct turn *t, struct assembly *a);
/* amqp091_upload_nowhere: no queue takes it. */
void amqp091_upload_nowhere(struct turn *t, struct channel *c, const struct publish *p);
#endif
