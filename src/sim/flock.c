#include "sim/flock.h"

#include "base/byteorder.h"
#include "base/list.h"
#include "sim/stage.h"
#include "sim/strand.h"

#include <stdlib.h>

#define LIVES         4
#define STEPS_MAX     2500
#define MESSAGES_MAX  4096u
#define HANDS         4u /* the first one sends, the others take */
#define GROUPS        6u /* 0: none */
#define PREFETCH_MAX  6u
#define MENTION_BYTES 128u

/* UNSURE: it was taken, and the broker may not have heard of it. */
enum state { UNSAID, SENT, HELD, TAKEN, UNSURE };

struct sheep {
	uint8_t state, group, holder;
	uint32_t life;            /* of its sender's connections */
	bool is_safe, is_closing; /* closing: its group's last */
};

struct hand {
	struct strand strand;
	uint32_t life, prefetch, held_n;
	struct {
		uint32_t number;
		char mention[MENTION_BYTES];
	} held[PREFETCH_MAX];
};

struct flock {
	struct stage stage; /* first */
	bool is_last;       /* nothing new is said or lost any more */
	struct hand hand[HANDS];
	struct sheep sheep[MESSAGES_MAX];
	struct {
		uint32_t owner, life; /* hand, and which of its connections; 0: nobody */
		uint32_t newest;      /* that came for the first time */
		bool is_closed;       /* its last came to the owner */
	} group[GROUPS];
};

static struct flock *flock_of(struct stage *s)
{
	return containerof(s, struct flock, stage);
}

static uint32_t index_of(const struct flock *f, const struct hand *h)
{
	must(h >= f->hand && h < f->hand + HANDS);
	return (uint32_t)(h - f->hand);
}

/* ---- what hands say ------------------------------------------------------------------------ */

static void come(struct flock *f, struct hand *h)
{
	struct stage *s = &f->stage;
	const uint32_t loop = (uint32_t)prng_below(&s->prng, s->host.loops_n);
	struct sock *sock = sock_connect(&s->host.socks, loop);
	if (!sock)
		return;
	h->life++;
	h->prefetch = (uint32_t)prng_between(&s->prng, 1, PREFETCH_MAX);
	strand_begin(&h->strand, sock, STOMP_1_2, true);
	if (index_of(f, h) > 0)
		strand_say(&h->strand, SLICE_EMPTY,
			   "SUBSCRIBE\nid:1\ndestination:/queue/flock\n"
			   "ack:client-individual\nactivemq.prefetchSize:%u\n",
			   h->prefetch);
}

static void send(struct flock *f, struct hand *h)
{
	struct stage *s = &f->stage;
	const uint32_t bytes = (uint32_t)prng_between(&s->prng, 4, 200);
	if (s->sent_n + 1 == MESSAGES_MAX || !strand_has_room(&h->strand, bytes))
		return;
	const uint32_t number = ++s->sent_n, group = (uint32_t)prng_below(&s->prng, GROUPS);
	const bool is_closing = group > 0 && prng_chance(&s->prng, 1, 15);
	f->sheep[number] = (struct sheep){
		.state = SENT, .group = (uint8_t)group, .life = h->life, .is_closing = is_closing
	};
	store_be32(s->body, number);
	if (group == 0)
		strand_say(&h->strand, slice_of(s->body, bytes),
			   "SEND\ndestination:/queue/flock\npersistent:true\nreceipt:%u\n", number);
	else
		strand_say(&h->strand, slice_of(s->body, bytes),
			   "SEND\ndestination:/queue/flock\npersistent:true\nreceipt:%u\n"
			   "JMSXGroupID:group %u\nJMSXGroupSeq:%s\n",
			   number, group, is_closing ? "-1" : "2");
}

static void settle(struct flock *f, struct hand *h)
{
	const uint32_t at = (uint32_t)prng_below(&f->stage.prng, h->held_n);
	struct sheep *x = &f->sheep[h->held[at].number];
	const bool is_taken = f->is_last || prng_chance(&f->stage.prng, 5, 6);
	must(x->state == HELD);
	strand_say(&h->strand, SLICE_EMPTY, "%s\nid:%s\n%s", is_taken ? "ACK" : "NACK",
		   h->held[at].mention, is_taken ? "" : "requeue:true\n");
	x->state = is_taken ? TAKEN : SENT;
	h->held[at] = h->held[--h->held_n];
}

/* What was said last may not have been heard: what was taken may be there all the same. */
static void lose(struct flock *f, struct hand *h, bool is_hard)
{
	const uint32_t me = index_of(f, h);
	strand_drop(&h->strand, is_hard);
	for (uint32_t i = 1; me > 0 && i <= f->stage.sent_n; i++) {
		struct sheep *x = &f->sheep[i];
		if (x->holder == me && x->state == TAKEN)
			x->state = UNSURE;
		else if (x->holder == me && x->state == HELD)
			x->state = SENT;
	}
	h->held_n = 0;
}

static void act(struct flock *f, struct hand *h)
{
	struct prng *dice = &f->stage.prng;
	if (!h->strand.sock) {
		if (f->is_last || prng_chance(dice, 1, 8))
			come(f, h);
		return;
	}
	if (!h->strand.is_up || !strand_has_room(&h->strand, STRAND_BYTES / 2))
		return;
	for (uint64_t n = prng_below(dice, 3); index_of(f, h) == 0 && !f->is_last && n > 0; n--)
		send(f, h);
	while (h->held_n > 0 && (f->is_last || prng_chance(dice, 1, 3)))
		settle(f, h);
	if (!f->is_last && prng_chance(dice, 1, 120))
		lose(f, h, prng_chance(dice, 1, 2));
}

/* ---- what hands hear ----------------------------------------------------------------------- */

/* NULL: nothing. */
static const char *wrong_with(const struct flock *f, const struct hand *h, const struct sheep *x,
			      uint32_t number, const struct stomp_head *head)
{
	const uint32_t me = index_of(f, h);
	const bool is_again = stomp_has(head, STOMP_H_REDELIVERED);
	if (x->state == HELD || x->state == TAKEN)
		return "comes, though it was given to somebody";
	if (x->group == 0)
		return NULL;
	for (uint32_t i = 1; i <= f->stage.sent_n; i++)
		if (f->sheep[i].state == HELD && f->sheep[i].group == x->group &&
		    f->sheep[i].holder != me)
			return "comes to one, and another one has its group";
	if (!is_again && number < f->group[x->group].newest &&
	    x->life == f->sheep[f->group[x->group].newest].life)
		return "came behind a later one of its group";
	return NULL;
}

static bool is_first(const struct stomp_frame *frame)
{
	struct slice head = frame->head, name, value;
	while (stomp_line(&head, &name, &value))
		if (slice_eq(name, slice_str("JMSXGroupFirstForConsumer")))
			return true;
	must(frame->command == STOMP_MESSAGE);
	return false;
}

static void heard_message(struct flock *f, struct hand *h, const struct stomp_frame *frame,
			  const struct stomp_head *head)
{
	struct stage *s = &f->stage;
	const uint32_t number = frame->body.n >= 4 ? load_be32(frame->body.p) : 0;
	const struct slice mention = head->at[STOMP_H_ACK];
	if (number == 0 || number > s->sent_n || h->held_n == h->prefetch) {
		stage_wrong(s, "message %u comes to who has %u of %u", number, h->held_n,
			    h->prefetch);
		return;
	}
	struct sheep *x = &f->sheep[number];
	const char *wrong = wrong_with(f, h, x, number, head);
	if (!wrong && x->group && is_first(frame)) {
		f->group[x->group].owner = index_of(f, h);
		f->group[x->group].life = h->life;
		f->group[x->group].is_closed = false;
	}
	if (!wrong && x->group &&
	    (f->group[x->group].owner != index_of(f, h) || f->group[x->group].life != h->life))
		wrong = "comes to one who was not given its group";
	if (wrong) {
		stage_wrong(s, "message %u of group %u %s", number, x->group, wrong);
		return;
	}
	if (!stomp_has(head, STOMP_H_REDELIVERED))
		f->group[x->group].newest = number;
	f->group[x->group].is_closed |= x->is_closing;
	x->state = HELD;
	x->holder = (uint8_t)index_of(f, h);
	h->held[h->held_n].number = number;
	must(mention.n > 0 && mention.n < MENTION_BYTES);
	memcpy(h->held[h->held_n].mention, mention.p, mention.n);
	h->held[h->held_n++].mention[mention.n] = '\0';
}

static void heard(struct flock *f, struct hand *h, const struct stomp_frame *frame,
		  const struct stomp_head *head)
{
	char digits[16] = "";
	uint32_t number;
	const struct slice id = head->at[STOMP_H_RECEIPT_ID];
	if (frame->command == STOMP_CONNECTED) {
		h->strand.is_up = true;
	} else if (frame->command == STOMP_MESSAGE) {
		heard_message(f, h, frame, head);
	} else if (frame->command == STOMP_RECEIPT && id.n < sizeof digits) {
		memcpy(digits, id.p, id.n);
		number = (uint32_t)strtoul(digits, NULL, 10);
		stage_taken(&f->stage, number);
		f->sheep[number].is_safe = true;
	} else {
		const struct slice why = head->at[STOMP_H_MESSAGE];
		stage_wrong(&f->stage, "hand %u is told %.*s: %.*s", index_of(f, h),
			    (int)frame->word.n, (const char *)frame->word.p, (int)why.n,
			    (const char *)why.p);
	}
}

static bool talk(struct flock *f, struct hand *h)
{
	struct stage *s = &f->stage;
	struct stomp_frame frame;
	struct stomp_head head;
	bool is_end = false;
	if (!h->strand.sock)
		return false;
	const bool is_any = strand_exchange(&h->strand, &s->host.socks, &is_end);
	while (!stage_is_wrong(s) && strand_next(&h->strand, &frame, &head))
		heard(f, h, &frame, &head);
	if (is_end && !stage_is_wrong(s))
		stage_wrong(s, "the broker hangs up on hand %u", index_of(f, h));
	return is_any;
}

static bool talk_all(struct stage *s)
{
	struct flock *f = flock_of(s);
	bool is_any = false;
	for (uint32_t i = 0; i < HANDS; i++)
		is_any |= talk(f, &f->hand[i]);
	return is_any;
}

/* ---- one life ------------------------------------------------------------------------------ */

/* It is nobody's, and waits until nothing of it is held any more. */
static bool is_waiting(const struct flock *f, uint32_t group)
{
	must(group < GROUPS);
	for (uint32_t i = 1; f->group[group].is_closed && i <= f->stage.sent_n; i++)
		if (f->sheep[i].state == HELD && f->sheep[i].group == group)
			return true;
	return false;
}

/* Nothing is under way: where all takers that are there have room, nothing is left. */
static void look(struct flock *f)
{
	struct stage *s = &f->stage;
	uint32_t takers_n = 0;
	for (uint32_t i = 1; i < HANDS; i++) {
		const struct hand *h = &f->hand[i];
		if (h->strand.sock && (!h->strand.is_up || h->held_n == h->prefetch))
			return;
		takers_n += h->strand.sock != NULL;
	}
	for (uint32_t i = 1; takers_n > 0 && i <= s->sent_n && !stage_is_wrong(s); i++)
		if (f->sheep[i].is_safe && f->sheep[i].state == SENT &&
		    !is_waiting(f, f->sheep[i].group))
			stage_wrong(s, "message %u of group %u waits in vain, or is lost", i,
				    f->sheep[i].group);
}

/* All that has begun ends: what was taken is gone for good. */
static void come_to_rest(struct flock *f)
{
	struct stage *s = &f->stage;
	stage_rest_of(s, talk_all);
	for (uint32_t i = 1; i <= s->sent_n; i++)
		if (f->sheep[i].state == TAKEN)
			f->sheep[i].holder = 0;
	if (!stage_is_wrong(s))
		look(f);
}

static bool step(struct stage *s)
{
	struct flock *f = flock_of(s);
	if (prng_chance(&s->prng, 2, 3) && stage_broker(s))
		return true;
	if (prng_chance(&s->prng, 1, 200))
		come_to_rest(f);
	for (uint32_t i = 0; i < HANDS && !stage_is_wrong(s); i++)
		if (prng_chance(&s->prng, 1, 2))
			act(f, &f->hand[i]);
	return talk_all(s) || host_runnable(&s->host) != 0;
}

/* The broker is no more. */
static void forget(struct stage *s)
{
	struct flock *f = flock_of(s);
	for (uint32_t i = 0; i < HANDS; i++)
		lose(f, &f->hand[i], true);
}

/* All come once more, and take everything. */
static void close(struct stage *s)
{
	struct flock *f = flock_of(s);
	uint32_t held_n;
	f->is_last = true;
	if (!stage_begin(s))
		return;
	do {
		for (uint32_t i = 0; i < HANDS; i++)
			act(f, &f->hand[i]);
		come_to_rest(f);
		held_n = 0;
		for (uint32_t i = 0; i < HANDS; i++)
			held_n += f->hand[i].held_n;
	} while (!stage_is_wrong(s) && held_n > 0);
	story_mix(s->story, s->own.hash ^ s->sent_n);
	forget(s);
	stage_close(s);
}

void flock_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = { .about = "message groups" },
		.bytes = sizeof(struct flock),
		.salt = 0xf10c,
		.lives_n = LIVES,
		.step = step,
		.steps_max = STEPS_MAX,
		.forget = forget,
		.end = close,
	};
	stage_play(&script, story, seed);
}
