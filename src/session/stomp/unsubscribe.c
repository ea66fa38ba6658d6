#include "session/stomp/lasting.h"

#include "base/must.h"
#include "session/stomp/activemq.h"

/* Steps of an UNSUBSCRIBE. */
enum { STEP_FIND, STEP_ENDING, STEP_DELETING };

static enum done refuse_unknown(struct turn *t, bool has_id, struct slice id)
{
	char room[SESSION_WORDS_MAX];
	struct text body = text_of(room, sizeof room);
	must(t->frame->command == STOMP_UNSUBSCRIBE);
	text_puts(&body, "UNSUBSCRIBE must refer to an existing subscription.\nSubscription to \"");
	text_puts(&body, has_id ? "id='" : "destination='");
	text_put_slice(&body, id);
	text_puts(&body, "'\" not found.\n");
	return stomp_refuse(t, "No subscription found", text_slice(&body));
}

static bool is_named(const struct turn *t)
{
	struct slice sub;
	must(t->frame->command == STOMP_UNSUBSCRIBE);
	return stomp_amq_sub_name(t, &sub);
}

/* A durable subscription is over for good when its headers are said again. */
static bool is_for_good(struct turn *t)
{
	bool is_durable, is_auto_delete;
	enum stomp_header durable = stomp_has(t->head, STOMP_H_DURABLE) ? STOMP_H_DURABLE
									: STOMP_H_PERSISTENT;
	must(t->head != NULL);
	return stomp_flag(t, durable, false, &is_durable) && is_durable &&
	       stomp_flag(t, STOMP_H_AUTO_DELETE, true, &is_auto_delete) && !is_auto_delete;
}

/* The name of its queue waits in the call, for the subscription may be gone by then. */
static enum done begin(struct turn *t, struct subscription *k)
{
	struct stomp *s = t->s;
	struct call *c = stomp_call(t);
	struct slice name = stomp_sub_queue(k);
	must(k->taker && k->taker->end == TAKER_LIVES);
	bool is_made = slice_starts_with(name, slice_str(OWNED_STOMP_SUBSCRIPTION));
	if (is_for_good(t) && name.n <= CALL_NAME_MAX && is_made) {
		memcpy(c->name, name.p, name.n);
		c->name_n = (uint8_t)name.n;
	}
	c->step = STEP_ENDING;
	c->sub = k;
	(void)stomp_ask(t, k->taker_id);
	receiver_unsubscribe(&s->receiver, t->w, k->taker);
	return WAIT;
}

/* No subscription that lasts has that name. */
static enum done refuse_missing(struct turn *t)
{
	struct stomp *s = t->s;
	struct slice sub, client = slice_of(s->client_id, s->client_id_n);
	char room[2 * LIMIT_SHORTSTR + 40];
	struct text what = text_of(room, sizeof room);
	const bool is_named = stomp_amq_sub_name(t, &sub);
	must(is_named);
	text_put_slice(&what, s->client_id ? client : sub);
	text_puts(&what, " and subscriptionName: ");
	text_put_slice(&what, sub);
	return stomp_amq_refuse(
		t, "No durable subscription exists for clientID: ", text_slice(&what), "");
}

static enum done delete_queue(struct turn *t, struct call *c)
{
	struct stomp *s = t->s;
	char durable[LIMIT_SHORTSTR + 1];
	struct slice name = slice_of(c->name, c->name_n), sub;
	struct text made = text_of(durable, LIMIT_SHORTSTR);
	if (stomp_amq_sub_name(t, &sub) && stomp_amq_durable(t, sub, &made))
		name = text_slice(&made);
	const struct queue_record *q = catalog_queue(t->w->view, s->access.number, name);
	must(c->step == STEP_ENDING);
	c->step = STEP_DELETING;
	if (!q && is_named(t))
		return refuse_missing(t);
	if (!q) {
		stomp_receipt(t);
		return DONE;
	}
	enum err e = stomp_allow(t, AUTH_QUEUE, name, AUTH_CONFIGURE);
	if (e != ERR_OK)
		return stomp_fail_err(t, e);
	uint32_t ticket = ask_ticket(&s->asker);
	ask_queue(&s->asker, t->w->post, CMD_QUEUE_DELETE, is_named(t) ? DELETE_IF_UNUSED : 0, q,
		  ticket);
	return stomp_ask(t, ticket);
}

/* No subscription of this connection. One that lasts may be ended all the same, by its name. */
static enum done end_absent(struct turn *t, bool has_id, struct slice id)
{
	must(!t->s->call);
	if (is_named(t)) {
		struct call *c = stomp_call(t);
		c->step = STEP_ENDING;
		return delete_queue(t, c);
	}
	if (t->s->is_activemq)
		return stomp_amq_refuse(t, "No subscription matched.", SLICE_EMPTY, "");
	return refuse_unknown(t, has_id, id);
}

/* It does not say which. ActiveMQ wants an id of who speaks 1.1. */
static enum done refuse_nothing(struct turn *t)
{
	must(!stomp_has(t->head, STOMP_H_ID));
	if (!t->s->is_activemq)
		return stomp_refuse(t, "Missing destination or id",
				    slice_str("UNSUBSCRIBE must include a 'destination' or 'id' "
					      "header"));
	return stomp_amq_refuse(t,
				t->s->version == STOMP_1_1
					? "UNSUBSCRIBE received without a subscription id!"
					: "Must specify the subscriptionId or the destination you "
					  "are unsubscribing from",
				SLICE_EMPTY, "");
}

enum done stomp_on_unsubscribe(struct turn *t)
{
	struct stomp *s = t->s;
	bool has_id = stomp_has(t->head, STOMP_H_ID);
	struct slice id = t->head->at[has_id ? STOMP_H_ID : STOMP_H_DESTINATION];
	must(s->phase == PHASE_RUNNING);
	if (!has_id && !stomp_has(t->head, STOMP_H_DESTINATION))
		return refuse_nothing(t);
	struct call *c = s->call;
	struct subscription *k = stomp_subscription(s, has_id, id);
	if (k && k->is_browser) {
		stomp_browse_end(t, k);
		stomp_receipt(t);
		return DONE;
	}
	bool is_there = k && k->taker->end == TAKER_LIVES;
	const bool is_wild = s->wilds && stomp_wild_end(t, has_id, id);
	if (c && c->step == STEP_ENDING && is_there) /* of several queues */
		return begin(t, k);
	if (c && c->step == STEP_ENDING && (c->name_n > 0 || is_named(t)))
		return delete_queue(t, c);
	if (c && c->step == STEP_DELETING && is_named(t) && c->reply.err == ERR_PRECONDITION_FAILED)
		return stomp_amq_refuse(t, "Durable consumer is in use", SLICE_EMPTY, "");
	if (c && c->step == STEP_DELETING && c->reply.err != ERR_OK &&
	    c->reply.err != ERR_NOT_FOUND)
		return stomp_call_failed(t);
	if (c || (is_wild && !is_there)) {
		stomp_receipt(t);
		return DONE;
	}
	return is_there ? begin(t, k) : end_absent(t, has_id, id);
}
