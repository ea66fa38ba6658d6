/* manage_fuzz -- any deeds of operators and of the shards they ask: no must fails, nothing is left
 * behind.
 *
 * Octets below DEED are typed as they are; the others are turns of fate. */
#include "session/manage/desk_for_tests.h"

#define DEED       128u
#define ITEM_KEPT  512u  /* bytes of an item that is not whole */
#define LINE_BYTES 4096u /* of a trace, at once */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct rig {
	struct desk desk;
	struct session *s;
	bool is_closed, is_stopping;
	uint8_t typed[2 * MANAGE_LINE_MAX]; /* and not taken yet */
	uint32_t typed_n;
	struct run asked; /* the last question */
	bool is_asked;
	uint64_t room[DESK_LOOPS]; /* what each loop may still say to who watches it */
};

static void open_session(struct rig *r)
{
	r->s = desk_open(&r->desk);
	r->is_closed = r->is_asked = false;
	r->typed_n = 0;
}

static void rig_init(struct rig *r)
{
	memset(r, 0, sizeof *r);
	desk_init(&r->desk, "q", "two words");
	open_session(r);
}

/* ---- what the session does ---------------------------------------------------------------- */

static void take(struct rig *r, const struct run *q)
{
	must(q->session == r->s->handle);
	if (q->kind != CMD_TRACE || q->flags == TRACE_ON) {
		r->asked = *q;
		r->is_asked = true;
	}
	if (q->kind != CMD_TRACE)
		return;
	uint64_t *room = &r->room[q->shard - DESK_FIRST_VOLATILE];
	*room = q->flags == TRACE_OFF  ? 0
		: q->flags == TRACE_ON ? TRACE_WINDOW_BYTES
				       : *room + q->arg;
	must(*room <= TRACE_WINDOW_BYTES);
}

static void take_questions(struct rig *r)
{
	for (uint32_t to = 0; to < DESK_LOOPS; to++)
		for (struct batch *b = post_take(&r->desk.post, to), *next; b; b = next) {
			next = b->next;
			for (struct run *q = batch_first(b); q; q = batch_next(b, q))
				take(r, q);
			post_give_back(&r->desk.post, b);
		}
}

static void pump(struct rig *r)
{
	r->s->ops->pump(r->s, &r->desk.w);
	take_questions(r);
}

static void rest(struct rig *r)
{
	if (r->typed_n == 0 || r->is_closed)
		return;
	struct block *b = block_take(&r->desk.home, 0);
	uint32_t off = b->fill, begin = off, need = 0, loop = 0;
	memcpy((uint8_t *)b + off, r->typed, r->typed_n);
	b->fill += r->typed_n;
	enum feed f = r->s->ops->feed(r->s, &r->desk.w, b, &off, &need, &loop);
	r->is_closed = f == FEED_CLOSE;
	must(r->is_closed || f == FEED_WAIT || need > b->fill - off);
	r->typed_n -= off - begin;
	memmove(r->typed, r->typed + (off - begin), r->typed_n);
	if (((struct manage *)(void *)r->s)->phase == MANAGE_IMPORTING && r->typed_n >= ITEM_KEPT)
		r->typed_n = 0; /* an item that is larger than this typist's patience */
	must(r->typed_n < MANAGE_LINE_MAX);
	take_questions(r);
	block_close(b);
	block_collect(&r->desk.home);
}

/* ---- fate --------------------------------------------------------------------------------- */

static void reply(struct rig *r, struct reply_row row, uint64_t ticket, size_t text_n)
{
	static char text[10000];
	struct run head = { .kind = FX_REPLY, .session = r->s->handle, .arg = ticket };
	struct post p;
	memset(text, 'x', sizeof text);
	row.op = r->asked.kind;
	post_init(&p, 0, 1, &r->desk.heap.mem);
	r->s->ops->tell(r->s, &r->desk.w,
			post_run(&p, 0, &head, &row, sizeof row, 1, slice_of(text, text_n)));
	post_fini(&p);
}

static void answer(struct rig *r, uint32_t err, uint64_t a, size_t text_n)
{
	if (!r->is_asked)
		return;
	r->is_asked = false;
	reply(r, (struct reply_row){ .err = err, .a = a }, r->asked.arg, text_n);
	take_questions(r);
}

static void lines(struct rig *r, uint32_t loop)
{
	static char text[LINE_BYTES];
	struct run head = { .kind = FX_TRACE,
			    .session = r->s->handle,
			    .shard = (uint16_t)(DESK_FIRST_VOLATILE + loop) };
	struct post p;
	if (r->room[loop] < sizeof text)
		return;
	r->room[loop] -= sizeof text;
	memset(text, '.', sizeof text);
	post_init(&p, 0, 1, &r->desk.heap.mem);
	r->s->ops->tell(r->s, &r->desk.w,
			post_run(&p, 0, &head, NULL, 0, 0, slice_of(text, sizeof text)));
	post_fini(&p);
}

static void leave(struct rig *r)
{
	must(r->s->ops->gone(r->s, &r->desk.w));
	take_questions(r);
	must(r->is_stopping || (r->room[0] == 0 && r->room[1] == 0));
	r->s->ops->free(r->s, &r->desk.w);
}

static void turn_of_fate(struct rig *r, unsigned which)
{
	switch (which % 14) {
	case 0: pump(r); break;
	case 1: answer(r, ERR_OK, 0, 0); break;
	case 2: answer(r, ERR_OK, 0, 5); break;
	case 3: answer(r, ERR_OK, 7, 5); break;
	case 4: answer(r, ERR_LIMIT, 0, 0); break;
	case 5: answer(r, ERR_OK, 1, 10000); break;
	case 6: reply(r, (struct reply_row){ 0 }, r->asked.arg + 1, 3); break;
	case 7: lines(r, 0); break;
	case 8: lines(r, 1); break;
	case 9: sendq_sent(&r->s->sendq, &r->desk.heap.mem, r->s->sendq.bytes); break;
	case 10: r->desk.w.now_ms += 600; break;
	case 11:
		r->is_stopping = true; /* the loops forget who watches: they end, too */
		r->room[0] = r->room[1] = 0;
		r->s->ops->stop(r->s, &r->desk.w, SLICE_EMPTY);
		break;
	case 12:
		leave(r);
		open_session(r);
		break;
	default: pump(r);
	}
	if (r->s->ops->deadline(r->s) <= r->desk.w.now_ms)
		r->is_closed |= r->s->ops->tick(r->s, &r->desk.w) == FEED_CLOSE;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct rig rig;
	struct rig *r = &rig;
	char room[256];
	struct text said = text_of(room, sizeof room);
	rig_init(r);
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] < DEED && r->typed_n < sizeof r->typed)
			r->typed[r->typed_n++] = bytes[i];
		if (bytes[i] >= DEED || r->typed_n == sizeof r->typed || i + 1 == n)
			rest(r);
		if (bytes[i] >= DEED)
			turn_of_fate(r, bytes[i] - DEED);
		must(r->s->sendq.bytes <= 4096 + DESK_LOOPS * TRACE_WINDOW_BYTES + 16384);
	}
	r->s->ops->dump(r->s, &r->desk.w, &said);
	leave(r);
	desk_fini(&r->desk);
	return 0;
}
