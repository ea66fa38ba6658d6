/* scram_fuzz -- any octets as each of SCRAM's lines: what is taken lies in them, and what is kept
 * is written as it was read. */
#include "auth/scram.h"
#include "base/must.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void lies_in(struct slice part, struct slice whole)
{
	must(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void first(struct slice in)
{
	struct scram_first f;
	char buf[200];
	struct text why = text_of(buf, sizeof buf);
	if (scram_first_read(in, &f, &why) != ERR_OK)
		return;
	lies_in(f.bare, in);
	lies_in(f.nonce, f.bare);
	must(f.head.n + f.bare.n == in.n && f.user_n > 0 && f.nonce.n > 0);
}

static void last(struct slice in)
{
	struct scram_last l;
	if (scram_last_read(in, &l) != ERR_OK)
		return;
	lies_in(l.nonce, l.said);
	lies_in(l.said, in);
	must(l.said.n < in.n);
	(void)scram_is_head(l.head, slice_str("n,,"));
}

static void kept(struct slice in)
{
	struct scram_verifier v, again;
	char buf[SCRAM_VERIFIER_MAX];
	struct text t = text_of(buf, sizeof buf);
	if (scram_verifier_get(in, &v) != ERR_OK)
		return;
	scram_verifier_put(&v, &t);
	must(scram_verifier_get(text_slice(&t), &again) == ERR_OK && again.rounds == v.rounds);
	must(again.salt_n == v.salt_n && memcmp(again.salt, v.salt, v.salt_n) == 0);
	must(memcmp(again.stored, v.stored, sizeof v.stored) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n + !n);
	must(copy != NULL);
	if (n)
		memcpy(copy, p, n);
	const struct slice in = slice_of(copy, n);
	first(in);
	last(in);
	kept(in);
	free(copy);
	return 0;
}
