#include "io/tls_client.h"

#include "base/must.h"
#include "base/text.h"
#include "io/tls_context.h"
#include "io/tls_status.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTING_MAX (CONFIG_NAME_MAX + 60u)

static enum err bad(const struct config_bridge *set, const char *key, const char *value,
		    struct text *why)
{
	char setting[SETTING_MAX];
	snprintf(setting, sizeof setting, "mqtt.bridges.%s.ssl_options.%s", set->name, key);
	return tls_bad(why, setting, value);
}

static enum err set_authorities(SSL_CTX *ctx, const struct config_bridge *set, struct text *why)
{
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (!set->tls_cacertfile[0] && !set->tls_cacertdir[0] &&
	    SSL_CTX_set_default_verify_paths(ctx) != 1)
		return bad(set, "cacertfile", "the system's", why);
	if (set->tls_cacertfile[0] && !SSL_CTX_load_verify_file(ctx, set->tls_cacertfile))
		return bad(set, "cacertfile", set->tls_cacertfile, why);
	if (set->tls_cacertdir[0] && !SSL_CTX_load_verify_dir(ctx, set->tls_cacertdir))
		return bad(set, "cacertdir", set->tls_cacertdir, why);
	return ERR_OK;
}

static uint8_t octet_of(const char *digits)
{
	const char pair[] = { digits[0], digits[1], '\0' };
	must(digits[0] && digits[1]);
	return (uint8_t)strtoul(pair, NULL, 16);
}

/* OpenSSL asks who we are, and for the key. 0: it does not fit, and the handshake ends. */
static unsigned give_key(SSL *ssl, const char *hint, char *identity, unsigned identity_max,
			 unsigned char *key, unsigned key_max)
{
	const struct config_bridge *set = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const size_t identity_n = strlen(set->tls_psk_identity);
	const unsigned n = (unsigned)strlen(set->tls_psk) / 2;
	(void)hint; /* a bridge has one key */
	must(n > 0 && identity_n > 0);
	if (identity_n >= identity_max || n > key_max)
		return 0;
	memcpy(identity, set->tls_psk_identity, identity_n + 1);
	for (unsigned i = 0; i < n; i++)
		key[i] = octet_of(set->tls_psk + (size_t)2 * i);
	return n;
}

/* A shared key, and no certificate: one that is shown all the same, as a broker without that key
 * does, is believed of nobody. */
static enum err set_key(SSL_CTX *ctx, const struct config_bridge *set, struct text *why)
{
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_set_app_data(ctx, (void *)(uintptr_t)set) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, "kECDHEPSK:kDHEPSK:kPSK:!eNULL") != 1)
		return bad(set, "psk", "ciphers for it", why);
	SSL_CTX_set_psk_client_callback(ctx, give_key);
	return ERR_OK;
}

/* OpenSSL would ask on the terminal, and the broker would not start before somebody answers. */
static int no_password(char *to, int n, int is_for_writing, void *arg)
{
	(void)to;
	(void)n;
	(void)arg;
	must(!is_for_writing);
	return -1;
}

static enum err set_own(SSL_CTX *ctx, const struct config_bridge *set, struct text *why)
{
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	if (!set->tls_certfile[0])
		return ERR_OK;
	if (SSL_CTX_use_certificate_chain_file(ctx, set->tls_certfile) != 1)
		return bad(set, "certfile", set->tls_certfile, why);
	if (SSL_CTX_use_PrivateKey_file(ctx, set->tls_keyfile, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1)
		return bad(set, "keyfile", set->tls_keyfile, why);
	return ERR_OK;
}

/* One protocol, with its length before it. */
static enum err set_alpn(SSL_CTX *ctx, const struct config_bridge *set, struct text *why)
{
	uint8_t list[CONFIG_STRING_MAX + 1];
	const size_t n = strlen(set->tls_alpn);
	must(n <= UINT8_MAX);
	if (n == 0)
		return ERR_OK;
	list[0] = (uint8_t)n;
	memcpy(list + 1, set->tls_alpn, n);
	return SSL_CTX_set_alpn_protos(ctx, list, (unsigned)n + 1) == 0
		       ? ERR_OK
		       : bad(set, "alpn", set->tls_alpn, why);
}

static enum err make(struct tls_context *t, const struct config_bridge *set, struct text *why)
{
	t->ctx = SSL_CTX_new(TLS_client_method());
	if (!t->ctx) {
		text_puts(why, "no memory for TLS");
		return ERR_LIMIT;
	}
	SSL_CTX_set_mode(t->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) != 1)
		return tls_bad(why, "mqtt.bridges", "TLS 1.2");
	if (set->tls_psk[0]) {
		TRY(set_key(t->ctx, set, why));
	} else {
		TRY(set_authorities(t->ctx, set, why));
		TRY(set_own(t->ctx, set, why));
	}
	if (set->is_status_wanted && !tls_status_want(t->ctx))
		return bad(set, "require_ocsp", "true", why);
	return set_alpn(t->ctx, set, why);
}

enum err tls_client_new(const struct config_bridge *set, struct tls_context **out, struct text *why)
{
	struct tls_context *own = tls_context_blank();
	if (!own) {
		text_puts(why, "no memory for TLS");
		return ERR_LIMIT;
	}
	enum err e = make(own, set, why);
	if (e == ERR_OK)
		*out = own;
	else
		tls_context_let_go(own);
	return e;
}

void tls_client_let_go(struct tls_context *own)
{
	tls_context_let_go(own);
}

/* A name is said to the other broker, too (SNI); an address is no name. */
static bool set_host(SSL *ssl, const char *host, bool is_any)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	const bool is_address = X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	if (is_any)
		(void)X509_VERIFY_PARAM_set1_ip(param, NULL, 0);
	if (is_address)
		return true;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, host) == 1 &&
	       (is_any || SSL_set1_host(ssl, host) == 1);
}

struct tls *tls_call(struct tls_context *c, int fd, const char *host, bool is_any)
{
	SSL *ssl;
	atomic_fetch_add(&c->shares, 1);
	struct tls *t = tls_over(c, fd, &ssl);
	if (!t)
		return NULL;
	SSL_set_connect_state(ssl);
	if (set_host(ssl, host, is_any))
		return t;
	tls_free(t);
	return NULL;
}
