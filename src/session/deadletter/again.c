#include "base/bits.h"
#include "base/must.h"
#include "session/deadletter/deadletter.h"

/* Is `bytes` what begins at `at`? */
static bool is_there(const uint8_t *at, struct slice bytes)
{
	must(bytes.n == 0 || bytes.p != NULL);
	return memcmp(at, bytes.p, bytes.n) == 0;
}

static bool is_like(const struct letter_again *k, const struct msg *m)
{
	must(k->route_n + k->props_n <= LETTER_AGAIN_BYTES);
	return m->proto == k->proto && m->flags == k->flags && m->route_len == k->route_n &&
	       m->props_len == k->props_n && is_there(k->bytes, msg_route(m)) &&
	       is_there(k->bytes + k->route_n, msg_props(m));
}

struct letter_made *letter_again(struct deadletter *d, const struct session_world *w,
				 const struct letter *l)
{
	struct letter_again *k = &d->again;
	if (!k->route || k->queue != l->queue || k->reason != l->reason ||
	    k->version != catalog_version(w->view) || k->time_s != w->wall_ms / 1000)
		return NULL;
	const struct msg *m = msg_of(l->row.mem);
	struct block *b = d->block;
	must(b && k->facts.route_off >= sizeof *b);
	if (m->body_bytes > LETTER_OWN_FROM || block_room(b) < m->body_bytes + BLOCK_HEADER_ROOM ||
	    !is_like(k, m))
		return NULL;
	k->made.block = b;
	k->made.fill = b->fill;
	k->made.floor = b->msg_floor;
	k->facts.body_off = b->fill;
	k->facts.body_bytes = m->body_bytes;
	k->made.msg = msg_new(b, &k->facts);
	must(k->made.msg != NULL);
	struct wr body = wr_of((uint8_t *)b + b->fill, m->body_bytes);
	letter_put_body(&body, m);
	b->fill += m->body_bytes;
	return &k->made;
}

void letter_note(struct deadletter *d, const struct session_world *w, const struct letter *l,
		 const struct letter_made *made, const struct route *r)
{
	struct letter_again *k = &d->again;
	const struct msg *m = msg_of(l->row.mem);
	const struct slice route = msg_route(m), props = msg_props(m);
	must(r->n > 0 && !made->store && made->expiry_ms == 0);
	if (made->is_own || m->proto == MSG_CHUNKS || route.n + props.n > LETTER_AGAIN_BYTES)
		return;
	k->route = r;
	k->queue = l->queue;
	k->version = catalog_version(w->view);
	k->time_s = w->wall_ms / 1000;
	k->reason = l->reason;
	k->proto = m->proto;
	k->flags = m->flags;
	k->route_n = (uint16_t)route.n;
	k->props_n = (uint16_t)props.n;
	memcpy(k->bytes, route.p, route.n);
	memcpy(k->bytes + route.n, props.p, props.n);
	k->made = *made;
	k->facts = *made->msg;
}
