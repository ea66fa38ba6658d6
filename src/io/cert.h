/* cert -- the name in a certificate by which its owner is a user. Private to io/. */
#ifndef IO_CERT_H
#define IO_CERT_H
#include "node/config.h"

struct text;
struct x509_st;

/* Which name: places in the lists of ssl_cert_login_from and ssl_cert_login_san_type. */
struct cert_choice {
	int from, san_type, san_index;
};

/* cert_name puts the name that is chosen: a distinguished name as RFC 2253 writes it, in UTF-8.
 * False: there is none, or it does not fit `out`. */
bool cert_name(const struct x509_st *cert, const struct cert_choice *c, struct text *out);
#endif
