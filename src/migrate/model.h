/* model -- what is known in the course of a migration. Private to migrate/.
 *
 * Everything is in one hoard; slices point into it, or into files. Lists are in the order of the
 * files.
 */
#ifndef MIGRATE_MODEL_H
#define MIGRATE_MODEL_H
#include "migrate/migrate.h"
#include "migrate/page.h"
#include "migrate/rights.h"

/* Where something stands; `line` 0: in the file as a whole. */
struct place {
	struct slice file;
	uint32_t line;
};

/* What becomes of what is not kept as it is. */
enum fate { FATE_CHANGED, FATE_NEEDLESS, FATE_LOST, FATE_N };

/* Who may connect, and to do what; of the whole broker, or of one listener. */
struct security {
	struct security *next;
	struct place place;
	struct slice password_file, acl_file, dynsec_file;
	struct place password_place, acl_place, dynsec_place;
	int anonymous; /* may one come without a name? -1: nothing is said */
};

struct listener {
	struct listener *next;
	struct place place;
	struct security *security;
	struct slice host, cafile, certfile, keyfile, crlfile, tls_version;
	struct place tls_place;
	uint16_t port;
	bool is_described, is_off; /* nobody has described the default one, as a rule */
	bool is_websocket, needs_certificate;
	bool name_is_cn, name_is_dn; /* of the certificate: the user's name */
	uint64_t connections_max;    /* 0: nothing is said */
};

struct user {
	struct user *next;
	struct place place;
	struct slice name, hash;
	const char *algorithm;
	const struct security *security; /* where he was found first */
	struct rights write, read, subscribe;
	bool is_ruled;      /* by the rules; else nothing is forbidden */
	bool has_subscribe; /* rules of their own for subscribing */
	bool is_of_dynsec, is_anonymous;
};

/* A line of godwit.conf. */
struct setting {
	struct setting *next;
	struct slice key, value;
};

struct bridge;

struct migration {
	const struct migrate_setup *setup;
	struct text *why;
	struct hoard hoard;
	struct page report;
	uint64_t fates[FATE_N], kept_n;
	struct security *securities, **securities_end;
	struct listener *listeners, **listeners_end;
	struct user *users, **users_end;
	struct setting *settings, **settings_end;
	struct bridge *bridges, **bridges_end, *bridge; /* bridge: whose options are read */
	struct security *global;                        /* of the whole broker */
	struct listener *listener; /* whose options are read: the default one at first */
	struct slice queued_max, queued_bytes_max; /* digits; empty: nothing is said */
	uint32_t known_n, unknown_n;               /* options */
	bool is_per_listener, is_dynsec;           /* dynsec: the options of its plugin are read */
	bool logs_file, logs_stdio, logs_nowhere;
	int log_level; /* of LOG_LEVELS; -1: nothing is said */
};

/* From the least important on; none is above all. */
#define LOG_LEVELS 5

/* migrate_note says what becomes of `what`, which stands at `at`, and why. */
void migrate_note(struct migration *m, struct place at, struct slice what, enum fate fate,
		  const char *why);

/* migrate_read opens a file whose name stands at `at`. ERR_NOT_FOUND, with m->why. */
MUST_USE enum err migrate_read(struct migration *m, struct place at, struct slice path,
			       struct slice *out);

/* migrate_set adds a setting to godwit.conf, unless one of that key is there: then the first
 * stays, and false is given if it has another value. */
bool migrate_set(struct migration *m, const char *key, struct slice value);

/* migrate_user finds the user of that name, or makes one. NULL: no memory. */
struct user *migrate_user(struct migration *m, struct slice name, struct place at,
			  const struct security *s);

/* A line of a file that is read from its beginning to its end. */
struct lines {
	struct slice rest;
	struct place at;
};

/* lines_next gives the next line without its end and blanks around it; false: no more. */
bool lines_next(struct lines *l, struct slice *out);

/* word_of takes the first word of a line, and the blanks behind it. */
struct slice word_of(struct slice *io_line);

/* conf.c, passwd.c, acl.c, dynsec.c: readers; each leaves what it has found in `m`. Errors of all:
 * ERR_NOT_FOUND, ERR_MALFORMED with m->why; ERR_RESOURCE_ERROR. */
MUST_USE enum err conf_read(struct migration *m, struct place at, struct slice path,
			    uint32_t depth);
MUST_USE enum err passwd_read(struct migration *m, const struct security *s);
MUST_USE enum err acl_read(struct migration *m, const struct security *s);
MUST_USE enum err dynsec_read(struct migration *m, const struct security *s);

/* option.c: what an option of mosquitto.conf means. */
MUST_USE enum err option_take(struct migration *m, struct place at, struct slice key,
			      struct slice value, uint32_t depth);

/* listener.c: listeners, and what else is known when all is read, become settings. write.c:
 * everything becomes text. */
struct listener *listener_new(struct migration *m, struct place at);
bool listener_is_used(const struct listener *l);
void listeners_settle(struct migration *m);
void write_definitions(struct migration *m, struct page *to);
void write_conf(const struct migration *m, struct page *to);
#endif
