#include "app/migrate.h"

#include "base/base64.h"
#include "base/list.h"
#include "io/definitions.h"
#include "io/entropy.h"
#include "io/password.h"
#include "migrate/migrate.h"
#include "node/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_USAGE   2
#define SECRET_WORDS 2

static int refuse(const char *what, const char *why)
{
	fprintf(stderr, "godwit migrate: %s: %s\n", what, why);
	return 1;
}

/* ---- files -------------------------------------------------------------------------------- */

struct files {
	struct migrate_files port;
	char **own; /* all that has been given out */
	size_t own_n, own_cap;
	const char *beside;    /* the configuration's directory, with its slash */
	struct dirent **found; /* of the directory that is listed */
	int found_n;
};

/* False: no memory, and it is freed. */
static bool keep(struct files *f, char *own_bytes)
{
	if (f->own_n == f->own_cap) {
		size_t cap = f->own_cap ? 2 * f->own_cap : 16;
		char **more = realloc(f->own, cap * sizeof *more);
		if (!more) {
			free(own_bytes);
			return false;
		}
		f->own = more;
		f->own_cap = cap;
	}
	f->own[f->own_n++] = own_bytes;
	return true;
}

/* As Mosquitto sees it, from where we are; else beside the configuration. False: it is too long. */
static bool find(const struct files *f, struct slice path, char out[PATH_MAX])
{
	bool is_relative = path.n > 0 && path.p[0] != '/';
	if (path.n == 0 || path.n >= PATH_MAX)
		return false;
	memcpy(out, path.p, path.n);
	out[path.n] = '\0';
	if (is_relative && access(out, F_OK) != 0) {
		int n = snprintf(out, PATH_MAX, "%s%.*s", f->beside, (int)path.n,
				 (const char *)path.p);
		return n > 0 && n < PATH_MAX;
	}
	return true;
}

/* NULL: errno says why. */
static char *bytes_of(const char *path, size_t *out_n)
{
	char *bytes = malloc(MIGRATE_FILE_BYTES_MAX + 1);
	FILE *from = bytes ? fopen(path, "rbe") : NULL;
	size_t n = from ? fread(bytes, 1, MIGRATE_FILE_BYTES_MAX + 1, from) : 0;
	bool is_good = from && !ferror(from) && n <= MIGRATE_FILE_BYTES_MAX;
	int error = n > MIGRATE_FILE_BYTES_MAX ? EFBIG : errno;
	if (from)
		fclose(from);
	char *fit = is_good ? realloc(bytes, n + 1) : NULL;
	if (!fit)
		free(bytes);
	errno = error;
	*out_n = n;
	return fit;
}

static bool read_file(struct migrate_files *port, struct slice path, struct slice *out,
		      struct text *why)
{
	struct files *f = containerof(port, struct files, port);
	char full[PATH_MAX];
	size_t n;
	char *bytes = find(f, path, full) ? bytes_of(full, &n) : NULL;
	if (!bytes) {
		text_puts(why, strerror(errno));
		return false;
	}
	*out = slice_of(bytes, n);
	return keep(f, bytes);
}

static int is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);
	return n > 5 && strcmp(d->d_name + n - 5, ".conf") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void forget_found(struct files *f)
{
	for (int i = 0; i < f->found_n; i++)
		free(f->found[i]);
	free(f->found);
	f->found = NULL;
	f->found_n = 0;
}

/* A directory is read anew for each: files in it may name others. */
static bool list_files(struct migrate_files *port, struct slice dir, uint32_t i, struct slice *out)
{
	struct files *f = containerof(port, struct files, port);
	char full[PATH_MAX], *path = NULL;
	if (!find(f, dir, full))
		return false;
	f->found_n = scandir(full, &f->found, is_conf, by_bytes);
	bool is_there = f->found_n > 0 && i < (uint32_t)f->found_n;
	if (is_there && asprintf(&path, "%s/%s", full, f->found[i]->d_name) < 0)
		path = NULL;
	f->found_n = f->found_n < 0 ? 0 : f->found_n;
	forget_found(f);
	if (!path || !keep(f, path))
		return false;
	*out = slice_str(path);
	return true;
}

static void files_fini(struct files *f)
{
	for (size_t i = 0; i < f->own_n; i++)
		free(f->own[i]);
	free(f->own);
}

/* ---- what was made ------------------------------------------------------------------------ */

/* Only its owner may read it: hashes of passwords are in it. */
static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!to) {
		if (fd >= 0)
			close(fd);
		return refuse(path, errno == EEXIST ? "it is there already; name another "
						      "directory with --out"
						    : strerror(errno));
	}
	fputs(text, to);
	bool is_bad = ferror(to) != 0;
	return fclose(to) != 0 || is_bad ? refuse(path, strerror(errno)) : 0;
}

/* What a start would say of them. Nonzero: it would refuse them. */
static int look(const struct migrate_out *out)
{
	static struct config config;
	static struct config_notes notes;
	struct definitions d;
	char room[1024];
	struct text why = text_of(room, sizeof room);
	if (definitions_read(&d, slice_str(out->definitions), &why) != ERR_OK)
		return refuse("definitions.json", room);
	if (d.notes_n > 0)
		fwrite(d.notes, 1, d.notes_n, stdout);
	definitions_fini(&d);
	config_defaults(&config);
	if (config_read(&config, "godwit.conf", slice_str(out->conf), &notes, &why) != ERR_OK ||
	    config_check(&config, &why) != ERR_OK)
		return refuse("godwit.conf", room);
	for (uint32_t i = 0; i < notes.n && i < CONFIG_NOTES_MAX; i++)
		printf("godwit.conf:%u: %s: without effect: %s\n", notes.at[i].line,
		       notes.at[i].key, notes.at[i].reason);
	return 0;
}

static int finish(const struct migrate_out *out, const char *dir, const char *definitions)
{
	char conf[PATH_MAX];
	int n = snprintf(conf, sizeof conf, "%s/godwit.conf", dir);
	if (n < 0 || n >= PATH_MAX)
		return refuse(dir, strerror(ENAMETOOLONG));
	if (access(conf, F_OK) == 0)
		return refuse(conf, "it is there already; name another directory with --out");
	int code = look(out);
	code = code ? code : write_file(definitions, out->definitions);
	if (code == 0 && (code = write_file(conf, out->conf)) != 0)
		(void)unlink(definitions);
	if (code == 0) {
		fputs(out->report, stdout);
		printf("written: %s\nwritten: %s\n", definitions, conf);
	}
	return code;
}

/* ---- the command -------------------------------------------------------------------------- */

/* A password that nobody needs to know, and its hash. */
static bool make_anonymous(struct migrate_setup *setup, char *password, struct text *hash)
{
	uint64_t words[SECRET_WORDS] = { entropy_u64(NULL), entropy_u64(NULL) };
	base64_url_put(password, slice_of(words, sizeof words));
	setup->anonymous_password = slice_of(password, base64_url_len(sizeof words));
	setup->anonymous_algorithm = password_make_cheap(setup->anonymous_password, hash);
	setup->anonymous_hash = text_slice(hash);
	return setup->anonymous_algorithm != NULL;
}

/* Settings that close what the broker would open: those of `all` that this version acts upon. */
static void find_listeners(const char *const *all, const char **out)
{
	static struct config config;
	static struct config_notes notes;
	const struct config_source from = { "", 0 };
	config_defaults(&config);
	for (; *all; all++) {
		char room[300];
		struct text why = text_of(room, sizeof room);
		uint32_t noted_n = notes.n;
		if (config_set(&config, from, slice_str(*all), slice_str("none"), &notes, &why) ==
			    ERR_OK &&
		    notes.n == noted_n)
			*out++ = *all;
	}
	*out = NULL;
}

/* Where it goes: the directory, made if need be, and the file in it that a start imports. */
struct target {
	char dir[PATH_MAX], definitions[PATH_MAX + 32];
};

static int find_target(const char *dir, struct target *out)
{
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return refuse(dir, strerror(errno));
	if (!realpath(dir, out->dir))
		return refuse(dir, strerror(errno));
	int n = snprintf(out->definitions, sizeof out->definitions, "%s/definitions.json",
			 out->dir);
	return n > CONFIG_STRING_MAX ? refuse(dir, "its name is too long for load_definitions") : 0;
}

static int run(struct migrate_setup *setup, const struct target *to)
{
	char password[64], hash_room[256], room[1024];
	struct text why = text_of(room, sizeof room), hash = text_of(hash_room, sizeof hash_room);
	struct migrate_out out = { 0 };
	if (!make_anonymous(setup, password, &hash))
		return refuse(to->dir, "the system makes no hash");
	int code = 1;
	if (migrate_mosquitto(setup, &out, &why) == ERR_OK)
		code = finish(&out, to->dir, to->definitions);
	else
		fprintf(stderr, "godwit migrate: %s\n", room);
	migrate_out_fini(&out);
	return code;
}

static int migrate(const char *path, const char *dir)
{
	static const struct migrate_files_ops ops = { .read = read_file, .list = list_files };
	static const char *const others[] = { "listeners.tcp", "stomp.listeners.tcp",
					      "web_amqp.tcp",  "web_mqtt.tcp",
					      "web_stomp.tcp", NULL };
	const char *closed[sizeof others / sizeof *others], *slash = strrchr(path, '/');
	static struct target to;
	char beside[PATH_MAX];
	int code = find_target(dir, &to);
	if (code != 0)
		return code;
	snprintf(beside, sizeof beside, "%.*s", slash ? (int)(slash - path) + 1 : 0, path);
	struct files files = { .port = { &ops }, .beside = beside };
	struct migrate_setup setup = { .files = &files.port,
				       .path = slice_str(path),
				       .definitions = slice_str(to.definitions),
				       .closed = closed };
	find_listeners(others, closed);
	code = run(&setup, &to);
	files_fini(&files);
	return code;
}

int migrate_main(int argc, char **argv)
{
	const char *path = NULL, *dir = ".";
	bool is_good = argc > 2 && strcmp(argv[1], "mosquitto") == 0;
	for (int i = 2; i < argc && is_good; i++) {
		bool is_out = strcmp(argv[i], "--out") == 0 && i + 1 < argc;
		if (is_out)
			dir = argv[++i];
		else if (!path && argv[i][0] != '-')
			path = argv[i];
		else
			is_good = false;
	}
	if (is_good && path)
		return migrate(path, dir);
	fputs("godwit migrate: say mosquitto, and a FILE; see godwit --help\n", stderr);
	return EXIT_USAGE;
}
