/* base64 -- bytes as text (RFC 4648): the standard alphabet with padding, or the URL's without. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/err.h"
#include "base/slice.h"

/* base64_len, base64_url_len: characters for `n` bytes. */
size_t base64_len(size_t n);
size_t base64_url_len(size_t n);

/* base64_put writes base64_len(s.n) characters, base64_url_put base64_url_len(s.n). No zero byte
 * follows. */
void base64_put(char *out, struct slice s);
void base64_url_put(char *out, struct slice s);

/* base64_get reads what base64_put writes, padded, without line ends.
 * ERR_MALFORMED: it is none. ERR_LIMIT: it has more than `cap` bytes. */
MUST_USE enum err base64_get(struct slice from, uint8_t *out, size_t cap, size_t *out_n);

#endif
