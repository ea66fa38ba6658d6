/* Who is gone while publishers have to wait. */
#include "sim/host_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A client whose declaration waits for the log, so that nothing more of it is read; then it goes,
 * and has said more. */
static struct sock *go_unread(struct fix *f, struct talk *k)
{
	struct prng p = prng_of(1);
	struct sock *sock = sock_connect(&f->host.socks, 1);
	bool is_end = false;
	talk_begin(k, sock);
	must(hear(f, k, &p, AMQP091_channel_open_ok) == 1);
	TALK(k, 1, queue_declare, .queue = slice_str("q"), .durable = true);
	(void)talk_exchange(k, &f->host.socks, &is_end);
	must(loops_rest(&f->host) && !sock->is_reading);
	TALK(k, 1, queue_delete, .queue = slice_str("q"));
	while (talk_exchange(k, &f->host.socks, &is_end))
		must(!is_end);
	sock_drop(sock, false);
	must(loops_rest(&f->host));
	return sock;
}

static void who_has_gone_unread_is_read_to_the_end(void **state)
{
	(void)state;
	struct fix *f = fix_new(65536, SELDOM);
	struct talk *k = calloc(1, sizeof *k);
	must(k != NULL);
	struct sock *sock = go_unread(f, k);
	must(sock->state == SOCK_OPEN && sock->in.n > 0);
	settle(f);
	must(sock->state == SOCK_SHUT);
	free(k);
	fix_free(f);
}

static void who_has_gone_unread_is_let_go_of_when_memory_gets_short(void **state)
{
	(void)state;
	struct fix *f = fix_new(65536, SELDOM);
	struct talk *k = calloc(1, sizeof *k);
	must(k != NULL);
	struct sock *sock = go_unread(f, k);
	must(sock->state == SOCK_OPEN);
	host_watermark(&f->host, 1);
	must(loops_rest(&f->host));
	must(sock->state == SOCK_SHUT);
	free(k);
	host_watermark(&f->host, 0);
	fix_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_gone_unread_is_read_to_the_end),
		cmocka_unit_test(who_has_gone_unread_is_let_go_of_when_memory_gets_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
