#include "sim/plight.h"

#include "base/bits.h"

#define EVERY_TURNS 300 /* about, between the end of one and the next */
#define TURNS_MAX   200
#define SLOW_MAX    60
#define IDLE_TURNS  20 /* a turn of a broker that has nothing to do counts for so many */

void plight_init(struct plight *p, uint64_t seed)
{
	*p = (struct plight){ .prng = prng_of(seed) };
}

/* ---- what there is ----------------------------------------------------------------------- */

/* There is half of the room that the broker wants: it stops publishers, and has enough. */
static void fill(struct host *h)
{
	const uint64_t room = (uint64_t)h->config.disk_free_limit_bytes / 2;
	sim_disk_faults(h->disk)->bytes_max = sim_disk_used(h->disk) + room;
	host_look_free(h);
}

static void begin(struct plight *p, struct host *h)
{
	p->kind = (enum plight_kind)prng_between(&p->prng, PLIGHT_SLOW, PLIGHT_MEMORY);
	p->turns_left = (uint32_t)prng_between(&p->prng, 1, TURNS_MAX);
	p->n[p->kind]++;
	switch (p->kind) {
	case PLIGHT_SLOW:
		p->turns_left = (uint32_t)prng_between(&p->prng, 1, SLOW_MAX);
		p->waiting = 1u << prng_between(&p->prng, HOST_WRITER, HOST_KEEPER);
		break;
	case PLIGHT_DISK: fill(h); break;
	case PLIGHT_MEMORY: host_watermark(h, 1); break;
	case PLIGHT_NONE:
	case PLIGHT_KINDS: must(false);
	}
}

static void end(struct plight *p)
{
	p->kind = PLIGHT_NONE;
	p->waiting = 0;
	p->turns_left = 0;
	p->is_ending = p->is_known = false;
}

/* Its time is over. That there is room again the keeper has to see first. */
static void ease(struct plight *p, struct host *h)
{
	must(p->kind != PLIGHT_NONE && !p->is_ending);
	p->is_known = false;
	switch (p->kind) {
	case PLIGHT_MEMORY:
		host_watermark(h, 0);
		end(p);
		break;
	case PLIGHT_DISK:
		p->is_ending = true;
		sim_disk_faults(h->disk)->bytes_max = 0;
		host_look_free(h);
		break;
	default: end(p); break;
	}
}

static void count_down(struct plight *p, struct host *h, uint32_t turns)
{
	if (p->is_ending)
		return;
	if (p->turns_left > turns)
		p->turns_left -= turns;
	else
		ease(p, h);
}

/* What the keeper has seen a loop sees when it looks: by itself every ten seconds. */
static void looked(struct plight *p, struct host *h)
{
	h->loops[0].is_awake = true;
	if (p->is_ending && !h->workers[HOST_KEEPER - HOST_WRITER].is_awake)
		end(p);
}

/* ---- turns ------------------------------------------------------------------------------- */

bool plight_step(struct plight *p, struct host *h, struct prng *r)
{
	const bool is_idle = host_is_idle(h);
	if (p->kind != PLIGHT_NONE)
		count_down(p, h, is_idle ? IDLE_TURNS : 1);
	else if (h->died == ERR_OK && !is_idle && prng_chance(&p->prng, 1, EVERY_TURNS))
		begin(p, h);
	p->is_known |= is_idle && p->kind != PLIGHT_NONE && p->kind != PLIGHT_SLOW && !p->is_ending;
	uint64_t who = host_runnable(h) & ~(uint64_t)p->waiting;
	if (who == 0)
		return false;
	for (uint64_t nth = prng_below(r, bits_count(&who, 64)); nth > 0; nth--)
		who &= who - 1;
	const uint32_t actor = (uint32_t)bits_lowest(who);
	host_step(h, actor);
	if (p->kind == PLIGHT_DISK && actor == HOST_KEEPER && h->died == ERR_OK)
		looked(p, h);
	return true;
}

bool plight_is_idle(const struct plight *p, const struct host *h)
{
	return p->kind == PLIGHT_NONE && host_is_idle(h);
}

void plight_over(struct plight *p, struct host *h)
{
	must(!h->node);
	sim_disk_faults(h->disk)->bytes_max = 0;
	h->config.memory_watermark_bytes = 0;
	end(p);
}
