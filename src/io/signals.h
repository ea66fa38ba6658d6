/* signals -- what the system and people tell the process.
 *
 * The main thread has them: whoever is made after signals_take has them blocked.
 */
#ifndef IO_SIGNALS_H
#define IO_SIGNALS_H

/* signals_take has those that stop the broker, and that which has it read its settings again, come
 * out of a descriptor, and lets none of the others end it that a lost connection or a full disk
 * sends. Below 0: the system has no descriptor. */
int signals_take(void);

/* signals_next waits until there is one, or somebody has written to the eventfd `event`, or for
 * `timeout_ms` (below 0: as long as it takes). 0: there is none. */
int signals_next(int signals, int event, int timeout_ms);
#endif
