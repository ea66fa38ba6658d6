/* The lines of SCRAM, right and wrong, and what is kept for it. Its sums are io/password_test's. */
#include "auth/scram.h"

#include "base/exact_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SUM  "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define KEPT "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" SUM ":" SUM

static void what_is_kept_comes_back_and_its_prefixes_do_not(void **s)
{
	(void)s;
	char buf[SCRAM_VERIFIER_MAX];
	struct text t = text_of(buf, sizeof buf);
	struct scram_verifier v, again;
	assert_int_equal(scram_verifier_get(slice_str(KEPT), &v), ERR_OK);
	assert_int_equal(v.rounds, 4096);
	assert_int_equal(v.salt_n, 16);
	scram_verifier_put(&v, &t);
	assert_string_equal(buf, KEPT);
	for (size_t n = 0; n < sizeof KEPT - 1; n++) {
		struct slice part = exact(slice_str(KEPT), n);
		assert_int_equal(scram_verifier_get(part, &again), ERR_MALFORMED);
		exact_free(part);
	}
}

static void the_longest_line_is_kept(void **s)
{
	(void)s;
	char buf[SCRAM_VERIFIER_MAX];
	struct text t = text_of(buf, sizeof buf);
	struct scram_verifier v = { .rounds = LIMIT_HASH_ROUNDS_MAX, .salt_n = SCRAM_SALT_MAX };
	memset(v.salt, 0xff, sizeof v.salt);
	scram_verifier_put(&v, &t);
	assert_false(text_is_full(&t));
	assert_int_equal(scram_verifier_get(text_slice(&t), &v), ERR_OK);
}

static void what_is_no_such_line_is_not_kept(void **s)
{
	(void)s;
	static const char *const wrong[] = {
		"SCRAM-SHA-1$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" SUM ":" SUM,
		"SCRAM-SHA-256$0:W22ZaJ0SNY7soEsUEjb6gQ==$" SUM ":" SUM,
		"SCRAM-SHA-256$:W22ZaJ0SNY7soEsUEjb6gQ==$" SUM ":" SUM,
		"SCRAM-SHA-256$2000001:W22ZaJ0SNY7soEsUEjb6gQ==$" SUM ":" SUM,
		"SCRAM-SHA-256$99999999999:W22ZaJ0SNY7soEsUEjb6gQ==$" SUM ":" SUM,
		"SCRAM-SHA-256$-1:W22ZaJ0SNY7soEsUEjb6gQ==$" SUM ":" SUM,
		"SCRAM-SHA-256$4096:$" SUM ":" SUM,
		"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$AQEB:" SUM,
		KEPT "=",
		KEPT " ",
	};
	struct scram_verifier v;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(scram_verifier_get(slice_str(wrong[i]), &v), ERR_MALFORMED);
}

static enum err first(const char *z, struct scram_first *out)
{
	static char buf[200];
	struct text why = text_of(buf, sizeof buf);
	struct slice in = exact(slice_str(z), strlen(z));
	const enum err e = scram_first_read(in, out, &why);
	exact_free(in);
	assert_int_equal(why.n > 0, e == ERR_NOT_IMPLEMENTED);
	return e;
}

static void a_first_line_says_who(void **s)
{
	(void)s;
	struct scram_first f;
	static const char line[] = "y,,n=a=2Cb=3Dc,r=nonce,x=more";
	char buf[20];
	struct text why = text_of(buf, sizeof buf);
	assert_int_equal(scram_first_read(slice_str(line), &f, &why), ERR_OK);
	assert_true(slice_eq(slice_of(f.user, f.user_n), slice_str("a,b=c")));
	assert_true(slice_eq(f.nonce, slice_str("nonce")));
	assert_true(slice_eq(f.head, slice_str("y,,")));
	assert_true(slice_eq(f.bare, slice_str("n=a=2Cb=3Dc,r=nonce,x=more")));
	for (size_t n = 0; n < sizeof line - 1; n++) {
		struct slice part = exact(slice_str(line), n);
		const bool is_whole = n > sizeof "y,,n=a=2Cb=3Dc,r=" - 1;
		assert_int_equal(scram_first_read(part, &f, &why) == ERR_OK, is_whole);
		exact_free(part);
	}
}

static void other_first_lines_are_refused(void **s)
{
	(void)s;
	static const char *const none[] = {
		"",           ",,n=u,r=x",    "x,,n=u,r=x",  "n,b,n=u,r=x",   "n,,r=x",
		"n,,n=,r=x",  "n,,n==2c,r=x", "n,,n=a=,r=x", "n,,n=\xff,r=x", "n,,n=u",
		"n,,n=u,x=r", "n,,n=u,r=",    "n,,n=u,r=a b"
	};
	static const char *const unspoken[] = { "p=tls-exporter,,n=u,r=x", "n,a=other,n=u,r=x",
						"n,,m=x,n=u,r=x" };
	struct scram_first f;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_int_equal(first(none[i], &f), ERR_MALFORMED);
	for (size_t i = 0; i < sizeof unspoken / sizeof *unspoken; i++)
		assert_int_equal(first(unspoken[i], &f), ERR_NOT_IMPLEMENTED);
}

static void a_last_line_has_a_proof_at_its_end(void **s)
{
	(void)s;
	static const char line[] = "c=biws,r=nonce,x=1,p=" SUM;
	struct scram_last l;
	assert_int_equal(scram_last_read(slice_str(line), &l), ERR_OK);
	assert_true(slice_eq(l.said, slice_str("c=biws,r=nonce,x=1")));
	assert_true(slice_eq(l.nonce, slice_str("nonce")));
	assert_true(scram_is_head(l.head, slice_str("n,,")));
	assert_false(scram_is_head(l.head, slice_str("y,,")));
	assert_int_equal(l.proof[31], 1);
	for (size_t n = 0; n < sizeof line - 1; n++) {
		struct slice part = exact(slice_str(line), n);
		assert_int_equal(scram_last_read(part, &l), ERR_MALFORMED);
		exact_free(part);
	}
	assert_int_equal(scram_last_read(slice_str("c=biws,r=,p=" SUM), &l), ERR_MALFORMED);
	assert_int_equal(scram_last_read(slice_str("r=x,c=biws,p=" SUM), &l), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_comes_back_and_its_prefixes_do_not),
		cmocka_unit_test(the_longest_line_is_kept),
		cmocka_unit_test(what_is_no_such_line_is_not_kept),
		cmocka_unit_test(a_first_line_says_who),
		cmocka_unit_test(other_first_lines_are_refused),
		cmocka_unit_test(a_last_line_has_a_proof_at_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
