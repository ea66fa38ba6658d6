/* stomp head -- what the headers of a frame say, and how octets hide in them.
 *
 * headers.def has those that mean something; of each the first that comes counts. 1.0 knows no
 * escapes and trims blanks before a value, 1.1 and 1.2 know \n \c \\ and, as RabbitMQ takes it in
 * both, \r. CONNECT and CONNECTED are never escaped. Pure; views borrow from the frame, or from the
 * scratch where something was unescaped.
 */
#ifndef WIRE_STOMP_HEAD_H
#define WIRE_STOMP_HEAD_H
#include "base/wr.h"
#include "wire/stomp/frame.h"

enum stomp_header {
#define HEADER(name, text, in_send, property, prose) STOMP_H_##name,
#include "wire/stomp/headers.def"
#undef HEADER
	STOMP_H_N /* any other name */
};
extern const char *const stomp_header_words[STOMP_H_N];

/* stomp_header_of finds a name among those of headers.def; STOMP_H_N: it is none of them.
 * stomp_header_is_ours: it does not travel with a message. */
enum stomp_header stomp_header_of(struct slice name);
bool stomp_header_is_ours(enum stomp_header h);

/* The headers of a frame that mean something. */
struct stomp_head {
	bool has[STOMP_H_N];
	struct slice at[STOMP_H_N];
};

static inline bool stomp_has(const struct stomp_head *h, enum stomp_header which)
{
	return h->has[which];
}

enum stomp_escapes {
	STOMP_ESCAPES_NONE,  /* of CONNECT and CONNECTED, whatever the version */
	STOMP_ESCAPES,       /* those of the version */
	STOMP_ESCAPES_OR_NOT /* and what is none stays as it is, as ActiveMQ takes it */
};

/* stomp_head_read reads the head of a frame. `scratch` has room for as many octets as the head.
 * ERR_MALFORMED: an escape that there is not; *out is only so far read then. */
MUST_USE enum err stomp_head_read(struct slice head, enum stomp_version version,
				  enum stomp_escapes escapes, struct wr *scratch,
				  struct stomp_head *out);

/* stomp_head_find finds the first header of that name, whether it is in headers.def or not: its
 * value as it came, escapes and all. False: there is none. */
bool stomp_head_find(struct slice head, const char *name, struct slice *out_raw);

/* stomp_unescape gives the value that `raw` stands for: itself, or a copy at the end of `scratch`.
 * False: it has an escape that there is not, which stands for itself then. */
bool stomp_unescape(struct slice raw, enum stomp_version version, struct wr *scratch,
		    struct slice *out);
/* stomp_trim: a value without the blanks that a version does not count. */
struct slice stomp_trim(struct slice value, enum stomp_version version);
#endif
