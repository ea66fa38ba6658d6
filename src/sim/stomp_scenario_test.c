/* Plays every story of test/scenario/stomp, or the one that is named, against the whole broker on a
 * simulated machine. */
#include "session/stomp/ops.h"
#include "sim/words_for_tests.h"
#include "sim/world_for_tests.h"

#include "sim/no_channels_for_tests.h"
#include "wire/stomp/print.h"

#define STORIES_FOLDER "test/scenario/stomp"
#include "sim/stories_for_tests.h"

/* Empty lines between frames are heart-beats. */
static inline void scenario_listen_to(struct scenario *s, struct client *c)
{
	char buf[SCENARIO_LINE];
	struct stomp_frame f;
	size_t need;
	for (;;) {
		struct text t = text_of(buf, sizeof buf);
		struct stomp_scan scan = { 0 };
		struct slice in = slice_of(c->out.p + c->out_read, c->out.n - c->out_read);
		const size_t blank = in.n ? stomp_blank(in) : 0;
		in = slice_from(in, blank);
		c->out_read += blank;
		if (in.n == 0 || stomp_scan(&scan, in, INT32_MAX, &f, &need) != ERR_OK)
			return;
		stomp_frame_print(&f, &t);
		scenario_note(s, c, buf);
		c->out_read += f.total;
	}
}

/* Header lines as they are said; a body has its length only if the line says it. */
static void say(const struct words *w, struct octets *out)
{
	struct slice body = SLICE_EMPTY;
	octets_put(out, w->verb, strlen(w->verb));
	octets_put(out, "\n", 1);
	for (size_t i = 0; i < w->n; i++) {
		const struct word *x = &w->at[i];
		if (strcmp(x->name, "body") == 0) {
			body = x->text;
			continue;
		}
		must(x->text.p != NULL);
		octets_put(out, x->name, strlen(x->name));
		octets_put(out, ":", 1);
		octets_put(out, x->text.p, x->text.n);
		octets_put(out, "\n", 1);
	}
	octets_put(out, "\n", 1);
	octets_put(out, body.p, body.n);
	octets_put(out, "", 1);
}

static inline void scenario_frames(struct client *c, const char *line, struct octets *out)
{
	struct words *w = malloc(sizeof *w);
	must(w != NULL && !c->is_closed);
	words_read(w, line);
	if (strcmp(w->verb, "raw") == 0)
		octets_put(out, w->at[0].text.p, w->at[0].text.n);
	else
		say(w, out);
	free(w);
}

int main(int argc, char **argv)
{
	return stories_play(argc, argv, &stomp_session_ops);
}
