#include "io/tls_context.h"

#include "base/must.h"
#include "base/text.h"
#include "io/ciphers.h"
#include "io/clock.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define READ_AHEAD_BYTES 65536u
#define SNI_CERT         "ssl_options.sni_hosts.certfile"
#define SNI_KEY          "ssl_options.sni_hosts.keyfile"

enum err tls_bad(struct text *why, const char *setting, const char *value)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(e);
	if (ERR_SYSTEM_ERROR(ERR_peek_error()))
		reason = strerror(ERR_GET_REASON(ERR_peek_error()));
	text_putf(why, "%s: %s: %s", setting, value, reason ? reason : "OpenSSL refuses it");
	ERR_clear_error();
	return ERR_MALFORMED;
}

static enum err set_versions(SSL_CTX *ctx, const struct config *c, struct text *why)
{
	struct ciphers_versions v = { 0 };
	for (uint32_t i = 0; i < CONFIG_CHOICES_MAX; i++) {
		v.is_12 |= c->tls_versions.at[i] == 1;
		v.is_13 |= c->tls_versions.at[i] == 2;
	}
	if (!v.is_12 && !v.is_13) {
		text_puts(why,
			  "ssl_options.versions: there is none; take tlsv1.2, tlsv1.3 or both");
		return ERR_MALFORMED;
	}
	TRY(ciphers_set(ctx, c, &v, why));
	bool is_set = SSL_CTX_set_min_proto_version(ctx,
						    v.is_12 ? TLS1_2_VERSION : TLS1_3_VERSION) &&
		      SSL_CTX_set_max_proto_version(ctx, v.is_13 ? TLS1_3_VERSION : TLS1_2_VERSION);
	return is_set ? ERR_OK : tls_bad(why, "ssl_options.versions", "TLS");
}

static enum err set_peers(SSL_CTX *ctx, const struct config *c, struct text *why)
{
	int mode = SSL_VERIFY_NONE;
	if (c->tls_verify == CONFIG_VERIFY_PEER)
		mode = SSL_VERIFY_PEER;
	if (mode && c->tls_peer_must)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, mode, NULL);
	SSL_CTX_set_verify_depth(ctx, (int)c->tls_depth);
	if (!c->tls_cacertfile[0] && mode == SSL_VERIFY_NONE)
		return ERR_OK;
	if (!c->tls_cacertfile[0]) {
		text_puts(why, "ssl_options.verify = verify_peer needs ssl_options.cacertfile");
		return ERR_MALFORMED;
	}
	if (!SSL_CTX_load_verify_file(ctx, c->tls_cacertfile))
		return tls_bad(why, "ssl_options.cacertfile", c->tls_cacertfile);
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(c->tls_cacertfile);
	if (!names)
		return tls_bad(why, "ssl_options.cacertfile", c->tls_cacertfile);
	SSL_CTX_set_client_CA_list(ctx, names);
	return ERR_OK;
}

/* Certificates that their authority has taken back; the list must be there for each authority on
 * the way, and be of today. */
static enum err set_revoked(SSL_CTX *ctx, const struct config *c, struct text *why)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *file = X509_STORE_add_lookup(store, X509_LOOKUP_file());
	if (c->tls_verify != CONFIG_VERIFY_PEER) {
		text_puts(why, "ssl_options.crlfile needs ssl_options.verify = verify_peer");
		return ERR_MALFORMED;
	}
	if (!file || X509_load_crl_file(file, c->tls_crlfile, X509_FILETYPE_PEM) <= 0)
		return tls_bad(why, "ssl_options.crlfile", c->tls_crlfile);
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return ERR_OK;
}

static int give_password(char *to, int n, int is_for_writing, void *arg)
{
	const char *password = arg;
	size_t len = strlen(password);
	must(!is_for_writing);
	if (len > (size_t)n)
		return -1;
	memcpy(to, password, len);
	return (int)len;
}

/* A certificate and its key, and the settings that name them. */
struct own {
	const char *cert, *key, *cert_setting, *key_setting;
};

static enum err set_own(SSL_CTX *ctx, const struct config *c, const struct own *own,
			struct text *why)
{
	SSL_CTX_set_default_passwd_cb(ctx, give_password);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, (void *)(uintptr_t)c->tls_password);
	if (SSL_CTX_use_certificate_chain_file(ctx, own->cert) != 1)
		return tls_bad(why, own->cert_setting, own->cert);
	if (SSL_CTX_use_PrivateKey_file(ctx, own->key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1)
		return tls_bad(why, own->key_setting, own->key);
	return ERR_OK;
}

void tls_context_let_go(struct tls_context *own)
{
	if (!own || atomic_fetch_sub(&own->shares, 1) > 1)
		return;
	SSL_CTX_free(own->ctx);
	for (uint32_t i = 0; i < own->others_n; i++)
		SSL_CTX_free(own->others[i]);
	BIO_meth_free(own->socket);
	free(own);
}

/* ---- certificates by the name of the host (SNI) -------------------------------------------- */

static bool is_of_host(SSL_CTX *ctx, const char *host, unsigned how)
{
	return X509_check_host(SSL_CTX_get0_certificate(ctx), host, 0, how, NULL) == 1;
}

/* A name that is written out goes before one with an asterisk, and the first certificate before
 * others. NULL: no certificate has this name. */
static SSL_CTX *ctx_of_host(const struct tls_context *t, const char *host)
{
	static const unsigned hows[] = { X509_CHECK_FLAG_NO_WILDCARDS, 0 };
	for (size_t i = 0; i < sizeof hows / sizeof *hows; i++) {
		if (is_of_host(t->ctx, host, hows[i]))
			return t->ctx;
		for (uint32_t k = 0; k < t->others_n; k++)
			if (is_of_host(t->others[k], host, hows[i]))
				return t->others[k];
	}
	return NULL;
}

static int choose_certificate(SSL *ssl, int *alert, void *arg)
{
	const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *ctx = host ? ctx_of_host(arg, host) : NULL;
	(void)alert;
	if (!ctx)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_set_SSL_CTX(ssl, ctx) == ctx ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool names_a_host(const X509 *cert)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool is_named = !names && X509_NAME_get_index_by_NID(subject, NID_commonName, -1) >= 0;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		is_named |= sk_GENERAL_NAME_value(names, i)->type == GEN_DNS;
	GENERAL_NAMES_free(names);
	return is_named;
}

/* text_at gives the text of these that is called `name`; "": there is none. */
static const char *text_at(const struct config_texts *t, const char *name)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (strcmp(t->names[i], name) == 0)
			return t->at[i];
	return "";
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* Whom a ticket is good for. Who has shown a certificate shows it again after a reload: it may have
 * been taken back since, and what is in a ticket is not looked at any more. */
static void set_id(SSL_CTX *ctx, const struct tls_source *s, const struct config *c)
{
	const uint64_t id[2] = { 0x676f64776974,
				 c->tls_verify == CONFIG_VERIFY_PEER ? s->contexts_n : 0 };
	must(SSL_CTX_set_session_id_context(ctx, (const uint8_t *)id, sizeof id) == 1);
}

static void set_ways(SSL_CTX *ctx, const struct config *c)
{
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	if (c->tls_own_order)
		SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, READ_AHEAD_BYTES);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets hold sessions */
	SSL_CTX_set_alpn_select_cb(ctx, tls_choose, NULL);
}

static enum err make_ctx(struct tls_source *s, const struct config *c, const struct own *own,
			 SSL_CTX **out, struct text *why)
{
	SSL_CTX *ctx = *out = SSL_CTX_new(TLS_server_method());
	if (!ctx) {
		text_puts(why, "no memory for TLS");
		return ERR_LIMIT;
	}
	set_ways(ctx, c);
	set_id(ctx, s, c);
	tickets_serve(&s->tickets, ctx);
	TRY(set_versions(ctx, c, why));
	TRY(set_own(ctx, c, own, why));
	TRY(set_peers(ctx, c, why));
	return c->tls_crlfile[0] ? set_revoked(ctx, c, why) : ERR_OK;
}

static enum err make_others(struct tls_context *t, struct tls_source *s, const struct config *c,
			    struct text *why)
{
	const struct config_texts *certs = &c->tls_sni_certfiles, *keys = &c->tls_sni_keyfiles;
	for (uint32_t i = 0; i < certs->n; i++) {
		struct own own = { certs->at[i], text_at(keys, certs->names[i]), SNI_CERT,
				   SNI_KEY };
		if (!own.key[0]) {
			text_putf(why, "%s.%s needs %s.%s", SNI_CERT, certs->names[i], SNI_KEY,
				  certs->names[i]);
			return ERR_MALFORMED;
		}
		TRY(make_ctx(s, c, &own, &t->others[t->others_n++], why));
		if (!names_a_host(SSL_CTX_get0_certificate(t->others[i]))) {
			text_putf(why, "%s: %s: it names no host", SNI_CERT, own.cert);
			return ERR_MALFORMED;
		}
	}
	for (uint32_t i = 0; i < keys->n; i++)
		if (!text_at(certs, keys->names[i])[0]) {
			text_putf(why, "%s.%s needs %s.%s", SNI_KEY, keys->names[i], SNI_CERT,
				  keys->names[i]);
			return ERR_MALFORMED;
		}
	return ERR_OK;
}

static enum err make_all(struct tls_context *t, struct tls_source *s, const struct config *c,
			 struct text *why)
{
	struct own own = { c->tls_certfile, c->tls_keyfile, "ssl_options.certfile",
			   "ssl_options.keyfile" };
	if (!own.cert[0] || !own.key[0]) {
		text_puts(why, "listeners.ssl needs ssl_options.certfile and ssl_options.keyfile");
		return ERR_MALFORMED;
	}
	TRY(make_ctx(s, c, &own, &t->ctx, why));
	TRY(make_others(t, s, c, why));
	t->login = (struct cert_choice){ c->tls_login_from, c->tls_san_type,
					 (int)c->tls_san_index };
	t->is_client_named = c->mqtt_id_from != CONFIG_CERT_ID_NONE;
	t->client = (struct cert_choice){ CONFIG_CERT_DN, c->mqtt_san_type,
					  (int)c->mqtt_san_index };
	if (c->mqtt_id_from == CONFIG_CERT_ID_SAN)
		t->client.from = CONFIG_CERT_SAN;
	if (t->others_n > 0) {
		SSL_CTX_set_tlsext_servername_callback(t->ctx, choose_certificate);
		SSL_CTX_set_tlsext_servername_arg(t->ctx, t);
	}
	return ERR_OK;
}

struct tls_context *tls_context_blank(void)
{
	struct tls_context *own = calloc(1, sizeof *own);
	if (!own)
		return NULL;
	atomic_init(&own->shares, 1);
	own->socket = tls_socket_method();
	if (own->socket)
		return own;
	tls_context_let_go(own);
	return NULL;
}

enum err tls_context_new(struct tls_source *s, const struct config *c, struct tls_context **out,
			 struct text *why)
{
	struct tls_context *own = tls_context_blank();
	if (!own) {
		text_puts(why, "no memory for TLS");
		return ERR_LIMIT;
	}
	s->contexts_n++;
	enum err e = make_all(own, s, c, why);
	if (e == ERR_OK)
		*out = own;
	else
		tls_context_let_go(own);
	return e;
}

enum err tls_source_init(struct tls_source *s, const struct config *c, struct text *why)
{
	uint64_t period_ms = (uint64_t)c->tls_ticket_s * 1000;
	if (tickets_init(&s->tickets, period_ms, clock_now_ms()) == ERR_OK)
		return ERR_OK;
	text_puts(why, "OpenSSL has no random numbers");
	return ERR_RESOURCE_ERROR;
}

void tls_source_renew(struct tls_source *s, struct tls_context *own_next)
{
	must(own_next != NULL);
	tls_context_let_go(atomic_exchange(&s->next, own_next));
}

void tls_source_fini(struct tls_source *s)
{
	tls_context_let_go(atomic_exchange(&s->next, NULL));
	tls_context_let_go(s->now);
	s->now = NULL;
	tickets_fini(&s->tickets);
}

struct tls_context *tls_context_share(struct tls_source *s)
{
	struct tls_context *next = atomic_exchange(&s->next, NULL);
	if (next) {
		tls_context_let_go(s->now);
		s->now = next;
	}
	must(s->now != NULL);
	atomic_fetch_add(&s->now->shares, 1);
	return s->now;
}
