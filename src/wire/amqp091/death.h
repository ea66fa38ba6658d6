/* amqp091 death -- the history that a dead letter carries in its headers, as RabbitMQ 4 writes it.
 *
 *   x-death: [ {count, reason, queue, time, exchange, routing-keys, original-expiration}, ... ]
 *   x-first-death-queue, -reason, -exchange; x-last-death-queue, -reason, -exchange
 *
 * One entry of x-death for each pair of queue and reason, the newest first; dying there again
 * counts it up and brings it to the front, and its time stays that of the first death. The property
 * `expiration` goes, or it would die again where it is sent; the history remembers it. BCC goes,
 * and so does CC when the dead letter has a routing key of its own.
 *
 * What a publisher has written under these names is no history: it goes. So whoever keeps the
 * message must know whether a broker has written its headers. Pure; everything is borrowed.
 */
#ifndef WIRE_AMQP091_DEATH_H
#define WIRE_AMQP091_DEATH_H

#include "base/err.h"
#include "base/rd.h"
#include "base/wr.h"

#include <stdbool.h>

struct amqp091_death {
	struct slice queue, reason; /* where it died, and why: "rejected", "expired" ... */
	struct slice exchange, key; /* as it had come; with CC, key is the first of its keys */
	uint64_t time_s;            /* now */
	struct slice same; /* headers of one that died just like it (amqp091_dead), if known */
	bool has_history;  /* its headers have been written here before */
	bool has_own_key;  /* what becomes of it is sent with another routing key */
};

/* amqp091_death_room: octets that amqp091_death_put surely has enough of. */
size_t amqp091_death_room(struct slice props, const struct amqp091_death *d);

/* What whoever sends it must know of the dead letter. */
struct amqp091_dead {
	struct slice deaths;  /* the entries of x-death, where they were written */
	struct slice copies;  /* its further routing keys (CC), where they were read; mostly none */
	struct slice headers; /* all of them, as they were written */
	bool is_plain;        /* before it had none, nor expiration: `headers` serve for others */
	bool has_priority;
	uint8_t priority;
};

/* amqp091_death_put writes the properties of the dead letter whose properties were `props`; right
 * ones, if these were. ERR_MALFORMED: they were not, then nothing is written. Whether all had room
 * says wr_ok(w); *out is good only if so. */
MUST_USE enum err amqp091_death_put(struct wr *w, struct slice props, const struct amqp091_death *d,
				    struct amqp091_dead *out);

/* amqp091_death_is_cycle: has the message, with these deaths, been in `queue` before, and has no
 * client rejected it since? Then it would go round for ever. */
bool amqp091_death_is_cycle(struct slice deaths, struct slice queue);

/* amqp091_death_copy_next gives one key after the other, starting with rd_of(copies). */
bool amqp091_death_copy_next(struct rd *r, struct slice *out_key);
#endif
