/* session_fuzz -- any deeds of three clients, good and bad: no must fails, nothing is left behind.
 *
 * Sessions are played on the real catalog and cores. A byte below DEED_RAW names one of
 * `packets`, which the current client sends; the others are octets as they are.
 */
#include "session/mqtt/ops.h"
#include "session/play_for_tests.h"
#include "wire/mqtt/for_tests.h"

#define DEED_RAW 128

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* In hex, see for_tests.h. Some are for version 5, some for the others, some for both. */
static const char *const packets[] = {
	"30 05 0003'a/b'",
	"30 06 0003'a/b' 00",
	"30 08 0003'a/b' 00'hi'",
	"32 0a 0003'a/b' 0001 00'hi'",
	"3a 0a 0003'a/b' 0001 00'hi'",
	"34 0a 0003'a/b' 0001 00'hi'",
	"34 0a 0003'a/b' 0002 00'hi'",
	"3c 0a 0003'a/b' 0001 00'hi'",
	"31 08 0003'a/b' 00'hi'",
	"31 06 0003'a/b' 00",
	"31 05 0003'a/b'",
	"33 0a 0003'a.b' 0003 00'hi'",
	"32 0f 0003'a/b' 0001 05 02 00000001 'hi'",
	"33 0f 0003'a/b' 0001 05 02 00000002 'hi'",
	"34 0f 0003'a/b' 0001 05 02 00000000 'hi'",
	"30 09 0003'a/b' 03 230001",
	"32 08 0000 0001 03 230001",
	"30 06 0000 03 230002",
	"30 06 0000 03 23ffff",
	"30 0d 0003'a/b' 07 26 0001'k' 0001'v'",
	"30 0c 0003'a/b' 06 08 0003'r/t'",
	"30 09 0006'$SYS/x' 00",
	"32 0c 0005'c/d/e' 0005 00'hi'",
	"32 05 0001'+' 0001",
	"30 03 0000 00",
	"32 06 0001't' 0000 00",
	"82 08 0001 0003'a/b' 00",
	"82 08 0001 0003'a/b' 02",
	"82 08 0002 0003'a/#' 01",
	"82 06 0003 0001'#' 02",
	"82 0c 0004 0003'a/+' 01 0001'+' 00",
	"82 09 0001 00 0003'a/b' 00",
	"82 09 0001 00 0003'a/b' 2e",
	"82 09 0001 00 0003'a/b' 11",
	"82 0b 0002 02 0b05 0003'a/#' 02",
	"82 0b 0002 02 0b07 0003'a/#' 05",
	"82 0d 0004 00 0003'a/+' 01 0001'+' 09",
	"82 10 0005 00 000a'$share/g/+' 01",
	"82 0f 0005 000a'$share/g/#' 02",
	"82 02 0001",
	"a2 07 0006 0003'a/b'",
	"a2 07 0006 0003'a/#'",
	"a2 08 0006 00 0003'a/b'",
	"a2 0b 0006 00 0001'#' 0003'a/#'",
	"a2 0f 0006 00 000a'$share/g/+'",
	"40 02 0001",
	"40 02 0002",
	"40 02 0003",
	"40 03 0001 87",
	"50 02 0001",
	"50 02 0002",
	"50 03 0001 80",
	"50 02 0009",
	"62 02 0001",
	"62 02 0002",
	"62 02 0007",
	"70 02 0001",
	"70 02 0002",
	"70 02 0008",
	"c0 00",
	"e0 00",
	"e0 01 04",
	"e0 07 00 05 11 00000000",
	"e0 07 00 05 11 00000007",
	"f0 00",
	"f0 01 19",
	"10 0d 0004'MQTT' 04 02 0000 0001'x'",
	"20 02 00 00",
	"00 00",
	"30 ff ff ff 7f",
	"f0 23 19 21 15 000d'SCRAM-SHA-256' 16 000e'n,,n=guest,r=x'",
	"f0 23 18 21 15 000d'SCRAM-SHA-256' 16 000e'n,,n=guest,r=x'",
	("f0 4e 18 4c 15 000d'SCRAM-SHA-256' 16 "
	 "0039'c=biws,r=x,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='"),
};
#define PACKETS_N (sizeof packets / sizeof *packets)
_Static_assert(PACKETS_N <= DEED_RAW, "each has its byte");

/* Clients that come one after the other: two names, so that some take the session of another. */
static const char *const hellos[] = {
	"10 0e 0004'MQTT' 05 02 0000 00 0001'a'",
	"10 13 0004'MQTT' 05 00 000a 05 11 00000064 0001'b'",
	"10 0d 0004'MQTT' 04 00 0000 0001'a'",
	"10 1a 0004'MQTT' 04 36 0000 0001'c' 0003'a/b' 0004'will' 0000",
	"10 22 0004'MQTT' 05 0e 0000 05 11 ffffffff 0001'a' 05 18 00000005 0003'a/b' 0002 'by'",
	"10 0f 0006'MQIsdp' 03 00 0000 0001'b'",
	"10 19 0004'MQTT' 05 00 0000 0a 11 00000005 21 0001 22 0002 0001'a'",
	"10 16 0004'MQTT' 05 02 0005 08 27 00000014 21 0002 0001'b'",
	"10 0c 0004'MQTT' 84 02 0000 0000",
	"10 2f 0004'MQTT' 05 02 0000 21 15 000d'SCRAM-SHA-256' 16 000e'n,,n=guest,r=x' 0001'a'",
};
#define HELLOS_N (sizeof hellos / sizeof *hellos)

static const struct mqtt_settings settings = { .vhost = { (const uint8_t *)"/", 1 },
					       .exchange = { (const uint8_t *)"amq.topic", 9 },
					       .session_expiry_s = 3600,
					       .packet_max = 1 << 20,
					       .first_packet_max = 1 << 16,
					       .login_timeout_ms = 10000,
					       .alias_max = 4,
					       .receive_max = 3,
					       .prefetch = 3,
					       .is_open_to_all = true };

static void send(struct client *c, const char *z)
{
	struct slice octets = hex(z);
	client_write(c, octets.p, octets.n);
}

static void enter(struct client *c, unsigned no)
{
	send(c, hellos[no % HELLOS_N]);
}

static size_t say(struct client *c, struct slice in)
{
	unsigned what = in.p[0];
	if (what >= DEED_RAW)
		return 1 + play_octets(c, slice_from(in, 1), what - DEED_RAW + 1u);
	send(c, packets[what % PACKETS_N]);
	return 1;
}

static void fate(struct play *p, unsigned which)
{
	if (which == FATE_OWN)
		(void)world_dispatch(p->w, &p->w->post);
	else
		p->opened_n++;
}

static const struct play_ops ops = { &mqtt_session_ops, enter, say, fate };

/* Whatever the client was told is packets of its version, the last one perhaps cut off. */
static void check_output(const struct client *c)
{
	struct any any;
	size_t at = 0;
	while (at < c->out.n) {
		struct slice rest = slice_of(c->out.p + at, c->out.n - at);
		enum mqtt_fault f = mqtt_packet_read(rest, 0, 0, &any.packet);
		if (f == MQTT_FAULT_MORE)
			return;
		must(f == MQTT_FAULT_NONE);
		any.packet.from_server = true;
		at += any.packet.total;
		any.packet.version = MQTT_V5;
		if (decode_packet(&any) == MQTT_FAULT_NONE)
			continue;
		any.packet.version = MQTT_V4;
		must(decode_packet(&any) == MQTT_FAULT_NONE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct play p = play_begin();
	p.w->limits.mqtt = &settings;
	play_all(&p, &ops, slice_of(bytes, n));
	for (int i = 0; i < PLAY_CLIENTS; i++)
		if (p.clients[i])
			check_output(p.clients[i]);
	play_end(&p);
	return 0;
}
