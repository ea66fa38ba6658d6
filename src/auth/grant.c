#include "auth/grant.h"

#include "base/must.h"
#include "base/rd.h"
#include "base/wr.h"

uint32_t grant_put(const struct grant *g, uint8_t *buf, uint32_t cap)
{
	struct wr w = wr_of(buf, cap);
	for (int i = 0; i < AUTH_ACTION_N; i++) {
		if (g->pattern[i].n > UINT16_MAX)
			return 0;
		wr_le16(&w, (uint16_t)g->pattern[i].n);
		wr_slice(&w, g->pattern[i]);
	}
	must(w.n <= cap);
	return wr_ok(&w) ? (uint32_t)w.n : 0;
}

enum err grant_get(struct slice from, struct grant *out)
{
	struct rd r = rd_of(from);
	struct grant g;
	must(out != NULL);
	for (int i = 0; i < AUTH_ACTION_N; i++)
		g.pattern[i] = rd_take(&r, rd_le16(&r));
	if (!rd_done(&r))
		return ERR_MALFORMED;
	*out = g;
	return ERR_OK;
}
