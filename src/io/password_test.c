/* SCRAM-SHA-256 with real sums. Hashes of passwords are definitions_test's. */
#include "io/password.h"

#include "auth/scram.h"
#include "base/base64.h"
#include "io/pbkdf2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NONCE "rOprNGfwEbeRWgbNEkqO"
#define OURS  "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"

/* The conversation of RFC 7677, 3: user "user", password "pencil". */
static void the_conversation_of_rfc_7677_is_kept_to(void **s)
{
	(void)s;
	struct scram_verifier v = { .rounds = 4096 };
	uint8_t salted[SECRET_SUM_BYTES], signature[SECRET_SUM_BYTES];
	char buf[200], z[48];
	struct text t = text_of(buf, sizeof buf);
	struct scram_first first;
	struct scram_last last;
	size_t n;
	must(base64_get(slice_str("W22ZaJ0SNY7soEsUEjb6gQ=="), v.salt, sizeof v.salt, &n) ==
	     ERR_OK);
	v.salt_n = (uint8_t)n;
	pbkdf2(PBKDF2_SHA256, slice_str("pencil"), slice_of(v.salt, n), v.rounds, salted);
	scram_keys(password_sum, slice_of(salted, sizeof salted), &v);

	must(scram_first_read(slice_str("n,,n=user,r=" NONCE), &first, &t) == ERR_OK);
	scram_challenge_put(&t, first.nonce, slice_str(OURS), &v);
	assert_string_equal(buf, "r=" NONCE OURS ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
	must(scram_last_read(slice_str("c=biws,r=" NONCE OURS
				       ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
			     &last) == ERR_OK);
	const struct slice said[3] = { first.bare, text_slice(&t), last.said };
	assert_true(scram_fits(password_sum, &v, said, last.proof, signature));
	base64_put(z, slice_of(signature, sizeof signature));
	assert_memory_equal(z, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", 44);
	for (unsigned i = 0; i < SECRET_SUM_BYTES; i++) {
		last.proof[i] ^= 1;
		assert_false(scram_fits(password_sum, &v, said, last.proof, signature));
		last.proof[i] ^= 1;
	}
}

static void each_password_has_a_salt_of_its_own(void **s)
{
	(void)s;
	char a[SCRAM_VERIFIER_MAX], b[SCRAM_VERIFIER_MAX];
	struct text ta = text_of(a, sizeof a), tb = text_of(b, sizeof b);
	struct scram_verifier v;
	password_make_scram(slice_str("pencil"), &ta);
	password_make_scram(slice_str("pencil"), &tb);
	assert_string_not_equal(a, b);
	assert_int_equal(scram_verifier_get(text_slice(&ta), &v), ERR_OK);
	assert_int_equal(v.rounds, LIMIT_SCRAM_ROUNDS);
}

/* RFC 4231, 4.3, and FIPS 180-2, B.1. */
static void sums_are_those_of_the_standards(void **s)
{
	(void)s;
	uint8_t sum[SECRET_SUM_BYTES];
	static const uint8_t keyed[] = { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e };
	static const uint8_t plain[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea };
	password_sum(slice_str("Jefe"), slice_str("what do ya want for nothing?"), sum);
	assert_memory_equal(sum, keyed, sizeof keyed);
	password_sum(SLICE_EMPTY, slice_str("abc"), sum);
	assert_memory_equal(sum, plain, sizeof plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_conversation_of_rfc_7677_is_kept_to),
		cmocka_unit_test(each_password_has_a_salt_of_its_own),
		cmocka_unit_test(sums_are_those_of_the_standards),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
