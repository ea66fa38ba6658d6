/* Stored messages on their way from the journal to sessions: read into blocks of this loop. */
#include "node/loop.h"

#include "base/must.h"
#include "base/pool.h"

#define READS_MAX 896u /* of one loop on their way */
#define MSG_ROOM  64u  /* a message header and what aligning it may cost */

/* A block that reads fill. It is closed when no further read will begin in it and none is left. */
struct loading_block {
	struct block *block;
	uint32_t reads_n;
	bool is_last;
};

struct reading {
	struct jread read;
	struct load load;
	struct loading_block *in;
	uint32_t off;
	struct reading *next;    /* spare */
	struct list_node flying; /* made ready, not done */
};

struct loader {
	struct loading_block *open;
	struct reading *spare;
	struct list flying;
	uint32_t reads_n;        /* of them, with the journal */
	uint32_t begun;          /* of loop.loads: the first not begun */
	struct reading *refused; /* made ready, but the journal had no room for it */
};

enum err loader_new(struct loop *l)
{
	l->loader = mem_get(&l->memory.mem, sizeof *l->loader, "loader");
	if (!l->loader)
		return ERR_LIMIT;
	*l->loader = (struct loader){ 0 };
	list_init(&l->loader->flying);
	return ERR_OK;
}

static void block_done(struct loop *l, struct loading_block *k)
{
	if (!k->is_last || k->reads_n > 0)
		return;
	block_close(k->block);
	mem_put(&l->memory.mem, k, sizeof *k);
}

/* A large block has room for few headers: the message that it was taken for is its only one. So is
 * one with chunks, whose block holds them (store_hold). */
static struct loading_block *room_for(struct loop *l, uint32_t bytes, bool is_alone)
{
	struct loader *d = l->loader;
	if (d->open && !is_alone && block_room(d->open->block) >= bytes + MSG_ROOM)
		return d->open;
	struct block *b = block_take(&l->home, bytes + MSG_ROOM);
	must(b != NULL);
	if (d->open) {
		d->open->is_last = true;
		block_done(l, d->open);
	}
	d->open = mem_get(&l->memory.mem, sizeof *d->open, "loading");
	must(d->open != NULL);
	*d->open = (struct loading_block){ .block = b };
	return d->open;
}

/* The header's room is kept free while the read is on its way: it is taken from the room's top
 * when the read is done, and the bytes of later reads stay below it. */
static struct reading *prepare(struct loop *l, const struct load *load)
{
	struct loader *d = l->loader;
	bool is_alone = load->session && load->flags & ENTRY_BIG;
	struct loading_block *k = room_for(
		l, load->bytes + MSG_ROOM * (d->open ? d->open->reads_n : 0), is_alone);
	struct reading *r = d->spare;
	if (r)
		d->spare = r->next;
	else
		r = mem_get(&l->memory.mem, sizeof *r, "reading");
	must(r != NULL);
	uint32_t off = (k->block->fill + 7u) & ~7u;
	*r = (struct reading){ .load = *load, .in = k, .off = off };
	r->read = (struct jread){ .loc = load->loc,
				  .bytes = load->bytes,
				  .loop = l->index,
				  .to = (uint8_t *)k->block + off,
				  .tag = (uint64_t)(uintptr_t)r,
				  .is_spill = (load->flags & ENTRY_SPILLED) != 0 };
	k->block->fill = off + load->bytes;
	k->reads_n++;
	if (is_alone || block_is_large(k->block)) { /* no further read begins in it */
		k->is_last = true;
		d->open = NULL;
	}
	list_push(&d->flying, &r->flying);
	return r;
}

/* What has begun goes when it is half of all: the list may never be empty while more is asked for.
 */
static void forget_begun(struct loop *l)
{
	struct loader *d = l->loader;
	const uint32_t left = l->loads.n - d->begun;
	must(d->begun <= l->loads.n);
	if (d->begun < left)
		return;
	if (left)
		memcpy(l->loads.at, l->loads.at + d->begun, left * sizeof *l->loads.at);
	l->loads.n = left;
	d->begun = 0;
}

static void begin(struct loop *l)
{
	struct loader *d = l->loader;
	while (d->reads_n < READS_MAX && (d->refused || d->begun < l->loads.n)) {
		struct reading *r = d->refused ? d->refused : prepare(l, &l->loads.at[d->begun++]);
		d->refused = NULL;
		if (!journal_read(l->node->journal, &r->read)) {
			d->refused = r;
			break;
		}
		d->reads_n++;
	}
	forget_begun(l);
}

void loader_tell_unreadable(struct loop *l, uint64_t loc, enum err e)
{
	char file[32];
	struct text name = text_of(file, sizeof file);
	text_putf(&name, "segment %llu", (unsigned long long)(loc >> 32));
	struct log_value v[] = { log_str(text_slice(&name)), log_u64(loc & UINT32_MAX),
				 log_str(slice_str(err_words[e].text)) };
	loop_log(l, LOG_corruption_found, v, 3);
}

/* A message of a stream may have gone, and its segment with it, since a reader was told of it; one
 * that somebody only looked at likewise, from a spill too. */
static bool is_overtaken(struct loop *l, const struct load *load)
{
	struct journal *j = l->node->journal;
	if (!(load->flags & ENTRY_STREAM))
		return false;
	if (load->flags & ENTRY_SPILLED)
		return true;
	if (!journal_hold(j, load->loc, 0))
		return true;
	journal_live(j, load->loc, 0, -1);
	return false;
}

static void to_session(struct loop *l, struct reading *r)
{
	struct block *b = r->in->block;
	const struct msg *m = NULL;
	enum err e = r->read.err;
	if (e == ERR_OK)
		e = msg_load(b, r->off, r->load.bytes, &m);
	bool is_alone = r->load.flags & ENTRY_BIG;
	if (e == ERR_OK && is_alone && m->proto == MSG_CHUNKS && !store_hold(l, b, m))
		m = NULL; /* deleted with its queue */
	if (m)
		block_give(b, 1);
	else if (e != ERR_OK && !is_overtaken(l, &r->load))
		loader_tell_unreadable(l, r->load.loc, e);
	struct conn *c = conn_of(l, r->load.session);
	struct session *inside = c ? NULL : inside_of(l, r->load.session);
	if (inside)
		inside_loaded(l, inside, r->load.ticket, m ? msg_mem(m) : 0);
	else if (c)
		conn_loaded(c, r->load.ticket, m ? msg_mem(m) : 0);
	else if (m)
		msg_unref(msg_mem(m), 1);
}

/* Nobody minds if it has gone meanwhile. */
static void to_selectors(struct loop *l, struct reading *r)
{
	const struct msg *m = NULL;
	enum err e = r->read.err;
	if (e == ERR_OK)
		e = msg_load(r->in->block, r->off, r->load.bytes, &m);
	must(r->load.session == 0);
	if (looks_loaded(l, r->load.ticket, m) && e != ERR_OK)
		loader_tell_unreadable(l, r->load.loc, e);
}

/* Asked by nobody's session: a message that moves, or the list of one that is gone. */
static void to_node(struct loop *l, struct reading *r)
{
	struct slice stored = slice_of((uint8_t *)r->in->block + r->off, r->load.bytes);
	if (r->read.err != ERR_OK)
		loader_tell_unreadable(l, r->load.loc, r->read.err);
	const struct slice *there = r->read.err == ERR_OK ? &stored : NULL;
	if (r->load.flags & LOAD_PAGE)
		pages_loaded(l, r->load.ticket, there);
	else if (r->load.flags & ENTRY_BIG)
		store_freed(l, &r->load, there);
	else
		forward_loaded(l, r->load.ticket, there);
}

static void finish(struct loop *l, struct reading *r)
{
	struct loader *d = l->loader;
	struct loading_block *k = r->in;
	if (r->load.session)
		to_session(l, r);
	else if (r->load.flags & LOAD_LOOK)
		to_selectors(l, r);
	else
		to_node(l, r);
	k->reads_n--;
	block_done(l, k);
	list_remove(&r->flying);
	r->next = d->spare;
	d->spare = r;
	d->reads_n--;
}

bool loader_work(struct loop *l)
{
	struct jread *done;
	bool is_any = false;
	while ((done = journal_read_done(l->node->journal, l->index)) != NULL) {
		if (done->is_unit)
			warm_done(l, done);
		else
			finish(l, (struct reading *)(uintptr_t)done->tag);
		is_any = true;
	}
	if (l->loads.n > 0 || l->loader->refused)
		begin(l);
	return is_any;
}

bool loader_is_idle(const struct loop *l)
{
	return list_is_empty(&l->loader->flying) && l->loads.n == 0 && l->warming_n == 0;
}

/* The journal's threads have stopped: nobody will answer any more. */
static void forget(struct loop *l, struct reading *own_r)
{
	struct loading_block *k = own_r->in;
	list_remove(&own_r->flying);
	k->reads_n--;
	block_done(l, k);
	mem_put(&l->memory.mem, own_r, sizeof *own_r);
}

void loader_free(struct loop *l)
{
	struct loader *d = l->loader;
	struct list_node *r;
	if (!d)
		return;
	while ((r = list_first(&d->flying)) != NULL)
		forget(l, containerof(r, struct reading, flying));
	if (d->open) {
		block_close(d->open->block);
		mem_put(&l->memory.mem, d->open, sizeof *d->open);
	}
	while (d->spare) {
		struct reading *next = d->spare->next;
		mem_put(&l->memory.mem, d->spare, sizeof *d->spare);
		d->spare = next;
	}
	mem_put(&l->memory.mem, d, sizeof *d);
	l->loader = NULL;
}
