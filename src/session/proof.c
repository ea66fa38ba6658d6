#include "session/proof.h"

#include "auth/account.h"
#include "auth/scram.h"
#include "base/base64.h"
#include "base/must.h"
#include "core/fact.h"

/* What the client has said and we, of SCRAM, in a few KiB for as long as it takes. */
#define NONCE_WORDS 3u  /* of 64 bits, which we add to the client's */
#define NONCE_TEXT  32u /* in base64 */
#define OURS_MAX    (LIMIT_SCRAM_LINE_BYTES + NONCE_TEXT + 128u)

_Static_assert(NONCE_TEXT == (NONCE_WORDS * sizeof(uint64_t) + 2) / 3 * 4, "as base64_len says");

enum step { STEP_FIRST, STEP_NAMED, STEP_LAST, STEP_OVER };

struct proof {
	const struct proof_method *method;
	enum step step;
	bool is_kept; /* there is something to prove it by */
	const char *lacks;
	struct scram_verifier verifier;
	struct scram_first first; /* in `heard` */
	size_t nonce_n;           /* of both halves, at the start of `ours` behind r= */
	struct text words;        /* in `ours` */
	char ours[OURS_MAX];
	uint8_t heard[LIMIT_SCRAM_LINE_BYTES];
};

struct proof_method {
	const char *name;
	enum proof_result (*hear)(struct proof *p, struct session_world *w, struct slice in,
				  struct text *why);
	enum proof_result (*named)(struct proof *p, struct session_world *w, struct slice account);
};

/* ---- SCRAM ---------------------------------------------------------------------------------- */

static enum proof_result wrong(struct text *why, const char *words)
{
	must(words[0] != '\0');
	if (why->n == 0)
		text_puts(why, words);
	return PROOF_WRONG;
}

static enum proof_result scram_begin(struct proof *p, struct slice in, struct text *why)
{
	must(p->step == STEP_FIRST);
	if (in.n == 0 || in.n > sizeof p->heard)
		return wrong(why, "SCRAM's first line is none");
	memcpy(p->heard, in.p, in.n);
	if (scram_first_read(slice_of(p->heard, in.n), &p->first, why) != ERR_OK)
		return wrong(why, "SCRAM's first line is none");
	p->step = STEP_NAMED;
	return PROOF_NAMED;
}

static enum proof_result scram_end(struct proof *p, const struct session_world *w, struct slice in,
				   struct text *why)
{
	struct scram_last last;
	uint8_t signature[SECRET_SUM_BYTES];
	char z[48];
	must(p->step == STEP_LAST);
	p->step = STEP_OVER;
	if (scram_last_read(in, &last) != ERR_OK)
		return wrong(why, "SCRAM's last line is none");
	if (!slice_eq(last.nonce, slice_of(p->ours + 2, p->nonce_n)) ||
	    !scram_is_head(last.head, p->first.head))
		return wrong(why, "SCRAM's last line is not to ours");
	const struct slice said[3] = { p->first.bare, text_slice(&p->words), last.said };
	const bool fits = scram_fits(w->secrets->ops->sum, &p->verifier, said, last.proof,
				     signature);
	if (!p->is_kept)
		return wrong(why, p->lacks);
	if (!fits)
		return wrong(why, "wrong password");
	base64_put(z, slice_of(signature, sizeof signature));
	p->words = text_of(p->ours, sizeof p->ours);
	text_puts(&p->words, "v=");
	text_put_slice(&p->words, slice_of(z, base64_len(sizeof signature)));
	return PROOF_RIGHT;
}

static enum proof_result proof_scram_hear(struct proof *p, struct session_world *w, struct slice in,
					  struct text *why)
{
	must(p->step != STEP_NAMED && p->step != STEP_OVER);
	return p->step == STEP_FIRST ? scram_begin(p, in, why) : scram_end(p, w, in, why);
}

/* What is kept of him; what is missing if there is nothing, to the log. */
static const char *find(const struct session_world *w, struct slice account,
			struct scram_verifier *out)
{
	const struct fact *f = catalog_fact(w->view, FACT_USER, account, SLICE_EMPTY, SLICE_EMPTY);
	struct account a;
	must(out != NULL);
	if (!f)
		return "unknown user";
	if (account_get(f->value, &a) != ERR_OK || scram_verifier_get(a.scram, out) != ERR_OK)
		return "nothing is kept of the user for SCRAM: his password came as a hash, or "
		       "before there was SCRAM";
	return NULL;
}

static enum proof_result proof_scram_named(struct proof *p, struct session_world *w,
					   struct slice account)
{
	uint64_t bits[NONCE_WORDS];
	char nonce[NONCE_TEXT];
	must(p->step == STEP_NAMED);
	for (unsigned i = 0; i < NONCE_WORDS; i++)
		bits[i] = w->random(w->random_arg);
	base64_put(nonce, slice_of(bits, sizeof bits));
	scram_mask(w->secrets->ops->sum, w->limits->store_id, account, &p->verifier);
	p->lacks = find(w, account, &p->verifier);
	p->is_kept = !p->lacks;
	p->nonce_n = p->first.nonce.n + sizeof nonce;
	p->words = text_of(p->ours, sizeof p->ours);
	scram_challenge_put(&p->words, p->first.nonce, slice_of(nonce, sizeof nonce), &p->verifier);
	must(!text_is_full(&p->words));
	p->step = STEP_LAST;
	return PROOF_MORE;
}

/* ---- all ------------------------------------------------------------------------------------ */

static const struct proof_method methods[] = {
#define PROOF(name, what, prose) { name, proof_##what##_hear, proof_##what##_named },
#include "session/proof.def"
#undef PROOF
};

const struct proof_method *proof_method(struct slice name)
{
	must(name.p != NULL || name.n == 0);
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (slice_eq(name, slice_str(methods[i].name)))
			return &methods[i];
	return NULL;
}

struct slice proof_method_name(const struct proof_method *m)
{
	must(m != NULL);
	return slice_str(m->name);
}

struct proof *proof_new(const struct proof_method *m, struct mem *mem)
{
	struct proof *p = mem_get(mem, sizeof *p, "login");
	must(m != NULL);
	if (!p)
		return NULL;
	*p = (struct proof){ .method = m, .step = STEP_FIRST };
	p->words = text_of(p->ours, sizeof p->ours);
	return p;
}

void proof_free(struct proof *own_p, struct mem *mem)
{
	must(mem != NULL);
	mem_put(mem, own_p, sizeof *own_p);
}

enum proof_result proof_hear(struct proof *p, struct session_world *w, struct slice in,
			     struct text *why)
{
	must(p->method != NULL);
	return p->method->hear(p, w, in, why);
}

enum proof_result proof_named(struct proof *p, struct session_world *w, struct slice account)
{
	must(p->method != NULL);
	return p->method->named(p, w, account);
}

struct slice proof_user(const struct proof *p)
{
	must(p->first.user_n <= LIMIT_SHORTSTR); /* 0: nothing was said yet */
	return slice_of(p->first.user, p->first.user_n);
}

struct slice proof_words(const struct proof *p)
{
	must(p->step > STEP_NAMED);
	return text_slice(&p->words);
}
