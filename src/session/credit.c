#include "session/credit.h"

#include "base/must.h"

struct credit_row credit_first(struct credit *c, bool is_no_ack, bool is_stream, uint32_t prefetch)
{
	const uint32_t messages = is_no_ack ? LIMIT_DELIVER_WINDOW_MESSAGES : prefetch;
	*c = (struct credit){ .counts_messages = is_no_ack,
			      .counts_settled = !is_no_ack && !is_stream };
	must(prefetch != CREDIT_NO_LIMIT);
	return (struct credit_row){ messages ? messages : CREDIT_NO_LIMIT,
				    LIMIT_DELIVER_WINDOW_BYTES };
}

void credit_end(struct credit *c, struct credit **io_list)
{
	struct credit **at = io_list;
	while (*at && *at != c)
		at = &(*at)->next;
	must((*at == c) == c->is_listed);
	if (*at)
		*at = c->next;
	c->is_listed = false;
}

struct credit *credit_take(struct credit **io_list, struct credit_row *out)
{
	struct credit *c = *io_list;
	if (!c)
		return NULL;
	must(c->is_listed);
	*io_list = c->next;
	*out = (struct credit_row){
		.messages = c->counts_messages ? c->owed_messages : 0,
		.bytes = (uint32_t)min_u64(c->owed_bytes, UINT32_MAX / 2),
	};
	c->is_listed = false;
	c->owed_messages = 0;
	c->owed_bytes = 0;
	return c;
}
