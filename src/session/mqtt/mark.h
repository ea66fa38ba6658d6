/* mark -- what makes QoS 2 exact in a session that is kept: packet ids that are remembered, as
 * durably as the messages that they belong to.
 *
 * A mark is a message in a queue of the session's own beside its first (mark.c); it comes and goes
 * in one transaction with what it stands for (tx.c). Private to this room; one conversation has it.
 */
#ifndef SESSION_MQTT_MARK_H
#define SESSION_MQTT_MARK_H
#include "session/mqtt/mqtt.h"

/* The numbers are stored: append only. */
enum mark_kind { MARK_RECEIVED = 1, MARK_RELEASED = 2 };
struct mark {
	struct settling settling; /* pos 0: its entry has not come yet */
	uint16_t id;
	uint8_t kind;    /* enum mark_kind */
	bool is_told;    /* of RECEIVED: its PUBREC is out */
	bool is_wanted;  /* to go when its entry has come */
	bool is_leaving; /* it goes: the log does not say so yet */
	bool is_reused;  /* then: its id means another message now, and nobody asked for PUBCOMP */
};

/* A transaction that is under way, and what is said when it is durable. */
enum tx_kind { TX_RECEIVED, TX_FORGET, TX_RELEASED, TX_LEGACY, TX_HELD };
struct tx {
	uint32_t ticket, bytes;
	uint16_t id;  /* of the packet */
	uint8_t kind; /* enum tx_kind */
	uint8_t reason;
	bool is_answered, is_refused;
};
struct tx_wish {
	const struct route *route; /* of the message; NULL: there is none */
	struct posting message;
	const struct queue_record *store; /* it is kept there, too; NULL: no */
	uint32_t store_number;            /* of its key there */
	uint64_t mark;                    /* a message; owned. 0: none */
	const struct queue_record *mark_queue;
	struct settling settling; /* pos 0: none */
	uint16_t id;
	uint8_t kind, reason;
};

/* ---- mark.c ---- */
/* mqtt_on_pubrel takes a PUBREL, whatever the session: what it stands for is over. */
void mqtt_on_pubrel(struct turn *t, const struct mqtt_packet *p);
/* mqtt_marks_restore begins to read what is kept; false: there is nothing. mqtt_marks_resume says
 * PUBREL again. mqtt_marks_ready: can something be kept? False: not yet, it is asked for. */
MUST_USE bool mqtt_marks_restore(struct turn *t);
void mqtt_marks_resume(struct turn *t);
/* mqtt_marks_clear forgets all of them, durably: mqtt_calling_cleared is told. */
void mqtt_marks_clear(struct turn *t);
MUST_USE bool mqtt_marks_ready(struct turn *t);
void mqtt_marks_declared(struct turn *t, const struct reply_row *r);
void mqtt_marks_consumed(struct turn *t, const struct reply_row *r);
/* mqtt_marks_back gives them back to their queue, for the next connection. */
void mqtt_marks_back(struct turn *t);
void mqtt_marks_fini(struct turn *t);
void mqtt_mark_came(struct turn *t, const struct settling *what, const struct msg *m);
/* mqtt_mark_state: is that id of the client's known? MARK_UNKNOWN ... */
enum mark_state { MARK_UNKNOWN, MARK_KNOWN, MARK_TOLD };
enum mark_state mqtt_mark_state(struct turn *t, uint16_t id);
/* mqtt_mark_reused: the id is another message's now, which has to wait until what was known of it
 * is forgotten, durably; false: nothing is. */
MUST_USE bool mqtt_mark_reused(struct turn *t, uint16_t id);
/* mqtt_mark_received publishes a message and remembers its id, until PUBREL; mqtt_mark_released and
 * mqtt_mark_over for what goes out. */
void mqtt_mark_received(struct turn *t, uint16_t id, const struct tx_wish *message);
void mqtt_mark_released(struct turn *t, struct flight *f);
void mqtt_mark_over(struct turn *t, struct flight *own_f);
/* mqtt_marked: that is durable now. */
void mqtt_marked(struct turn *t, const struct tx *tx);

/* ---- tx.c ---- */
/* mqtt_tx sends a transaction; references to the message are handed out by the caller. */
void mqtt_tx(struct turn *t, const struct tx_wish *x);
void mqtt_tx_answered(struct turn *t, uint32_t ticket, enum err e);

/* ---- requeue.c ---- */
/* mqtt_hold moves one that a group gave this member into the queue of his session, if that is kept,
 * and it comes from there; false: it does not, nothing was done. */
MUST_USE bool mqtt_hold(struct turn *t, const struct settling *what, const struct msg *m,
			const struct mqtt_publish_out *head, uint32_t number);
#endif
