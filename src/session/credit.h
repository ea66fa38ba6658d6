/* credit -- how much may be under way to one consumer of a session, and what is given back of it.
 *
 * Messages are a prefetch, if there is one, and the core gives them back by settling. Bytes are a
 * window over what the connection has not written yet, so that who does not read holds no more,
 * however large its prefetch is: writing gives them back, by halves; and what the core gives back
 * by settling there, too, is taken off. A consumer owns its struct credit; those that owe some
 * stand in a list, which whoever posts commands empties. Pure.
 */
#ifndef SESSION_CREDIT_H
#define SESSION_CREDIT_H
#include "base/bits.h"
#include "core/run.h"

struct credit {
	struct credit *next;    /* that owes credit */
	uint64_t owed_bytes;    /* written, and not given back yet */
	uint64_t surplus_bytes; /* settling gave back more than was written since */
	uint32_t owed_messages;
	bool counts_messages; /* nothing will be settled: not only bytes */
	bool counts_settled;  /* in the core that gives bytes back, too; not of a stream */
	bool is_listed;
};

/* credit_first gives a new consumer's first credit. `prefetch` 0: there is none. */
struct credit_row credit_first(struct credit *c, bool is_no_ack, bool is_stream, uint32_t prefetch);

/* credit_end takes it out of the list. */
void credit_end(struct credit *c, struct credit **io_list);

/* credit_written counts `n` deliveries that were written; when half of the window is owed, it joins
 * the list. credit_settled counts one that was settled. */
static inline void credit_written(struct credit *c, uint32_t n, uint32_t bytes,
				  struct credit **io_list)
{
	const uint64_t taken = min_u64(c->surplus_bytes, bytes);
	c->surplus_bytes -= taken;
	c->owed_bytes += bytes - taken;
	c->owed_messages += n;
	const bool is_due = c->owed_bytes >= LIMIT_DELIVER_WINDOW_BYTES / 2 ||
			    (c->counts_messages &&
			     c->owed_messages >= LIMIT_DELIVER_WINDOW_MESSAGES / 2);
	if (!is_due || c->is_listed)
		return;
	c->is_listed = true;
	c->next = *io_list;
	*io_list = c;
}
static inline void credit_settled(struct credit *c, uint32_t bytes)
{
	if (!c->counts_settled)
		return;
	const uint64_t taken = min_u64(c->owed_bytes, bytes);
	c->owed_bytes -= taken;
	c->surplus_bytes += bytes - taken;
}

/* credit_take takes one out of the list, with all that it owes. NULL: there is none. */
struct credit *credit_take(struct credit **io_list, struct credit_row *out);
#endif
