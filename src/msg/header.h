/* header -- the properties of a message and its application's headers, in no protocol's encoding:
 * what routing looks at, and what another protocol's codec writes its own properties from.
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

/* Properties that have one meaning in every protocol: what class they are of. A TEXT should be
 * UTF-8, but not every protocol looks: who needs it checks. Whether a message is persistent says
 * its flag MSG_PERSISTENT. */
enum header_property {
	HEADER_CONTENT_TYPE,     /* TEXT */
	HEADER_CONTENT_ENCODING, /* TEXT */
	HEADER_MESSAGE_ID,       /* TEXT */
	HEADER_CORRELATION_ID,   /* TEXT, or BINARY */
	HEADER_REPLY_TO,         /* TEXT: an address as its publisher spelt it. Or a topic: then the
				    name is what stands between its words, `/` or `.` */
	HEADER_TYPE,             /* TEXT: the application's name for the kind of message */
	HEADER_USER_ID,          /* TEXT: whom the broker has seen publish it */
	HEADER_APP_ID,           /* TEXT */
	HEADER_TIMESTAMP,        /* TIME: seconds since 1970 */
	HEADER_EXPIRATION,       /* INT: milliseconds to live, from when it was published */
	HEADER_PRIORITY,         /* INT: 0 to 255 */
	HEADER_RETAIN,           /* INT: it is to be kept as the last message of its key, with this
				    number, at most HEADER_RETAIN_MAX: 0, or it tells apart what
				    has one key */
	HEADER_REPLY_TOPIC,      /* TEXT: the topic that an address of HEADER_REPLY_TO means, where
				    it is not one itself; named likewise */
	HEADER_PROPERTY_N
};

#define HEADER_RETAIN_MAX ((UINT32_C(1) << 22) - 1)

/* How a property block is read; it has been checked, and reading is safe on any bytes. begin finds
 * the headers that are the application's own, next gives them one by one (false: no more); where a
 * name occurs twice the first counts. property gives one of the others, its name empty but for
 * topics; false, and `out` untouched: the message does not have it. */
struct header_ops {
	struct rd (*begin)(struct slice props);
	bool (*next)(struct rd *r, struct header *out);
	bool (*property)(struct slice props, enum header_property which, struct header *out);
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
