#include "io/tls.h"

#include "base/must.h"
#include "base/text.h"
#include "io/tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECORD_BYTES_MAX 16384u
#define RECORDS_MAX      4u                        /* sealed by one write */
#define SEALED_BYTES_MAX (RECORD_BYTES_MAX + 512u) /* a record, head and tag, with room to spare */
#define ROOM_BYTES       (RECORDS_MAX * SEALED_BYTES_MAX)
#define REST_BYTES_MAX   ROOM_BYTES /* more than one write leaves behind: the peer is not read */
#define WHY_BYTES        128u

struct tls_room {
	uint32_t n;
	uint8_t sealed[ROOM_BYTES];
	uint8_t plain[RECORD_BYTES_MAX];
};

struct tls {
	SSL *ssl;
	int fd;
	struct tls_room *room; /* lent, during a call */
	uint8_t *rest; /* [rest_at, rest_n): sealed, not taken by the socket; NULL: nothing */
	size_t rest_at, rest_n;
	struct tls_context *context; /* a share */
	const char *alpn;            /* what is spoken above; "": nobody asks */
	bool is_broken, is_named;
	char why[WHY_BYTES];
};

/* ---- the socket below --------------------------------------------------------------------- */

static bool keep_rest(struct tls *t, const uint8_t *p, size_t n)
{
	must(!t->rest);
	if (n == 0)
		return true;
	t->rest = malloc(n);
	if (!t->rest)
		return false;
	memcpy(t->rest, p, n);
	t->rest_at = 0;
	t->rest_n = n;
	return true;
}

/* Says how much the socket has taken; -1: it is broken. */
static ssize_t push(struct tls *t, const uint8_t *p, size_t n)
{
	ssize_t sent;
	do {
		sent = send(t->fd, p, n, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno == EAGAIN)
		return 0;
	t->is_broken |= sent < 0;
	return sent;
}

bool tls_flush(struct tls *t)
{
	must_if(t->rest, t->rest_at < t->rest_n);
	if (!t->rest || t->is_broken)
		return !t->is_broken;
	ssize_t sent = push(t, t->rest + t->rest_at, t->rest_n - t->rest_at);
	if (sent < 0)
		return false;
	t->rest_at += (size_t)sent;
	if (t->rest_at < t->rest_n)
		return true;
	free(t->rest);
	t->rest = NULL;
	return true;
}

/* Writes what lies in the room; what the socket does not take is kept behind an older rest. */
static bool drain_room(struct tls *t)
{
	struct tls_room *room = t->room;
	size_t n = room->n;
	room->n = 0;
	if (n == 0 || t->is_broken)
		return !t->is_broken;
	if (!t->rest) {
		ssize_t sent = push(t, room->sealed, n);
		if (sent >= 0 && keep_rest(t, room->sealed + sent, n - (size_t)sent))
			return true;
		t->is_broken = true;
		return false;
	}
	t->rest_n -= t->rest_at;
	memmove(t->rest, t->rest + t->rest_at, t->rest_n);
	t->rest_at = 0;
	uint8_t *longer = realloc(t->rest, t->rest_n + n);
	t->is_broken |= !longer;
	if (!longer)
		return false;
	memcpy(longer + t->rest_n, room->sealed, n);
	t->rest = longer;
	t->rest_n += n;
	return true;
}

static int below_write(BIO *b, const char *p, int n)
{
	struct tls *t = BIO_get_data(b);
	struct tls_room *room = t->room;
	must(room != NULL && n > 0);
	for (size_t left = (size_t)n, part; left > 0; left -= part, p += part) {
		part = ROOM_BYTES - room->n < left ? ROOM_BYTES - room->n : left;
		memcpy(room->sealed + room->n, p, part);
		room->n += (uint32_t)part;
		if (room->n == ROOM_BYTES && !drain_room(t))
			return -1;
	}
	return n;
}

static size_t rest_left(const struct tls *t)
{
	return t->rest ? t->rest_n - t->rest_at : 0;
}

/* Whoever asks for answers (KeyUpdate) and does not read them is not read either. */
static int below_read(BIO *b, char *to, int n)
{
	struct tls *t = BIO_get_data(b);
	ssize_t got;
	must(n > 0 && t->room);
	BIO_clear_retry_flags(b);
	if (rest_left(t) + t->room->n > REST_BYTES_MAX) {
		BIO_set_retry_read(b);
		errno = EAGAIN;
		return -1;
	}
	do {
		got = read(t->fd, to, (size_t)n);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		BIO_set_retry_read(b);
	return (int)got;
}

static long below_ctrl(BIO *b, int what, long n, void *p)
{
	(void)b;
	(void)n;
	(void)p;
	return what == BIO_CTRL_FLUSH; /* the room is written at the end of each call */
}

BIO_METHOD *tls_socket_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "godwit socket");
	if (!m)
		return NULL;
	BIO_meth_set_write(m, below_write);
	BIO_meth_set_read(m, below_read);
	BIO_meth_set_ctrl(m, below_ctrl);
	return m;
}

struct tls_room *tls_room_new(void)
{
	return calloc(1, sizeof(struct tls_room));
}

void tls_room_free(struct tls_room *own)
{
	must(!own || own->n == 0);
	free(own);
}

/* ---- one connection ----------------------------------------------------------------------- */

struct tls *tls_over(struct tls_context *own, int fd, SSL **out_ssl)
{
	struct tls *t = calloc(1, sizeof *t);
	if (!t) {
		tls_context_let_go(own);
		return NULL;
	}
	t->fd = fd;
	t->alpn = "";
	t->is_named = true;
	t->context = own;
	t->ssl = SSL_new(own->ctx);
	BIO *below = t->ssl ? BIO_new(t->context->socket) : NULL;
	if (!below) {
		tls_free(t);
		return NULL;
	}
	BIO_set_data(below, t);
	BIO_set_init(below, 1);
	SSL_set_bio(t->ssl, below, below);
	SSL_set_app_data(t->ssl, t);
	*out_ssl = t->ssl;
	return t;
}

struct tls *tls_new(struct tls_source *s, int fd, const char *alpn)
{
	SSL *ssl;
	struct tls *t = tls_over(tls_context_share(s), fd, &ssl);
	if (!t)
		return NULL;
	t->alpn = alpn;
	t->is_named = false;
	SSL_set_accept_state(ssl);
	return t;
}

void tls_free(struct tls *own)
{
	if (!own)
		return;
	must(own->room == NULL);
	SSL_free(own->ssl);
	tls_context_let_go(own->context);
	free(own->rest);
	free(own);
}

/* Nothing of an earlier call, of whatever connection, may be taken for what this one says. */
static void begin(struct tls *t, struct tls_room *room)
{
	must(room->n == 0 && !t->room);
	ERR_clear_error();
	errno = 0;
	t->room = room;
}

static void end(struct tls *t)
{
	int error = errno;
	(void)drain_room(t); /* broken: the next call finds out */
	t->room = NULL;
	errno = error;
}

static void note_why(struct tls *t, const char *otherwise)
{
	struct text text = text_of(t->why, sizeof t->why);
	long verified = SSL_get_verify_result(t->ssl);
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	text_puts(&text, reason ? reason : otherwise);
	if (verified != X509_V_OK)
		text_putf(&text, ": %s", X509_verify_cert_error_string(verified));
}

/* What a call of OpenSSL's that gave `done` <= 0 means, as read(2) says it. */
static ssize_t failed(struct tls *t, int done)
{
	switch (SSL_get_error(t->ssl, done)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
	case SSL_ERROR_ZERO_RETURN: return 0;
	case SSL_ERROR_SYSCALL:
		if (errno == 0 && !t->is_broken)
			return 0;
		errno = errno ? errno : EPIPE;
		return -1;
	default:
		/* Peers hang up without a word: that is an end, whatever it may hide; what is not
		 * whole in its own protocol is not taken for whole. */
		if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
			return 0;
		note_why(t, "no TLS");
		errno = EPROTO;
		return -1;
	}
}

enum err tls_greet(struct tls *t, struct tls_room *room)
{
	begin(t, room);
	int done = SSL_do_handshake(t->ssl);
	ssize_t said = done == 1 ? 1 : failed(t, done);
	end(t);
	if (said > 0)
		return ERR_OK;
	return said < 0 && errno == EAGAIN ? ERR_MORE : ERR_CLOSED;
}

bool tls_is_open(const struct tls *t)
{
	return SSL_is_init_finished(t->ssl) == 1;
}

/* A client that offers protocols and not ours is in the wrong place (RFC 7301, 3.2): a browser that
 * was sent here by some page is told so before it says a word. */
int tls_choose(SSL *ssl, const uint8_t **out, uint8_t *out_n, const uint8_t *in, unsigned in_n,
	       void *arg)
{
	const struct tls *t = SSL_get_app_data(ssl);
	struct slice ours = slice_str(t->alpn), rest = slice_of(in, in_n);
	(void)arg;
	if (ours.n == 0)
		return SSL_TLSEXT_ERR_NOACK;
	while (rest.n > 0 && rest.p[0] < rest.n) {
		struct slice one = slice_sub(rest, 1, rest.p[0]);
		if (slice_eq(one, ours)) {
			*out = one.p;
			*out_n = (uint8_t)one.n;
			return SSL_TLSEXT_ERR_OK;
		}
		rest = slice_from(rest, 1 + one.n);
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

ssize_t tls_read(struct tls *t, struct tls_room *room, uint8_t *to, uint32_t n)
{
	must(n > 0 && n <= INT32_MAX);
	begin(t, room);
	int got = SSL_read(t->ssl, to, (int)n);
	ssize_t said = got > 0 ? got : failed(t, got);
	end(t);
	return said;
}

/* gather copies at most a record's bytes from [*at, ...) of the parts on, and moves *at. */
static uint32_t gather(struct tls_room *room, const struct slice *parts, uint32_t parts_n,
		       struct slice *left, uint32_t *at)
{
	uint32_t n = 0;
	while (n < RECORD_BYTES_MAX && *at < parts_n) {
		size_t part = left->n < RECORD_BYTES_MAX - n ? left->n : RECORD_BYTES_MAX - n;
		memcpy(room->plain + n, left->p, part);
		n += (uint32_t)part;
		*left = slice_from(*left, part);
		if (left->n == 0 && ++*at < parts_n)
			*left = parts[*at];
	}
	return n;
}

ssize_t tls_write(struct tls *t, struct tls_room *room, const struct slice *parts, uint32_t parts_n)
{
	must(parts_n > 0);
	if (!tls_flush(t)) {
		errno = EPIPE;
		return -1;
	}
	if (t->rest || !SSL_is_init_finished(t->ssl))
		return 0;
	begin(t, room);
	struct slice left = parts[0];
	uint32_t at = 0, n;
	ssize_t taken = 0;
	for (uint32_t i = 0; i < RECORDS_MAX && taken >= 0; i++) {
		n = gather(room, parts, parts_n, &left, &at);
		if (n == 0)
			break;
		int done = SSL_write(t->ssl, room->plain, (int)n);
		must(done <= 0 || (uint32_t)done == n); /* the room takes all of it */
		taken = done > 0 ? taken + done : -1;
	}
	end(t);
	errno = taken < 0 || t->is_broken ? EPIPE : 0;
	return t->is_broken ? -1 : taken;
}

/* ---- who the peer is ---------------------------------------------------------------------- */

bool tls_names(struct tls *t, struct text *out_user, struct text *out_client)
{
	const struct tls_context *own = t->context;
	if (t->is_named || !SSL_is_init_finished(t->ssl))
		return false;
	t->is_named = true;
	const X509 *cert = SSL_get0_peer_certificate(t->ssl);
	if (!cert || SSL_get_verify_result(t->ssl) != X509_V_OK)
		return false;
	if (!cert_name(cert, &own->login, out_user))
		out_user->n = 0;
	if (own->is_client_named)
		cert_put(cert, &own->client, out_client);
	return true;
}

/* ---- what is left over -------------------------------------------------------------------- */

bool tls_has_rest(const struct tls *t)
{
	return t->rest != NULL;
}

bool tls_is_choked(const struct tls *t)
{
	return rest_left(t) > REST_BYTES_MAX;
}

bool tls_has_more(const struct tls *t)
{
	return SSL_has_pending(t->ssl) == 1;
}

void tls_end(struct tls *t, struct tls_room *room)
{
	begin(t, room);
	if (SSL_is_init_finished(t->ssl))
		(void)SSL_shutdown(t->ssl);
	end(t);
}

const char *tls_why(const struct tls *t)
{
	return t->why;
}
