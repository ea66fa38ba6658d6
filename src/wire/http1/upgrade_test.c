#include "wire/http1/upgrade.h"

#include "base/must.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UP  "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"

static struct http1_head head;
static struct http1_upgrade up;

static enum http1_status status_of(const char *first, const char *fields)
{
	char text[2000];
	struct text t = text_of(text, sizeof text);
	text_putf(&t, "%s\r\nHost: x\r\n%s\r\n", first, fields);
	must(http1_head_read(text_slice(&t), &head) == ERR_OK);
	return http1_upgrade_read(&head, &up);
}

static enum http1_status get(const char *fields)
{
	return status_of("GET /ws?x=y HTTP/1.1", fields);
}

static void a_websocket_is_asked_for(void **s)
{
	(void)s;
	char text[2000];
	struct text t = text_of(text, sizeof text);
	text_puts(&t, "GET /ws?x=y HTTP/1.1\r\nHost: x\r\n" UP V13 KEY "Origin: http://a\r\n\r\n");
	must(http1_head_read(text_slice(&t), &head) == ERR_OK);
	must(http1_upgrade_read(&head, &up) == HTTP1_SWITCHING);
	must(slice_eq(up.path, slice_str("/ws")));
	must(slice_eq(up.origin, slice_str("http://a")) && up.key.n == 24);
}

static void what_is_missing_is_said(void **s)
{
	(void)s;
	must(get(UP V13 KEY) == HTTP1_SWITCHING);
	must(get(V13 KEY) == HTTP1_UPGRADE_REQUIRED);
	must(get("Upgrade: websocket\r\n" V13 KEY) == HTTP1_UPGRADE_REQUIRED);
	must(get("Connection: upgrade\r\n" V13 KEY) == HTTP1_UPGRADE_REQUIRED);
	must(get(UP KEY) == HTTP1_UPGRADE_REQUIRED);
	must(get(UP KEY "Sec-WebSocket-Version: 8\r\n") == HTTP1_UPGRADE_REQUIRED);
	must(get(UP V13) == HTTP1_BAD_REQUEST && get(UP V13 KEY KEY) == HTTP1_BAD_REQUEST);
	must(get(UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n") == HTTP1_BAD_REQUEST);
	must(get(UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!!==\r\n") == HTTP1_BAD_REQUEST);
	must(get(UP V13 KEY "Content-Length: 1\r\n") == HTTP1_BAD_REQUEST);
	must(get(UP V13 KEY "Transfer-Encoding: chunked\r\n") == HTTP1_BAD_REQUEST);
	must(get(UP V13 KEY "Origin: a\r\nOrigin: b\r\n") == HTTP1_BAD_REQUEST);
	must(status_of("PUT /ws HTTP/1.1", UP V13 KEY) == HTTP1_METHOD_NOT_ALLOWED);
	must(status_of("GET /ws HTTP/1.0", UP V13 KEY) == HTTP1_VERSION);
}

static struct slice choose(const char *fields, const char *ours, uint32_t *out_n)
{
	static char text[2000];
	struct text t = text_of(text, sizeof text);
	text_putf(&t, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", fields);
	must(http1_head_read(text_slice(&t), &head) == ERR_OK);
	return http1_protocol_choose(&head, ours, out_n);
}

static void the_clients_order_of_protocols_counts(void **s)
{
	(void)s;
	uint32_t n;
	const char *two = "Sec-WebSocket-Protocol: v10.stomp, v11.stomp\r\n"
			  "Sec-WebSocket-Protocol: v12.stomp\r\n";
	must(slice_eq(choose(two, "v12.stomp|v11.stomp", &n), slice_str("v11.stomp")) && n == 3);
	must(choose(two, "mqtt", &n).n == 0 && n == 3);
	must(choose("A: b\r\n", "mqtt", &n).n == 0 && n == 0);
	must(choose("Sec-WebSocket-Protocol: MQTT, mqtt3\r\n", "mqtt|mqttv3.1", &n).n == 0);
}

static void answers_are_whole(void **s)
{
	(void)s;
	char text[2000];
	struct text t = text_of(text, sizeof text);
	http1_upgrade_put(&t, slice_str("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), slice_str("mqtt"),
			  &(struct http1_deflate){ .is_agreed = false });
	assert_string_equal(text, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				  "Connection: Upgrade\r\n"
				  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
				  "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
	t = text_of(text, sizeof text);
	http1_refusal_put(&t, HTTP1_UPGRADE_REQUIRED);
	assert_string_equal(text, "HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\n"
				  "Content-Length: 0\r\nUpgrade: websocket\r\n"
				  "Sec-WebSocket-Version: 13\r\n\r\n");
	must(http1_status_of(ERR_LIMIT) == HTTP1_TOO_LARGE);
	must(http1_status_of(ERR_MALFORMED) == HTTP1_BAD_REQUEST);
	must(http1_status_of(ERR_NOT_IMPLEMENTED) == HTTP1_NOT_IMPLEMENTED);
	must(http1_status_of(ERR_NOT_ALLOWED) == HTTP1_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_websocket_is_asked_for),
		cmocka_unit_test(what_is_missing_is_said),
		cmocka_unit_test(the_clients_order_of_protocols_counts),
		cmocka_unit_test(answers_are_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
