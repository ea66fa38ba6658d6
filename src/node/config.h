/* config -- the broker's settings: one table (config.def), rabbitmq.conf's grammar and names.
 *
 * Order: defaults < file < GODWIT_... environment < --set key=value: each overrides what came
 * before. Unknown keys and bad values are refused with source, line, reason and the nearest name.
 * What RabbitMQ knows and this broker does not need (config_known.def) is accepted and noted.
 * A config is plain data: filled at start by one thread, never changed while loops run.
 *
 *     file    key = value        # one a line; 'quoted' where the value holds a #
 *     keys    listeners.tcp.default   disk_free_limit.absolute   heartbeat
 */
#ifndef NODE_CONFIG_H
#define NODE_CONFIG_H
#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct text;

#define CONFIG_STRING_MAX    255
#define CONFIG_NAME_MAX      63
#define CONFIG_LISTENERS_MAX 16
#define CONFIG_USERS_MAX     16
#define CONFIG_CHOICES_MAX   8
#define CONFIG_TEXTS_MAX     8
#define CONFIG_LIMITS_MAX    16
#define CONFIG_WORDS_MAX     64
#define CONFIG_NOTES_MAX     64
#define CONFIG_BRIDGES_MAX   16
#define CONFIG_TOPICS_MAX    64
#define CONFIG_LEVELS        "debug|info|warning|error|critical|none"
#define CONFIG_FORMATS       "plaintext|json|text"

#define CONFIG_MECHANISMS   "PLAIN|AMQPLAIN|ANONYMOUS|EXTERNAL"
#define CONFIG_CERT_NAMES   "distinguished_name|common_name|subject_alternative_name"
#define CONFIG_CERT_IDS     "none|distinguished_name|subject_alternative_name"
#define CONFIG_SAN_TYPES    "dns|ip|email|uri|other_name"
#define CONFIG_VERIFIES     "verify_none|verify_peer"
#define CONFIG_TLS_VERSIONS "tlsv1.2|tlsv1.3"
#define CONFIG_WS_FRAMES    "text|binary"
#define CONFIG_DIALECTS     "rabbitmq|activemq"
/* In the order of enum queue_type; then RabbitMQ's names of its modules. */
#define CONFIG_QUEUE_TYPES \
	"classic|quorum|stream|rabbit_classic_queue|rabbit_quorum_queue|rabbit_stream_queue"
#define CONFIG_QUEUE_TYPES_N 3
#define CONFIG_KEPT_TYPES    "classic|quorum" /* likewise */
#define CONFIG_MQTTS         "mqttv31|mqttv311|mqttv50"
#define CONFIG_STARTS        "automatic|once|lazy"

/* Places in CONFIG_LEVELS; the first four are those of enum log_level. */
enum { CONFIG_LEVEL_CRITICAL = 4, CONFIG_LEVEL_NONE = 5 };
enum { CONFIG_FORMAT_JSON = 1 };
enum { CONFIG_STDERR = 1 };
enum { CONFIG_MQTT_V31, CONFIG_MQTT_V311, CONFIG_MQTT_V5 };
enum { CONFIG_START_ONCE = 1, CONFIG_START_LAZY };
enum { CONFIG_VERIFY_PEER = 1 };
enum { CONFIG_WS_TEXT, CONFIG_WS_BINARY };
enum { CONFIG_CERT_DN, CONFIG_CERT_CN, CONFIG_CERT_SAN };
enum { CONFIG_CERT_ID_NONE, CONFIG_CERT_ID_DN, CONFIG_CERT_ID_SAN };
enum { CONFIG_SAN_DNS, CONFIG_SAN_IP, CONFIG_SAN_EMAIL, CONFIG_SAN_URI, CONFIG_SAN_OTHER };

struct config_listener {
	char name[CONFIG_NAME_MAX + 1]; /* the last word of its key */
	char host[64];                  /* "": all addresses */
	uint16_t port;
};
struct config_listeners {
	struct config_listener at[CONFIG_LISTENERS_MAX];
	uint32_t n;
	bool is_default; /* nobody has named any: the first who does replaces them */
};
struct config_user {
	char name[CONFIG_STRING_MAX + 1];
};
struct config_users {
	struct config_user at[CONFIG_USERS_MAX];
	uint32_t n;
};
struct config_texts {
	char at[CONFIG_TEXTS_MAX][CONFIG_STRING_MAX + 1];
	char names[CONFIG_TEXTS_MAX][CONFIG_NAME_MAX + 1]; /* the last words of their keys */
	uint32_t n;
};
struct config_dialect {
	char name[CONFIG_STRING_MAX + 1];   /* of a listener */
	char source[CONFIG_STRING_MAX + 1]; /* where that was said, as in config_source */
	uint32_t line;
	bool is_other; /* the second dialect */
};
struct config_dialects {
	struct config_dialect at[CONFIG_USERS_MAX];
	uint32_t n;
};
struct config_choices {
	uint8_t at[CONFIG_CHOICES_MAX]; /* places from 1, in the order of their numbers; 0: none */
	bool is_default;                /* the first that is named replaces them */
};

/* Of the virtual hosts whose names the pattern fits; -1: none. */
struct config_limits_one {
	char name[CONFIG_NAME_MAX + 1], pattern[CONFIG_STRING_MAX + 1];
	int64_t connections, queues;
};
struct config_limits {
	struct config_limits_one at[CONFIG_LIMITS_MAX];
	uint32_t n;
};

/* Words by their numbers; where they were said, the list as a whole where the last one was. */
struct config_word {
	char word[CONFIG_NAME_MAX + 1]; /* "": there is none of this number */
	uint32_t line;
};
struct config_words {
	struct config_word at[CONFIG_WORDS_MAX];
	char source[CONFIG_STRING_MAX + 1]; /* as in config_source */
	uint32_t line;
};

#define CONFIG_FIELD_BOOL(field)      bool field;
#define CONFIG_FIELD_INT(field)       int64_t field;
#define CONFIG_FIELD_BOUND(field)     int64_t field; /* -1: none */
#define CONFIG_FIELD_BYTES(field)     int64_t field;
#define CONFIG_FIELD_RATIO(field)     double field;
#define CONFIG_FIELD_STRING(field)    char field[CONFIG_STRING_MAX + 1];
#define CONFIG_FIELD_CHOICE(field)    int field;
#define CONFIG_FIELD_CHOICES(field)   struct config_choices field;
#define CONFIG_FIELD_LISTENERS(field) struct config_listeners field;
#define CONFIG_FIELD_ENDPOINT(field)  struct config_listeners field;
#define CONFIG_FIELD_USERS(field)     struct config_users field;
#define CONFIG_FIELD_TEXTS(field)     struct config_texts field;
#define CONFIG_FIELD_DIALECTS(field)  struct config_dialects field;
#define CONFIG_FIELD_LIMITS(field)    struct config_limits field;
#define CONFIG_FIELD_WORDS(field)     struct config_words field;
#define CONFIG_FIELD_TOPICS(field)    struct config_topics field;
#define CONFIG_FIELD_BRIDGES(field)   struct config_bridges field;

/* Lines as session/mqtt/bridge.h says, in the order in which their names came. */
struct config_topic {
	char name[CONFIG_NAME_MAX + 1];
	char line[CONFIG_STRING_MAX + 1];
};
struct config_topics {
	uint32_t n;
	struct config_topic at[CONFIG_TOPICS_MAX]; /* untouched from n on */
};
struct config_bridge {
	char name[CONFIG_NAME_MAX + 1];
#define BRIDGE(field, type, key, value, min, max, unit, prose) CONFIG_FIELD_##type(field)
#include "node/bridge.def"
#undef BRIDGE
};
struct config_bridges {
	uint32_t n;
	struct config_bridge at[CONFIG_BRIDGES_MAX]; /* untouched from n on */
};

struct config {
#define CONFIG(field, type, key, value, min, max, unit, prose) CONFIG_FIELD_##type(field)
#include "node/config.def"
#undef CONFIG
};

/* A setting that has no effect here: for log line F003. */
struct config_note {
	char source[CONFIG_STRING_MAX + 1], key[CONFIG_STRING_MAX + 1];
	uint32_t line;
	const char *reason;
};
struct config_notes {
	struct config_note at[CONFIG_NOTES_MAX];
	uint32_t n; /* the first CONFIG_NOTES_MAX of them are kept */
};

/* Where a setting comes from; `line` 0: from no file. */
struct config_source {
	const char *name;
	uint32_t line;
};

/* config_source_put writes where that is: "NAME:LINE", or "NAME" when it has no line. */
void config_source_put(struct text *t, struct config_source from);

/* config_has_dialect: does the listener of that name speak the other dialect of its protocol? */
bool config_has_dialect(const struct config_dialects *d, struct slice listener);

/* config_defaults fills a config with the values of the table. */
void config_defaults(struct config *c);

/* config_bridge_address gives the next host and port of a bridge's address; false: no more.
 * `out_host` has CONFIG_STRING_MAX + 1 bytes. */
bool config_bridge_address(struct slice *io_rest, char *out_host, uint16_t *out_port);

/* config_choice is the word at this place, from 1, of words separated by |. */
struct slice config_choice(const char *words, uint8_t place);

/* config_read takes the text of a file named `name`; what has no effect is added to `notes`.
 * ERR_MALFORMED: the first bad line, `why` = "NAME:LINE: KEY: reason" or "NAME:LINE: unknown key
 * KEY; did you mean OTHER?" (or where all are told). What stood before it is set. */
MUST_USE enum err config_read(struct config *c, const char *name, struct slice text,
			      struct config_notes *notes, struct text *why);

/* config_set takes one key and value. Errors and notes as config_read. */
MUST_USE enum err config_set(struct config *c, struct config_source from, struct slice key,
			     struct slice value, struct config_notes *notes, struct text *why);

/* config_set_env takes a variable of the environment: GODWIT_JOURNAL_SYNC_GAP is
 * journal.sync_gap, GODWIT_LISTENERS_TCP_DEFAULT is listeners.tcp.default. What does not begin
 * with GODWIT_ is none of ours. Of the rest, what is near to a setting is refused like an unknown
 * key, and what is not is left alone: orchestrators and tests set names of their own
 * (GODWIT_SERVICE_HOST). */
MUST_USE enum err config_set_env(struct config *c, struct slice name, struct slice value,
				 struct text *why);

/* config_check looks at what values mean together, after all sources were read. ERR_MALFORMED:
 * `why` says what does not fit. */
MUST_USE enum err config_check(const struct config *c, struct text *why);

/* config_changes appends the keys whose values differ, separated by blanks, or "none". */
void config_changes(const struct config *a, const struct config *b, struct text *out);

/* config_is_loopback_only: may this user log in from this machine only? */
bool config_is_loopback_only(const struct config *c, struct slice user);
#endif
