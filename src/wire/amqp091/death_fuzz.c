/* death_fuzz -- any octets as properties of a message that dies three times: refused, or what comes
 * of it is well-formed, fits the room asked for, and remembers each death. */
#include "base/must.h"
#include "wire/amqp091/death.h"
#include "wire/amqp091/props.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static size_t copies_n(struct slice copies)
{
	struct rd r = rd_of(copies);
	struct slice key;
	size_t n = 0;
	while (amqp091_death_copy_next(&r, &key))
		n++;
	return n;
}

/* The properties after one death, in a block of their own. */
static struct slice die(struct slice props, const struct amqp091_death *d, struct amqp091_dead *out)
{
	size_t room = amqp091_death_room(props, d);
	uint8_t *at = malloc(room);
	struct wr w = wr_of(at, room);
	struct amqp091_props p;
	must(at != NULL && amqp091_death_put(&w, props, d, out) == ERR_OK && wr_ok(&w));
	must(amqp091_props_decode(wr_done(&w), &p) == ERR_OK);
	must(!(p.flags & AMQP091_HAS_expiration) && p.flags & AMQP091_HAS_headers);
	must(p.priority == out->priority && copies_n(out->copies) <= out->copies.n);
	return wr_done(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice octets = slice_of(p, n);
	struct amqp091_props props;
	struct amqp091_death d = {
		.queue = slice_str("q"),
		.reason = slice_str("expired"),
		.key = slice_str("k"),
		.has_history = n % 2,
		.has_own_key = n % 3 == 0,
	};
	(void)amqp091_death_is_cycle(octets, d.queue); /* safe on anything */
	if (amqp091_props_decode(octets, &props) != ERR_OK)
		return 0;
	struct amqp091_dead dead;
	struct slice one = die(octets, &d, &dead);
	must(amqp091_death_is_cycle(dead.deaths, d.queue));
	must(!d.has_own_key || dead.copies.n == 0);
	d.has_history = true;
	d.reason = slice_str("rejected");
	struct slice two = die(one, &d, &dead);
	must(!amqp091_death_is_cycle(dead.deaths, d.queue));
	struct slice three = die(two, &d, &dead);
	must(three.n <= two.n);
	free((void *)(uintptr_t)one.p);
	free((void *)(uintptr_t)two.p);
	free((void *)(uintptr_t)three.p);
	return 0;
}
