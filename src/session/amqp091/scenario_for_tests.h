/* scenario_for_tests -- how stories of AMQP 0-9-1 speak; session/scenario_for_tests.h plays them.
 *
 * The harness's clients have a frame_max. Only for tests.
 */
#ifndef SESSION_AMQP091_SCENARIO_FOR_TESTS_H
#define SESSION_AMQP091_SCENARIO_FOR_TESTS_H
#include "session/amqp091/line_for_tests.h"
#include "session/scenario_for_tests.h"
#include "wire/amqp091/print.h"

static inline void scenario_listen_to(struct scenario *s, struct client *c)
{
	char buf[SCENARIO_LINE];
	struct amqp091_frame f;
	struct slice in = slice_of(c->out.p + c->out_read, c->out.n - c->out_read);
	while (in.n > 0) {
		struct text t = text_of(buf, sizeof buf);
		size_t used = 8;
		if (in.p[0] == 'A') {
			text_puts(&t, "raw '");
			text_put_printable(&t, slice_sub(in, 0, 8));
			text_putc(&t, '\'');
		} else {
			must(amqp091_frame_read(in, 0, &f) == ERR_OK);
			amqp091_frame_print(&f, &t);
			used = f.total;
		}
		if (strcmp(buf, "ch 0 heartbeat") != 0)
			scenario_note(s, c, buf);
		in = slice_from(in, used);
	}
	c->out_read = c->out.n;
}

static inline void scenario_frames(struct client *c, const char *line, struct octets *out)
{
	line_frames(line, c->frame_max, out);
}

/* confirmed A-B: acks for all these tags, in whatever portions. */
static inline void scenario_confirmed(struct scenario *s, struct client *c, unsigned ch,
				      const char *range)
{
	unsigned long from, to;
	unsigned long long tag;
	bool seen[10000] = { false };
	must(sscanf(range, "%lu-%lu", &from, &to) == 2 && to < sizeof seen);
	for (;;) {
		unsigned long n = from;
		while (n <= to && seen[n])
			n++;
		if (n > to)
			return;
		long at = scenario_first(s, c, ch);
		if (at < 0 || sscanf(strchr(s->got[at].text + 3, ' '),
				     " basic.ack delivery_tag=%llu", &tag) != 1)
			scenario_fail(s, "not confirmed", range, at < 0 ? NULL : s->got[at].text);
		bool is_multiple = strstr(s->got[at].text, " multiple") != NULL;
		must(tag >= from && tag <= to);
		for (n = is_multiple ? from : tag; n <= tag; n++)
			seen[n] = true;
		scenario_drop(s, at);
	}
}

/* option copies the value of `key` out of "key='value' key=value"; `value` is the default. */
static inline const char *scenario_option(const char *options, const char *key, char *value)
{
	char with_equals[32];
	snprintf(with_equals, sizeof with_equals, "%s=", key);
	const char *at = strstr(options, with_equals);
	if (!at)
		return value;
	at += strlen(with_equals);
	bool is_quoted = *at == '\'';
	size_t n = is_quoted ? strcspn(++at, "'") : strcspn(at, " ");
	memcpy(value, at, n);
	value[n] = '\0';
	return value;
}

static inline void scenario_open(struct scenario *s, struct client *c, const char *options)
{
	char line[SCENARIO_LINE];
	char user[64] = "guest", password[64] = "guest", vhost[64] = "/", capabilities[8] = "all";
	char frame_max[16] = "131072", channel_max[16] = "2047", heartbeat[16] = "0";
	scenario_option(options, "capabilities", capabilities);
	scenario_write(s, c, "raw 'AMQP\\x00\\x00\\x09\\x01'");
	snprintf(line, sizeof line,
		 "ch 0 connection.start_ok client_properties={%s} "
		 "mechanism='PLAIN' response='\\x00%s\\x00%s' locale='en_US'",
		 strcmp(capabilities, "none") == 0
			 ? ""
			 : "product='scenario', capabilities={consumer_cancel_notify=true, "
			   "connection.blocked=true, authentication_failure_close=true}",
		 scenario_option(options, "user", user),
		 scenario_option(options, "password", password));
	scenario_write(s, c, line);
	snprintf(line, sizeof line,
		 "ch 0 connection.tune_ok channel_max=%s frame_max=%s heartbeat=%s",
		 scenario_option(options, "channel_max", channel_max),
		 scenario_option(options, "frame_max", frame_max),
		 scenario_option(options, "heartbeat", heartbeat));
	c->frame_max = strtoul(frame_max, NULL, 10);
	scenario_write(s, c, line);
	snprintf(line, sizeof line, "ch 0 connection.open virtual_host='%s'",
		 scenario_option(options, "vhost", vhost));
	scenario_write(s, c, line);
	static const char *const answers[] = {
		"ch 0 connection.start *",
		"ch 0 connection.tune *",
		"ch 0 connection.open_ok",
	};
	for (int i = 0; i < 3; i++) {
		long at = scenario_first(s, c, 0);
		if (at < 0 || !scenario_match(s, answers[i], s->got[at].text))
			scenario_fail(s, "cannot open", answers[i],
				      at < 0 ? NULL : s->got[at].text);
		scenario_drop(s, at);
	}
}
#endif
