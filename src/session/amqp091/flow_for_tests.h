/* flow_for_tests -- what the tests of flow and life share: short stories, many messages. */
#ifndef SESSION_AMQP091_FLOW_FOR_TESTS_H
#define SESSION_AMQP091_FLOW_FOR_TESTS_H
#include "session/amqp091/amqp091.h"
#include "session/amqp091/harness_for_tests.h"
#include "session/amqp091/scenario_for_tests.h"

#define HELLO                                                                         \
	"a open\na ch 1 channel.open\na ch 1 queue.declare queue='q' durable\n----\n" \
	"a ch 1 channel.open_ok\na ch 1 queue.declare_ok queue='q' message_count=0 "  \
	"consumer_count=0\n\n"
#define CONSUME                                                   \
	"a ch 1 basic.consume queue='q' consumer_tag='t'\n----\n" \
	"a ch 1 basic.consume_ok consumer_tag='t'\n\n"
#define CONFIRM "a ch 1 confirm.select\n----\na ch 1 confirm.select_ok\n\n"

static inline struct client *client_named(struct scenario *s, const char *name)
{
	const char *rest;
	struct client *c = scenario_client(s, name, &rest);
	must(c != NULL);
	return c;
}

static inline struct amqp091 *session_named(struct scenario *s, const char *name)
{
	return amqp091_of(client_named(s, name)->s);
}

static inline void publish_to(struct scenario *s, const char *name, const char *key, size_t n,
			      size_t body)
{
	char line[200];
	for (size_t i = 0; i < n; i++) {
		struct octets o = { 0 };
		snprintf(line, sizeof line,
			 "ch 1 basic.publish routing_key='%s' + %zu 'x' "
			 "delivery_mode=2",
			 key, body);
		line_frames(line, LIMIT_FRAME_MAX_DEFAULT, &o);
		client_write(client_named(s, name), o.p, o.n);
		free(o.p);
	}
	world_run(s->w);
}

/* How many lines of what came on `name` begin like that; all are forgotten. */
static inline size_t count_of(struct scenario *s, const char *name, const char *like)
{
	size_t n = 0;
	scenario_listen(s);
	for (long i = (long)s->got_n - 1; i >= 0; i--) {
		if (s->got[i].c != client_named(s, name))
			continue;
		n += strstr(s->got[i].text, like) != NULL;
		scenario_drop(s, i);
	}
	return n;
}
#endif
