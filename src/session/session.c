#include "session/session.h"

#include "base/text.h"
#include "wire/amqp091/headers.h"

const struct header_ops *const session_arguments = &amqp091_argument_ops;

static struct slice words_keep(uint8_t *room, size_t *io_n, struct slice s)
{
	size_t left = SESSION_NOTE_BYTES - *io_n, n = s.n < left ? s.n : left;
	uint8_t *at = room + *io_n;
	must(*io_n <= SESSION_NOTE_BYTES);
	if (n)
		memcpy(at, s.p, n);
	*io_n += n;
	return slice_of(at, n);
}

void session_events_put(struct session_events *e, const struct session_note *what)
{
	must(what->event >= SESSION_OPENED && what->event <= SESSION_TOPIC_REFUSED);
	if (!e)
		return;
	if (e->n == SESSION_NOTES_MAX) {
		e->lost_n++;
		return;
	}
	size_t n = 0;
	uint8_t *room = e->words[e->n];
	struct session_note *note = &e->at[e->n++];
	*note = *what;
	note->user = words_keep(room, &n, what->user);
	note->vhost = words_keep(room, &n, what->vhost);
	note->reason = words_keep(room, &n, what->reason);
	note->text = words_keep(room, &n, what->text);
}

/* grown gives a list of elements of `size` bytes twice the room. */
static void *grown(struct mem *mem, void *own_at, uint32_t *cap, size_t size, const char *kind)
{
	uint32_t more = *cap ? 2 * *cap : 16;
	void *at = mem_get(mem, more * size, kind);
	must(at != NULL && more > *cap);
	if (*cap)
		memcpy(at, own_at, *cap * size);
	mem_put(mem, own_at, *cap * size);
	*cap = more;
	return at;
}

void loads_put(struct loads *l, struct load one)
{
	must(l->n <= l->cap);
	if (l->n == l->cap)
		l->at = grown(l->mem, l->at, &l->cap, sizeof *l->at, "loads");
	l->at[l->n++] = one;
}

void stores_put(struct stores *l, struct store own_one)
{
	must(own_one.mem != 0);
	if (l->n == l->cap)
		l->at = grown(l->mem, l->at, &l->cap, sizeof *l->at, "stores");
	l->at[l->n++] = own_one;
}

static void direct_drop(const struct run *fx)
{
	const struct deliver_row *row = (const void *)(fx + 1);
	must(fx->kind == FX_DIRECT);
	for (uint32_t i = 0; i < fx->n; i++)
		msg_unref(row[i].mem, 1);
}

void session_direct_answer(struct post *p, const struct run *fx, bool is_there)
{
	const struct deliver_row *row = (const void *)(fx + 1);
	struct direct_from from;
	struct slice tail = run_tail(fx);
	must(fx->kind == FX_DIRECT && (tail.n == 0 || (tail.n == sizeof from && fx->n <= 1)));
	if (tail.n == 0) {
		if (!is_there)
			direct_drop(fx);
		return;
	}
	memcpy(&from, tail.p, sizeof from);
	struct run head = { .kind = fx->n ? FX_DIRECTED : FX_REPLY,
			    .channel = from.channel,
			    .session = from.session,
			    .arg = from.arg };
	struct deliver_row back = { .pos = from.birth };
	struct reply_row state = { .err = is_there ? ERR_OK : ERR_NOT_FOUND,
				   .op = CMD_QUEUE_STAT,
				   .b = is_there };
	if (fx->n && !is_there) {
		back = row[0];
		back.pos = from.birth;
	}
	if (fx->n)
		(void)post_run(p, session_loop(from.session), &head, &back, sizeof back, 1,
			       SLICE_EMPTY);
	else
		(void)post_run(p, session_loop(from.session), &head, &state, sizeof state, 1,
			       SLICE_EMPTY);
}

struct slice session_stop_words(struct slice why, char *room)
{
	struct text t = text_of(room, SESSION_STOP_BYTES);
	must(why.p != NULL || why.n == 0);
	text_puts(&t, "CONNECTION_FORCED - ");
	if (why.n > 0)
		text_put_slice(&t, why);
	else
		text_puts(&t, "broker forced connection closure with reason 'shutdown'");
	return text_slice(&t);
}

void session_move(struct session *s, uint64_t handle)
{
	must(s->ops->moved != NULL);
	s->ops->moved(s, handle);
	s->handle = handle;
}
