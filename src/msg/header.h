/* header -- the named values of a message, in no protocol's encoding: what routing looks at.
 *
 * A protocol's codec offers its property blocks through a struct header_ops; nothing is read
 * before somebody asks. Values borrow from the block. Two values are the same if class, number
 * and octets are: integers compare whatever their width was, and never with reals.
 */
#ifndef MSG_HEADER_H
#define MSG_HEADER_H
#include "base/hash.h"
#include "base/rd.h"

enum header_class {
	HEADER_VOID, /* there is no value */
	HEADER_BOOL,
	HEADER_INT,
	HEADER_REAL,
	HEADER_DECIMAL,
	HEADER_TIME,
	HEADER_TEXT,
	HEADER_BINARY,
	HEADER_LIST, /* octets as its protocol writes them */
	HEADER_TABLE
};

struct header {
	struct slice name;
	struct slice octets; /* of TEXT, BINARY, LIST, TABLE; else empty */
	uint64_t number; /* of the others: a bool, an integer, the bits of a real, ...; else 0 */
	uint8_t class;   /* enum header_class */
};

/* Properties that have one meaning in every protocol. */
enum header_property { HEADER_MESSAGE_ID, HEADER_CORRELATION_ID, HEADER_TIMESTAMP };

/* How a property block is read; it has been checked, and reading is safe on any bytes. begin finds
 * the headers, next gives them one by one (false: no more); where a name occurs twice the first
 * counts. property gives one as text or octets
 * that are equal if it is; false: the message does not have it. */
struct header_ops {
	struct rd (*begin)(struct slice props);
	bool (*next)(struct rd *r, struct header *out);
	bool (*property)(struct slice props, enum header_property which, struct slice *out);
};

/* header_find gives the first of those that `ops` finds in `props` with this name; false: none. */
bool header_find(const struct header_ops *ops, struct slice props, struct slice name,
		 struct header *out);

/* header_same: the same value; names are not looked at. */
static inline bool header_same(const struct header *a, const struct header *b)
{
	return a->class == b->class && a->number == b->number && slice_eq(a->octets, b->octets);
}

/* header_name_hash stands for the name alone. */
static inline uint64_t header_name_hash(struct hash_key key, const struct header *h)
{
	key.k1 ^= UINT64_MAX;
	return hash_slice(key, h->name);
}

/* header_hash stands for name and value. */
static inline uint64_t header_hash(struct hash_key key, const struct header *h)
{
	struct hash_key of = { hash_slice(key, h->name), key.k1 ^ h->class };
	if (h->octets.n)
		return hash_slice(of, h->octets);
	struct sip s = sip_init(of);
	sip_word(&s, h->number);
	return sip_end(&s);
}
#endif
