#include "session/upload.h"

#include "base/bits.h"
#include "base/must.h"
#include "msg/big.h"

/* A message above this, with its properties, would not surely fit into one record. */
#define MESSAGE_BYTES_MAX (LIMIT_CHUNK_BYTES + LIMIT_RECORD_BYTES_MAX / 4)

bool upload_is_needed(uint64_t route_n, uint64_t props_n, uint64_t body_n)
{
	must(route_n <= UINT16_MAX);
	return body_n > LIMIT_CHUNK_BYTES || body_n + props_n + route_n > MESSAGE_BYTES_MAX;
}

enum err upload_begin(struct upload *u, struct session_world *w, const struct uploading *what,
		      struct block **out_block)
{
	static const struct msg empty;
	uint64_t n = (what->body_bytes + what->chunk_max - 1) / what->chunk_max;
	must(u->chunks_n == 0 && n > 0 && n <= UPLOAD_CHUNKS_MAX);
	if (what->props.n > LIMIT_CHUNK_BYTES)
		return ERR_LIMIT;
	uint32_t list_n = (uint32_t)n * BIG_ROW_BYTES, props_n = (uint32_t)what->props.n;
	uint32_t all = props_n + list_n + (uint32_t)what->route.n;
	struct block *b = block_take(w->home, all);
	struct msg *m = b ? msg_new(b, &empty) : NULL;
	if (!m)
		return ERR_RESOURCE_ERROR;
	uint32_t at = b->fill;
	struct wr out = wr_of((uint8_t *)b + at, all);
	wr_slice(&out, what->props);
	wr_zeros(&out, list_n);
	wr_slice(&out, what->route);
	must(wr_ok(&out) && out.n == all);
	b->fill += all;
	*m = (struct msg){ .route_off = at + props_n + list_n,
			   .route_len = (uint16_t)what->route.n,
			   .props_off = at,
			   .props_len = props_n,
			   .body_off = at + props_n,
			   .body_bytes = list_n,
			   .proto = MSG_CHUNKS,
			   .flags = (uint8_t)(what->flags | msg_inner(what->proto)) };
	block_note(b, (uint32_t)((uint8_t *)m - (uint8_t *)b));
	*u = (struct upload){ .msg = m,
			      .session = what->session,
			      .ticket = what->ticket,
			      .body_bytes = what->body_bytes,
			      .chunks_n = (uint32_t)n,
			      .chunk_max = what->chunk_max };
	*out_block = b;
	return ERR_OK;
}

void upload_end(struct upload *u)
{
	must(u->chunks_n > 0 || !u->chunk);
	if (u->chunk)
		block_close(u->chunk);
	*u = (struct upload){ .chunks_n = 0 };
}

/* ---- chunks ------------------------------------------------------------------------------- */

static enum err chunk_begin(struct upload *u, struct session_world *w)
{
	static const struct msg empty;
	uint64_t left = u->body_bytes - u->got_bytes;
	must(!u->chunk && u->sent_n < u->chunks_n);
	u->chunk = block_take(w->home, (uint32_t)min_u64(left, u->chunk_max));
	if (!u->chunk)
		return ERR_RESOURCE_ERROR;
	u->chunk_msg = msg_new(u->chunk, &empty);
	must(u->chunk_msg != NULL);
	u->chunk_at = u->chunk->fill;
	u->chunk_n = 0;
	return ERR_OK;
}

static void chunk_send(struct upload *u, struct session_world *w)
{
	must(u->chunk_n > 0 && u->chunk_n <= u->chunk_max);
	*u->chunk_msg = (struct msg){
		.route_off = u->chunk_at,
		.props_off = u->chunk_at,
		.body_off = u->chunk_at,
		.body_bytes = u->chunk_n,
		.proto = MSG_CHUNK,
	};
	u->chunk->fill += u->chunk_n;
	block_give(u->chunk, 1);
	stores_put(w->stores, (struct store){ .session = u->session,
					      .ticket = u->ticket + u->sent_n,
					      .mem = msg_mem(u->chunk_msg) });
	block_close(u->chunk);
	u->chunk = NULL;
	u->sent_n++;
}

enum err upload_body(struct upload *u, struct session_world *w, struct slice body)
{
	must(body.n <= u->body_bytes - u->got_bytes);
	while (body.n > 0) {
		if (!u->chunk)
			TRY(chunk_begin(u, w));
		size_t n = min_u64(body.n, u->chunk_max - u->chunk_n);
		memcpy((uint8_t *)u->chunk + u->chunk_at + u->chunk_n, body.p, n);
		u->chunk_n += (uint32_t)n;
		u->got_bytes += n;
		body = slice_from(body, n);
		if (u->chunk_n == u->chunk_max || u->got_bytes == u->body_bytes)
			chunk_send(u, w);
	}
	return ERR_OK;
}

enum upload_state upload_stored(struct upload *u, uint64_t ticket, uint64_t loc, uint32_t bytes)
{
	if (ticket < u->ticket || ticket - u->ticket >= u->sent_n)
		return UPLOAD_STRANGE;
	uint32_t i = (uint32_t)(ticket - u->ticket);
	must(u->stored_n < u->sent_n);
	if (loc == 0)
		return UPLOAD_BROKEN;
	must(big_at(big_list(u->msg), i).loc == 0);
	uint8_t *list = (uint8_t *)block_of(u->msg) + u->msg->body_off;
	big_put(list, i, (struct big_chunk){ loc, bytes });
	u->stored_n++;
	return u->stored_n == u->chunks_n ? UPLOAD_DONE : UPLOAD_MORE;
}
