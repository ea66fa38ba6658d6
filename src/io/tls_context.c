#include "io/tls_context.h"

#include "base/must.h"
#include "base/text.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define READ_AHEAD_BYTES 65536u

static enum err bad(struct text *why, const char *setting, const char *value)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(e);
	if (ERR_SYSTEM_ERROR(ERR_peek_error()))
		reason = strerror(ERR_GET_REASON(ERR_peek_error()));
	text_putf(why, "%s: %s: %s", setting, value, reason ? reason : "OpenSSL refuses it");
	ERR_clear_error();
	return ERR_MALFORMED;
}

static enum err set_versions(SSL_CTX *ctx, const struct config_choices *c, struct text *why)
{
	bool is_12 = false, is_13 = false;
	for (uint32_t i = 0; i < CONFIG_CHOICES_MAX; i++) {
		is_12 |= c->at[i] == 1;
		is_13 |= c->at[i] == 2;
	}
	if (!is_12 && !is_13) {
		text_puts(why,
			  "ssl_options.versions: there is none; take tlsv1.2, tlsv1.3 or both");
		return ERR_MALFORMED;
	}
	bool is_set = SSL_CTX_set_min_proto_version(ctx, is_12 ? TLS1_2_VERSION : TLS1_3_VERSION) &&
		      SSL_CTX_set_max_proto_version(ctx, is_13 ? TLS1_3_VERSION : TLS1_2_VERSION);
	return is_set ? ERR_OK : bad(why, "ssl_options.versions", "TLS");
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
		return bad(why, "ssl_options.cacertfile", c->tls_cacertfile);
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(c->tls_cacertfile);
	if (!names)
		return bad(why, "ssl_options.cacertfile", c->tls_cacertfile);
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
		return bad(why, "ssl_options.crlfile", c->tls_crlfile);
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return ERR_OK;
}

static enum err set_tickets(SSL_CTX *ctx, const struct tls_source *s, struct text *why)
{
	uint8_t keys[TLS_TICKET_KEY_BYTES];
	must(SSL_CTX_set_tlsext_ticket_keys(ctx, NULL, 0) == (long)sizeof keys);
	memcpy(keys, s->ticket_keys, sizeof keys);
	bool is_set = SSL_CTX_set_tlsext_ticket_keys(ctx, keys, sizeof keys) == 1;
	OPENSSL_cleanse(keys, sizeof keys);
	return is_set ? ERR_OK : bad(why, "ssl_options", "session tickets");
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

static enum err set_own(SSL_CTX *ctx, const struct config *c, struct text *why)
{
	if (!c->tls_certfile[0] || !c->tls_keyfile[0]) {
		text_puts(why, "listeners.ssl needs ssl_options.certfile and ssl_options.keyfile");
		return ERR_MALFORMED;
	}
	SSL_CTX_set_default_passwd_cb(ctx, give_password);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, (void *)(uintptr_t)c->tls_password);
	if (SSL_CTX_use_certificate_chain_file(ctx, c->tls_certfile) != 1)
		return bad(why, "ssl_options.certfile", c->tls_certfile);
	if (SSL_CTX_use_PrivateKey_file(ctx, c->tls_keyfile, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1)
		return bad(why, "ssl_options.keyfile", c->tls_keyfile);
	return ERR_OK;
}

void tls_context_let_go(struct tls_context *own)
{
	if (!own || atomic_fetch_sub(&own->shares, 1) > 1)
		return;
	SSL_CTX_free(own->ctx);
	BIO_meth_free(own->socket);
	free(own);
}

enum err tls_context_new(const struct tls_source *s, const struct config *c,
			 struct tls_context **out, struct text *why)
{
	static const uint8_t id[] = "godwit";
	struct tls_context *own = calloc(1, sizeof *own);
	if (own) {
		atomic_init(&own->shares, 1);
		own->ctx = SSL_CTX_new(TLS_server_method());
		own->socket = tls_socket_method();
	}
	if (!own || !own->ctx || !own->socket) {
		text_puts(why, "no memory for TLS");
		tls_context_let_go(own);
		return ERR_LIMIT;
	}
	SSL_CTX_set_mode(own->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(own->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	if (c->tls_own_order)
		SSL_CTX_set_options(own->ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_read_ahead(own->ctx, 1);
	SSL_CTX_set_default_read_buffer_len(own->ctx, READ_AHEAD_BYTES);
	SSL_CTX_set_session_id_context(own->ctx, id, sizeof id - 1);
	SSL_CTX_set_session_cache_mode(own->ctx, SSL_SESS_CACHE_OFF); /* tickets hold sessions */
	SSL_CTX_set_alpn_select_cb(own->ctx, tls_choose, NULL);
	own->login = (struct cert_choice){ c->tls_login_from, c->tls_san_type,
					   (int)c->tls_san_index };
	enum err e = set_tickets(own->ctx, s, why);
	if (e == ERR_OK)
		e = set_versions(own->ctx, &c->tls_versions, why);
	if (e == ERR_OK)
		e = set_own(own->ctx, c, why);
	if (e == ERR_OK)
		e = set_peers(own->ctx, c, why);
	if (e == ERR_OK && c->tls_crlfile[0])
		e = set_revoked(own->ctx, c, why);
	if (e == ERR_OK)
		*out = own;
	else
		tls_context_let_go(own);
	return e;
}

enum err tls_source_init(struct tls_source *s, struct text *why)
{
	if (RAND_bytes(s->ticket_keys, sizeof s->ticket_keys) == 1)
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
	OPENSSL_cleanse(s->ticket_keys, sizeof s->ticket_keys);
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
