#include "session/large.h"

#include "base/must.h"

#define SERIAL_SHIFT 16 /* of a ticket: below it is the number of the part */

enum err large_begin(struct session_world *w, const struct large_of *what, struct large **out)
{
	const struct uploading one = {
		.session = what->session,
		.ticket = what->serial << SERIAL_SHIFT,
		.route = what->route,
		.props = what->props,
		.body_bytes = what->body.n,
		.chunk_max = LIMIT_CHUNK_BYTES,
		.proto = what->proto,
		.flags = what->flags,
	};
	if (what->body.n == 0)
		return ERR_LIMIT;
	struct large *g = mem_get(w->mem, sizeof *g, "large message");
	if (!g)
		return ERR_RESOURCE_ERROR;
	*g = (struct large){ .word = what->word,
			     .expiry_ms = what->expiry_ms,
			     .priority = what->priority,
			     .has_priority = what->has_priority };
	enum err e = upload_begin(&g->upload, w, &one, &g->block);
	if (e != ERR_OK) {
		mem_put(w->mem, g, sizeof *g);
		return e;
	}
	e = upload_body(&g->upload, w, what->body);
	if (e != ERR_OK) {
		large_end(w, g);
		return e;
	}
	must(upload_is_whole(&g->upload));
	*out = g;
	return ERR_OK;
}

void large_end(struct session_world *w, struct large *own_g)
{
	if (!own_g)
		return;
	must(own_g->block != NULL);
	upload_end(&own_g->upload);
	block_close(own_g->block);
	mem_put(w->mem, own_g, sizeof *own_g);
}
