#include "wire/stomp/again.h"

#include "base/bits.h"

void stomp_again_note(struct stomp_again *a, struct slice head, const struct slice *places,
		      uint32_t places_n)
{
	size_t from = 0, n = 0;
	a->n = 0;
	must(places_n <= STOMP_AGAIN_N && head.n > 0);
	if (slice_find(head, '\\') != head.n || slice_find(head, '\r') != head.n)
		return;
	for (uint32_t i = 0; i <= places_n; i++) {
		bool is_last = i == places_n;
		size_t end = is_last ? head.n : (size_t)(places[i].p - head.p);
		must(end >= from && end <= head.n);
		if (end - from > sizeof a->octets - n)
			return;
		memcpy(a->octets + n, head.p + from, end - from);
		n += end - from;
		if (is_last)
			break;
		a->at[i] = (uint16_t)n;
		from = end + places[i].n;
		must(from < head.n && head.p[from] == '\n');
	}
	a->n = (uint16_t)n;
	a->places_n = (uint16_t)places_n;
}

/* A value up to the end of its line. False: it does not end, or must be looked at. */
static bool plain_value(struct slice in, struct slice *out)
{
	size_t n = 0, max = min_size(in.n, STOMP_AGAIN_VALUE + 1);
	must(in.p != NULL || in.n == 0);
	while (n < max && in.p[n] > ' ' && in.p[n] != '\\')
		n++;
	*out = slice_of(in.p, n);
	return n < max && in.p[n] == '\n';
}

bool stomp_again_is(const struct stomp_again *a, struct slice in,
		    struct slice out_places[STOMP_AGAIN_N], size_t *out_n)
{
	size_t at = 0, from = 0;
	if (a->n == 0)
		return false;
	must(a->places_n <= STOMP_AGAIN_N);
	for (uint32_t i = 0;; i++) {
		size_t end = i < a->places_n ? a->at[i] : a->n;
		if (in.n - at < end - from || memcmp(in.p + at, a->octets + from, end - from) != 0)
			return false;
		at += end - from;
		from = end;
		if (i == a->places_n)
			break;
		if (!plain_value(slice_from(in, at), &out_places[i]))
			return false;
		at += out_places[i].n;
	}
	*out_n = at;
	return true;
}
