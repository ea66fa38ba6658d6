#include "session/amqp091/deliver.h"
#include "wire/amqp091/attempt.h"

/* What was given before says how often, in its headers: it goes out as a copy that does.
 * Rare, so nothing is kept of it. The chunks of a big body are held by the copy, too; its entry
 * holds them until then, so without acknowledgements it goes as it is. */

static const struct msg *copy_of(struct block *b, const struct msg *m, const struct waiting *of)
{
	struct slice route = msg_route(m);
	struct msg *copy = msg_new(b, &(struct msg){ .proto = m->proto });
	must(copy != NULL);
	struct wr w = wr_of((uint8_t *)b + b->fill, block_room(b));
	wr_slice(&w, route);
	size_t props = w.n;
	if (amqp091_attempt_put(&w, msg_props(m), amqp091_came_back(of), of->row.count) != ERR_OK)
		wr_slice(&w, msg_props(m));
	size_t body = w.n;
	for (uint32_t i = 0, n = msg_piece_n(m); i < n; i++)
		wr_slice(&w, msg_piece(m, i));
	must(wr_ok(&w));
	*copy = (struct msg){ .route_off = b->fill,
			      .route_len = (uint16_t)route.n,
			      .props_off = b->fill + (uint32_t)props,
			      .props_len = (uint32_t)(body - props),
			      .body_off = b->fill + (uint32_t)body,
			      .body_bytes = m->body_bytes,
			      .proto = m->proto,
			      .flags = m->flags };
	b->fill += (uint32_t)w.n;
	return copy;
}

void amqp091_recount(struct turn *t, struct waiting *w, bool is_no_ack)
{
	const struct msg *m = msg_of(w->row.mem);
	bool is_big = m->proto == MSG_CHUNKS;
	size_t need = msg_route(m).n + amqp091_attempt_room(msg_props(m)) + m->body_bytes;
	must(amqp091_came_back(w) > 0 && w->state == WAITING_HERE && need <= UINT32_MAX / 2);
	struct block *b = NULL;
	if (!is_big || !is_no_ack)
		b = is_big ? block_take(t->w->home, (uint32_t)need)
			   : block_for(t->w->home, (uint32_t)need);
	if (!b)
		return;
	const struct msg *copy = copy_of(b, m, w);
	block_give(b, 1 + is_big);
	if (is_big) {
		block_note(b, (uint32_t)((const uint8_t *)copy - (const uint8_t *)b));
		stores_put(t->w->stores,
			   (struct store){ .session = t->s->session.handle, .mem = msg_mem(copy) });
	}
	block_filled(b);
	amqp091_row_unref(&w->row);
	w->row.mem = msg_mem(copy);
}
