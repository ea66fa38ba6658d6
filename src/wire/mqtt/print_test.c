#include "wire/mqtt/print.h"

#include "wire/mqtt/for_tests.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void printed(const char *z, uint8_t version, bool from_server, const char *want, int line)
{
	char buf[512];
	struct text t = text_of(buf, sizeof buf);
	struct mqtt_packet p;
	must(mqtt_packet_read(hex(z), 0, version, &p) == MQTT_FAULT_NONE);
	p.from_server = from_server;
	mqtt_packet_print(&p, &t);
	if (strcmp(t.p, want) == 0)
		return;
	fprintf(stderr, "line %d\n want %s\n got  %s\n", line, want, t.p);
	abort();
}
#define CLIENT(version, z, want) printed(z, version, false, want, __LINE__)
#define SERVER(version, z, want) printed(z, version, true, want, __LINE__)

static void what_a_client_sends_is_a_line(void **s)
{
	(void)s;
	CLIENT(0,
	       "10 34 0004'MQTT' 05 f6 000a 0f 11 ffffffff 21 0014 22 000a 19 01 17 00 "
	       "0001'c' 05 18 00000007 0003'w/t' 0003 00ff01 0001'u' 0002 ff00",
	       "CONNECT version=5 client_id='c' clean_start keep_alive_s=10 "
	       "session_expiry_s=4294967295 request_problem_info=0 request_response_info=1 "
	       "receive_maximum=20 topic_alias_maximum=10 will_topic='w/t' will_qos=2 will_retain "
	       "will_delay_s=7 will_payload=(3) user='u' password=(2)");
	CLIENT(0, "10 0d 0004'MQTT' 84 00 0000 0001'c'",
	       "CONNECT version=4 bridge client_id='c' keep_alive_s=0");
	CLIENT(4, "3b 0d 0003'a/b' 0007 'secret'",
	       "PUBLISH topic='a/b' qos=1 id=7 dup retain payload=(6)");
	CLIENT(5, "30 0f 0001 0a 0a 26 0002'n 27'0003 'val'",
	       "PUBLISH (17 octets) malformed: the packet ends before its last field");
	CLIENT(5, "30 0d 0001 0a 09 26 0001'n' 0003'val'",
	       "PUBLISH topic='\\x0a' qos=0 user_property='n' to='val' payload=(0)");
	CLIENT(5, "82 0e 0007 02 0b05 0003'a/#' 2d 0000 00",
	       "SUBSCRIBE (16 octets) malformed: the topic filter is not valid");
	CLIENT(5, "82 0b 0007 02 0b05 0003'a/#' 2d",
	       "SUBSCRIBE id=7 subscription_id=5 filter='a/#' qos=1 no_local retain_as_published "
	       "retain_handling=2");
	CLIENT(3, "a2 08 0007 0001'a' 0001'b'", "UNSUBSCRIBE id=7 filter='a' filter='b'");
	CLIENT(4, "c0 00", "PINGREQ");
	CLIENT(4, "c0 01 00",
	       "PINGREQ (3 octets) malformed: there are octets behind the last field");
	CLIENT(4, "e0 00", "DISCONNECT");
	CLIENT(5, "e0 01 04", "DISCONNECT reason=4 (disconnect with will message)");
}

static void what_a_server_sends_is_a_line(void **s)
{
	(void)s;
	SERVER(5, "30 08 0001'a' 04 0b01 0b02",
	       "PUBLISH topic='a' qos=0 subscription_id=1 subscription_id=2 payload=(0)");
	SERVER(4, "20 02 01 00", "CONNACK session_present code=0");
	SERVER(5, "20 08 00 87 05 1f 0002'no'",
	       "CONNACK reason=135 (not authorized) reason_string='no'");
	SERVER(4, "40 02 0102", "PUBACK id=258");
	SERVER(5, "50 03 0102 10", "PUBREC id=258 reason=16 (no matching subscribers)");
	SERVER(5, "90 05 0003 00 0187",
	       "SUBACK id=3 reason=1 (granted QoS 1) reason=135 (not authorized)");
	SERVER(4, "b0 02 0003", "UNSUBACK id=3");
	SERVER(4, "d0 00", "PINGRESP");
	CLIENT(5, "e0 01 8e", "DISCONNECT reason=142 (session taken over)");
	CLIENT(5, "30 06 0001't' 02 0b07", "PUBLISH topic='t' qos=0 subscription_id=7 payload=(0)");
	CLIENT(0, "20 02 01 00", "CONNACK (4 octets)");
	SERVER(5, "f0 0a 18 08 15 0001'm' 16 0001'd'",
	       "AUTH reason=24 (continue authentication) auth_method='m' auth_data=(1)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_client_sends_is_a_line),
		cmocka_unit_test(what_a_server_sends_is_a_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
