/* texts -- the few STOMP 1.2 frames that the load generator sends, written by hand.
 *
 * On purpose not the broker's own codec, as frames.h. What does not fit shows in wr_ok. Pure but
 * for the log-in, which waits.
 */
#ifndef APP_BENCH_TEXTS_H
#define APP_BENCH_TEXTS_H

#include "app/bench/client.h"

#define TEXTS_RECEIPT_DIGITS 10u  /* of the receipt of a SEND: its number, with zeros before it */
#define TEXTS_ACK_MAX        160u /* bytes of an ACK at most; see texts_ack */

/* Receipts that are no numbers. */
#define TEXTS_UP  "up"
#define TEXTS_BYE "bye"

enum texts_command { TEXTS_CONNECTED, TEXTS_MESSAGE, TEXTS_RECEIPT, TEXTS_ERROR, TEXTS_OTHER };

struct texts_frame {
	enum texts_command command;
	struct slice ack, receipt_id, message; /* headers as they came, escapes and all */
	struct slice body;                     /* all borrowed until the next read */
};

struct texts_message {
	const char *queue;
	size_t body_len;
	bool durable, has_receipt;
};

/* texts_next takes the next whole frame off the client's `in`. ERR_MORE: there is none yet.
 * ERR_CLOSED: what stands there is none. */
MUST_USE enum err texts_next(struct client *c, struct texts_frame *out);

/* texts_refused says in `why` what an ERROR frame said; gives ERR_CLOSED. */
MUST_USE enum err texts_refused(struct client *c, const struct texts_frame *f);

/* texts_log_in connects without heart-beats; blocks. */
MUST_USE enum err texts_log_in(struct client *c, const struct client_target *t);

/* texts_subscribe makes the queue, which goes with its last subscriber; the receipt is TEXTS_UP.
 * is_manual: each message is acknowledged by texts_ack; prefetch 0: no bound. */
void texts_subscribe(struct wr *w, const char *queue, bool durable, bool is_manual,
		     uint64_t prefetch);

/* texts_ack writes nothing when the id would make it longer than TEXTS_ACK_MAX: false. */
MUST_USE bool texts_ack(struct wr *w, struct slice ack);

/* Frames of which the receipt is TEXTS_BYE: it comes behind all that the broker still sends. */
void texts_unsubscribe(struct wr *w);
void texts_begin(struct wr *w);

/* texts_send writes a message with a body of zeros to a queue that is there; from the cursor's old
 * end the body begins at *out_body_at and the digits of its receipt at *out_receipt_at, 0: it asks
 * for none. texts_send_bytes: what it will write. */
void texts_send(struct wr *w, const struct texts_message *m, size_t *out_receipt_at,
		size_t *out_body_at);
size_t texts_send_bytes(const struct texts_message *m);

/* texts_number writes the digits of a receipt; texts_number_of reads them, 0: they are none. */
void texts_number(uint8_t *at, uint64_t n);
uint64_t texts_number_of(struct slice digits);

#endif
