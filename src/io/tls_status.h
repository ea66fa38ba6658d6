/* tls_status -- whether the other broker's certificate was taken back, as it says itself.
 *
 * It staples to the certificate (RFC 6066, 8) what its authority answers to that (OCSP, RFC 6960).
 * Nobody else is asked. Private to io/tls*.c.
 */
#ifndef IO_TLS_STATUS_H
#define IO_TLS_STATUS_H
#include <openssl/ssl.h>
#include <stdbool.h>

/* tls_status_want makes every connection of a client's context ask for that answer, and end before
 * a word is said if there is none, or if it is not signed by the certificate's issuer or for it, of
 * another certificate or another time, or does not say that the certificate is good. False: OpenSSL
 * has no memory. */
bool tls_status_want(SSL_CTX *ctx);
#endif
