#include "app/bench/talk.h"
#include "base/must.h"

enum err talk_strange(struct link *l, const char *what)
{
	if (l->client.why->n == 0)
		text_putf(l->client.why, "the broker sent %s", what);
	return ERR_CLOSED;
}

enum err link_turn(struct worker *w, struct link *l)
{
	must(l->slots_n > 0);
	TRY(client_read(&l->client, &l->readable));
	return w->load->talk->take(w, l);
}
