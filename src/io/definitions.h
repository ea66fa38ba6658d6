/* definitions -- a definitions file, as RabbitMQ exports it, made into items for the broker.
 *
 * Reads JSON (cJSON); what comes out is what the control socket takes (session/manage/item.h), in
 * an order in which each thing finds what it needs. What is not understood is noted: entries of
 * unknown sections go into the broker as they are, so that an export has them again; so do
 * exchanges and queues of types that are unknown here, and the bindings of such. An entry that no
 * broker should have, as an expression that is none, is left out, and noted.
 */
#ifndef IO_DEFINITIONS_H
#define IO_DEFINITIONS_H
#include "base/err.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

#define DEFINITIONS_BYTES_MAX ((size_t)256 << 20)

struct definitions {
	uint8_t *items; /* with the end behind the last; from malloc */
	size_t n, cap;
	uint32_t items_n, noted_n;
	uint32_t refused_n; /* entries that are left out, and noted */
	uint64_t *kept;     /* exchanges and queues of unknown types: a number each; from malloc */
	size_t kept_n, kept_cap;
	char *notes; /* one line each; from malloc */
	size_t notes_n, notes_cap;
};

/* definitions_read reads the text of a file. ERR_MALFORMED: it is no JSON, or an entry makes no
 * sense; ERR_RESOURCE_ERROR: no memory. `why` says what and where. definitions_fini frees. */
MUST_USE enum err definitions_read(struct definitions *d, struct slice text, struct text *why);
void definitions_fini(struct definitions *d);

/* definitions_meanings is what the JSON of facts means and `v` does not have beside it: of a broker
 * that looked at JSON itself, or was killed in between. items NULL: nothing. Errors likewise. */
struct catalog_view;
MUST_USE enum err definitions_meanings(struct definitions *d, const struct catalog_view *v);

/* definitions_load reads the file `path`. Errors likewise, and ERR_IO: it cannot be read. */
MUST_USE enum err definitions_load(struct definitions *d, const char *path, struct text *why);
#endif
