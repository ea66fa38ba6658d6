#include "io/tls_status.h"

#include "base/must.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>

#define SKEW_S 300   /* between the clocks of the authority and ours */
#define DAY_S  86400 /* so old may an answer be that does not say until when it holds */

enum { REFUSED, BELIEVED }; /* answers to OpenSSL */

/* Who answers names the certificate by a hash of its issuer, which may be any. */
static bool is_good_of(OCSP_BASICRESP *basic, const X509 *cert, const X509 *issuer,
		       const EVP_MD *hash)
{
	ASN1_GENERALIZEDTIME *since = NULL, *until = NULL;
	int status = V_OCSP_CERTSTATUS_UNKNOWN, reason = 0;
	OCSP_CERTID *id = OCSP_cert_to_id(hash, cert, issuer);
	const bool is_found = id && OCSP_resp_find_status(basic, id, &status, &reason, NULL, &since,
							  &until) == 1;
	OCSP_CERTID_free(id);
	return is_found && status == V_OCSP_CERTSTATUS_GOOD &&
	       OCSP_check_validity(since, until, SKEW_S, until ? -1 : DAY_S) == 1;
}

/* The way by which the certificate was believed has its issuer, unless it is its own. */
static bool is_good(SSL *ssl, OCSP_BASICRESP *basic)
{
	STACK_OF(X509) *way = SSL_get0_verified_chain(ssl);
	X509_STORE *believed = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
	const int n = sk_X509_num(way);
	if (n < 1 || OCSP_basic_verify(basic, way, believed, 0) != 1)
		return false;
	const X509 *cert = sk_X509_value(way, 0), *issuer = sk_X509_value(way, n > 1 ? 1 : 0);
	must(cert != NULL && issuer != NULL);
	return is_good_of(basic, cert, issuer, EVP_sha1()) ||
	       is_good_of(basic, cert, issuer, EVP_sha256());
}

/* OpenSSL asks when it has all that the other side shows, also if that is nothing. */
static int judge(SSL *ssl, void *arg)
{
	const unsigned char *p = NULL;
	const long n = SSL_get_tlsext_status_ocsp_resp(ssl, &p);
	(void)arg;
	if (!p || n <= 0)
		return REFUSED;
	OCSP_RESPONSE *said = d2i_OCSP_RESPONSE(NULL, &p, n);
	OCSP_BASICRESP *basic = said && OCSP_response_status(said) ==
							OCSP_RESPONSE_STATUS_SUCCESSFUL
					? OCSP_response_get1_basic(said)
					: NULL;
	const bool is_believed = basic && is_good(ssl, basic);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(said);
	ERR_clear_error(); /* what is said of it is that it was refused */
	return is_believed ? BELIEVED : REFUSED;
}

bool tls_status_want(SSL_CTX *ctx)
{
	must(ctx != NULL);
	return SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp) == 1 &&
	       SSL_CTX_set_tlsext_status_cb(ctx, judge) == 1;
}
