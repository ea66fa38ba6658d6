/* stream filter -- what a consumer of a stream wants, as CMD_SUBSCRIBE's tail has it.
 *
 * Pure; whoever reads what a client says fills it in.
 */
#ifndef SESSION_STREAM_FILTER_H
#define SESSION_STREAM_FILTER_H
#include "core/route.h"

#define STREAM_FILTER_MAX 255u /* values of one consumer */

struct stream_filter {
	struct stream_from from;
	uint32_t tags[STREAM_FILTER_MAX];
};

/* stream_filter_add takes one more value that is wanted; false: they are too many. */
static inline bool stream_filter_add(struct stream_filter *f, struct slice value)
{
	if (f->from.tags_n == STREAM_FILTER_MAX)
		return false;
	f->tags[f->from.tags_n++] = route_tag(value);
	return true;
}

/* stream_filter_tail is the tail; it borrows. */
static inline struct slice stream_filter_tail(const struct stream_filter *f)
{
	must(f->from.tags_n <= STREAM_FILTER_MAX);
	return slice_of(f, sizeof f->from + f->from.tags_n * sizeof f->tags[0]);
}
#endif
