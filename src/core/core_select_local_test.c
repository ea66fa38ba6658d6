#include "core/core_cold_for_tests.h"

#define ME   RIG_SESSION(2)
#define THEM RIG_SESSION(3)

/* Message `first` and so on, by a session. */
static void send_as(struct rig *r, uint64_t session, uint64_t first, uint32_t n, uint8_t flags)
{
	struct publish_row row[LIMIT_RUN_ROWS_MAX];
	struct run head = rig_head(CMD_PUBLISH, 0, first);
	for (uint32_t i = 0; i < n; i++)
		row[i] = (struct publish_row){ .mem = message(r, first + i),
					       .queue = Q,
					       .bytes = BYTES,
					       .seq_delta = (uint16_t)i,
					       .flags = flags };
	head.session = session;
	rig_admit(r, head, row, sizeof *row, n);
	rig_give(r);
}

/* With noLocal, and a selector if it has words. */
static void listen_as(struct rig *r, uint64_t session, uint64_t consumer, const char *selector)
{
	static uint8_t code[SQL_CODE_MAX];
	uint32_t n = 0;
	struct run *cmd = (struct run *)(void *)r->cmd_bytes;
	if (selector[0]) {
		enum err e = sql_compile(slice_str(selector), 0, code, &n);
		must(e == ERR_OK && n < 4096);
	}
	*cmd = rig_head(CMD_SUBSCRIBE, Q, consumer);
	cmd->session = session;
	cmd->flags = SUBSCRIBE_NO_LOCAL;
	cmd->n = 1;
	cmd->row_bytes = sizeof(struct subscribe_row);
	cmd->tail_len = n;
	*(struct subscribe_row *)(void *)(cmd + 1) = (struct subscribe_row){
		{ CREDIT_NO_LIMIT, CREDIT_NO_LIMIT }, 0
	};
	memcpy((uint8_t *)(cmd + 1) + cmd->row_bytes, code, n);
	core_admit(r->core, cmd, r->now_ms, &r->now, &r->later, &r->post);
	rig_apply(r);
	rig_effects(r);
	rig_give(r);
}

static void leave_as(struct rig *r, uint64_t session, uint64_t consumer)
{
	struct run head = rig_head(CMD_UNSUBSCRIBE, Q, consumer);
	head.session = session;
	rig_admit(r, head, NULL, 0, 0);
	rig_give(r);
}

static void what_a_session_sends_does_not_come_back_to_it(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	listen_as(r, ME, 1, "");
	SAY("reply 1 OK 0 1");
	send_as(r, ME, 1, 3, 0);
	SAY("");
	send_as(r, THEM, 4, 1, 0);
	SAY("c1 4");
	send_as(r, ME, 5, 1, 0);
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 2 OK 4 2 | c2 1 | c2 2 | c2 3 | c2 5");
	rig_free(r);
}

static void each_of_two_gets_what_the_other_sends(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	listen_as(r, ME, 1, "");
	listen_as(r, THEM, 2, "");
	hush(r);
	send_as(r, ME, 1, 2, 0);
	send_as(r, THEM, 3, 2, 0);
	SAY("c2 1 | c2 2 | c1 3 | c1 4");
	rig_free(r);
}

static void a_selector_counts_besides(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	listen_as(r, ME, 1, "n % 2 = 0");
	hush(r);
	send_as(r, ME, 1, 2, 0);
	send_as(r, THEM, 3, 2, 0);
	SAY("c1 4");
	rig_free(r);
}

static void what_comes_back_is_still_its_own(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	listen_as(r, ME, 1, "");
	send_as(r, ME, 1, 1, 0);
	rig_subscribe(r, Q, 2, 0, 1);
	hush(r);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 2, 0);
	rig_settle(r, Q, 2, pos_of(1, 0), SETTLE_RELEASE);
	SAY("reply 2 OK 0 0");
	leave_as(r, ME, 1);
	rig_subscribe(r, Q, 3, 0, 1);
	SAY("reply 1 OK 0 0 | reply 3 OK 1 1 | c3 1r");
	rig_free(r);
}

static void what_was_sent_before_is_nobodys(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	send_as(r, ME, 1, 1, 0);
	listen_as(r, ME, 1, "");
	SAY("reply 1 OK 1 1 | c1 1");
	rig_free(r);
}

static void what_is_known_by_the_queue_alone_stays_in_memory(void **s)
{
	(void)s;
	struct rig *r = rig_with_messages(1);
	core_views(r->core, views);
	listen_as(r, ME, 1, "");
	rig_commit(r);
	for (uint32_t i = 0; i < 2 * CHUNK_N; i += 128)
		send_as(r, ME, i + 2, 128, ENTRY_PERSISTENT);
	rig_commit(r);
	silence(r);
	take(r);
	must(queue_of(r)->cold_n == 0);
	send_as(r, THEM, 9999, 1, 0);
	SAY("c1 9999");
	leave_as(r, ME, 1);
	send_as(r, THEM, 10000, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	take(r);
	must(queue_of(r)->cold_n > 0);
	silence(r);
	end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_session_sends_does_not_come_back_to_it),
		cmocka_unit_test(each_of_two_gets_what_the_other_sends),
		cmocka_unit_test(a_selector_counts_besides),
		cmocka_unit_test(what_comes_back_is_still_its_own),
		cmocka_unit_test(what_was_sent_before_is_nobodys),
		cmocka_unit_test(what_is_known_by_the_queue_alone_stays_in_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
