#include "journal/windows.h"

#include "base/must.h"
#include "port/disk.h"

#include <stddef.h>

void windows_check(const struct windows *ws)
{
	for (uint32_t i = 0; i < WINDOWS_N; i++) {
		const struct window *w = &ws->at[i];
		must(w->n <= WINDOW_BYTES && w->used <= ws->uses && w->read <= ws->reads);
		must_if(w->n > 0, w->at != NULL && w->loc != 0 && w->loc % DISK_ALIGN == 0);
		must_if(w->is_coming, w->n > 0 && w->given_n == 0 && !w->is_spill);
	}
	must(windows_promised_n(ws) <= WINDOWS_AHEAD);
}

struct window *windows_find(struct windows *ws, uint64_t loc, bool is_spill)
{
	must(loc != 0);
	for (uint32_t i = 0; i < WINDOWS_N; i++) {
		struct window *w = &ws->at[i];
		if (w->is_spill == is_spill && loc >= w->loc && loc - w->loc < w->n)
			return w;
	}
	return NULL;
}

const struct window *windows_before(const struct windows *ws, uint64_t loc, bool is_spill)
{
	must(loc != 0);
	for (uint32_t i = 0; i < WINDOWS_N; i++) {
		const struct window *w = &ws->at[i];
		if (w->n > 0 && w->is_spill == is_spill && loc >= w->loc &&
		    loc - w->loc <= (uint64_t)w->n + WINDOW_GAP_BYTES && w->given_n >= w->n / 4 * 3)
			return w;
	}
	return NULL;
}

static bool is_promised(const struct windows *ws, const struct window *w)
{
	must(w->read <= ws->reads);
	return w->n > 0 && w->is_ahead && w->given_n == 0 && ws->reads - w->read < WINDOWS_STALE;
}

uint32_t windows_promised_n(const struct windows *ws)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < WINDOWS_N; i++)
		n += is_promised(ws, &ws->at[i]);
	must(n <= WINDOWS_N);
	return n;
}

/* Is it the better one to read into? */
static bool is_better(const struct window *w, const struct window *than, bool is_ahead)
{
	must(w != than);
	if (!is_ahead && (w->at == NULL) != (than->at == NULL))
		return w->at != NULL;
	return w->used < than->used;
}

struct window *windows_spare(struct windows *ws, const struct window *kept)
{
	struct window *best = NULL;
	must(WINDOWS_AHEAD < WINDOWS_N);
	for (uint32_t i = 0; i < WINDOWS_N; i++) {
		struct window *w = &ws->at[i];
		if (w != kept && !is_promised(ws, w) && (!best || is_better(w, best, kept != NULL)))
			best = w;
	}
	return best;
}

void window_take(struct windows *ws, struct window *w, uint64_t loc, bool is_spill, uint32_t n)
{
	must(w->at != NULL && w->n == 0 && n > 0 && n <= WINDOW_BYTES);
	*w = (struct window){ .at = w->at,
			      .loc = loc,
			      .n = n,
			      .wish = n,
			      .is_spill = is_spill,
			      .used = ++ws->uses,
			      .read = ++ws->reads };
}

void window_use(struct windows *ws, struct window *w, uint32_t n)
{
	must(!w->is_coming && n <= w->n);
	w->given_n += n;
	w->used = ++ws->uses;
}
