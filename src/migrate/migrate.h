/* migrate -- another broker's files become a definitions file and a godwit.conf.
 *
 * What cannot be kept is said, place by place: nothing is left out in silence. Files are read
 * through a port, and nothing is written: the caller gets texts. One thread; memory is taken and
 * given back.
 *
 *     mosquitto.conf --conf--> options --+--> listeners, settings ---> godwit.conf
 *     password_file  --passwd--> users --+
 *     acl_file       --acl-----> rules --+--> expressions over keys -> definitions.json
 *     dynamic security (JSON) --dynsec --+
 */
#ifndef MIGRATE_MIGRATE_H
#define MIGRATE_MIGRATE_H
#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"

#define MIGRATE_FILE_BYTES_MAX ((size_t)16 << 20)

struct migrate_files;

struct migrate_files_ops {
	/* read gives a file's bytes, which stay until the migration is over. False: `why` says. */
	bool (*read)(struct migrate_files *f, struct slice path, struct slice *out,
		     struct text *why);
	/* list gives the path of the i-th file in the directory that ends in .conf, in the order of
	 * bytes, which stays as long. False: there are no more. */
	bool (*list)(struct migrate_files *f, struct slice dir, uint32_t i, struct slice *out);
};

struct migrate_files {
	const struct migrate_files_ops *ops;
};

/* What the caller brings. */
struct migrate_setup {
	struct migrate_files *files;
	struct slice path;         /* of mosquitto.conf */
	struct slice definitions;  /* where the definitions will lie: load_definitions */
	const char *const *closed; /* settings of listeners that are not MQTT's; NULL ends them */
	/* A password for whoever comes without a name, and its hash; used if anybody may. */
	struct slice anonymous_password, anonymous_hash;
	const char *anonymous_algorithm;
};

/* C strings of malloc; the caller frees them with migrate_out_fini. */
struct migrate_out {
	char *definitions, *conf;
	char *report; /* a line for each thing that is not as it was, and the sum */
};

/* migrate_mosquitto does all of it. ERR_NOT_FOUND: a file cannot be read, `why` says which, and
 * nothing is made, for without it others might be let in, or do more. ERR_MALFORMED: there is
 * nothing in it that could be kept. ERR_RESOURCE_ERROR: no memory. */
MUST_USE enum err migrate_mosquitto(const struct migrate_setup *setup, struct migrate_out *out,
				    struct text *why);
void migrate_out_fini(struct migrate_out *own_out);
#endif
