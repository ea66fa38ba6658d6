#include "core/core_for_tests.h"

/* What sessions are told, by their slots: "2 has it | 1 is to go". */
static void see(struct rig *r, const struct rig_fx *fx)
{
	struct text *t = r->see_arg;
	if (!fx)
		return;
	text_putf(t, "%s%u ", t->n ? " | " : "", session_slot(fx->run.session));
	if (fx->run.kind == FX_CLAIMED && fx->run.arg > 1)
		text_putf(t, "is to go, as %u since", (unsigned)fx->run.arg - 1);
	else if (fx->run.kind == FX_CLAIMED)
		text_puts(t, fx->run.arg ? "is to go" : "is to go quietly");
	else if (fx->run.kind == FX_REPLY && fx->reply.op == CMD_CLAIM)
		text_puts(t, fx->reply.err == ERR_OK               ? "has it"
			     : fx->reply.err == ERR_ACCESS_REFUSED ? "may not have it"
								   : "is refused");
	else
		text_puts(t, "?");
}

/* On behalf of `principal`, who may have the names of all, or of his own sessions only. */
static void say_for(struct rig *r, enum cmd kind, uint32_t session, uint64_t principal,
		    uint8_t flags, const char *name, const char *want)
{
	char buf[256];
	struct text told = text_of(buf, sizeof buf);
	struct run *cmd = (struct run *)(void *)r->cmd_bytes;
	const uint64_t arg = cmd->arg;
	*cmd = rig_head((uint8_t)kind, 0, 9);
	cmd->arg = arg;
	cmd->session = RIG_SESSION(session);
	cmd->queue = principal;
	cmd->flags = flags;
	cmd->tail_len = (uint32_t)strlen(name);
	memcpy(cmd + 1, name, cmd->tail_len);
	r->see = see;
	r->see_arg = &told;
	core_admit(r->core, cmd, r->now_ms, &r->now, &r->later, &r->post);
	rig_effects(r);
	assert_string_equal(buf, want);
}

static void say(struct rig *r, enum cmd kind, uint32_t session, const char *name, const char *want)
{
	say_for(r, kind, session, 1, 0, name, want);
}

static void a_name_that_nobody_has_is_had_at_once(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	say(r, CMD_CLAIM, 1, "a", "1 has it");
	say(r, CMD_CLAIM, 2, "b", "2 has it");
	say(r, CMD_YIELD, 1, "a", "");
	say(r, CMD_CLAIM, 2, "a", "2 has it");
	say(r, CMD_YIELD, 1, "nobody's", "");
	rig_free(r);
}

static void who_comes_later_has_it_when_the_owner_yields(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	say(r, CMD_CLAIM, 1, "a", "1 has it");
	say(r, CMD_CLAIM, 2, "a", "1 is to go");
	say(r, CMD_YIELD, 3, "a", "");
	say(r, CMD_YIELD, 1, "a", "2 has it");
	say(r, CMD_CLAIM, 3, "a", "2 is to go");
	say(r, CMD_YIELD, 2, "a", "3 has it");
	rig_free(r);
}

static void who_only_waits_tells_nobody(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	say(r, CMD_CLAIM, 1, "a", "1 has it");
	say_for(r, CMD_CLAIM, 2, 1, CLAIM_WAIT, "a", "");
	say(r, CMD_YIELD, 1, "a", "2 has it");
	say_for(r, CMD_CLAIM, 3, 1, CLAIM_WAIT, "a", "");
	say_for(r, CMD_CLAIM, 4, 1, CLAIM_WAIT, "a", "3 is refused");
	say(r, CMD_YIELD, 4, "a", "");
	say(r, CMD_YIELD, 2, "a", "");
	say(r, CMD_CLAIM, 5, "a", "5 has it");
	rig_free(r);
}

static void moved(struct rig *r, uint32_t from, uint32_t to, const char *want)
{
	((struct run *)(void *)r->cmd_bytes)->arg = RIG_SESSION(from);
	say(r, CMD_CLAIM_MOVED, to, "a", want);
}

static void who_moves_keeps_its_name(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	say(r, CMD_CLAIM, 1, "a", "1 has it");
	moved(r, 1, 5, "");
	say(r, CMD_YIELD, 1, "a", "");
	say(r, CMD_CLAIM, 2, "a", "5 is to go");
	moved(r, 5, 6, "6 is to go");
	moved(r, 5, 7, "");
	say(r, CMD_YIELD, 6, "a", "2 has it");
	rig_free(r);
}

static void of_those_that_wait_the_last_counts(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	say(r, CMD_CLAIM, 1, "a", "1 has it");
	say(r, CMD_CLAIM, 2, "a", "1 is to go");
	say(r, CMD_CLAIM, 3, "a", "2 is refused");
	say(r, CMD_YIELD, 2, "a", "");
	say(r, CMD_YIELD, 1, "a", "3 has it");
	rig_free(r);
}

static void who_may_not_have_it_disturbs_nobody(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	say_for(r, CMD_CLAIM, 1, 7, CLAIM_OWN, "a", "1 has it");
	say_for(r, CMD_CLAIM, 2, 8, CLAIM_OWN, "a", "2 may not have it");
	say(r, CMD_YIELD, 2, "a", "");
	say_for(r, CMD_CLAIM, 3, 7, CLAIM_OWN, "a", "1 is to go");
	say_for(r, CMD_CLAIM, 2, 8, CLAIM_OWN, "a", "2 may not have it");
	say_for(r, CMD_CLAIM, 4, 8, 0, "a", "3 is refused");
	say_for(r, CMD_CLAIM, 5, 7, CLAIM_OWN, "a", "5 may not have it");
	say(r, CMD_YIELD, 1, "a", "4 has it");
	say_for(r, CMD_CLAIM, 5, 7, CLAIM_OWN, "a", "5 may not have it");
	say_for(r, CMD_CLAIM, 6, 8, CLAIM_OWN, "a", "4 is to go");
	rig_free(r);
}

static void of_a_storm_one_is_to_be_warned_of_a_minute(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	r->now_ms = 1000;
	say(r, CMD_CLAIM, 1, "a", "1 has it");
	say(r, CMD_CLAIM, 2, "a", "1 is to go");
	say(r, CMD_YIELD, 1, "a", "2 has it");
	r->now_ms += 30000;
	say(r, CMD_CLAIM, 1, "a", "2 is to go quietly");
	say(r, CMD_YIELD, 2, "a", "1 has it");
	r->now_ms += 29999;
	say(r, CMD_CLAIM, 2, "a", "1 is to go quietly");
	say(r, CMD_YIELD, 1, "a", "2 has it");
	say(r, CMD_CLAIM, 3, "b", "3 has it");
	say(r, CMD_CLAIM, 4, "b", "3 is to go"); /* each name by itself */
	r->now_ms++;
	say(r, CMD_CLAIM, 1, "a", "2 is to go, as 2 since");
	say(r, CMD_YIELD, 2, "a", "1 has it");
	say(r, CMD_CLAIM, 2, "a", "1 is to go quietly");
	rig_free(r);
}

static void who_waits_no_more_is_passed_over(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	say(r, CMD_CLAIM, 1, "a", "1 has it");
	say(r, CMD_CLAIM, 2, "a", "1 is to go");
	say(r, CMD_YIELD, 2, "a", "");
	say(r, CMD_CLAIM, 3, "a", "1 is to go");
	say(r, CMD_YIELD, 3, "a", "");
	say(r, CMD_YIELD, 1, "a", "");
	say(r, CMD_CLAIM, 4, "a", "4 has it");
	rig_free(r); /* with a name still claimed */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_nobody_has_is_had_at_once),
		cmocka_unit_test(who_comes_later_has_it_when_the_owner_yields),
		cmocka_unit_test(who_only_waits_tells_nobody),
		cmocka_unit_test(who_moves_keeps_its_name),
		cmocka_unit_test(of_those_that_wait_the_last_counts),
		cmocka_unit_test(who_may_not_have_it_disturbs_nobody),
		cmocka_unit_test(of_a_storm_one_is_to_be_warned_of_a_minute),
		cmocka_unit_test(who_waits_no_more_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
