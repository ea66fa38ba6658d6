#include "sim/net.h"

#include "base/bits.h"

#include <stdlib.h>

/* ---- pipes ------------------------------------------------------------------------------ */

static void pipe_init(struct pipe *p, uint32_t cap)
{
	*p = (struct pipe){ .at = malloc(cap), .cap = cap };
	must(p->at != NULL);
}

static uint32_t pipe_put(struct pipe *p, const uint8_t *from, uint32_t n)
{
	n = (uint32_t)min_u64(n, p->cap - p->n);
	if (p->begin + p->n + n > p->cap) {
		memmove(p->at, p->at + p->begin, p->n);
		p->begin = 0;
	}
	if (n > 0)
		memcpy(p->at + p->begin + p->n, from, n);
	p->n += n;
	return n;
}

static uint32_t pipe_get(struct pipe *p, uint8_t *to, uint32_t n)
{
	n = (uint32_t)min_u64(n, p->n);
	if (n > 0)
		memcpy(to, p->at + p->begin, n);
	p->begin += n;
	p->n -= n;
	if (p->n == 0)
		p->begin = 0;
	return n;
}

/* Mostly all of it, sometimes a part: at least one byte. */
static uint32_t some(struct socks *s, uint32_t n)
{
	if (n < 2 || !prng_chance(&s->prng, 1, 8))
		return n;
	s->cut_n++;
	return (uint32_t)prng_between(&s->prng, 1,
				      prng_chance(&s->prng, 1, 2) ? min_u64(n, 16) : n);
}

/* ---- life ------------------------------------------------------------------------------- */

void socks_init(struct socks *s, uint64_t seed, uint32_t pipe_bytes)
{
	*s = (struct socks){ .prng = prng_of(seed), .pipe_bytes = pipe_bytes };
}

static void sock_fini(struct sock *k)
{
	free(k->in.at);
	free(k->out.at);
	*k = (struct sock){ .state = SOCK_FREE };
}

void socks_fini(struct socks *s)
{
	for (uint32_t i = 0; i < SOCKS_MAX; i++)
		sock_fini(&s->at[i]);
}

/* Nobody needs it any more: the client has dropped it and the broker shut it. */
static bool sock_is_free(const struct sock *k)
{
	return k->state == SOCK_FREE || (k->state == SOCK_SHUT && k->is_ended);
}

struct sock *sock_connect(struct socks *s, uint32_t loop)
{
	for (uint32_t i = 0; i < SOCKS_MAX; i++) {
		struct sock *k = &s->at[i];
		if (!sock_is_free(k))
			continue;
		sock_fini(k);
		*k = (struct sock){ .loop = loop, .state = SOCK_NEW, .is_reading = true };
		pipe_init(&k->in, s->pipe_bytes);
		pipe_init(&k->out, s->pipe_bytes);
		return k;
	}
	return NULL;
}

void socks_die(struct socks *s)
{
	for (uint32_t i = 0; i < SOCKS_MAX; i++)
		if (s->at[i].state != SOCK_FREE) {
			s->at[i].state = SOCK_SHUT;
			s->at[i].conn = NULL;
			s->at[i].in.n = s->at[i].out.n = 0;
		}
}

/* ---- the client's side ------------------------------------------------------------------ */

uint32_t sock_send(struct socks *s, struct sock *k, const uint8_t *p, uint32_t n)
{
	must(!k->is_ended);
	if (k->state == SOCK_SHUT)
		return n;
	return pipe_put(&k->in, p, some(s, n));
}

uint32_t sock_take(struct socks *s, struct sock *k, uint8_t *to, uint32_t n, bool *out_end)
{
	must(!k->is_ended && n > 0);
	*out_end = k->state == SOCK_SHUT && k->out.n == 0;
	return pipe_get(&k->out, to, some(s, (uint32_t)min_u64(n, k->out.n)));
}

void sock_drop(struct sock *k, bool is_hard)
{
	must(!k->is_ended);
	k->is_ended = true;
	k->is_reset = is_hard;
	k->out.n = 0;
	if (is_hard)
		k->in.n = 0;
}

/* ---- the broker's side ------------------------------------------------------------------ */

uint32_t sock_read(struct socks *s, struct sock *k, uint8_t *to, uint32_t room)
{
	return pipe_get(&k->in, to, some(s, (uint32_t)min_u64(room, k->in.n)));
}

int64_t sock_write(struct socks *s, struct sock *k, const struct slice *parts, uint32_t n)
{
	uint64_t offered = 0, left, sent = 0;
	must(k->state == SOCK_OPEN && n > 0);
	if (k->is_reset) {
		k->is_broken = true;
		return -1;
	}
	for (uint32_t i = 0; i < n; i++)
		offered += parts[i].n;
	must(offered > 0);
	left = k->is_ended ? offered : some(s, (uint32_t)min_u64(offered, UINT32_MAX));
	for (uint32_t i = 0; i < n && left > 0; i++) {
		uint32_t part = (uint32_t)min_u64(left, parts[i].n);
		uint32_t put = k->is_ended ? part : pipe_put(&k->out, parts[i].p, part);
		sent += put;
		s->full_n += put < part;
		left = put < part ? 0 : left - put;
	}
	k->is_full = sent < offered;
	return (int64_t)sent;
}

void sock_shut(struct sock *k)
{
	k->state = SOCK_SHUT;
	k->conn = NULL;
	k->in.n = 0;
}

bool sock_has_event(const struct sock *k)
{
	switch (k->state) {
	case SOCK_NEW:
	case SOCK_MOVING: return true;
	case SOCK_OPEN: break;
	default: return false;
	}
	if (k->is_broken || sock_is_writable(k))
		return true;
	return k->is_reading ? k->in.n > 0 || k->is_ended : k->is_ended && !k->is_end_seen;
}
