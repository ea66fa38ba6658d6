#include "io/sources.h"

#include "base/text.h"
#include "io/definitions.h"
#include "io/pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX (4u << 20)

extern char **environ;

static enum err cannot_read(const char *path, const char *reason, struct text *why)
{
	text_putf(why, "cannot read the configuration file %s: %s; see --config", path, reason);
	return ERR_IO;
}

static enum err read_all(int file, const char *path, uint8_t *buf, size_t *out_n, struct text *why)
{
	size_t sum = 0;
	ssize_t n;
	do {
		n = read(file, buf + sum, FILE_BYTES_MAX - sum);
		if (n < 0 && errno != EINTR)
			return cannot_read(path, strerror(errno), why);
		sum += n > 0 ? (size_t)n : 0;
	} while (n != 0 && sum < FILE_BYTES_MAX);
	if (sum == FILE_BYTES_MAX)
		return cannot_read(path, "it has 4 MiB or more", why);
	*out_n = sum;
	return ERR_OK;
}

static enum err read_file(const char *path, struct config *c, struct config_notes *notes,
			  struct text *why)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return cannot_read(path, strerror(errno), why);
	size_t n = 0;
	uint8_t *buf = malloc(FILE_BYTES_MAX);
	must(buf != NULL);
	enum err e = read_all(file, path, buf, &n, why);
	if (e == ERR_OK)
		e = config_read(c, path, slice_of(buf, n), notes, why);
	free(buf);
	close(file);
	return e;
}

static enum err read_environment(struct config *c, struct text *why)
{
	for (char **v = environ; *v; v++) {
		struct slice all = slice_str(*v);
		size_t n = slice_find(all, '=');
		if (n < all.n)
			TRY(config_set_env(c, slice_sub(all, 0, n), slice_from(all, n + 1), why));
	}
	return ERR_OK;
}

static enum err read_sets(const struct sources *s, struct config *c, struct config_notes *notes,
			  struct text *why)
{
	struct config_source from = { "--set", 0 };
	for (uint32_t i = 0; i < s->sets_n; i++) {
		struct slice all = slice_str(s->sets[i]);
		size_t n = slice_find(all, '=');
		if (n == all.n) {
			text_putf(why, "--set %s: there is no =; write --set key=value",
				  s->sets[i]);
			return ERR_MALFORMED;
		}
		TRY(config_set(c, from, slice_sub(all, 0, n), slice_from(all, n + 1), notes, why));
	}
	return ERR_OK;
}

static enum err check_expression(const char *key, const char *expr, struct text *why)
{
	text_putf(why, "%s = %s: ", key, expr);
	TRY(pattern_check(slice_str(expr), why));
	*why = text_of(why->p, why->cap);
	return ERR_OK;
}

enum err sources_check_files(const struct config *c, struct text *why)
{
	struct definitions d = { 0 };
	if (!c->load_definitions[0])
		return ERR_OK;
	text_puts(why, "load_definitions: ");
	TRY(definitions_load(&d, c->load_definitions, why));
	*why = text_of(why->p, why->cap);
	definitions_fini(&d);
	return ERR_OK;
}

enum err sources_read(const struct sources *s, struct config *c, struct config_notes *notes,
		      struct text *why)
{
	config_defaults(c);
	notes->n = 0;
	if (s->file)
		TRY(read_file(s->file, c, notes, why));
	TRY(read_environment(c, why));
	TRY(read_sets(s, c, notes, why));
	TRY(check_expression("default_permissions.configure", c->default_configure, why));
	TRY(check_expression("default_permissions.write", c->default_write, why));
	TRY(check_expression("default_permissions.read", c->default_read, why));
	return config_check(c, why);
}
