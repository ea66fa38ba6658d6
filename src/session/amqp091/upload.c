#include "base/bits.h"
#include "base/must.h"
#include "msg/big.h"
#include "session/amqp091/publish.h"

/* A big body on its way in. Its chunks go to the journal as they fill, a few at a time; what the
 * message itself will be is a list of them, in a block that is noted: as long as anybody holds that
 * block the chunks stay. So whatever ends an upload early only lets the block go.
 *
 * A channel whose body is complete but not stored takes nothing else meanwhile: the order of what
 * it publishes is kept by reading nothing more. */

/* Chunks of one connection on their way to the journal: what it may cost in memory. */
#define UPLOAD_CHUNKS_MAX 8u

/* A message above this, with its properties, would not surely fit into one record. */
#define MESSAGE_BYTES_MAX (LIMIT_CHUNK_BYTES + LIMIT_RECORD_BYTES_MAX / 4)

/* Tickets: upload << 32 | channel << 16 | number of the chunk. */
#define CHUNKS_MAX 65535u

/* A chunk is as many full frames as fit into it, so that the body goes out as it came. */
static uint32_t chunk_bytes(const struct amqp091 *s)
{
	uint32_t frame = s->frame_max - AMQP091_FRAME_OVERHEAD;
	must(s->frame_max >= LIMIT_FRAME_MAX_MIN);
	return frame < LIMIT_CHUNK_BYTES ? LIMIT_CHUNK_BYTES / frame * frame : LIMIT_CHUNK_BYTES;
}

bool amqp091_upload_is_full(const struct amqp091 *s)
{
	must(s->whole_n <= s->channels.n);
	return s->storing_n >= UPLOAD_CHUNKS_MAX || s->whole_n > 0;
}

bool amqp091_upload_is_big(const struct assembly *a)
{
	must(a->chunks_n == 0);
	return a->body_bytes > LIMIT_CHUNK_BYTES ||
	       a->body_bytes + a->props_n + a->route_n > MESSAGE_BYTES_MAX;
}

enum err amqp091_upload_begin(struct turn *t, struct assembly *a, struct slice props)
{
	if (a->body_bytes == 0 || a->props_n > LIMIT_CHUNK_BYTES)
		return amqp091_refuse_number(t, ERR_PRECONDITION_FAILED, "message properties of ",
					     a->props_n, " bytes are too large");
	a->chunk_max = chunk_bytes(t->s);
	uint32_t n = (uint32_t)((a->body_bytes + a->chunk_max - 1) / a->chunk_max);
	uint32_t list_n = n * BIG_ROW_BYTES;
	must(n <= CHUNKS_MAX);
	TRY(amqp091_assembly_block(t, a, a->props_n + list_n + a->route_n));
	uint8_t *at = (uint8_t *)a->block + a->at;
	memcpy(at, props.p, props.n);
	memset(at + a->props_n, 0, list_n);
	memcpy(at + a->props_n + list_n, a->route, a->route_n);
	a->block->fill = a->at + a->props_n + list_n + a->route_n;
	*a->msg = (struct msg){
		.route_off = a->at + a->props_n + list_n,
		.route_len = a->route_n,
		.props_off = a->at,
		.props_len = a->props_n,
		.body_off = a->at + a->props_n,
		.body_bytes = list_n,
		.proto = MSG_CHUNKS,
	};
	block_note(a->block, (uint32_t)((uint8_t *)a->msg - (uint8_t *)a->block));
	a->chunks_n = n;
	a->upload = ++t->s->next_upload;
	return ERR_OK;
}

void amqp091_upload_close(struct turn *t, struct assembly *a)
{
	if (a->chunk)
		block_close(a->chunk);
	a->chunk = NULL;
	must(!a->is_whole || t->s->whole_n > 0);
	t->s->whole_n -= a->is_whole;
	a->is_whole = false;
}

/* ---- chunks ------------------------------------------------------------------------------- */

static enum err chunk_begin(struct turn *t, struct assembly *a)
{
	static const struct msg empty;
	uint64_t left = a->body_bytes - a->got_bytes;
	must(!a->chunk && a->sent_n < a->chunks_n);
	a->chunk = block_take(t->w->home, (uint32_t)min_u64(left, a->chunk_max));
	if (!a->chunk)
		return amqp091_refuse(t, ERR_RESOURCE_ERROR, "no memory for a message");
	a->chunk_msg = msg_new(a->chunk, &empty);
	must(a->chunk_msg != NULL);
	a->chunk_at = a->chunk->fill;
	a->chunk_n = 0;
	return ERR_OK;
}

static void chunk_send(struct turn *t, struct channel *c)
{
	struct assembly *a = c->assembly;
	must(a->chunk_n > 0 && a->chunk_n <= a->chunk_max);
	*a->chunk_msg = (struct msg){
		.route_off = a->chunk_at,
		.props_off = a->chunk_at,
		.body_off = a->chunk_at,
		.body_bytes = a->chunk_n,
		.proto = MSG_CHUNK,
	};
	a->chunk->fill += a->chunk_n;
	block_give(a->chunk, 1);
	stores_put(t->w->stores, (struct store){
					 .session = t->s->session.handle,
					 .ticket = (uint64_t)a->upload << 32 |
						   (uint32_t)c->number << 16 | a->sent_n,
					 .mem = msg_mem(a->chunk_msg),
				 });
	block_close(a->chunk);
	a->chunk = NULL;
	a->sent_n++;
	t->s->storing_n++;
}

enum err amqp091_upload_body(struct turn *t, struct channel *c, struct slice body)
{
	struct assembly *a = c->assembly;
	must(!a->is_whole && body.n <= a->body_bytes - a->got_bytes);
	while (body.n > 0) {
		if (!a->chunk)
			TRY(chunk_begin(t, a));
		size_t n = min_u64(body.n, a->chunk_max - a->chunk_n);
		memcpy((uint8_t *)a->chunk + a->chunk_at + a->chunk_n, body.p, n);
		a->chunk_n += (uint32_t)n;
		a->got_bytes += n;
		body = slice_from(body, n);
		if (a->chunk_n == a->chunk_max || a->got_bytes == a->body_bytes)
			chunk_send(t, c);
	}
	if (a->got_bytes < a->body_bytes)
		return ERR_OK;
	must(a->sent_n == a->chunks_n && a->stored_n < a->chunks_n);
	a->is_whole = true;
	t->s->whole_n++;
	return ERR_OK;
}

static bool stored(struct turn *t, struct channel *c, uint32_t i, uint64_t loc, uint32_t bytes)
{
	struct assembly *a = c->assembly;
	enum err e = ERR_OK;
	must(i < a->sent_n && a->stored_n < a->sent_n);
	if (loc == 0) {
		e = amqp091_refuse(t, ERR_RESOURCE_ERROR, "a message cannot be stored");
		amqp091_refused(t, c->number, e, 60, 40);
		return false;
	}
	uint8_t *list = (uint8_t *)a->block + a->msg->body_off;
	must(big_at(big_list(a->msg), i).loc == 0);
	big_put(list, i, (struct big_chunk){ loc, bytes });
	a->stored_n++;
	if (a->is_whole && a->stored_n == a->chunks_n)
		e = amqp091_assembly_finish(t, c);
	if (e != ERR_OK)
		amqp091_refused(t, c->number, e, 60, 40);
	return true;
}

bool amqp091_stored(struct session *own, struct session_world *w, uint64_t ticket, uint64_t loc,
		    uint32_t bytes)
{
	struct turn t;
	amqp091_turn(&t, own, w);
	t.move_to = w->post->loop;
	struct channel *c = amqp091_channel(t.s, (uint16_t)(ticket >> 16));
	must(t.s->storing_n > 0);
	t.s->storing_n--;
	if (!c || !c->assembly || c->assembly->upload != ticket >> 32)
		return false;
	if (t.s->phase != PHASE_RUNNING) /* refused meanwhile: nothing is published any more */
		return false;
	return stored(&t, c, (uint16_t)ticket, loc, bytes);
}

/* ---- no queue takes it -------------------------------------------------------------------- */

/* It goes back as a delivery would, when what came before is written; and is confirmed then. */
void amqp091_upload_nowhere(struct turn *t, struct channel *c, const struct publish *p)
{
	struct assembly *a = c->assembly;
	t->s->count.published++;
	t->s->count.unroutable++;
	must(a->msg->proto == MSG_CHUNKS);
	if (!p->is_mandatory) {
		if (c->confirm)
			amqp091_confirm_new(t, c, 0, 0);
		return;
	}
	struct waiting back = {
		.row = { .mem = msg_mem(a->msg), .pos = amqp091_confirm_seq(t, c) },
		.channel = c->number,
		.state = WAITING_HERE,
		.is_return = true,
	};
	block_give(a->block, 1);
	if (c->confirm)
		amqp091_confirm_new(t, c, msg_stored_bytes(a->msg), 1);
	amqp091_returned(t, &back);
}
