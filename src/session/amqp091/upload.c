#include "base/bits.h"
#include "base/must.h"
#include "msg/big.h"
#include "session/amqp091/publish.h"

/* A big body on its way in (session/upload.h). A channel whose body is complete but not stored
 * takes nothing else meanwhile: the order of what it publishes is kept by reading nothing more. */

/* Chunks of one connection on their way to the journal: what it may cost in memory. */
#define STORING_MAX 8u

/* Tickets: upload << 32 | channel << 16 | number of the chunk. */
_Static_assert(UPLOAD_CHUNKS_MAX <= UINT16_MAX, "the number of a chunk has 16 bits");

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
	return s->storing_n >= STORING_MAX || s->whole_n > 0;
}

bool amqp091_upload_is_big(const struct assembly *a)
{
	must(a->upload.chunks_n == 0);
	return upload_is_needed(a->route_n, a->props_n, a->body_bytes);
}

enum err amqp091_upload_begin(struct turn *t, const struct channel *c, struct slice props)
{
	struct assembly *a = c->assembly;
	must(!a->block && props.n == a->props_n);
	if (a->body_bytes == 0 || a->props_n > LIMIT_CHUNK_BYTES)
		return amqp091_refuse_number(t, ERR_PRECONDITION_FAILED, "message properties of ",
					     a->props_n, " bytes are too large");
	const struct uploading what = {
		.session = t->s->session.handle,
		.ticket = (uint64_t)++t->s->next_upload << 32 | (uint32_t)c->number << 16,
		.route = slice_of(a->route, a->route_n),
		.props = props,
		.body_bytes = a->body_bytes,
		.chunk_max = chunk_bytes(t->s),
		.proto = MSG_AMQP091,
	};
	if (upload_begin(&a->upload, t->w, &what, &a->block) != ERR_OK)
		return amqp091_refuse(t, ERR_RESOURCE_ERROR, "no memory for a message");
	a->msg = a->upload.msg;
	a->at = a->msg->props_off;
	return ERR_OK;
}

void amqp091_upload_close(struct turn *t, struct assembly *a)
{
	must(!a->is_whole || t->s->whole_n > 0);
	upload_end(&a->upload);
	t->s->whole_n -= a->is_whole;
	a->is_whole = false;
}

enum err amqp091_upload_body(struct turn *t, struct channel *c, struct slice body)
{
	struct assembly *a = c->assembly;
	uint32_t before = a->upload.sent_n;
	must(!a->is_whole);
	enum err e = upload_body(&a->upload, t->w, body);
	a->got_bytes = a->upload.got_bytes;
	t->s->storing_n += a->upload.sent_n - before;
	if (e != ERR_OK)
		return amqp091_refuse(t, e, "no memory for a message");
	a->is_whole = upload_is_whole(&a->upload);
	t->s->whole_n += a->is_whole;
	return ERR_OK;
}

bool amqp091_stored(struct session *own, struct session_world *w, uint64_t ticket, uint64_t loc,
		    uint32_t bytes)
{
	struct turn t;
	enum err e = ERR_OK;
	amqp091_turn(&t, own, w);
	t.move_to = w->post->loop;
	struct channel *c = amqp091_channel(t.s, (uint16_t)(ticket >> 16));
	must(t.s->storing_n > 0);
	t.s->storing_n--;
	if (!c || !c->assembly || t.s->phase != PHASE_RUNNING) /* refused meanwhile */
		return false;
	enum upload_state state = upload_stored(&c->assembly->upload, ticket, loc, bytes);
	if (state == UPLOAD_STRANGE)
		return false;
	if (state == UPLOAD_BROKEN)
		e = amqp091_refuse(&t, ERR_RESOURCE_ERROR, "a message cannot be stored");
	else if (state == UPLOAD_DONE)
		e = amqp091_assembly_finish(&t, c);
	if (e != ERR_OK)
		amqp091_refused(&t, c->number, e, 60, 40);
	return state != UPLOAD_BROKEN;
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
