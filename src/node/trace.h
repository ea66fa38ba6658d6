/* trace -- operators who watch frames: one line for each that comes or goes on this loop.
 *
 * Private to node/. While nobody watches, a loop has no struct trace and each place that could
 * print costs one look at a pointer. Lines go to the watcher as FX_TRACE. He may have a window of
 * bytes under way; beyond it lines are dropped, and he is told how many.
 */
#ifndef NODE_TRACE_H
#define NODE_TRACE_H
#include "node/conn.h"

struct trace;

/* trace_command does CMD_TRACE. */
void trace_command(struct loop *l, const struct run *cmd);

/* trace_frames_in prints what a session has just consumed. */
void trace_frames_in(struct conn *c, struct slice bytes);
/* trace_frames_out prints what was put into the send queue since it was last called. */
void trace_frames_out(struct conn *c);
/* trace_note says that something else has become of a connection: it came, moved, or went. */
void trace_note(struct conn *c, const char *what);
/* trace_begin: what is in the send queue of `c` was printed, or came before the trace. */
static inline void trace_begin(struct conn *c)
{
	c->traced_bytes = c->session->sendq.total_bytes;
}

/* The same, as a loop calls them. */
static inline void trace_in(struct conn *c, const struct block *b, uint32_t from, uint32_t to)
{
	if (c->loop->trace && to > from)
		trace_frames_in(c, slice_of((const uint8_t *)b + from, to - from));
}
static inline void trace_out(struct conn *c)
{
	if (c->loop->trace)
		trace_frames_out(c);
}
static inline void trace_say(struct conn *c, const char *what)
{
	if (c->loop->trace)
		trace_note(c, what);
}

/* trace_free ends all of it. */
void trace_free(struct loop *l);
#endif
