/* Users and permissions as a conversation meets them: asked later, changed, taken away. */
#include "session/amqp091/flow_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define OPEN_A "a open\na ch 1 channel.open\n----\na ch 1 channel.open_ok\n\n"

static struct scenario *begin(const char *name)
{
	struct scenario *s = scenario_of(world_new(), name);
	world_user(s->w, "ann", "pw");
	world_grant(s->w, FACT_PERMISSION, "ann", "", (const char *const[]){ "^ann-", ".*", ".*" });
	return s;
}

static void forget(struct scenario *s, enum fact_kind kind, const char *name)
{
	struct fact f = fact_of(kind, slice_str(name), slice_str("/"), SLICE_EMPTY);
	world_fact(s->w, &f, false);
}

static void limit(struct scenario *s, enum fact_kind kind, const char *name, int64_t connections,
		  int64_t objects)
{
	uint8_t buf[FACT_LIMITS_BYTES];
	struct fact_limits l = { connections, objects };
	struct fact f = fact_of(kind, slice_str(name), SLICE_EMPTY, SLICE_EMPTY);
	fact_limits_put(&l, buf);
	f.value = slice_of(buf, sizeof buf);
	world_fact(s->w, &f, true);
}

/* Who may do nothing with a thing does not hear whether it is there. */
static void whoever_may_do_anything_with_it_may_declare_it_passively(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	world_grant(s->w, FACT_PERMISSION, "ann", "",
		    (const char *const[]){ "^ann-", "^write", "^read" });
	scenario_play(s, "b open\nb ch 1 channel.open\nb ch 1 queue.declare queue='write'\n"
			 "b ch 1 queue.declare queue='other'\n"
			 "b ch 1 exchange.declare exchange='read' type='fanout'\n----\n"
			 "b ch 1 channel.open_ok\n"
			 "b ch 1 queue.declare_ok queue='write' message_count=0 consumer_count=0\n"
			 "b ch 1 queue.declare_ok queue='other' message_count=0 consumer_count=0\n"
			 "b ch 1 exchange.declare_ok\n");
	scenario_play(s,
		      "a open user=ann password=pw\na ch 1 channel.open\n"
		      "a ch 1 queue.declare queue='write' passive\n"
		      "a ch 1 exchange.declare exchange='read' passive\n"
		      "a ch 1 queue.declare queue='other' passive\n----\n"
		      "a ch 1 channel.open_ok\n"
		      "a ch 1 queue.declare_ok queue='write' message_count=0 consumer_count=0\n"
		      "a ch 1 exchange.declare_ok\n"
		      "a ch 1 channel.close reply_code=403 reply_text='ACCESS_REFUSED - configure "
		      "access to queue 'other' in vhost '/' refused for user 'ann'' class_id=50 "
		      "method_id=10\n");
	scenario_play(s,
		      "a ch 1 channel.close_ok\na ch 1 channel.open\n"
		      "a ch 1 exchange.declare exchange='amq.topic' passive\n----\n"
		      "a ch 1 channel.open_ok\n"
		      "a ch 1 channel.close reply_code=403 reply_text='ACCESS_REFUSED - configure "
		      "access to exchange 'amq.topic' in vhost '/' refused for user 'ann'' "
		      "class_id=40 method_id=10\n");
	/* Nobody binds to the default exchange, whatever he may read. */
	scenario_play(s,
		      "a ch 1 channel.close_ok\na ch 1 channel.open\n"
		      "a ch 1 queue.bind queue='write' exchange='' routing_key='k'\n----\n"
		      "a ch 1 channel.open_ok\n"
		      "a ch 1 channel.close reply_code=403 reply_text='ACCESS_REFUSED - operation "
		      "not permitted on the default exchange' class_id=50 method_id=20\n");
	scenario_end(s);
}

static void a_password_may_be_looked_at_later(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	s->w->is_checking_later = true;
	scenario_play(s, "a open user=ann password=pw\na ch 1 channel.open\n----\n"
			 "a ch 1 channel.open_ok\n");
	must(slice_eq(access_name(&session_named(s, "a")->access), slice_str("ann")));
	scenario_play(s, "b connect\nb raw 'AMQP\\x00\\x00\\x09\\x01'\n"
			 "b ch 0 connection.start_ok mechanism='PLAIN' response='\\x00ann\\x00no' "
			 "locale='en_US'\n----\nb ch 0 connection.start *\n");
	must(session_named(s, "b")->phase == PHASE_REFUSED);
	scenario_end(s);
}

/* Plays a login that is refused; its password takes `ms` to look at. */
static const struct amqp091 *refuse(struct scenario *s, const char *name, const char *user, int ms)
{
	struct octets o = { 0 };
	char line[200];
	snprintf(line, sizeof line,
		 "%s connect\n%s raw 'AMQP\\x00\\x00\\x09\\x01'\n----\n"
		 "%s ch 0 connection.start *\n",
		 name, name, name);
	scenario_play(s, line);
	snprintf(line, sizeof line,
		 "ch 0 connection.start_ok mechanism='PLAIN' "
		 "response='\\x00%s\\x00no' locale='en_US'",
		 user);
	line_frames(line, 131072, &o);
	client_write(client_named(s, name), o.p, o.n);
	free(o.p);
	s->w->sw.now_ms += (uint64_t)ms;
	scenario_play(s, "----\n");
	must(session_named(s, name)->phase == PHASE_REFUSED);
	return session_named(s, name);
}

static void nobody_hears_how_long_a_password_was_looked_at(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	uint64_t from = s->w->sw.now_ms;
	s->w->is_checking_later = true;
	must(refuse(s, "a", "ann", 30)->deadline_ms == from + LIMIT_LOGIN_REFUSED_DELAY_MS);
	from = s->w->sw.now_ms;
	must(refuse(s, "b", "stranger", 0)->deadline_ms == from + LIMIT_LOGIN_REFUSED_DELAY_MS);
	scenario_end(s);
}

static void the_log_hears_why_a_login_was_refused(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	const struct session_events *e = &s->w->events;
	(void)refuse(s, "a", "ann", 0);
	must(e->n > 0 && e->at[e->n - 1].event == SESSION_LOGIN_REFUSED);
	must(slice_eq(e->at[e->n - 1].reason, slice_str("wrong password")));
	(void)refuse(s, "b", "stranger", 0);
	must(slice_eq(e->at[e->n - 1].reason, slice_str("unknown user")));
	must(slice_eq(e->at[e->n - 1].user, slice_str("stranger")));
	must(slice_eq(e->at[e->n - 1].text, slice_str("PLAIN")));
	scenario_end(s);
}

static void who_leaves_before_the_answer_is_not_answered(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	s->w->is_checking_later = true;
	scenario_play(s, "a connect\na raw 'AMQP\\x00\\x00\\x09\\x01'\n----\n"
			 "a ch 0 connection.start *\n");
	struct octets o = { 0 };
	line_frames("ch 0 connection.start_ok mechanism='PLAIN' response='\\x00ann\\x00pw' "
		    "locale='en_US'",
		    131072, &o);
	client_write(client_named(s, "a"), o.p, o.n);
	free(o.p);
	must(s->w->checked != 0);
	scenario_forget(s, client_named(s, "a"));
	must(s->w->checked == 0); /* nobody works it out */
	scenario_end(s);
}

static void what_was_allowed_is_asked_again_when_it_changes(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	scenario_play(s, OPEN_A "a ch 1 queue.declare queue='q'\n----\n"
				"a ch 1 queue.declare_ok queue='q' message_count=0 "
				"consumer_count=0\n");
	publish_to(s, "a", "q", 1, 1);
	world_grant(s->w, FACT_PERMISSION, "guest", "", (const char *const[]){ ".*", "^$", ".*" });
	scenario_play(s, "a ch 1 basic.publish routing_key='q' + 'x'\n----\n"
			 "a ch 1 channel.close reply_code=403 reply_text='ACCESS_REFUSED - write "
			 "access to exchange 'amq.default' in vhost '/' refused for user 'guest'' "
			 "class_id=60 method_id=40\n");
	scenario_end(s);
}

static void keys_of_topic_exchanges_have_permissions_of_their_own(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	world_grant(s->w, FACT_TOPIC_PERMISSION, "guest", "amq.topic",
		    (const char *const[]){ "", "^{username}\\.", "^news\\." });
	scenario_play(s, OPEN_A "a ch 1 basic.publish exchange='amq.topic' routing_key='guest.x' + "
				"'x'\na ch 1 basic.publish exchange='amq.topic' "
				"routing_key='bob.x' + 'x'\n----\n"
				"a ch 1 channel.close reply_code=403 reply_text='ACCESS_REFUSED - "
				"write access to topic 'bob.x' in exchange 'amq.topic' in vhost "
				"'/' refused for user 'guest'' class_id=60 method_id=40\n");
	scenario_end(s);
}

static void further_keys_of_a_message_have_them_too(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	world_grant(s->w, FACT_TOPIC_PERMISSION, "guest", "amq.topic",
		    (const char *const[]){ "", "^{username}\\.", "^news\\." });
	scenario_play(s, OPEN_A "a ch 1 basic.publish exchange='amq.topic' routing_key='guest.x' + "
				"'x' headers={CC=['guest.y']}\n"
				"a ch 1 basic.publish exchange='amq.topic' routing_key='guest.x' + "
				"'x' headers={BCC=['guest.y', 'bob.x']}\n----\n"
				"a ch 1 channel.close reply_code=403 reply_text='ACCESS_REFUSED - "
				"write access to topic 'bob.x' in exchange 'amq.topic' in vhost "
				"'/' refused for user 'guest'' class_id=60 method_id=40\n");
	scenario_end(s);
}

static void a_user_or_a_virtual_host_that_goes_takes_its_connections_along(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	scenario_play(s, "a open user=ann password=pw\nb open\n");
	forget(s, FACT_USER, "ann");
	scenario_play(s, "----\na ch 0 connection.close reply_code=320 "
			 "reply_text='CONNECTION_FORCED - user 'ann' is deleted' class_id=0 "
			 "method_id=0\n");
	forget(s, FACT_VHOST, "/");
	scenario_play(s, "----\nb ch 0 connection.close reply_code=320 "
			 "reply_text='CONNECTION_FORCED - vhost '/' is deleted' class_id=0 "
			 "method_id=0\n");
	scenario_end(s);
}

static void users_have_so_many_channels_and_connections(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	limit(s, FACT_USER_LIMITS, "ann", 1, 2);
	scenario_play(s, "a open user=ann password=pw\na ch 1 channel.open\na ch 2 channel.open\n"
			 "----\na ch 1 channel.open_ok\na ch 2 channel.open_ok\n\n"
			 "a ch 2 channel.close reply_code=200\na ch 3 channel.open\n----\n"
			 "a ch 2 channel.close_ok\na ch 3 channel.open_ok\n\n"
			 "a ch 4 channel.open\n----\n"
			 "a ch 0 connection.close reply_code=530 reply_text='NOT_ALLOWED - number "
			 "of channels opened for user 'ann' has reached the maximum allowed user "
			 "limit of (2)' class_id=0 method_id=0\n");
	scenario_play(s, "b connect\nb raw 'AMQP\\x00\\x00\\x09\\x01'\n"
			 "b ch 0 connection.start_ok mechanism='PLAIN' "
			 "response='\\x00ann\\x00pw' locale='en_US'\n"
			 "b ch 0 connection.tune_ok channel_max=2047 frame_max=131072 heartbeat=0\n"
			 "b ch 0 connection.open virtual_host='/'\n----\n"
			 "b ch 0 connection.start *\nb ch 0 connection.tune *\n"
			 "b ch 0 connection.close reply_code=530 reply_text='NOT_ALLOWED - "
			 "connection refused for user 'ann': user connection limit (1) is reached' "
			 "class_id=10 method_id=40\n");
	scenario_end(s);
}

static void who_has_closed_in_order_may_come_again_at_once(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	limit(s, FACT_USER_LIMITS, "ann", 1, 2);
	scenario_play(s, "a open user=ann password=pw\na ch 1 channel.open\n----\n"
			 "a ch 1 channel.open_ok\n\n"
			 "a ch 0 connection.close reply_code=200\n----\n"
			 "a ch 0 connection.close_ok\n\n"
			 "b open user=ann password=pw\nb ch 1 channel.open\nb ch 2 channel.open\n"
			 "----\nb ch 1 channel.open_ok\nb ch 2 channel.open_ok\n");
	scenario_end(s);
}

#define EXTERNAL_OF(who)                            \
	who " raw 'AMQP\\x00\\x00\\x09\\x01'\n" who \
	    " ch 0 connection.start_ok mechanism='EXTERNAL' response='eve' locale='en_US'\n"

/* TLS has looked at the certificate; what else the client says of himself does not matter. */
static void who_has_shown_a_certificate_needs_no_password(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	struct session_limits *l = &s->w->limits;
	l->mechanisms[l->mechanisms_n++] = slice_str("EXTERNAL");
	scenario_play(s, "a connect\nb connect\nc connect\n");
	s->clients[0].c->s->cert_name = slice_str("ann");
	s->clients[1].c->s->cert_name = slice_str("zoe");
	scenario_play(s,
		      EXTERNAL_OF("a") "----\na ch 0 connection.start * mechanisms='PLAIN AMQPLAIN "
				       "ANONYMOUS EXTERNAL' *\na ch 0 connection.tune *\n");
	scenario_play(s,
		      "a ch 0 connection.tune_ok channel_max=9 frame_max=131072\n"
		      "a ch 0 connection.open virtual_host='/'\na ch 1 channel.open\n"
		      "a ch 1 queue.declare queue='ann-q'\na ch 1 queue.declare queue='q'\n----\n"
		      "a ch 0 connection.open_ok\na ch 1 channel.open_ok\n"
		      "a ch 1 queue.declare_ok queue='ann-q' message_count=0 consumer_count=0\n"
		      "a ch 1 channel.close reply_code=403 * class_id=50 method_id=10\n");
	/* A name that is nobody's; and nobody's word is taken without a certificate. */
	scenario_play(s, EXTERNAL_OF("b") "----\nb ch 0 connection.start *\nb closed\n");
	scenario_play(s,
		      EXTERNAL_OF("c") "----\nc ch 0 connection.start * mechanisms='PLAIN AMQPLAIN "
				       "ANONYMOUS' *\nc closed\n");
	s->clients[0].c->s->cert_name = s->clients[1].c->s->cert_name = SLICE_EMPTY;
	scenario_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_shown_a_certificate_needs_no_password),
		cmocka_unit_test(whoever_may_do_anything_with_it_may_declare_it_passively),
		cmocka_unit_test(a_password_may_be_looked_at_later),
		cmocka_unit_test(nobody_hears_how_long_a_password_was_looked_at),
		cmocka_unit_test(the_log_hears_why_a_login_was_refused),
		cmocka_unit_test(who_leaves_before_the_answer_is_not_answered),
		cmocka_unit_test(what_was_allowed_is_asked_again_when_it_changes),
		cmocka_unit_test(keys_of_topic_exchanges_have_permissions_of_their_own),
		cmocka_unit_test(further_keys_of_a_message_have_them_too),
		cmocka_unit_test(a_user_or_a_virtual_host_that_goes_takes_its_connections_along),
		cmocka_unit_test(users_have_so_many_channels_and_connections),
		cmocka_unit_test(who_has_closed_in_order_may_come_again_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
