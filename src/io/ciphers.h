/* ciphers -- the ciphers of TLS that the settings name. Private to io/.
 *
 * Names are looked up in what OpenSSL has, so that no word of its own language of lists (ALL, !MD5)
 * counts as one. Those of TLS 1.3 are a list of their own there.
 */
#ifndef IO_CIPHERS_H
#define IO_CIPHERS_H
#include "node/config.h"

struct logger;
struct text;
struct ssl_ctx_st;

/* Which versions may be spoken. */
struct ciphers_versions {
	bool is_12, is_13;
};

/* ciphers_set has `ctx` offer those of the settings, if they name any; a version of which they name
 * none is taken out of *io_versions. ERR_MALFORMED: none is left; `why` says where they stand. */
MUST_USE enum err ciphers_set(struct ssl_ctx_st *ctx, const struct config *c,
			      struct ciphers_versions *io_versions, struct text *why);

/* ciphers_say_unknown logs the names that OpenSSL does not have (F003). */
void ciphers_say_unknown(const struct config *c, struct logger *log);
#endif
