#include "session/whole.h"

#include "base/must.h"
#include "msg/big.h"

#define CHUNKS_AHEAD 4u /* read at once */
#define SERIAL_MASK  0x3fffffffu

/* Where chunk `i` goes in the body. */
static uint64_t offset_of(struct slice list, uint32_t i)
{
	must(i < big_n(list));
	return i ? big_body_bytes(slice_of(list.p, (size_t)i * BIG_ROW_BYTES)) : 0;
}

static void ask(struct whole *g, struct session_world *w)
{
	struct slice list = big_list(g->list);
	must(g->got <= g->asked && g->asked <= g->n);
	for (; g->asked < g->n && g->asked < g->got + CHUNKS_AHEAD; g->asked++) {
		struct big_chunk c = big_at(list, g->asked);
		loads_put(w->loads, (struct load){
					    .session = g->session,
					    .ticket = WHOLE_TICKET | g->also |
						      (uint64_t)g->serial << 32 | g->asked,
					    .loc = c.loc,
					    .bytes = c.bytes,
				    });
	}
}

bool whole_begin(struct whole *g, struct session_world *w, uint64_t session, const struct msg *list)
{
	struct slice route = msg_route(list), props = msg_props(list);
	uint64_t need = route.n + props.n + big_body_bytes(big_list(list));
	must(!g->list && need <= UINT32_MAX / 2 && !(g->also & ~WHOLE_OTHER));
	struct block *b = block_take(w->home, (uint32_t)need);
	if (!b)
		return false;
	struct wr out = wr_of((uint8_t *)b + b->fill, (size_t)need);
	wr_slice(&out, route);
	wr_slice(&out, props);
	*g = (struct whole){ .list = list,
			     .block = b,
			     .session = session,
			     .also = g->also,
			     .serial = (g->serial + 1) & SERIAL_MASK,
			     .n = big_n(big_list(list)),
			     .body_off = b->fill + (uint32_t)out.n };
	ask(g, w);
	return true;
}

void whole_drop(struct whole *g)
{
	must(g->list && g->block);
	block_close(g->block);
	g->block = NULL;
	g->list = NULL;
}

static uint64_t finish(struct whole *g)
{
	struct block *b = g->block;
	const struct msg *list = g->list;
	uint32_t body_bytes = (uint32_t)big_body_bytes(big_list(list));
	const struct msg *m = msg_new(b, &(struct msg){ .route_off = b->fill,
							.route_len = list->route_len,
							.props_off = b->fill + list->route_len,
							.props_len = list->props_len,
							.body_off = g->body_off,
							.body_bytes = body_bytes,
							.proto = msg_encoding(list),
							.flags = list->flags & MSG_FLAGS });
	must(m != NULL);
	b->fill = g->body_off + body_bytes;
	block_give(b, 1);
	whole_drop(g);
	return msg_mem(m);
}

/* False: it is not the chunk that the list says. */
static bool put_chunk(struct whole *g, uint32_t i, const struct msg *chunk)
{
	struct slice list = big_list(g->list);
	must(i < g->asked);
	if (chunk->proto != MSG_CHUNK ||
	    chunk->body_bytes != big_at(list, i).bytes - MSG_STORED_HEAD_BYTES)
		return false;
	struct slice body = msg_piece(chunk, 0);
	memcpy((uint8_t *)g->block + g->body_off + offset_of(list, i), body.p, body.n);
	return true;
}

enum whole_state whole_loaded(struct whole *g, struct session_world *w, uint64_t ticket,
			      uint64_t own_mem, uint64_t *out_mem)
{
	must(ticket & WHOLE_TICKET);
	bool is_it = g->list && g->serial == (ticket >> 32 & SERIAL_MASK);
	bool is_put = is_it && own_mem && put_chunk(g, (uint32_t)ticket, msg_of(own_mem));
	if (own_mem)
		msg_unref(own_mem, 1);
	if (!is_it)
		return WHOLE_STRANGE;
	if (!is_put) {
		whole_drop(g);
		return WHOLE_BROKEN;
	}
	g->got++;
	if (g->got == g->n) {
		*out_mem = finish(g);
		return WHOLE_DONE;
	}
	ask(g, w);
	return WHOLE_MORE;
}
