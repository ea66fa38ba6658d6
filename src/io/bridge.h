/* bridge -- connections that the broker makes itself: to the other brokers that settings name.
 *
 *     WAITING --time is up--> RESOLVING --> CALLING, a socket that the node knows
 *        ^------------------- its end -------------'
 *
 * The node is given the socket while it is still being connected: it takes nothing then, like one
 * whose buffer is full, and fails like one that breaks. Pauses are Mosquitto's: the first is the
 * shortest; while the other broker is not reached the next one is anything from that to three times
 * the one before, within the longest.
 * Who calls once (start_type) calls each address once.
 *
 *     WAITING --time is up--> RESTING, a socket without a descriptor --wanted--> RESOLVING ...
 *
 * Who is lazy is called when his conversation has something to say: until then the node has the
 * conversation, and what it takes for a socket that takes nothing.
 * A bridge belongs to one poller's thread, on which everything below is called but the first three.
 */
#ifndef IO_BRIDGE_H
#define IO_BRIDGE_H
#include "io/poller.h"

struct text;

/* bridges_new makes those of the settings, on pollers that have not been started yet. `protocol` is
 * what they speak. ERR_LIMIT: no memory; ERR_MALFORMED: a file of theirs does not serve, `why` says
 * which. bridges_want_tls: some speak TLS. */
MUST_USE enum err bridges_new(struct pollers *p, const struct config *c,
			      const struct session_ops *protocol, struct text *why);
bool bridges_want_tls(const struct config *c);
/* bridges_renew reads the files again that the settings name: whoever calls from now on shows and
 * believes what is in them. On the thread that told the pollers to start, before they are to stop.
 * Errors as of bridges_new; then nothing has changed. */
MUST_USE enum err bridges_renew(struct pollers *p, struct text *why);
/* bridges_end ends those of a poller whose loop runs no more; nobody waits for the names that are
 * being looked up. */
void bridges_end(struct poller *p);

/* bridges_turn calls whoever is due, and says when to look again (UINT64_MAX: never). */
uint64_t bridges_turn(struct poller *p, uint64_t now_ms);

/* bridge_wanted: who rests has something to say. */
void bridge_wanted(struct bridge *b);
/* bridge_failed: its socket failed with this errno; the first one counts. 0: nothing is known.
 * bridge_over: its socket is about to go, or does not know its conversation any more; `why` is what
 * went wrong below it, "" nothing; was_open: both brokers had agreed to talk. */
void bridge_failed(struct bridge *b, int error);
void bridge_over(struct bridge *b, const char *why, bool was_open);
#endif
