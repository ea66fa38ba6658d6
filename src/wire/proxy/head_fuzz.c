/* head_fuzz -- any octets before a connection: every prefix of a header needs more, and what is a
 * header is one whatever is behind it. */
#include "base/limits.h"
#include "base/must.h"
#include "wire/proxy/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct proxy_head whole = { 0 }, part = { 0 };
	struct slice in = slice_of(p, n);
	enum err e = proxy_head_read(in, &whole);
	if (e == ERR_OK) {
		must(whole.total <= n && whole.total <= LIMIT_PROXY_HEAD_BYTES);
		must(proxy_head_read(slice_sub(in, 0, whole.total), &part) == ERR_OK);
		must(part.total == whole.total && part.family == whole.family);
		must(part.source_port == whole.source_port);
		n = whole.total;
	}
	for (size_t i = 0; i < n; i++) {
		enum err before = proxy_head_read(slice_sub(in, 0, i), &part);
		must_if(e == ERR_OK || e == ERR_MORE, before == ERR_MORE);
		must_if(before != ERR_MORE, before == e);
	}
	must_if(e == ERR_MORE, n < LIMIT_PROXY_HEAD_BYTES);
	return 0;
}
