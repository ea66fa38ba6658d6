/* desk_for_tests -- what an operator's session stands on: a loop's memory and mail, and a catalog
 * with two queues. Only for tests.
 */
#ifndef SESSION_MANAGE_DESK_FOR_TESTS_H
#define SESSION_MANAGE_DESK_FOR_TESTS_H
#include "core/catalog_for_tests.h"
#include "msg/block.h"
#include "session/manage/manage.h"

#define DESK_LOOPS          2u
#define DESK_FIRST_VOLATILE (1u + LIMIT_SHARD_DATA_N)

struct desk {
	struct world catalog;
	struct mem_for_tests heap;
	struct block_home home;
	struct post post;
	struct session_limits limits;
	struct session_world w;
};

/* desk_init makes the queues `one` and `other`; it must not be moved. desk_fini ends it: nothing
 * may be out. */
static inline void desk_init(struct desk *d, const char *one, const char *other)
{
	memset(d, 0, sizeof *d);
	world_init(&d->catalog);
	declare_queue(&d->catalog, one, 0, "");
	declare_queue(&d->catalog, other, 0, "");
	d->heap = mem_for_tests(1u << 30);
	block_home_init(&d->home, &d->heap.mem, 2);
	post_init(&d->post, 0, DESK_LOOPS, &d->heap.mem);
	for (uint32_t no = 0; no < SHARDS_MAX; no++)
		d->post.loop_of_shard[no] = (uint8_t)(no % DESK_LOOPS);
	for (uint32_t loop = 0; loop < DESK_LOOPS; loop++)
		d->post.loop_of_shard[DESK_FIRST_VOLATILE + loop] = (uint8_t)loop;
	d->limits = (struct session_limits){ .handshake_timeout_ms = 1000,
					     .output_bytes_max = 4096 };
	d->w = (struct session_world){ .now_ms = 5000,
				       .view = catalog_view(d->catalog.c),
				       .limits = &d->limits,
				       .post = &d->post,
				       .mem = &d->heap.mem,
				       .home = &d->home };
}

static inline void desk_fini(struct desk *d)
{
	post_fini(&d->post);
	block_home_fini(&d->home);
	must(d->heap.mem.used == 0);
	world_fini(&d->catalog);
}

/* desk_open begins a session of an operator on this machine. */
static inline struct session *desk_open(struct desk *d)
{
	struct session *s = manage_session_ops.new(&d->w, session_handle(0, 3, 1), SLICE_EMPTY,
						   true);
	must(s != NULL);
	return s;
}
#endif
