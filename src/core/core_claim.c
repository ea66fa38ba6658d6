#include "base/ablate.h"
#include "base/hash.h"
#include "core/core_state.h"

/* Names that one session has for itself alone: a client's identity, above all. Volatile, like the
 * sessions themselves; which shard knows of a name is agreed upon by those who claim it.
 *
 * Whoever wants a name that is taken waits, and the owner is told to go. It yields when it has
 * given back all that comes with the name, so whoever has the name next finds that behind it. Of
 * several that wait the last one counts: who came before is refused. Two that take a name from each
 * other go on for as long as they run, so a warning is due once a minute, and says how many owners
 * had to go. Whoever may take a name from
 * its owner's principal only (CLAIM_OWN) is refused before anybody is told to go; with CLAIM_WAIT
 * nobody is told.
 */
struct claim {
	struct claim *next;        /* another name with the same hash */
	uint64_t owner, principal; /* on whose behalf it has it */
	uint64_t warned_ms;        /* when a warning was last due; 0: never */
	uint32_t lost_n;           /* owners that had to go since */
	uint32_t told_n;           /* what the owner was told of that */
	uint16_t owner_channel;
	uint16_t name_n;
	struct run waiter; /* its command; session 0: nobody waits */
	uint8_t name[];
};

#define WARNING_MS UINT64_C(60000)

static uint64_t key_of(struct slice name)
{
	static const struct hash_key key = { 0x676f64776974, 0x636c61696d };
	uint64_t hash = hash_slice(key, name);
	return hash == MAP_KEY_NONE ? 0 : hash;
}

/* The place of the name's claim, or behind the last with its hash. */
static struct claim **place_of(struct claim **head, struct slice name)
{
	while (*head && !slice_eq(slice_of((*head)->name, (*head)->name_n), name))
		head = &(*head)->next;
	return head;
}

static void first_claim(struct core *c, const struct run *cmd, struct slice name, struct claim **at)
{
	const size_t bytes = sizeof(struct claim) + name.n;
	struct claim *own = mem_get(c->mem, bytes, "claims");
	must(own != NULL && name.n <= UINT16_MAX);
	*own = (struct claim){ .owner = cmd->session,
			       .principal = cmd->queue,
			       .owner_channel = cmd->channel,
			       .name_n = (uint16_t)name.n };
	if (name.n)
		memcpy(own->name, name.p, name.n);
	*at = own;
}

static void tell_owner(const struct core *c, const struct claim *of, struct post *fx)
{
	const struct run head = { .kind = FX_CLAIMED,
				  .session = of->owner,
				  .channel = of->owner_channel,
				  .shard = c->shard,
				  .arg = of->told_n };
	must(of->owner != 0);
	(void)post_run(fx, session_loop(of->owner), &head, NULL, 0, 0, SLICE_EMPTY);
}

static void owner_goes(const struct core *c, struct claim *of, struct post *fx)
{
	const bool is_due = !of->warned_ms || c->now_ms - of->warned_ms >= WARNING_MS;
	must(of->warned_ms <= c->now_ms);
	of->lost_n++;
	of->told_n = is_due ? of->lost_n : 0;
	if (is_due) {
		of->warned_ms = c->now_ms;
		of->lost_n = 0;
	}
	tell_owner(c, of, fx);
}

/* Who waits has it. */
static void take(struct core *c, struct claim *of, struct post *fx)
{
	const struct reply_row taken = { .err = ERR_OK, .op = CMD_CLAIM };
	must(of->waiter.session != 0);
	of->owner = of->waiter.session;
	of->principal = of->waiter.queue;
	of->owner_channel = of->waiter.channel;
	core_reply(c, &of->waiter, taken, fx);
	of->waiter.session = 0;
}

/* Whoever has it next, now or soon. */
static bool may_take(const struct claim *of, const struct run *cmd)
{
	const uint64_t principal = of->waiter.session ? of->waiter.queue : of->principal;
	must(cmd->kind == CMD_CLAIM);
	return !(cmd->flags & CLAIM_OWN) || principal == cmd->queue;
}

void core_claim(struct core *c, const struct run *cmd, struct post *fx)
{
	const struct slice name = run_tail(cmd);
	const struct reply_row taken = { .err = ERR_OK, .op = CMD_CLAIM };
	const struct reply_row lost = { .err = ERR_RESOURCE_LOCKED, .op = CMD_CLAIM };
	const struct reply_row refused = { .err = ERR_ACCESS_REFUSED, .op = CMD_CLAIM };
	struct claim *head = NULL;
	uint64_t *value;
	must(cmd->session != 0 && fx != NULL);
	if (map_make_room(&c->claims, c->mem, "claims by name") != ERR_OK)
		must(!"no memory for a claim");
	value = map_find(&c->claims, key_of(name));
	if (value)
		head = (struct claim *)(uintptr_t)*value;
	struct claim **at = place_of(&head, name), *of = *at;
	if (!of) {
		first_claim(c, cmd, name, at);
		map_put(&c->claims, key_of(name), (uint64_t)(uintptr_t)head);
		core_reply(c, cmd, taken, fx);
		return;
	}
	if (!may_take(of, cmd)) {
		core_reply(c, cmd, refused, fx);
		return;
	}
	if (of->waiter.session)
		core_reply(c, &of->waiter, lost, fx);
	else if (!(cmd->flags & CLAIM_WAIT))
		owner_goes(c, of, fx);
	of->waiter = *cmd;
	if (ABLATED(claim))
		take(c, of, fx);
}

/* The next one has it, or nobody. */
static void pass_on(struct core *c, struct claim **at, struct post *fx)
{
	struct claim *of = *at;
	must(of != NULL);
	if (of->waiter.session) {
		take(c, of, fx);
		return;
	}
	*at = of->next;
	mem_put(c->mem, of, sizeof *of + of->name_n);
}

void core_yield(struct core *c, const struct run *cmd, struct post *fx)
{
	const struct slice name = run_tail(cmd);
	uint64_t *value = map_find(&c->claims, key_of(name));
	struct claim *head = value ? (struct claim *)(uintptr_t)*value : NULL;
	struct claim **at = place_of(&head, name);
	must(cmd->session != 0);
	if (!*at)
		return;
	if ((*at)->waiter.session == cmd->session)
		(*at)->waiter.session = 0;
	else if ((*at)->owner == cmd->session)
		pass_on(c, at, fx);
	if (head)
		*value = (uint64_t)(uintptr_t)head;
	else
		(void)map_del(&c->claims, key_of(name), NULL);
}

void core_claim_moved(struct core *c, const struct run *cmd, struct post *fx)
{
	const struct slice name = run_tail(cmd);
	const uint64_t *value = map_find(&c->claims, key_of(name));
	struct claim *head = value ? (struct claim *)(uintptr_t)*value : NULL;
	struct claim *of = *place_of(&head, name);
	must(cmd->session != 0 && cmd->arg != 0);
	if (!of || of->owner != cmd->arg)
		return;
	of->owner = cmd->session;
	if (of->waiter.session) /* whoever told it to go may have told nobody */
		tell_owner(c, of, fx);
}

void core_claims_free(struct core *c)
{
	size_t cursor = 0;
	must(c->mem != NULL);
	for (struct map_slot *m; (m = map_next(&c->claims, &cursor)) != NULL;) {
		for (struct claim *of = (struct claim *)(uintptr_t)m->value, *next; of; of = next) {
			next = of->next;
			mem_put(c->mem, of, sizeof *of + of->name_n);
		}
	}
	map_fini(&c->claims, c->mem);
}
