#include "core/rules.h"

#include "base/must.h"
#include "base/rd.h"
#include "base/wr.h"

enum rule_kind { KIND_UNKNOWN, KIND_NUMBER, KIND_TEXT };

static const struct rule {
	uint16_t at, has; /* in struct queue_rules */
	uint8_t kind;
} rules[] = {
#define RULE_NUMBER(number, name, prose) \
	[number] = { offsetof(struct queue_rules, name), 0, KIND_NUMBER },
#define RULE_TEXT(number, name, prose)                                                             \
	[number] = { offsetof(struct queue_rules, name), offsetof(struct queue_rules, has_##name), \
		     KIND_TEXT },
#include "core/rules.def"
#undef RULE_NUMBER
#undef RULE_TEXT
};

#define RULES_N (sizeof rules / sizeof *rules)

/* Each takes two bytes before its value: eight of a number, 255 of a text. */
#define RULE_NUMBER(number, name, prose) +10u
#define RULE_TEXT(number, name, prose)   +257u
_Static_assert(RULES_BYTES_MAX >= 0
#include "core/rules.def"
	       ,
	       "any rules fit");
#undef RULE_NUMBER
#undef RULE_TEXT

struct queue_rules rules_none(void)
{
	return (struct queue_rules){
#define RULE_NUMBER(number, name, prose) .name = RULE_NONE,
#define RULE_TEXT(number, name, prose)   .has_##name = false,
#include "core/rules.def"
#undef RULE_NUMBER
#undef RULE_TEXT
	};
}

static void put_number(struct wr *w, uint8_t no, uint64_t v)
{
	uint8_t bytes[8], n = 0;
	for (uint64_t left = v; left; left >>= 8)
		bytes[n++] = (uint8_t)left;
	must(v != RULE_NONE);
	wr_u8(w, no);
	wr_str8(w, slice_of(bytes, n));
}

uint32_t rules_put(const struct queue_rules *r, uint8_t *buf, uint32_t cap)
{
	const uint8_t *base = (const uint8_t *)r;
	struct wr w = wr_of(buf, cap);
	must(cap >= RULES_BYTES_MAX);
	for (uint8_t no = 0; no < RULES_N; no++) {
		const void *at = base + rules[no].at;
		if (rules[no].kind == KIND_NUMBER && *(const uint64_t *)at != RULE_NONE)
			put_number(&w, no, *(const uint64_t *)at);
		if (rules[no].kind == KIND_TEXT && *(const bool *)(base + rules[no].has)) {
			wr_u8(&w, no);
			wr_str8(&w, *(const struct slice *)at);
		}
	}
	must(wr_ok(&w));
	return (uint32_t)w.n;
}

static enum err get_number(struct slice bytes, uint64_t *out)
{
	uint64_t v = 0;
	if (bytes.n > 8 || (bytes.n > 0 && bytes.p[bytes.n - 1] == 0))
		return ERR_MALFORMED;
	for (size_t i = bytes.n; i-- > 0;)
		v = v << 8 | bytes.p[i];
	if (v == RULE_NONE)
		return ERR_MALFORMED;
	must(bytes.n > 0 || v == 0);
	*out = v;
	return ERR_OK;
}

static bool is_up_to(uint64_t v, uint64_t last)
{
	must(last < RULE_NONE);
	return v == RULE_NONE || v <= last;
}

/* Words are numbers that have a bound. */
static bool has_known_words(const struct queue_rules *r)
{
	must(r != NULL);
	return is_up_to(r->type, QUEUE_STREAM) && is_up_to(r->overflow, OVERFLOW_REJECT_DLX) &&
	       is_up_to(r->dead_letter_strategy, DEAD_LETTER_AT_LEAST_ONCE) &&
	       is_up_to(r->retry_type, RETRY_RETURNED) && is_up_to(r->max_priority, UINT8_MAX) &&
	       is_up_to(r->single_active, 1) && is_up_to(r->once, 1) &&
	       is_up_to(r->limit_is_assumed, 1) && is_up_to(r->once_by_id, 1) &&
	       is_up_to(r->ranks, 1);
}

enum err rules_get(struct slice from, struct queue_rules *out)
{
	struct queue_rules r = rules_none();
	struct rd rd = rd_of(from);
	for (uint8_t no, before = 0; rd_left(&rd) > 0; before = no) {
		no = rd_u8(&rd);
		struct slice value = rd_str8(&rd);
		if (!rd_ok(&rd) || no <= before)
			return ERR_MALFORMED;
		if (no >= RULES_N)
			return ERR_NOT_IMPLEMENTED;
		void *at = (uint8_t *)&r + rules[no].at;
		if (rules[no].kind == KIND_NUMBER) {
			TRY(get_number(value, at));
		} else {
			must(rules[no].kind == KIND_TEXT);
			*(struct slice *)at = value;
			*(bool *)((uint8_t *)&r + rules[no].has) = true;
		}
	}
	if (!rd_done(&rd) || !has_known_words(&r))
		return ERR_MALFORMED;
	*out = r;
	return ERR_OK;
}
