/* tls_context -- what connections of one certificate share: settings made into OpenSSL's context.
 *
 * There is one of OpenSSL's for each certificate; a client that says which host it means (SNI) gets
 * one that names this host, or the first.
 *
 * Private to io/tls*.c. Counted, because who came with an old certificate keeps it.
 */
#ifndef IO_TLS_CONTEXT_H
#define IO_TLS_CONTEXT_H
#include "io/cert.h"
#include "io/tls.h"

#include <openssl/ssl.h>

struct tls_context {
	_Atomic uint32_t shares;
	SSL_CTX *ctx;
	SSL_CTX *others[CONFIG_TEXTS_MAX]; /* of ssl_options.sni_hosts */
	uint32_t others_n;
	BIO_METHOD *socket;
	struct cert_choice login, client;
	bool is_client_named; /* `client` counts */
};

/* tls_context_blank has a share and no certificates yet; NULL: no memory. tls_bad says what OpenSSL
 * has against the value of a setting: ERR_MALFORMED. */
struct tls_context *tls_context_blank(void);
enum err tls_bad(struct text *why, const char *setting, const char *value);

/* tls_over makes one over a descriptor and takes over the caller's share; nobody's end yet.
 * NULL: no memory. */
struct tls *tls_over(struct tls_context *own, int fd, SSL **out_ssl);

/* tls_context_share gives a share of the newest one: on the thread that accepts. */
struct tls_context *tls_context_share(struct tls_source *s);

/* tls_context_let_go gives a share back; NULL is none. Any thread. */
void tls_context_let_go(struct tls_context *own);

/* tls_choose is OpenSSL's question which of a client's protocols (ALPN) is spoken. */
int tls_choose(SSL *ssl, const uint8_t **out, uint8_t *out_n, const uint8_t *in, unsigned in_n,
	       void *arg);

/* tls_socket_method: how OpenSSL reads and writes our sockets; NULL: no memory. */
BIO_METHOD *tls_socket_method(void);
#endif
