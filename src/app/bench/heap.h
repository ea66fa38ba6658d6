/* heap -- memory of the load generator: it either has it or it ends with one sentence.
 *
 * Taken while a run is set up, and by the ledger when messages come very much out of order; never
 * per message. Any thread.
 */
#ifndef APP_BENCH_HEAP_H
#define APP_BENCH_HEAP_H

#include <stddef.h>

/* heap_array gives `n` cleared elements of `size` bytes, n > 0; ends the process when there is no
 * memory. heap_free takes it back; NULL is nothing. */
void *heap_array(size_t n, size_t size);
void heap_free(void *own_p);

#endif
