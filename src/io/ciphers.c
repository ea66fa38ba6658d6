#include "io/ciphers.h"

#include "base/must.h"
#include "base/text.h"
#include "io/logger.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#define LIST_BYTES (CONFIG_WORDS_MAX * (CONFIG_NAME_MAX + 1u))
#define ALL_12     "ALL:!aNULL:!eNULL" /* but those without a key or a certificate */
#define ALL_13                                                 \
	"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:" \
	"TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"

/* A context that has them all; NULL: no memory. */
static SSL_CTX *all_new(void)
{
	SSL_CTX *all = SSL_CTX_new(TLS_server_method());
	if (!all)
		return NULL;
	must(SSL_CTX_set_cipher_list(all, ALL_12) == 1);
	must(SSL_CTX_set_ciphersuites(all, ALL_13) == 1);
	return all;
}

static bool is_called(const SSL_CIPHER *cipher, const char *name)
{
	const char *standard = SSL_CIPHER_standard_name(cipher);
	must(name[0] != '\0');
	return strcmp(SSL_CIPHER_get_name(cipher), name) == 0 ||
	       (standard && strcmp(standard, name) == 0);
}

/* NULL: there is no cipher of that name. */
static const SSL_CIPHER *cipher_of(const SSL_CTX *all, const char *name)
{
	STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(all);
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
		if (is_called(sk_SSL_CIPHER_value(ciphers, i), name))
			return sk_SSL_CIPHER_value(ciphers, i);
	return NULL;
}

static bool is_of_13(const SSL_CIPHER *cipher)
{
	return strcmp(SSL_CIPHER_get_version(cipher), "TLSv1.3") == 0;
}

/* Those named of one version, as OpenSSL writes a list. */
static void list(const SSL_CTX *all, const struct config_words *w, bool is_13, struct text *out)
{
	for (uint32_t i = 0; i < CONFIG_WORDS_MAX; i++) {
		const SSL_CIPHER *cipher = w->at[i].word[0] ? cipher_of(all, w->at[i].word) : NULL;
		if (!cipher || is_of_13(cipher) != is_13)
			continue;
		text_putf(out, "%s%s", out->n ? ":" : "", SSL_CIPHER_get_name(cipher));
	}
	must(!text_is_full(out));
}

static bool has_any(const struct config_words *w)
{
	bool has = false;
	for (uint32_t i = 0; i < CONFIG_WORDS_MAX; i++)
		has |= w->at[i].word[0] != '\0';
	return has;
}

static enum err none_left(const struct config_words *w, struct text *why)
{
	text_puts(why, w->source);
	if (w->line)
		text_putf(why, ":%u", w->line);
	text_puts(why, ": ssl_options.ciphers: OpenSSL has none of them for ssl_options.versions");
	ERR_clear_error();
	return ERR_MALFORMED;
}

enum err ciphers_set(SSL_CTX *ctx, const struct config *c, struct ciphers_versions *io_versions,
		     struct text *why)
{
	char room[2][LIST_BYTES];
	const struct config_words *w = &c->tls_ciphers;
	struct text of_12 = text_of(room[0], LIST_BYTES), of_13 = text_of(room[1], LIST_BYTES);
	if (!has_any(w))
		return ERR_OK;
	SSL_CTX *all = all_new();
	if (!all) {
		text_puts(why, "no memory for TLS");
		return ERR_LIMIT;
	}
	list(all, w, false, &of_12);
	list(all, w, true, &of_13);
	SSL_CTX_free(all);
	io_versions->is_12 &= of_12.n > 0;
	io_versions->is_13 &= of_13.n > 0;
	bool is_set = (!io_versions->is_12 || SSL_CTX_set_cipher_list(ctx, of_12.p) == 1) &&
		      (!io_versions->is_13 || SSL_CTX_set_ciphersuites(ctx, of_13.p) == 1);
	bool is_any = io_versions->is_12 || io_versions->is_13;
	return is_set && is_any ? ERR_OK : none_left(w, why);
}

void ciphers_say_unknown(const struct config *c, struct logger *log)
{
	const struct config_words *w = &c->tls_ciphers;
	SSL_CTX *all = has_any(w) ? all_new() : NULL;
	for (uint32_t i = 0; all && i < CONFIG_WORDS_MAX; i++) {
		if (!w->at[i].word[0] || cipher_of(all, w->at[i].word))
			continue;
		logger_ignored(log, (struct config_source){ w->source, w->at[i].line },
			       slice_str(w->at[i].word), "OpenSSL has no such cipher");
	}
	SSL_CTX_free(all);
}
