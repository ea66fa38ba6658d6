#include "io/tickets.h"

#include "base/must.h"
#include "io/clock.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#define LIFE_S_MAX (7 * 86400) /* RFC 8446, 4.6.1 */

static bool make(struct tickets_key *k)
{
	return RAND_bytes(k->name, sizeof k->name) == 1 &&
	       RAND_priv_bytes(k->cipher, sizeof k->cipher) == 1 &&
	       RAND_priv_bytes(k->mac, sizeof k->mac) == 1;
}

enum err tickets_init(struct tickets *t, uint64_t period_ms, uint64_t now_ms)
{
	must(period_ms > 0);
	*t = (struct tickets){ .since_ms = now_ms, .period_ms = period_ms };
	must(pthread_mutex_init(&t->lock, NULL) == 0);
	return make(&t->now) ? ERR_OK : ERR_RESOURCE_ERROR;
}

void tickets_fini(struct tickets *t)
{
	if (t->period_ms == 0)
		return;
	pthread_mutex_destroy(&t->lock);
	OPENSSL_cleanse(t, sizeof *t);
}

/* A period that nobody has seen leaves no key behind. False: there is no new key; the old one would
 * live too long. */
static bool turn(struct tickets *t, uint64_t now_ms)
{
	struct tickets_key next;
	if (now_ms < t->since_ms) /* another thread has looked at the clock later, and was faster */
		return true;
	uint64_t past = (now_ms - t->since_ms) / t->period_ms;
	if (past == 0)
		return true;
	if (!make(&next))
		return false;
	t->before = t->now;
	t->has_before = past == 1;
	t->now = next;
	t->since_ms += past * t->period_ms;
	if (!t->has_before)
		OPENSSL_cleanse(&t->before, sizeof t->before);
	OPENSSL_cleanse(&next, sizeof next);
	return true;
}

bool tickets_to_seal(struct tickets *t, uint64_t now_ms, struct tickets_key *out)
{
	must(pthread_mutex_lock(&t->lock) == 0);
	bool is_there = turn(t, now_ms);
	if (is_there)
		*out = t->now;
	must(pthread_mutex_unlock(&t->lock) == 0);
	return is_there;
}

bool tickets_to_open(struct tickets *t, uint64_t now_ms, const uint8_t *name,
		     struct tickets_key *out, bool *out_is_old)
{
	must(pthread_mutex_lock(&t->lock) == 0);
	bool is_turned = turn(t, now_ms);
	bool is_now = is_turned && memcmp(name, t->now.name, sizeof t->now.name) == 0;
	bool is_before = is_turned && t->has_before &&
			 memcmp(name, t->before.name, sizeof t->before.name) == 0;
	if (is_now || is_before)
		*out = is_now ? t->now : t->before;
	*out_is_old = is_before;
	must(pthread_mutex_unlock(&t->lock) == 0);
	return is_now || is_before;
}

/* ---- what OpenSSL asks -------------------------------------------------------------------- */

enum { BROKEN = -1, NO_TICKET, GOOD, RENEW }; /* answers */

static bool set_mac(EVP_MAC_CTX *mac, struct tickets_key *k)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof k->mac),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int answer(SSL *ssl, uint8_t *name, uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
		  int is_sealing)
{
	struct tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const EVP_CIPHER *how = EVP_aes_256_cbc();
	uint64_t now_ms = clock_now_ms();
	struct tickets_key k;
	bool is_old = false, is_set;
	must(t != NULL && EVP_CIPHER_get_key_length(how) == (int)sizeof k.cipher);
	if (is_sealing ? !tickets_to_seal(t, now_ms, &k)
		       : !tickets_to_open(t, now_ms, name, &k, &is_old))
		return NO_TICKET;
	if (is_sealing) {
		memcpy(name, k.name, sizeof k.name);
		is_set = RAND_bytes(iv, EVP_CIPHER_get_iv_length(how)) == 1 &&
			 EVP_EncryptInit_ex2(cipher, how, k.cipher, iv, NULL) == 1;
	} else {
		is_set = EVP_DecryptInit_ex2(cipher, how, k.cipher, iv, NULL) == 1;
	}
	is_set = is_set && set_mac(mac, &k);
	OPENSSL_cleanse(&k, sizeof k);
	return !is_set ? BROKEN : is_old ? RENEW : GOOD;
}

static bool has_expired(const X509 *shown)
{
	must(shown != NULL);
	return X509_cmp_current_time(X509_get0_notAfter(shown)) <= 0;
}

/* What is in a ticket is not looked at by OpenSSL any more. Whose certificate has expired since
 * shows one again, in a whole handshake; so does whose ticket cannot be opened. */
static SSL_TICKET_RETURN opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
				size_t name_n, SSL_TICKET_STATUS status, void *arg)
{
	const bool is_open = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
	const X509 *shown = is_open ? SSL_SESSION_get0_peer(session) : NULL;
	(void)ssl;
	(void)name;
	(void)name_n;
	(void)arg;
	must(!is_open || session != NULL);
	if (!is_open || (shown && has_expired(shown)))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void tickets_serve(struct tickets *t, SSL_CTX *ctx)
{
	uint64_t life_s = 2 * t->period_ms / 1000;
	must(t->period_ms > 0);
	SSL_CTX_set_app_data(ctx, t);
	SSL_CTX_set_timeout(ctx, life_s < LIFE_S_MAX ? (long)life_s : LIFE_S_MAX);
	must(SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, answer) == 1);
	must(SSL_CTX_set_session_ticket_cb(ctx, NULL, opened, NULL) == 1);
}
