#include "sim/keeping.h"

#include "base/bits.h"
#include "base/byteorder.h"
#include "base/list.h"
#include "sim/archive.h"
#include "sim/stage.h"

#include <stdio.h>

#define LIVES        4
#define STEPS_MAX    40
#define MESSAGES_MAX 4096u
#define WORDS        5u /* of each level: keys are two words */
#define KEYS         (WORDS * WORDS)
#define FILTERS      ((WORDS + 1) * (WORDS + 1))
#define EXPIRY_MAX   60u
#define BODY_BIG     140000u /* in chunks, were it AMQP; here in one piece */
#define PIPE_MIN     4096u
#define CHECKPOINT   65536 /* bytes of journal between two, at least */

/* A message, in the order in which they were sent. */
struct kept {
	uint32_t key;
	uint64_t expiry_ms; /* 0: never */
	bool is_empty;      /* it forgets the key */
	bool is_sure;       /* the client was told */
	bool is_gone;       /* a crash has taken it: something older was found */
};

struct keeping {
	struct stage stage; /* first */
	struct talk talk;
	bool is_in;
	uint32_t asked; /* a filter's words: see filter_put */
	bool is_asking;
	uint32_t n;                    /* of `kept`, from 1 on */
	uint32_t found[KEYS], found_n; /* by key; 0: none */
	struct kept kept[MESSAGES_MAX];
};

static struct keeping *keeping_of(struct stage *s)
{
	return containerof(s, struct keeping, stage);
}

/* ---- what the client says ----------------------------------------------------------------- */

static void say(struct keeping *k, const void *p, size_t n)
{
	struct talk *t = &k->talk;
	must(n <= TALK_BYTES - t->out_n);
	memcpy(t->out + t->out_n, p, n);
	t->out_n += n;
}

static void enter(struct keeping *k)
{
	struct stage *s = &k->stage;
	uint32_t loop = (uint32_t)prng_below(&s->prng, s->host.loops_n);
	k->talk.sock = sock_connect(&s->host.socks, loop);
	k->talk.out_n = k->talk.in_n = k->talk.in_read = 0;
	must(k->talk.sock != NULL);
	k->talk.sock->ops = &archive_session_ops;
	k->is_in = true;
	k->is_asking = false;
}

static void keep(struct keeping *k)
{
	struct stage *s = &k->stage;
	uint32_t key = (uint32_t)prng_below(&s->prng, KEYS), n = k->n + 1;
	bool is_empty = prng_chance(&s->prng, 1, 4);
	uint32_t bytes = prng_chance(&s->prng, 1, 20) ? (uint32_t)prng_below(&s->prng, BODY_BIG)
						      : (uint32_t)prng_below(&s->prng, 3000);
	uint64_t expiry = prng_chance(&s->prng, 1, 4)
				  ? s->host.wall_ms + 1 + prng_below(&s->prng, EXPIRY_MAX)
				  : 0;
	uint8_t head[32] = { 'K' };
	bytes = is_empty ? 0 : bytes + 4;
	if (n == MESSAGES_MAX || TALK_BYTES - k->talk.out_n < bytes + sizeof head)
		return;
	int key_n = snprintf((char *)head + 3, 8, "%u.%u", key / WORDS, key % WORDS);
	head[2] = (uint8_t)key_n;
	uint8_t *at = head + 3 + key_n;
	store_le64(at, expiry);
	store_le32(at + 8, n);
	store_le32(at + 12, bytes);
	store_le32(s->body, n);
	say(k, head, (size_t)(at + 16 - head));
	say(k, s->body, bytes);
	k->kept[k->n = n] = (struct kept){ .key = key, .expiry_ms = expiry, .is_empty = is_empty };
}

/* Filters are two words, each a number or any: WORDS. */
static bool is_meant(uint32_t filter, uint32_t key)
{
	uint32_t first = filter / (WORDS + 1), second = filter % (WORDS + 1);
	return (first == WORDS || first == key / WORDS) &&
	       (second == WORDS || second == key % WORDS);
}

static void ask(struct keeping *k)
{
	uint8_t bytes[16] = { 'F' };
	k->asked = FILTERS - 1; /* all of them */
	if (prng_chance(&k->stage.prng, 2, 3))
		k->asked = (uint32_t)prng_below(&k->stage.prng, FILTERS);
	uint32_t first = k->asked / (WORDS + 1), second = k->asked % (WORDS + 1);
	char one = first == WORDS ? '*' : (char)('0' + first);
	int n = second == WORDS ? snprintf((char *)bytes + 2, 8, "%c.#", one)
				: snprintf((char *)bytes + 2, 8, "%c.%u", one, second);
	if (first == WORDS && second == WORDS)
		n = snprintf((char *)bytes + 2, 8, "#");
	bytes[1] = (uint8_t)n;
	say(k, bytes, 2 + (size_t)n);
	memset(k->found, 0, sizeof k->found);
	k->found_n = 0;
	k->is_asking = true;
}

/* ---- what it hears ------------------------------------------------------------------------ */

static void found(struct keeping *k, uint32_t number)
{
	struct stage *s = &k->stage;
	if (number == 0 || number > k->n || k->kept[number].is_empty) {
		stage_wrong(s, "message %u was found, which nobody has kept", number);
		return;
	}
	const struct kept *m = &k->kept[number];
	if (!is_meant(k->asked, m->key))
		stage_wrong(s, "message %u was found by a filter that does not mean it", number);
	else if (k->found[m->key])
		stage_wrong(s, "messages %u and %u were found, of one key", k->found[m->key],
			    number);
	k->found[m->key] = number;
	k->found_n++;
}

static bool hear(struct keeping *k)
{
	struct talk *t = &k->talk;
	const uint8_t *p = t->in + t->in_read;
	size_t left = t->in_n - t->in_read, n = left && p[0] == 'e' ? 1 : 5;
	if (left < n)
		return false;
	uint32_t number = n == 5 ? load_le32(p + 1) : 0;
	t->in_read += n;
	if (p[0] == 'e')
		k->is_asking = false;
	else if (p[0] == 'f')
		found(k, number);
	else if (p[0] != 'k' || number == 0 || number > k->n)
		stage_wrong(&k->stage, "the broker says %c %u", p[0], number);
	else
		k->kept[number].is_sure = true;
	return true;
}

static bool talk(struct stage *s)
{
	struct keeping *k = keeping_of(s);
	struct talk *t = &k->talk;
	bool is_end = false;
	if (!k->is_in)
		return false;
	memmove(t->in, t->in + t->in_read, t->in_n - t->in_read);
	t->in_n -= t->in_read;
	t->in_read = 0;
	bool is_any = talk_exchange(t, &s->host.socks, &is_end);
	while (!stage_is_wrong(s) && hear(k))
		;
	if (is_end)
		stage_wrong(s, "the broker hangs up");
	return is_any;
}

static void mix(struct stage *s, uint64_t n)
{
	for (; n > 0 && !stage_is_wrong(s); n--)
		if (prng_chance(&s->prng, 1, 2))
			(void)stage_broker(s);
		else
			(void)talk(s);
}

/* ---- what must be there ------------------------------------------------------------------- */

static bool is_there(const struct keeping *k, const struct kept *m)
{
	return !m->is_empty && (!m->expiry_ms || m->expiry_ms > k->stage.host.wall_ms);
}

/* Of a key: what was found must be the newest that there may be, back to the newest that is sure. A
 * newer one that is not there will not be there any more. */
static void judge_key(struct keeping *k, uint32_t key)
{
	struct stage *s = &k->stage;
	for (uint32_t i = k->n; i > 0; i--) {
		struct kept *m = &k->kept[i];
		if (m->key != key || m->is_gone)
			continue;
		if (k->found[key] == (is_there(k, m) ? i : 0))
			return;
		if (m->is_sure) {
			stage_wrong(s, "message %u was found instead of %u (%s), of key %u",
				    k->found[key], i, is_there(k, m) ? "kept" : "which is gone",
				    key);
			return;
		}
		m->is_gone = true;
	}
	if (k->found[key])
		stage_wrong(s, "message %u was found, and has no place", k->found[key]);
}

/* Everything that has begun has ended, so all that is there in this life is sure. */
static void judge(struct keeping *k)
{
	struct stage *s = &k->stage;
	stage_rest_of(s, talk);
	if (stage_is_wrong(s))
		return;
	must(!k->is_asking);
	ask(k);
	stage_rest_of(s, talk);
	if (!stage_is_wrong(s) && k->is_asking)
		stage_wrong(s, "a search does not end");
	for (uint32_t key = 0; key < KEYS && !stage_is_wrong(s); key++)
		if (is_meant(k->asked, key))
			judge_key(k, key);
	story_mix(s->story, (uint64_t)k->asked << 32 | k->found_n);
}

/* ---- lives -------------------------------------------------------------------------------- */

static void step(struct keeping *k)
{
	struct stage *s = &k->stage;
	for (uint64_t n = prng_below(&s->prng, 12); n > 0; n--)
		keep(k);
	mix(s, prng_below(&s->prng, 60));
	if (prng_chance(&s->prng, 1, 2))
		return;
	judge(k);
	host_pass(&s->host, prng_between(&s->prng, 1, 20));
}

/* At first nothing is kept, so that what a crash has left is seen as it is. */
static bool begin(struct keeping *k)
{
	struct stage *s = &k->stage;
	if (!stage_begin(s))
		return false;
	enter(k);
	for (int i = 0; i < 3 && !stage_is_wrong(s); i++)
		judge(k);
	return !stage_is_wrong(s);
}

static void fight(struct stage *s)
{
	struct keeping *k = keeping_of(s);
	if (!begin(k))
		return;
	for (uint64_t n = prng_between(&s->prng, 5, STEPS_MAX); n > 0 && !stage_is_wrong(s); n--)
		step(k);
	for (uint64_t more = prng_below(&s->prng, 40); more > 0 && stage_broker(s); more--)
		;
	if (k->is_in)
		sock_drop(k->talk.sock, true);
	k->is_in = false;
	stage_end(s);
}

static void rest(struct stage *s)
{
	struct keeping *k = keeping_of(s);
	if (!begin(k))
		return;
	for (int i = 0; i < 10 && !stage_is_wrong(s); i++)
		judge(k);
	sock_drop(k->talk.sock, false);
	k->is_in = false;
	stage_rest_of(s, talk);
	stage_close(s);
}

static void prepare(struct stage *s)
{
	s->host.socks.pipe_bytes = (uint32_t)max_u64(s->host.socks.pipe_bytes, PIPE_MIN);
	s->host.config.journal_checkpoint_every_bytes = CHECKPOINT << prng_below(&s->prng, 5);
}

void keeping_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = { .about = "what is kept" },
		.bytes = sizeof(struct keeping),
		.salt = 0x6b656570,
		.lives_n = LIVES,
		.prepare = prepare,
		.live = fight,
		.end = rest,
	};
	stage_play(&script, story, seed);
}
