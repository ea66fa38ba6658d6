/* cert -- the names in a certificate by which its owner is a user, or a client. Private to io/. */
#ifndef IO_CERT_H
#define IO_CERT_H
#include "node/config.h"

struct text;
struct x509_st;

/* Which name: places in CONFIG_CERT_NAMES and CONFIG_SAN_TYPES. */
struct cert_choice {
	int from, san_type, san_index;
};

/* cert_name puts the name that is chosen: a distinguished name as RFC 2253 writes it, in UTF-8.
 * False: there is none, or it does not fit `out`. */
bool cert_name(const struct x509_st *cert, const struct cert_choice *c, struct text *out);

/* cert_put puts it as far as there is one and it fits, to be compared only. */
void cert_put(const struct x509_st *cert, const struct cert_choice *c, struct text *out);
#endif
