#include "wire/stomp/destination.h"

#include "wire/stomp/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static uint8_t room[300];
static char why_room[600];

static struct stomp_destination good(const char *in)
{
	struct stomp_destination d = { .has_key = false };
	struct wr scratch = wr_of(room, sizeof room);
	struct text why = text_of(why_room, sizeof why_room);
	bool is_unknown;
	struct slice copy = exact(slice_str(in), strlen(in));
	must(stomp_destination_read(copy, &scratch, &d, &is_unknown, &why) == ERR_OK);
	exact_free(copy);
	must(stomp_destination_read(slice_str(in), &scratch, &d, &is_unknown, &why) == ERR_OK);
	return d;
}

static void every_kind_is_read(void **s)
{
	(void)s;
	struct stomp_destination d = good("/queue/a");
	must(d.place == STOMP_QUEUE && d.has_key);
	SAME(d.name, "a");
	d = good("a.b");
	must(d.place == STOMP_QUEUE);
	SAME(d.name, "a.b");
	d = good("/amq/queue/a");
	must(d.place == STOMP_AMQ_QUEUE);
	SAME(d.name, "a");
	d = good("/topic/a.*.#");
	must(d.place == STOMP_TOPIC);
	SAME(d.name, "a.*.#");
	d = good("/exchange/x");
	must(d.place == STOMP_EXCHANGE && !d.has_key && d.name.n == 0);
	SAME(d.exchange, "x");
	d = good("/exchange/x/k");
	must(d.has_key);
	SAME(d.name, "k");
	d = good("/temp-queue/t");
	must(d.place == STOMP_TEMP_QUEUE);
	d = good("/reply-queue/a/b%2F");
	must(d.place == STOMP_REPLY_QUEUE);
	SAME(d.name, "a/b%2F");
}

static void percents_stand_for_octets(void **s)
{
	(void)s;
	SAME(good("/queue/a%2Fb%41%2").name, "a/bA%2");
	SAME(good("/queue/%zz%").name, "%zz%");
	struct stomp_destination d = good("/exchange/a%2fb/c%25");
	SAME(d.exchange, "a/b");
	SAME(d.name, "c%");
	char text[100];
	struct text t = text_of(text, sizeof text);
	stomp_destination_name(&t, bytes_of("a b/c%\303\244"));
	SAME(text_slice(&t), "a b%2Fc%25%C3%A4");
}

static void bad(const char *in, bool want_unknown, const char *want)
{
	struct stomp_destination d = { .place = STOMP_TOPIC };
	struct wr scratch = wr_of(room, sizeof room);
	struct text why = text_of(why_room, sizeof why_room);
	bool is_unknown;
	must(stomp_destination_read(slice_str(in), &scratch, &d, &is_unknown, &why) ==
	     ERR_MALFORMED);
	must(d.place == STOMP_TOPIC && is_unknown == want_unknown);
	same(text_slice(&why), want, strlen(want), __LINE__);
}

static void what_is_none_is_refused_in_rabbitmqs_words(void **s)
{
	(void)s;
	bad("/queue/a/b", false, "'/a/b' is not a valid queue destination\n");
	bad("/queue", false, "'' is not a valid queue destination\n");
	bad("/topic/", false, "'/' is not a valid topic destination\n");
	bad("/exchange/", false, "'/' is not a valid exchange destination\n");
	bad("/exchange//k", false, "'//k' is not a valid exchange destination\n");
	bad("/exchange/a/b/c", false, "'/a/b/c' is not a valid exchange destination\n");
	bad("/foo/x", true,
	    "'/foo/x' is not a valid destination.\nValid destination types are: /temp-queue, "
	    "/exchange, /topic, /queue, /amq/queue, /reply-queue/.\n");
	bad("/queuea", true,
	    "'/queuea' is not a valid destination.\nValid destination types are: /temp-queue, "
	    "/exchange, /topic, /queue, /amq/queue, /reply-queue/.\n");
}

static bool fits(const char *wildcard, const char *name)
{
	must(stomp_is_wildcard(slice_str(wildcard)));
	return stomp_wildcard_fits(slice_str(wildcard), slice_str(name));
}

static void a_wildcard_means_words(void **s)
{
	(void)s;
	must(fits("a.>", "a") && fits("a.>", "a.b") && fits("a.>", "a.b.c") && fits(">", "a.b"));
	must(!fits("a.>", "ab") && !fits("a.>", "b.a") && !fits("a.b.>", "a"));
	must(fits("a.*", "a.b") && fits("*", "a") && fits("*.b", "a.b") && fits("a.*", "a."));
	must(!fits("a.*", "a") && !fits("a.*", "a.b.c") && !fits("*", "a.b"));
	must(fits("*.b.>", "x.b.c.d") && !fits("*.b.>", "x.c"));
	must(fits("a.>", "a.>") && fits("a.*", "a.*"));
	must(stomp_wildcard_fits(slice_str("a.>.b"), slice_str("a.>.b")));
	must(!stomp_is_wildcard(slice_str("a.>.b")) && !stomp_is_wildcard(slice_str("a*")));
	must(!stomp_is_wildcard(slice_str("a>")) && !stomp_is_wildcard(SLICE_EMPTY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_read),
		cmocka_unit_test(percents_stand_for_octets),
		cmocka_unit_test(a_wildcard_means_words),
		cmocka_unit_test(what_is_none_is_refused_in_rabbitmqs_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
