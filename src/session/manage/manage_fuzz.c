/* manage_fuzz -- any deeds of operators and of the shards they ask: no must fails, nothing is left
 * behind.
 *
 * Octets below DEED are typed as they are; the others are turns of fate. */
#include "session/manage/manage.h"

#include "core/catalog_for_tests.h"
#include "msg/block.h"

#define LOOPS          2u
#define FIRST_VOLATILE (1u + LIMIT_SHARD_DATA_N)
#define DEED           128u
#define ITEM_KEPT      512u  /* bytes of an item that is not whole */
#define LINE_BYTES     4096u /* of a trace, at once */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct rig {
	struct world catalog;
	struct mem_for_tests heap;
	struct block_home home;
	struct post post;
	struct session_limits limits;
	struct session_world w;
	struct session *s;
	bool is_closed, is_stopping;
	uint8_t typed[2 * MANAGE_LINE_MAX]; /* and not taken yet */
	uint32_t typed_n;
	struct run asked; /* the last question */
	bool is_asked;
	uint64_t room[LOOPS]; /* what each loop may still say to who watches it */
};

static void open_session(struct rig *r)
{
	r->s = manage_session_ops.new(&r->w, session_handle(0, 3, 1), SLICE_EMPTY, true);
	must(r->s != NULL);
	r->is_closed = r->is_asked = false;
	r->typed_n = 0;
}

static void rig_init(struct rig *r)
{
	memset(r, 0, sizeof *r);
	world_init(&r->catalog);
	declare_queue(&r->catalog, "q", 0, "");
	declare_queue(&r->catalog, "two words", 0, "");
	r->heap = mem_for_tests(1u << 30);
	block_home_init(&r->home, &r->heap.mem, 2);
	post_init(&r->post, 0, LOOPS, &r->heap.mem);
	for (uint32_t no = 0; no < SHARDS_MAX; no++)
		r->post.loop_of_shard[no] = (uint8_t)(no % LOOPS);
	for (uint32_t loop = 0; loop < LOOPS; loop++)
		r->post.loop_of_shard[FIRST_VOLATILE + loop] = (uint8_t)loop;
	r->limits = (struct session_limits){ .handshake_timeout_ms = 1000,
					     .output_bytes_max = 4096 };
	r->w = (struct session_world){ .now_ms = 5000,
				       .view = catalog_view(r->catalog.c),
				       .limits = &r->limits,
				       .post = &r->post,
				       .mem = &r->heap.mem,
				       .home = &r->home };
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
	uint64_t *room = &r->room[q->shard - FIRST_VOLATILE];
	*room = q->flags == TRACE_OFF  ? 0
		: q->flags == TRACE_ON ? TRACE_WINDOW_BYTES
				       : *room + q->arg;
	must(*room <= TRACE_WINDOW_BYTES);
}

static void take_questions(struct rig *r)
{
	for (uint32_t to = 0; to < LOOPS; to++)
		for (struct batch *b = post_take(&r->post, to), *next; b; b = next) {
			next = b->next;
			for (struct run *q = batch_first(b); q; q = batch_next(b, q))
				take(r, q);
			post_give_back(&r->post, b);
		}
}

static void pump(struct rig *r)
{
	r->s->ops->pump(r->s, &r->w);
	take_questions(r);
}

static void rest(struct rig *r)
{
	if (r->typed_n == 0 || r->is_closed)
		return;
	struct block *b = block_take(&r->home, 0);
	uint32_t off = b->fill, begin = off, need = 0, loop = 0;
	memcpy((uint8_t *)b + off, r->typed, r->typed_n);
	b->fill += r->typed_n;
	enum feed f = r->s->ops->feed(r->s, &r->w, b, &off, &need, &loop);
	r->is_closed = f == FEED_CLOSE;
	must(r->is_closed || f == FEED_WAIT || need > b->fill - off);
	r->typed_n -= off - begin;
	memmove(r->typed, r->typed + (off - begin), r->typed_n);
	if (((struct manage *)(void *)r->s)->phase == MANAGE_IMPORTING && r->typed_n >= ITEM_KEPT)
		r->typed_n = 0; /* an item that is larger than this typist's patience */
	must(r->typed_n < MANAGE_LINE_MAX);
	take_questions(r);
	block_close(b);
	block_collect(&r->home);
}

/* ---- fate --------------------------------------------------------------------------------- */

static void reply(struct rig *r, struct reply_row row, uint64_t ticket, size_t text_n)
{
	static char text[10000];
	struct run head = { .kind = FX_REPLY, .session = r->s->handle, .arg = ticket };
	struct post p;
	memset(text, 'x', sizeof text);
	row.op = r->asked.kind;
	post_init(&p, 0, 1, &r->heap.mem);
	r->s->ops->tell(r->s, &r->w,
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
			    .shard = (uint16_t)(FIRST_VOLATILE + loop) };
	struct post p;
	if (r->room[loop] < sizeof text)
		return;
	r->room[loop] -= sizeof text;
	memset(text, '.', sizeof text);
	post_init(&p, 0, 1, &r->heap.mem);
	r->s->ops->tell(r->s, &r->w,
			post_run(&p, 0, &head, NULL, 0, 0, slice_of(text, sizeof text)));
	post_fini(&p);
}

static void leave(struct rig *r)
{
	must(r->s->ops->gone(r->s, &r->w));
	take_questions(r);
	must(r->is_stopping || (r->room[0] == 0 && r->room[1] == 0));
	r->s->ops->free(r->s, &r->w);
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
	case 9: sendq_sent(&r->s->sendq, &r->heap.mem, r->s->sendq.bytes); break;
	case 10: r->w.now_ms += 600; break;
	case 11:
		r->is_stopping = true; /* the loops forget who watches: they end, too */
		r->room[0] = r->room[1] = 0;
		r->s->ops->stop(r->s, &r->w);
		break;
	case 12:
		leave(r);
		open_session(r);
		break;
	default: pump(r);
	}
	if (r->s->ops->deadline(r->s) <= r->w.now_ms)
		r->is_closed |= r->s->ops->tick(r->s, &r->w) == FEED_CLOSE;
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
		must(r->s->sendq.bytes <= 4096 + LOOPS * TRACE_WINDOW_BYTES + 16384);
	}
	r->s->ops->dump(r->s, &r->w, &said);
	leave(r);
	post_fini(&r->post);
	block_home_fini(&r->home);
	must(r->heap.mem.used == 0);
	world_fini(&r->catalog);
	return 0;
}
