#include "auth/scram.h"

#include "base/base64.h"
#include "base/must.h"
#include "base/rd.h"
#include "base/utf8.h"
#include "base/wr.h"

#define KIND      "SCRAM-SHA-256$"
#define SALT_TEXT 92u /* of SCRAM_SALT_MAX octets in base64 */
#define SUM_TEXT  48u
/* Three lines with commas between them; ours has the client's nonce in it. */
#define SAID_MAX  (3u * LIMIT_SCRAM_LINE_BYTES + 256u)

/* What stands before `end`, which is taken away with it. False: there is no such octet. */
static bool part(struct slice *io_rest, uint8_t end, struct slice *out)
{
	const size_t n = slice_find(*io_rest, end);
	if (n == io_rest->n)
		return false;
	*out = slice_sub(*io_rest, 0, n);
	*io_rest = slice_from(*io_rest, n + 1);
	return true;
}

static bool is_named(struct slice *io_s, char name)
{
	if (io_s->n < 2 || io_s->p[0] != (uint8_t)name || io_s->p[1] != '=')
		return false;
	*io_s = slice_from(*io_s, 2);
	return true;
}

static bool sum_get(struct slice base64, uint8_t out[SECRET_SUM_BYTES])
{
	size_t n = 0;
	return base64_get(base64, out, SECRET_SUM_BYTES, &n) == ERR_OK && n == SECRET_SUM_BYTES;
}

static void put_base64(struct text *out, struct slice s)
{
	char z[SALT_TEXT];
	must(s.n <= SCRAM_SALT_MAX);
	base64_put(z, s);
	text_put_slice(out, slice_of(z, base64_len(s.n)));
}

/* ---- what is kept -------------------------------------------------------------------------- */

static bool rounds_get(struct slice s, uint32_t *out)
{
	uint32_t v = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || v > LIMIT_HASH_ROUNDS_MAX / 10)
			return false;
		v = v * 10 + (s.p[i] - '0');
	}
	*out = v;
	return v > 0 && v <= LIMIT_HASH_ROUNDS_MAX;
}

enum err scram_verifier_get(struct slice line, struct scram_verifier *out)
{
	struct scram_verifier v = { 0 };
	struct slice rounds, salt, stored;
	size_t salt_n = 0;
	if (!slice_starts_with(line, slice_str(KIND)) || line.n >= SCRAM_VERIFIER_MAX)
		return ERR_MALFORMED;
	struct slice rest = slice_from(line, sizeof KIND - 1);
	if (!part(&rest, ':', &rounds) || !part(&rest, '$', &salt) || !part(&rest, ':', &stored) ||
	    !rounds_get(rounds, &v.rounds) ||
	    base64_get(salt, v.salt, sizeof v.salt, &salt_n) != ERR_OK || salt_n == 0 ||
	    !sum_get(stored, v.stored) || !sum_get(rest, v.server))
		return ERR_MALFORMED;
	v.salt_n = (uint8_t)salt_n;
	*out = v;
	return ERR_OK;
}

void scram_verifier_put(const struct scram_verifier *v, struct text *out)
{
	must(v->rounds > 0 && v->salt_n > 0 && v->salt_n <= SCRAM_SALT_MAX);
	text_putf(out, KIND "%u:", v->rounds);
	put_base64(out, slice_of(v->salt, v->salt_n));
	text_putc(out, '$');
	put_base64(out, slice_of(v->stored, sizeof v->stored));
	text_putc(out, ':');
	put_base64(out, slice_of(v->server, sizeof v->server));
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* Printable, as commas end it. */
static bool is_nonce(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

/* =2C is a comma and =3D a =; any other = is wrong. */
static bool user_get(struct slice from, struct scram_first *out)
{
	struct wr w = wr_of(out->user, sizeof out->user);
	for (size_t i = 0; i < from.n; i++) {
		uint8_t c = from.p[i];
		const struct slice escape = slice_from(from, i);
		if (c == '=' && slice_starts_with(escape, slice_str("=2C")))
			c = ',';
		else if (c == '=' && !slice_starts_with(escape, slice_str("=3D")))
			return false;
		i += from.p[i] == '=' ? 2 : 0;
		wr_u8(&w, c);
	}
	out->user_n = (uint8_t)w.n;
	return wr_ok(&w) && w.n > 0 && utf8_is_valid(wr_done(&w));
}

/* n,, or y,, (he could bind the channel and sees that we do not). */
static enum err head_get(struct slice *io_rest, struct text *why)
{
	struct slice flag, identity;
	if (!part(io_rest, ',', &flag) || !part(io_rest, ',', &identity))
		return ERR_MALFORMED;
	if (is_named(&flag, 'p')) {
		text_puts(why, "channel binding is not spoken");
		return ERR_NOT_IMPLEMENTED;
	}
	if (is_named(&identity, 'a')) {
		text_puts(why, "nobody can be another than himself");
		return ERR_NOT_IMPLEMENTED;
	}
	const bool is_good = identity.n == 0 &&
			     (slice_eq(flag, slice_str("n")) || slice_eq(flag, slice_str("y")));
	return is_good ? ERR_OK : ERR_MALFORMED;
}

enum err scram_first_read(struct slice in, struct scram_first *out, struct text *why)
{
	struct slice rest = in, user, more;
	if (in.n == 0 || in.n > LIMIT_SCRAM_LINE_BYTES)
		return ERR_MALFORMED;
	TRY(head_get(&rest, why));
	out->head = slice_sub(in, 0, in.n - rest.n);
	out->bare = rest;
	if (slice_starts_with(rest, slice_str("m="))) {
		text_puts(why, "it has a mandatory extension");
		return ERR_NOT_IMPLEMENTED;
	}
	if (!part(&rest, ',', &user) || !is_named(&user, 'n') || !user_get(user, out))
		return ERR_MALFORMED;
	out->nonce = rest;
	if (part(&rest, ',', &more)) /* extensions that nobody needs */
		out->nonce = more;
	return is_named(&out->nonce, 'r') && is_nonce(out->nonce) ? ERR_OK : ERR_MALFORMED;
}

void scram_challenge_put(struct text *out, struct slice nonce, struct slice ours,
			 const struct scram_verifier *v)
{
	must(is_nonce(nonce) && is_nonce(ours) && v->salt_n > 0);
	text_puts(out, "r=");
	text_put_slice(out, nonce);
	text_put_slice(out, ours);
	text_puts(out, ",s=");
	put_base64(out, slice_of(v->salt, v->salt_n));
	text_putf(out, ",i=%u", v->rounds);
}

/* The proof is the last of all, behind extensions that nobody needs. */
enum err scram_last_read(struct slice in, struct scram_last *out)
{
	struct slice rest = in, proof;
	if (in.n == 0 || in.n > LIMIT_SCRAM_LINE_BYTES || !part(&rest, ',', &out->head) ||
	    !is_named(&out->head, 'c') || !part(&rest, ',', &out->nonce) ||
	    !is_named(&out->nonce, 'r') || !is_nonce(out->nonce))
		return ERR_MALFORMED;
	for (struct slice extension; part(&rest, ',', &extension);)
		;
	proof = rest;
	out->said = slice_sub(in, 0, in.n - rest.n - 1);
	return is_named(&proof, 'p') && sum_get(proof, out->proof) ? ERR_OK : ERR_MALFORMED;
}

bool scram_is_head(struct slice base64, struct slice head)
{
	uint8_t room[LIMIT_SCRAM_LINE_BYTES];
	size_t n = 0;
	return base64_get(base64, room, sizeof room, &n) == ERR_OK &&
	       slice_eq(slice_of(room, n), head);
}

/* ---- sums ----------------------------------------------------------------------------------- */

static struct slice key_of(const uint8_t key[SECRET_SUM_BYTES])
{
	return slice_of(key, SECRET_SUM_BYTES);
}

bool scram_fits(secret_sum *sum, const struct scram_verifier *v, const struct slice said[3],
		const uint8_t proof[SECRET_SUM_BYTES], uint8_t out_signature[SECRET_SUM_BYTES])
{
	uint8_t room[SAID_MAX], key[SECRET_SUM_BYTES], stored[SECRET_SUM_BYTES], differs = 0;
	struct wr w = wr_of(room, sizeof room);
	for (unsigned i = 0; i < 3; i++) {
		if (i > 0)
			wr_u8(&w, ',');
		wr_slice(&w, said[i]);
	}
	must(wr_ok(&w));
	sum(key_of(v->stored), wr_done(&w), key);
	for (unsigned i = 0; i < SECRET_SUM_BYTES; i++)
		key[i] ^= proof[i];
	sum(SLICE_EMPTY, slice_of(key, sizeof key), stored);
	for (unsigned i = 0; i < SECRET_SUM_BYTES; i++)
		differs |= (uint8_t)(stored[i] ^ v->stored[i]);
	sum(key_of(v->server), wr_done(&w), out_signature);
	return differs == 0;
}

void scram_keys(secret_sum *sum, struct slice salted, struct scram_verifier *io_v)
{
	uint8_t client[SECRET_SUM_BYTES];
	must(salted.n == SECRET_SUM_BYTES);
	sum(salted, slice_str("Client Key"), client);
	sum(SLICE_EMPTY, slice_of(client, sizeof client), io_v->stored);
	sum(salted, slice_str("Server Key"), io_v->server);
}

void scram_mask(secret_sum *sum, uint64_t secret, struct slice name, struct scram_verifier *out)
{
	uint8_t key[SECRET_SUM_BYTES] = { 0 }, salt[SECRET_SUM_BYTES];
	memcpy(key, &secret, sizeof secret);
	sum(key_of(key), name, salt);
	*out = (struct scram_verifier){ .rounds = LIMIT_SCRAM_ROUNDS, .salt_n = SCRAM_SALT_BYTES };
	memcpy(out->salt, salt, SCRAM_SALT_BYTES);
	sum(key_of(salt), name,
	    out->stored); /* a key whose sum nobody knows: no proof leads to it */
	sum(key_of(out->stored), name, out->server);
}
