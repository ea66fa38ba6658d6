/* kit_for_tests -- a loop's memory and mail for what sessions have in common. Only for tests. */
#ifndef SESSION_KIT_FOR_TESTS_H
#define SESSION_KIT_FOR_TESTS_H
#include "base/mem_for_tests.h"
#include "base/text.h"
#include "session/ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define KIT_SHARD 3u
#define KIT_QUEUE 77u

struct kit {
	struct mem_for_tests heap;
	struct block_home home;
	struct post post;
	struct loads loads;
	struct stores stores;
	struct session_limits limits;
	struct exchange_tally exchanges;
	struct session_world w;
	struct session session;
	struct asker asker;
	struct block *block;
	struct text said;
	char said_bytes[4096];
};

static inline struct kit *kit_new(void)
{
	struct kit *k = calloc(1, sizeof *k);
	must(k != NULL);
	k->heap = mem_for_tests(64u << 20);
	block_home_init(&k->home, &k->heap.mem, 4);
	post_init(&k->post, 0, 1, &k->heap.mem);
	k->loads.mem = k->stores.mem = &k->heap.mem;
	k->limits = (struct session_limits){ .output_bytes_max = 1000,
					     .unconfirmed_bytes_max = 4000 };
	k->w = (struct session_world){ .limits = &k->limits,
				       .exchanges = &k->exchanges,
				       .post = &k->post,
				       .mem = &k->heap.mem,
				       .home = &k->home,
				       .loads = &k->loads,
				       .stores = &k->stores };
	k->asker = (struct asker){ .session = session_handle(0, 5, 1), .channel = 1 };
	k->session.handle = k->asker.session;
	k->block = block_take(&k->home, 0);
	k->said = text_of(k->said_bytes, sizeof k->said_bytes);
	return k;
}

static inline void kit_free(struct kit *own_k)
{
	struct kit *k = own_k;
	block_close(k->block);
	block_collect(&k->home);
	sendq_fini(&k->session.sendq, &k->heap.mem);
	mem_put(&k->heap.mem, k->loads.at, k->loads.cap * sizeof *k->loads.at);
	mem_put(&k->heap.mem, k->stores.at, k->stores.cap * sizeof *k->stores.at);
	post_fini(&k->post);
	block_home_fini(&k->home);
	must(k->heap.mem.used == 0);
	free(k);
}

/* kit_message makes a message of one letter, of which the caller hands out `n` references. */
static inline const struct msg *kit_message(struct kit *k, char letter, int64_t n)
{
	struct msg facts = { .proto = MSG_AMQP091, .body_bytes = 1, .body_off = k->block->fill };
	((char *)k->block)[k->block->fill++] = letter;
	const struct msg *m = msg_new(k->block, &facts);
	must(m != NULL);
	block_give(k->block, n);
	return m;
}

/* kit_posted takes all commands, each written down as a word of `said`. */
static inline void kit_posted(struct kit *k, void (*word)(struct kit *k, struct run *r))
{
	for (struct batch *b; (b = post_take(&k->post, 0)) != NULL;) {
		for (struct batch *next; b; b = next) {
			next = b->next;
			for (struct run *r = batch_first(b); r; r = batch_next(b, r))
				word(k, r);
			post_give_back(&k->post, b);
		}
	}
}

static inline void kit_expect(struct kit *k, const char *words)
{
	assert_string_equal(k->said.n ? k->said.p : "", words);
	k->said = text_of(k->said_bytes, sizeof k->said_bytes);
	k->said_bytes[0] = '\0';
}

/* kit_effect makes a run of one kind of rows, for the session. */
static inline struct run *kit_effect(struct kit *k, enum fx kind, uint64_t arg, const void *rows,
				     uint32_t row_bytes, uint32_t n)
{
	static _Alignas(8) uint8_t room[4096];
	struct run *r = (struct run *)(void *)room;
	must(sizeof *r + n * row_bytes <= sizeof room);
	*r = (struct run){ .kind = (uint8_t)kind,
			   .session = k->session.handle,
			   .shard = KIT_SHARD,
			   .queue = KIT_QUEUE,
			   .arg = arg,
			   .n = (uint16_t)n,
			   .row_bytes = (uint8_t)row_bytes };
	if (n)
		memcpy(r + 1, rows, n * row_bytes);
	return r;
}
#endif
