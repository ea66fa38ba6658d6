#include "session/amqp091/deliver.h"

#include "session/views.h"
#include "wire/amqp091/attempt.h"

/* What is delivered with properties that are not the message's own: those that another protocol's
 * say, where it stands in a stream, how often it came before. The body stays where it lies. */

/* The body apart from the frames it came in; of a big one there is none here. */
static void take_body(struct turn *t, struct dress *d, const struct msg *m,
		      struct amqp091_content *c)
{
	uint32_t n = msg_piece_n(m);
	if (m->proto == MSG_CHUNKS)
		return;
	d->pieces = &d->one;
	if (n > 1) {
		d->pieces_n = n;
		d->pieces = amqp091_get(t, n * sizeof *d->pieces, "parts");
	}
	for (uint32_t i = 0; i < n; i++)
		d->pieces[i] = msg_piece(m, i);
	c->body = d->pieces;
	c->body_n = n;
	c->frames = SLICE_EMPTY;
	must(c->body_bytes == m->body_bytes);
}

/* Writes numbers into the headers, unless the publisher's make no sense. */
static void put_numbers(struct turn *t, struct dress_room *room, struct amqp091_content *c,
			const struct waiting *w, bool is_stream)
{
	must(room->n == 0);
	room->n = amqp091_attempt_room(c->props);
	room->p = amqp091_get(t, room->n, "headers");
	struct wr out = wr_of(room->p, room->n);
	enum err e = is_stream ? amqp091_offset_put(&out, c->props, w->row.pos - 1)
			       : amqp091_attempt_put(&out, c->props, amqp091_came_back(w),
						     w->row.count);
	must(wr_ok(&out));
	if (e == ERR_OK)
		c->props = wr_done(&out);
}

void amqp091_dress(struct turn *t, const struct waiting *w, bool is_stream, struct dress *d,
		   struct amqp091_content *c)
{
	const struct msg *m = msg_of(w->row.mem);
	*d = (struct dress){ .pieces_n = 0 };
	foreign_open(&d->foreign, t->w->mem, m, views_told_of(m));
	take_body(t, d, m, c);
	c->props = d->foreign.props;
	if (amqp091_came_back(w) && foreign_is(m))
		put_numbers(t, &d->counted, c, w, false);
	if (is_stream)
		put_numbers(t, &d->placed, c, w, true);
	must(c->props.n >= 2);
}

void amqp091_undress(struct turn *t, struct dress *d)
{
	must(d->pieces_n == 0 || d->pieces != &d->one);
	if (d->pieces_n)
		amqp091_put(t, d->pieces, d->pieces_n * sizeof *d->pieces);
	amqp091_put(t, d->counted.p, d->counted.n);
	amqp091_put(t, d->placed.p, d->placed.n);
	foreign_close(&d->foreign, t->w->mem);
}
