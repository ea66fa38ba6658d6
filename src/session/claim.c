#include "session/claim.h"

#include "base/hash.h"
#include "base/must.h"
#include "base/wr.h"

#define PROTOCOL_MAX 8u
#define NAME_ROOM    (PROTOCOL_MAX + sizeof(uint16_t) + LIMIT_SHORTSTR)

static void command(const struct claim *c, const struct asker *a, struct post *p, enum cmd kind,
		    uint8_t flags, uint64_t arg)
{
	static const struct hash_key key = { 0x676f64776974, 0x636c61696d };
	uint8_t room[NAME_ROOM];
	struct wr w = wr_of(room, sizeof room);
	must(c->name.n > 0 && a->session != 0);
	wr_slice(&w, slice_str(c->protocol));
	wr_u16(&w, a->vhost);
	wr_slice(&w, c->name);
	must(wr_ok(&w));
	const struct slice name = wr_done(&w);
	const struct run head = {
		.kind = (uint8_t)kind,
		.flags = flags,
		.channel = a->channel,
		.session = a->session,
		.shard = (uint16_t)(1 + hash_slice(key, name) % LIMIT_SHARD_DATA_N),
		.vhost = a->vhost,
		.queue = hash_slice(key, c->user),
		.arg = arg,
	};
	(void)post_run(p, p->loop_of_shard[head.shard], &head, NULL, 0, 0, name);
}

void claim_ask(const struct claim *c, struct asker *a, struct post *p, uint8_t flags)
{
	must((flags & ~(CLAIM_OWN | CLAIM_WAIT)) == 0);
	command(c, a, p, CMD_CLAIM, flags, ask_ticket(a));
}

void claim_yield(const struct claim *c, const struct asker *a, struct post *p)
{
	command(c, a, p, CMD_YIELD, 0, 0);
}

void claim_moved(const struct claim *c, const struct asker *a, struct post *p, uint64_t before)
{
	must(before != 0 && before != a->session);
	command(c, a, p, CMD_CLAIM_MOVED, 0, before);
}
