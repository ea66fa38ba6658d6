/* frame_fuzz -- any octets as a client's frames, whole and cut: the same payload, the same control
 * frames, the same code. The first octet says what is allowed, the second how it is cut. */
#include "base/must.h"
#include "wire/ws/frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct seen {
	uint8_t *data; /* room for all octets */
	size_t n;
	uint32_t controls_n, lasts_n;
	uint64_t sum; /* of control frames */
	enum ws_code code;
};

static void note(struct seen *out, const struct ws_reader *r)
{
	must(r->control_n <= WS_CONTROL_MAX);
	out->controls_n++;
	for (uint32_t i = 0; i < r->control_n; i++)
		out->sum = out->sum * 31 + r->control[i];
	if (r->opcode == WS_CLOSE)
		must(ws_close_code(r) >= 1000);
}

/* Reads one piece in place; false: there is a code. */
static bool read_piece(struct ws_reader *r, uint8_t *p, size_t n, struct seen *out)
{
	struct slice in = slice_of(p, n);
	uint8_t *at = p;
	while (in.n > 0) {
		struct ws_step step;
		out->code = ws_read(r, in, at, &step);
		if (out->code != WS_FINE)
			return false;
		must(step.used > 0 && step.used <= in.n && step.n <= step.used);
		out->lasts_n += step.is_last;
		if (step.found == WS_FOUND_CONTROL)
			note(out, r);
		if (step.n)
			memcpy(out->data + out->n, at, step.n);
		out->n += step.n;
		at += step.n;
		in = slice_from(in, step.used);
	}
	return true;
}

static struct seen read_all(struct slice in, uint8_t allowed, size_t piece)
{
	struct ws_reader r = { .message_bytes_max = allowed & 4 ? 300 : 0,
			       .is_text_good = allowed & 1,
			       .is_packing_good = allowed & 8 };
	struct seen out = { .data = malloc(in.n + 1) };
	uint8_t *block = malloc(in.n + 1);
	must(out.data && block);
	bool is_good = true;
	while (in.n > 0 && is_good) {
		size_t n = in.n < piece ? in.n : piece;
		memcpy(block, in.p, n);
		is_good = read_piece(&r, block, n, &out);
		in = slice_from(in, n);
	}
	free(block);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 2)
		return 0;
	struct slice in = slice_of(p + 2, n - 2);
	struct seen whole = read_all(in, p[0], in.n + 1), cut = read_all(in, p[0], p[1] % 20 + 1);
	must(whole.code == cut.code && whole.controls_n == cut.controls_n && whole.sum == cut.sum &&
	     whole.lasts_n == cut.lasts_n);
	/* What is refused as text may have come out in part before. */
	must(whole.code != WS_FINE || whole.n == cut.n);
	size_t same = whole.n < cut.n ? whole.n : cut.n;
	must(same == 0 || memcmp(whole.data, cut.data, same) == 0);
	bool is_text;
	must(ws_whole_chars(in, &is_text) <= in.n);
	free(whole.data);
	free(cut.data);
	return 0;
}
