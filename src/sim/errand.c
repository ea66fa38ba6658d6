#include "sim/errand.h"

#include "base/byteorder.h"
#include "core/policy.h"
#include "session/manage/item.h"
#include "session/manage/manage.h"

#include <stdio.h>
#include <string.h>

static void say(struct errand *e, const void *p, size_t n)
{
	must(n <= sizeof e->out - e->out_n);
	memcpy(e->out + e->out_n, p, n);
	e->out_n += (uint32_t)n;
}

void errand_begin(struct errand *e, struct sock *sock)
{
	errand_ask(e, sock, "definitions import\n");
}

void errand_ask(struct errand *e, struct sock *sock, const char *line)
{
	must(!e->sock && sock);
	*e = (struct errand){ .sock = sock };
	sock->ops = &manage_session_ops;
	say(e, line, strlen(line));
}

static void item(struct errand *e, enum item kind, const struct fact *f)
{
	uint8_t bytes[2048], head[5];
	uint32_t n = fact_put(f, bytes, sizeof bytes);
	must(n > 0);
	store_le32(head, n + 1);
	head[4] = (uint8_t)kind;
	say(e, head, sizeof head);
	say(e, bytes, n);
	e->items_n++;
}

void errand_make(struct errand *e, const struct fact *f)
{
	item(e, ITEM_FACT, f);
}

void errand_forget(struct errand *e, const struct fact *f)
{
	item(e, ITEM_FORGET, f);
}

struct fact errand_policy(bool is_operators, const char *name, const char *pattern,
			  const struct queue_rules *rules, int64_t priority, uint8_t *buf,
			  uint32_t cap)
{
	uint8_t room[RULES_BYTES_MAX];
	struct fact f = fact_of(is_operators ? FACT_OPERATOR_POLICY : FACT_POLICY, slice_str("/"),
				slice_str(name), SLICE_EMPTY);
	const struct policy p = { .pattern = slice_str(pattern),
				  .rules = slice_of(room, rules_put(rules, room, sizeof room)),
				  .json = slice_str("{}"),
				  .priority = priority,
				  .apply_to = POLICY_CLASSIC | POLICY_QUORUM };
	f.value = slice_of(buf, policy_put(&p, buf, cap));
	must(f.value.n > 0);
	return f;
}

void errand_send(struct errand *e)
{
	uint8_t end[4] = { 0 };
	say(e, end, sizeof end);
}

bool errand_talk(struct errand *e, struct socks *socks)
{
	bool is_end = false;
	uint32_t sent = 0;
	if (!e->sock)
		return false;
	if (e->out_n)
		sent = sock_send(socks, e->sock, e->out, e->out_n);
	e->out_n -= sent;
	memmove(e->out, e->out + sent, e->out_n);
	must(e->said_n + 1 < sizeof e->said);
	uint32_t n = sock_take(socks, e->sock, (uint8_t *)e->said + e->said_n,
			       (uint32_t)sizeof e->said - 1 - e->said_n, &is_end);
	e->said_n += n;
	if (is_end) {
		sock_drop(e->sock, false);
		e->sock = NULL;
	}
	return sent > 0 || n > 0 || is_end;
}

bool errand_is_done(const struct errand *e)
{
	char want[64];
	snprintf(want, sizeof want, "imported: %u\nrefused: 0\n", e->items_n);
	return !e->sock && strcmp(e->said, want) == 0;
}
