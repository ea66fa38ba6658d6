#include "session/stomp/activemq.h"
#include "session/stomp/jobs.h"

#include "base/must.h"
#include "wire/stomp/destination.h"
#include "wire/stomp/put.h"

/* ActiveMQ's browsers: a subscription that is shown what is in a queue and takes nothing. Then
 * comes a MESSAGE that says so, and nothing more. What it is shown its client may acknowledge:
 * nobody waits for that, and nobody minds. */

#define ADDRESS_ROOM (2u * STOMP_NAME_MAX(LIMIT_SHORTSTR) + 32u)

bool stomp_is_browser(const struct turn *t)
{
	must(t->frame != NULL);
	return t->s->is_activemq && t->frame->command == STOMP_SUBSCRIBE &&
	       stomp_has(t->head, STOMP_H_BROWSER) &&
	       slice_eq(t->head->at[STOMP_H_BROWSER], slice_str("true"));
}

bool stomp_may_browse(struct turn *t, const struct destination *to)
{
	must(stomp_is_browser(t));
	if (!to->is_wild && !stomp_amq_is_list(t))
		return true;
	(void)stomp_amq_refuse(t, "A browser has one queue", SLICE_EMPTY, "");
	return false;
}

enum err stomp_browse(struct turn *t, const struct subscribing *same, const struct queue_record *q,
		      struct slice selector)
{
	struct stomp *s = t->s;
	must(same->is_browser && s->phase == PHASE_RUNNING);
	if (q->flags & (QUEUE_APPENDS | QUEUE_RETAINS | QUEUE_KEEPER)) {
		text_puts(&t->why, "a stream has no browsers");
		return ERR_NOT_IMPLEMENTED;
	}
	struct subscription *k = stomp_subscription_new(t, same, q);
	k->browse = browser_begin(&s->browser, t->w, q, selector, k);
	stomp_receipt(t);
	browser_drain(&s->browser, t->w);
	return ERR_OK;
}

void stomp_browse_end(struct turn *t, struct subscription *own_k)
{
	must(own_k->is_browser);
	if (own_k->browse)
		browser_end(&t->s->browser, t->w, own_k->browse);
	stomp_subscription_free(t, own_k);
}

bool stomp_browse_settles(struct turn *t, bool has_id, struct slice id)
{
	const struct subscription *k = stomp_subscription(t->s, has_id, id);
	must(t->s->is_activemq);
	if (!k || !k->is_browser || k->ack == ACK_AUTO)
		return false;
	if (t->frame->command == STOMP_NACK)
		(void)stomp_amq_refuse(t, "Cannot Nack a message on a Queue Browser Subscription.",
				       SLICE_EMPTY, "");
	return true;
}

/* ---- what is shown ------------------------------------------------------------------------ */

static void show(struct session *own, struct session_world *w, struct browse *b,
		 const struct deliver_row *row)
{
	struct turn t;
	struct subscription *k = b->of;
	stomp_turn(&t, own, w);
	if (!k) {
		stomp_job_show(&t, b, row);
		return;
	}
	must(k->is_browser && k->browse == b);
	stomp_message(&t, k, msg_of(row->mem), row, ++t.s->last_tag);
	t.s->delivered++;
}

static void over(struct session *own, struct session_world *w, struct browse *b)
{
	struct turn t;
	char address[ADDRESS_ROOM];
	struct text to = text_of(address, sizeof address);
	struct subscription *k = b->of;
	stomp_turn(&t, own, w);
	if (!k) {
		stomp_jobs_over(&t, b);
		return;
	}
	must(k->is_browser && k->browse == b);
	k->browse = NULL;
	stomp_amq_address(t.s, false, stomp_sub_queue(k), &to);
	const struct stomp_message say = { .version = (enum stomp_version)t.s->version,
					   .has_subscription = k->has_id,
					   .subscription = stomp_sub_id(k),
					   .destination = text_slice(&to) };
	struct sendq *q = &own->sendq;
	uint8_t *at = sendq_reserve(q, w->mem, (uint32_t)stomp_browsed_put(NULL, &say));
	sendq_commit(q, (uint32_t)stomp_browsed_put(at, &say));
	stomp_say_end(&t);
}

const struct browser_ops stomp_browser_ops = { .show = show,
					       .is_full = stomp_jobs_are_full,
					       .over = over };
