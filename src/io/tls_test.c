#include "io/tls.h"

#include "base/must.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUNDS_MAX 200000

/* Both ends of a connection, the client's with OpenSSL alone. */
struct pair {
	struct tls_source source;
	struct tls *server;
	struct tls_room *room;
	SSL_CTX *ctx;
	SSL *client;
	int fds[2];
};

static struct config config;

static void write_pem(const char *dir, const char *name, char out[CONFIG_STRING_MAX + 1],
		      EVP_PKEY *key, X509 *cert)
{
	snprintf(out, CONFIG_STRING_MAX, "%s/%s", dir, name);
	FILE *f = fopen(out, "w");
	must(f != NULL);
	if (cert)
		must(PEM_write_X509(f, cert) == 1);
	else
		must(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(f);
}

static void make_certificate(const char *dir)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	must(key && cert);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	must(X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) > 0);
	write_pem(dir, "cert.pem", config.tls_certfile, key, cert);
	write_pem(dir, "key.pem", config.tls_keyfile, key, NULL);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void greet(struct pair *p)
{
	enum err e = ERR_MORE;
	int done = 0;
	for (int i = 0; i < 100 && (e == ERR_MORE || done != 1); i++) {
		done = SSL_do_handshake(p->client);
		e = e == ERR_MORE ? tls_greet(p->server, p->room) : e;
	}
	must(e == ERR_OK && done == 1 && tls_is_open(p->server));
}

static void open_pair(struct pair *p)
{
	char why[500], dir[200];
	const char *tmp = getenv("TMPDIR");
	struct text t = text_of(why, sizeof why);
	snprintf(dir, sizeof dir, "%s/tls.XXXXXX", tmp ? tmp : "/tmp");
	must(mkdtemp(dir) != NULL);
	config_defaults(&config);
	make_certificate(dir);
	must(tls_source_init(&p->source, &config, &t) == ERR_OK);
	must(tls_context_new(&p->source, &config, &p->source.now, &t) == ERR_OK);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds) == 0);
	p->room = tls_room_new();
	p->server = tls_new(&p->source, p->fds[0], "");
	p->ctx = SSL_CTX_new(TLS_client_method());
	must(p->room && p->server && p->ctx);
	p->client = SSL_new(p->ctx);
	must(p->client && SSL_set_fd(p->client, p->fds[1]) == 1);
	SSL_set_connect_state(p->client);
	greet(p);
	unlink(config.tls_certfile);
	unlink(config.tls_keyfile);
	rmdir(dir);
}

static void close_pair(struct pair *p)
{
	SSL_free(p->client);
	SSL_CTX_free(p->ctx);
	tls_free(p->server);
	tls_source_fini(&p->source);
	tls_room_free(p->room);
	close(p->fds[0]);
	close(p->fds[1]);
}

static void what_is_sealed_comes_out(void **s)
{
	(void)s;
	struct pair p = { 0 };
	uint8_t got[100];
	struct slice parts[2] = { slice_str("hello "), slice_str("world") };
	open_pair(&p);
	must(SSL_write(p.client, "ping", 4) == 4);
	must(tls_read(p.server, p.room, got, sizeof got) == 4 && memcmp(got, "ping", 4) == 0);
	must(tls_read(p.server, p.room, got, sizeof got) == -1 && errno == EAGAIN);
	must(tls_write(p.server, p.room, parts, 2) == 11 && !tls_has_rest(p.server));
	must(SSL_read(p.client, got, sizeof got) == 11 && memcmp(got, "hello world", 11) == 0);
	close_pair(&p);
}

/* Every KeyUpdate asks for one; the client reads none. */
static void who_asks_for_answers_and_reads_none_is_not_read(void **s)
{
	(void)s;
	struct pair p = { 0 };
	uint8_t got[100];
	int stuck = 0;
	open_pair(&p);
	must(SSL_version(p.client) == TLS1_3_VERSION);
	for (int i = 0; i < ROUNDS_MAX && stuck < 3; i++) {
		must(SSL_key_update(p.client, SSL_KEY_UPDATE_REQUESTED) == 1 || stuck);
		stuck = SSL_do_handshake(p.client) == 1 ? 0 : stuck + 1;
		must(tls_read(p.server, p.room, got, sizeof got) == -1 && errno == EAGAIN);
	}
	must(stuck == 3 && tls_is_choked(p.server));
	/* What it reads makes room, and then it is read again. */
	uint8_t waste[65536];
	while (tls_has_rest(p.server)) {
		while (read(p.fds[1], waste, sizeof waste) > 0)
			;
		must(tls_flush(p.server));
	}
	must(!tls_is_choked(p.server));
	must(tls_read(p.server, p.room, got, sizeof got) == -1 && errno == EAGAIN);
	must(SSL_do_handshake(p.client) == 1);
	close_pair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_comes_out),
		cmocka_unit_test(who_asks_for_answers_and_reads_none_is_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
