#include "session/stomp/activemq.h"

#include "base/bits.h"
#include "base/must.h"
#include "core/fact.h"
#include "core/sql.h"
#include "wire/stomp/destination.h"

/* Subscriptions to every queue that a wildcard fits, of ActiveMQ's dialect. Each queue has a
 * consumer of its own, and all of them are one subscription (struct subscription.made). Queues that
 * are made later have larger ids: each new version of the catalog is gone through from the last id
 * on. What its shard does not know yet, or refuses for now, is tried again, when others have had
 * the place that it would have taken. A SUBSCRIBE first counts them, so that one of too many is
 * refused as a whole. */
struct wild {
	struct wild *next;
	uint64_t made;
	uint64_t at;                 /* queues with ids up to it are known */
	uint64_t facts;              /* as of this version of users and permissions */
	uint64_t again_at, again_ms; /* then from this id on again; UINT64_MAX: not */
	int64_t priority;
	uint32_t prefetch, queues_n, joining_n, counted_n, code_n;
	uint8_t ack, flags; /* enum ack_mode; SUBSCRIBE_... */
	bool has_id, is_counting, is_through, is_full, is_told;
	uint8_t id_n, wish_n, filter_n;
	uint8_t words[]; /* id; wish; filter; selector */
};

#define STEPS_MAX  4096u /* queues that one call looks at */
#define SOON_MS    10u   /* its shard is being told of it */
#define REFUSED_MS 1000u /* somebody has it for himself, or there are too many selectors */

static struct slice id_of(const struct wild *w)
{
	must(w->filter_n > 0);
	return slice_of(w->words, w->id_n);
}
static struct slice wish_of(const struct wild *w)
{
	must(w->filter_n > 0);
	return slice_of(w->words + w->id_n, w->wish_n);
}
static struct slice filter_of(const struct wild *w)
{
	must(w->filter_n > 0);
	return slice_of(w->words + w->id_n + w->wish_n, w->filter_n);
}
static struct slice code_of(const struct wild *w)
{
	must(w->code_n <= SQL_CODE_MAX);
	return slice_of(w->words + w->id_n + w->wish_n + w->filter_n, w->code_n);
}

static void watch(struct turn *t, bool watches)
{
	struct session *s = &t->s->session;
	if (s->watches_view == watches)
		return;
	must(watches || t->w->watchers_n > 0);
	s->watches_view = watches;
	t->w->watchers_n += watches ? 1 : UINT32_MAX;
}

static void look_again(struct turn *t, uint32_t in_ms)
{
	must(t->s->is_activemq);
	t->s->wild_ms = min_u64(t->s->wild_ms, t->w->now_ms + in_ms);
}

/* ---- which queues ------------------------------------------------------------------------- */

static bool has(const struct turn *t, const struct wild *w, uint64_t queue)
{
	must(queue != 0);
	for (const struct subscription *k = t->s->subscriptions; k; k = k->next)
		if (k->made == w->made && k->queue == queue && k->taker)
			return true;
	return false;
}

static bool wants(struct turn *t, const struct wild *w, const struct queue_record *q)
{
	const struct slice name = queue_record_name(q);
	const uint8_t others = QUEUE_EXCLUSIVE | QUEUE_KEEPER | QUEUE_APPENDS | QUEUE_RETAINS;
	if (q->vhost != t->s->access.number || q->flags & others || q->owner != 0 ||
	    !stomp_wildcard_fits(filter_of(w), name) || owned_is(name) || has(t, w, q->id))
		return false;
	must(t->why.n == 0);
	const bool may = stomp_allow(t, AUTH_QUEUE, name, AUTH_READ) == ERR_OK;
	t->why = text_of(t->w->words, sizeof t->w->words);
	return may;
}

static void join(struct turn *t, struct wild *w, const struct queue_record *q)
{
	struct stomp *s = t->s;
	const struct subscribing same = { .id = id_of(w),
					  .wish = wish_of(w),
					  .made = w->made,
					  .ack = w->ack,
					  .has_id = w->has_id };
	struct taking what = { .queue = q,
			       .priority = w->priority,
			       .prefetch = w->prefetch,
			       .is_no_ack = w->ack == ACK_AUTO,
			       .flags = w->flags,
			       .from = code_of(w) };
	struct subscription *k = stomp_subscription_new(t, &same, q);
	must(w->queues_n < LIMIT_STOMP_WILDCARD_QUEUES);
	must(!k->taker && !k->wild);
	k->wild = w;
	k->is_of_wild = k->is_joining = true;
	w->queues_n++;
	w->joining_n++;
	what.of = k;
	k->taker = receiver_subscribe(&s->receiver, t->w, &what);
	k->taker_id = k->taker->id;
}

/* Of queues that are being asked some may refuse: then there is room again. */
static void say_full(struct turn *t, struct wild *w)
{
	char room[SESSION_WORDS_MAX];
	struct text body = text_of(room, sizeof room);
	const struct slice id = id_of(w);
	must(!w->is_full);
	w->is_full = true;
	if (w->is_told || w->joining_n > 0)
		return;
	w->is_told = true;
	text_puts(&body, "Of the queues that ");
	text_put_printable(&body, filter_of(w));
	text_putf(&body, " fits %u are heard. Others wait until some of these go.\n", w->queues_n);
	stomp_error(t, "Too many queues for a wildcard", w->has_id ? &id : NULL, text_slice(&body));
}

/* How many queues it may still join. */
static uint32_t places_of(const struct turn *t, const struct wild *w)
{
	const uint32_t n = t->s->subscriptions_n + t->s->wilds_n;
	const uint32_t all = n < LIMIT_STOMP_SUBSCRIPTIONS ? LIMIT_STOMP_SUBSCRIPTIONS - n : 0;
	must(w->queues_n <= LIMIT_STOMP_WILDCARD_QUEUES);
	return (uint32_t)min_u64(all, LIMIT_STOMP_WILDCARD_QUEUES - w->queues_n);
}

/* The queue is one that it wants. False: there is no place for it. */
static bool take(struct turn *t, struct wild *w, const struct queue_record *q)
{
	must(!w->is_full);
	if (w->is_counting && w->counted_n == places_of(t, w)) {
		t->s->call->reply.err = ERR_LIMIT; /* its SUBSCRIBE is refused */
		return false;
	}
	if (w->is_counting) {
		w->counted_n++;
		return true;
	}
	if (places_of(t, w) == 0) {
		say_full(t, w);
		return false;
	}
	join(t, w, q);
	return true;
}

/* From the last queue on. False: not to the end, as far as there are places. */
static bool walk(struct turn *t, struct wild *w, uint32_t *io_steps)
{
	const struct queue_record *q;
	must(t->s->phase == PHASE_RUNNING);
	while (!w->is_full && (q = catalog_queue_after(t->w->view, w->at)) != NULL) {
		if (*io_steps == 0) {
			look_again(t, 1); /* others come first */
			return false;
		}
		*io_steps -= 1;
		if (wants(t, w, q) && !take(t, w, q))
			return true;
		w->at = q->id;
	}
	return true;
}

static void look(struct turn *t, struct wild *w, uint32_t *io_steps)
{
	const uint64_t facts = catalog_facts_version(t->w->view);
	if (w->facts != facts && !w->is_counting)
		w->at = 0;
	w->facts = facts;
	if (w->again_ms <= t->w->now_ms) {
		w->at = min_u64(w->at, w->again_at);
		w->again_at = w->again_ms = UINT64_MAX;
	}
	bool is_done = walk(t, w, io_steps);
	if (is_done && w->is_counting && t->s->call->reply.err == ERR_OK) {
		w->is_counting = false;
		w->at = 0;
		is_done = walk(t, w, io_steps);
	}
	must(w->again_at == UINT64_MAX || w->again_ms < UINT64_MAX);
	t->s->wild_ms = min_u64(t->s->wild_ms, w->again_ms);
	w->is_through |= is_done;
}

void stomp_wild_look(struct turn *t)
{
	struct stomp *s = t->s;
	uint32_t steps = STEPS_MAX;
	const uint64_t version = catalog_version(t->w->view);
	if (s->phase != PHASE_RUNNING)
		s->wild_ms = UINT64_MAX;
	if (s->phase != PHASE_RUNNING || (s->wild_version == version && s->wild_ms > t->w->now_ms))
		return;
	must(s->is_activemq && !s->is_gone);
	s->wild_version = version;
	s->wild_ms = UINT64_MAX;
	for (struct wild *w = s->wilds; w; w = w->next)
		look(t, w, &steps);
}

/* ---- the subscription --------------------------------------------------------------------- */

static void put_words(struct wild *w, size_t *io_at, struct slice words)
{
	must(words.p != NULL || words.n == 0);
	if (words.n)
		memcpy(w->words + *io_at, words.p, words.n);
	*io_at += words.n;
}

static size_t bytes_of(const struct wild *w)
{
	must(w->filter_n > 0);
	return sizeof *w + w->id_n + w->wish_n + w->filter_n + w->code_n;
}

void stomp_wild_new(struct turn *t, const struct subscribing *same, const struct taking *what,
		    struct slice filter)
{
	struct stomp *s = t->s;
	const struct wild facts = { .next = s->wilds,
				    .made = same->made,
				    .facts = catalog_facts_version(t->w->view),
				    .again_at = UINT64_MAX,
				    .again_ms = UINT64_MAX,
				    .priority = what->priority,
				    .prefetch = what->prefetch,
				    .code_n = (uint32_t)what->from.n,
				    .ack = same->ack,
				    .flags = what->flags,
				    .has_id = same->has_id,
				    .is_counting = true,
				    .id_n = (uint8_t)same->id.n,
				    .wish_n = (uint8_t)same->wish.n,
				    .filter_n = (uint8_t)filter.n };
	struct wild *w = mem_get(t->w->mem, bytes_of(&facts), "wildcard");
	size_t at = 0;
	must(w != NULL && filter.n <= LIMIT_SHORTSTR);
	*w = facts;
	put_words(w, &at, same->id);
	put_words(w, &at, same->wish);
	put_words(w, &at, filter);
	put_words(w, &at, what->from);
	must(at == bytes_of(w) - sizeof *w);
	s->wilds = w;
	s->wilds_n++;
	watch(t, true);
	look_again(t, 0);
	stomp_wild_look(t);
}

bool stomp_wild_is_joining(const struct stomp *s, uint64_t made)
{
	must(made > 0);
	for (const struct wild *w = s->wilds; w; w = w->next)
		if (w->made == made && (!w->is_through || w->joining_n > 0))
			return true;
	return false;
}

bool stomp_wild_has(const struct stomp *s, bool has_id, struct slice id, uint64_t but)
{
	must(id.p != NULL || id.n == 0);
	for (const struct wild *w = s->wilds; w; w = w->next)
		if (w->has_id == has_id && slice_eq(id_of(w), id) && w->made != but)
			return true;
	return false;
}

/* Another one may have its place until it is asked again. */
static void refused(struct turn *t, struct wild *w, uint64_t queue, enum err e)
{
	const uint64_t in_ms = e == ERR_NOT_FOUND ? SOON_MS : REFUSED_MS;
	must(w->queues_n > 0 && queue > 0);
	w->queues_n--;
	w->again_at = min_u64(w->again_at, queue - 1);
	w->again_ms = min_u64(w->again_ms, t->w->now_ms + in_ms);
	t->s->wild_ms = min_u64(t->s->wild_ms, w->again_ms);
}

bool stomp_wild_answered(struct turn *t, uint32_t taker, enum err e)
{
	struct stomp *s = t->s;
	struct taker *of = receiver_taker(&s->receiver, taker);
	struct subscription *k = of ? of->of : NULL;
	if (!k || !k->is_joining)
		return false;
	struct wild *w = k->wild;
	k->is_joining = false;
	if (w) {
		must(w->joining_n > 0 && w->queues_n > 0);
		must(w->made == k->made);
		w->joining_n--;
	}
	const bool is_over = e != ERR_OK && of->end == TAKER_LIVES;
	if (w && w->is_full && (is_over || w->joining_n == 0)) {
		w->is_full = false;
		look_again(t, 0);
	}
	if (!is_over)
		return true;
	if (w)
		refused(t, w, k->queue, e);
	receiver_forget(&s->receiver, t->w, of);
	stomp_subscription_free(t, k);
	return true;
}

void stomp_wild_left(struct turn *t, struct subscription *k)
{
	struct wild *w = k->wild;
	must(k->is_of_wild);
	k->wild = NULL;
	if (!w)
		return;
	must(w->queues_n > 0 && w->joining_n >= k->is_joining);
	w->queues_n--;
	w->joining_n -= k->is_joining;
	if (!w->is_full)
		return;
	w->is_full = false;
	w->at = 0;
	look_again(t, SOON_MS);
}

static void end(struct turn *t, struct wild **at)
{
	struct wild *own_w = *at;
	for (struct subscription *k = t->s->subscriptions; k; k = k->next)
		if (k->wild == own_w)
			k->wild = NULL;
	*at = own_w->next;
	must(t->s->wilds_n > 0);
	t->s->wilds_n--;
	mem_put(t->w->mem, own_w, bytes_of(own_w));
	watch(t, t->s->wilds != NULL);
	if (!t->s->wilds)
		t->s->wild_ms = UINT64_MAX;
}

bool stomp_wild_end(struct turn *t, bool has_id, struct slice id)
{
	bool is_any = false;
	must(t->frame->command == STOMP_UNSUBSCRIBE);
	for (struct wild **at = &t->s->wilds; *at;) {
		if ((*at)->has_id != has_id || !slice_eq(id_of(*at), id)) {
			at = &(*at)->next;
			continue;
		}
		must((*at)->made > 0);
		end(t, at);
		is_any = true;
	}
	return is_any;
}

bool stomp_wild_refused(struct turn *t, uint64_t made)
{
	struct wild **at = &t->s->wilds;
	must(made > 0);
	while (*at && !((*at)->made == made && (*at)->is_counting))
		at = &(*at)->next;
	if (!*at)
		return false;
	end(t, at);
	return true;
}

void stomp_wilds_free(struct turn *t)
{
	while (t->s->wilds)
		end(t, &t->s->wilds);
	must(!t->s->session.watches_view);
}
