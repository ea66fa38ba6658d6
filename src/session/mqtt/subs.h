/* subs -- the subscriptions of one session: exact filters, their options, and which of them a topic
 * matches.
 *
 * Bindings lead more to a session than it has subscribed to (see README), so every message is
 * looked up here before it goes out. A session owns its set. What has no wildcard is found by its
 * hash. Those with wildcards are tried one by one while they are few. Of many, most have one shape:
 * wildcards in the same levels. For each shape the one filter that the topic matches is written,
 * and found by its hash.
 */
#ifndef SESSION_MQTT_SUBS_H
#define SESSION_MQTT_SUBS_H
#include "base/map.h"
#include "base/slice.h"

/* The octet of options as it travels in SUBSCRIBE of version 5. */
enum { SUB_QOS = 3, SUB_NO_LOCAL = 4, SUB_AS_PUBLISHED = 8, SUB_HANDLING_SHIFT = 4 };

struct taker;
struct sub_shape;

struct sub {
	struct sub *next; /* another with the same hash */
	uint32_t number;  /* its subscription identifier; 0: none */
	uint32_t wished;  /* place in the SUBSCRIBE that is being read, from 1 on; else 0 */
	uint32_t wild_at; /* place in subs.wild; SUB_EXACT: not there */
	uint16_t filter_n;
	uint8_t options;
	bool is_shared;      /* $share/...: matches no topic here */
	bool is_sys;         /* $SYS/... */
	bool is_sys_due;     /* it is to get what is there now (sys.c) */
	struct taker *taker; /* of its group's queue; NULL: none, or not shared */
	uint8_t filter[];
};
#define SUB_EXACT UINT32_MAX

struct subs {
	struct map by_filter; /* hash -> the first struct sub */
	struct sub **wild;
	struct sub_shape *shapes; /* of those in `wild` */
	uint32_t wild_n, wild_cap, n;
	uint32_t shapes_n, shapes_cap;
	uint32_t sys_n; /* those of $SYS */
};

/* What all that match say together: one copy with the highest QoS. */
#define SUB_NUMBERS_MAX 64u
struct sub_match {
	uint32_t n; /* that match */
	uint32_t numbers[SUB_NUMBERS_MAX], numbers_n;
	uint8_t qos;
	bool is_as_published; /* some of them */
	bool is_no_local;     /* all of them */
};

static inline struct slice sub_filter(const struct sub *s)
{
	return slice_of(s->filter, s->filter_n);
}

/* subs_find finds a filter, byte for byte; NULL: it is not there. */
struct sub *subs_find(const struct subs *s, struct slice filter);
/* subs_add makes one that is not there. NULL: no memory. */
struct sub *subs_add(struct subs *s, struct mem *mem, struct slice filter);
void subs_drop(struct subs *s, struct mem *mem, struct sub *own_one);
void subs_fini(struct subs *s, struct mem *mem);

/* subs_next walks them, from NULL and cursor 0 on, while none comes or goes. NULL: no more. */
struct sub *subs_next(const struct subs *s, size_t *io_cursor, const struct sub *before);

/* subs_match asks all about a topic. */
void subs_match(const struct subs *s, struct slice topic, struct sub_match *out);
#endif
