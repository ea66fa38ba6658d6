#include "auth/account.h"

#include "base/must.h"
#include "base/rd.h"
#include "base/wr.h"

#define ACCOUNT_FORM 1u

uint32_t account_put(const struct account *a, uint8_t *buf, uint32_t cap)
{
	struct wr w = wr_of(buf, cap);
	must(a->tags_n <= ACCOUNT_TAGS_MAX && a->hash.n <= UINT16_MAX);
	wr_u8(&w, ACCOUNT_FORM);
	wr_str8(&w, a->algorithm);
	wr_le16(&w, (uint16_t)a->hash.n);
	wr_slice(&w, a->hash);
	wr_u8(&w, a->tags_n);
	for (uint8_t i = 0; i < a->tags_n; i++)
		wr_str8(&w, a->tags[i]);
	if (a->scram.n > 0)
		wr_str8(&w, a->scram);
	return wr_ok(&w) ? (uint32_t)w.n : 0;
}

enum err account_get(struct slice from, struct account *out)
{
	struct rd r = rd_of(from);
	struct account a = { 0 };
	uint8_t form = rd_u8(&r);
	a.algorithm = rd_str8(&r);
	a.hash = rd_take(&r, rd_le16(&r));
	a.tags_n = rd_u8(&r);
	must(out != NULL);
	if (form != ACCOUNT_FORM || a.tags_n > ACCOUNT_TAGS_MAX)
		return ERR_MALFORMED;
	for (uint8_t i = 0; i < a.tags_n; i++)
		a.tags[i] = rd_str8(&r);
	if (rd_ok(&r) && rd_left(&r) > 0) /* since it is kept */
		a.scram = rd_str8(&r);
	if (!rd_ok(&r))
		return ERR_MALFORMED;
	*out = a;
	return ERR_OK;
}

bool account_has_tag(struct slice value, const char *tag)
{
	struct account a;
	must(tag[0] != '\0');
	if (account_get(value, &a) != ERR_OK)
		return false;
	for (uint8_t i = 0; i < a.tags_n; i++)
		if (slice_eq(a.tags[i], slice_str(tag)))
			return true;
	return false;
}
