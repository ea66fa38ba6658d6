#include "session/stomp/lasting.h"

#include "base/must.h"
#include "session/stomp/activemq.h"
#include "wire/stomp/destination.h"
#include "wire/stomp/stored.h"

/* ActiveMQ's lists of destinations: all of one frame, or none. */

struct slice stomp_amq_part(struct slice *io_rest)
{
	size_t n = slice_find(*io_rest, ',');
	struct slice part = slice_sub(*io_rest, 0, n);
	must(part.n <= io_rest->n);
	*io_rest = n < io_rest->n ? slice_from(*io_rest, n + 1) : SLICE_EMPTY;
	return part;
}

struct slice stomp_amq_part_at(const struct turn *t, uint32_t at, bool *out_has_more)
{
	struct slice rest = t->head->at[STOMP_H_DESTINATION], part = rest;
	must(at == 0 || stomp_amq_is_list(t));
	*out_has_more = false;
	if (!stomp_amq_is_list(t))
		return part;
	for (uint32_t i = 0; i <= at; i++)
		part = stomp_amq_part(&rest);
	*out_has_more = rest.n > 0;
	return part;
}

bool stomp_amq_is_list(const struct turn *t)
{
	struct slice in = t->head->at[STOMP_H_DESTINATION];
	must(t->frame != NULL);
	return t->s->is_activemq && slice_find(in, ',') < in.n;
}

/* May it be published there? What the exchange does with it is seen later. */
static enum err look_at_route(struct turn *t, const struct destination *to)
{
	UNSET uint8_t room[2 * (LIMIT_SHORTSTR + 1)];
	struct wr w = wr_of(room, sizeof room);
	struct route_hit *hit;
	wr_str8(&w, to->exchange);
	wr_str8(&w, to->key);
	must(wr_ok(&w));
	const struct publication what = { .exchange = to->exchange,
					  .key = to->key,
					  .route = wr_done(&w),
					  .headers = &stomp_header_ops };
	return publisher_route(&t->s->publisher, t->w, &t->s->access, &what, &hit, &t->why);
}

/* False: refused. */
static bool may_go(struct turn *t, const struct destination *to)
{
	enum err e = look_at_route(t, to);
	must(to->place <= STOMP_REPLY_QUEUE);
	if (e == ERR_OK && (to->place == STOMP_QUEUE || to->place == STOMP_TEMP_QUEUE))
		e = stomp_queue_may(t, to->key);
	if (e != ERR_OK)
		(void)stomp_fail_err(t, e);
	return e == ERR_OK && stomp_is_there(t, to);
}

static bool refuse_length(struct turn *t)
{
	char room[16];
	struct text most = text_of(room, sizeof room);
	text_put_u64(&most, LIMIT_STOMP_DESTINATIONS);
	must(!text_is_full(&most));
	(void)stomp_amq_refuse(t, "Too many destinations, at most ", text_slice(&most), "");
	return false;
}

bool stomp_amq_may_hear_all(struct turn *t, uint8_t *room)
{
	struct slice rest = t->head->at[STOMP_H_DESTINATION], sub;
	struct destination to;
	must(stomp_amq_is_list(t));
	if (stomp_amq_sub_name(t, &sub)) {
		(void)stomp_amq_refuse(t, "A subscription with a name has one destination",
				       SLICE_EMPTY, "");
		return false;
	}
	for (uint32_t n = 0; rest.n > 0; n++) {
		if (n == LIMIT_STOMP_DESTINATIONS)
			return refuse_length(t);
		if (!stomp_destination(t, stomp_amq_part(&rest), room, &to))
			return false;
	}
	return true;
}

bool stomp_amq_may_go_to_all(struct turn *t, uint8_t *room, size_t *out_route_n)
{
	struct slice rest = t->head->at[STOMP_H_DESTINATION];
	struct destination to;
	size_t longest = 0;
	must(stomp_amq_is_list(t));
	for (uint32_t n = 0; rest.n > 0; n++) {
		if (n == LIMIT_STOMP_DESTINATIONS)
			return refuse_length(t);
		if (!stomp_destination(t, stomp_amq_part(&rest), room, &to) || !may_go(t, &to))
			return false;
		size_t route_n = to.exchange.n + to.key.n + 2;
		longest = route_n > longest ? route_n : longest;
	}
	*out_route_n = longest;
	return true;
}
