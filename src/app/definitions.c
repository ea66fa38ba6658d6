#include "app/definitions.h"

#include "app/control.h"
#include "io/definitions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2

static int load(struct definitions *d, const char *path)
{
	char room[1024];
	struct text why = text_of(room, sizeof room);
	if (definitions_load(d, path, &why) != ERR_OK) {
		fprintf(stderr, "godwit: %s\n", room);
		return 1;
	}
	fwrite(d->notes, 1, d->notes_n, stdout);
	return 0;
}

static int check(const char *path)
{
	struct definitions d;
	if (load(&d, path) != 0)
		return 1;
	printf("entries: %u\nnotes: %u\n", d.items_n, d.noted_n);
	definitions_fini(&d);
	return 0;
}

static int import(const char *data_dir, const char *socket_name, const char *path)
{
	struct definitions d;
	if (load(&d, path) != 0)
		return 1;
	int code = control_tell(data_dir, socket_name, "definitions import", slice_of(d.items, d.n),
				stdout);
	definitions_fini(&d);
	return code;
}

/* Only its owner may read the file: password hashes are in it. */
static int export(const char *data_dir, const char *socket_name, const char *path)
{
	if (strcmp(path, "-") == 0)
		return control_tell(data_dir, socket_name, "definitions export", SLICE_EMPTY,
				    stdout);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!to) {
		fprintf(stderr, "godwit: %s: %s\n", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return 1;
	}
	int code = control_tell(data_dir, socket_name, "definitions export", SLICE_EMPTY, to);
	if (fclose(to) != 0) {
		fprintf(stderr, "godwit: %s: %s\n", path, strerror(errno));
		code = 1;
	}
	return code;
}

int definitions_main(const char *data_dir, const char *socket_name, char *const *words)
{
	const char *verb = words[0], *path = verb ? words[1] : NULL;
	if (path && !words[2]) {
		if (strcmp(verb, "check") == 0)
			return check(path);
		if (strcmp(verb, "import") == 0)
			return import(data_dir, socket_name, path);
		if (strcmp(verb, "export") == 0)
			return export(data_dir, socket_name, path);
	}
	fputs("godwit definitions: say import, export or check, and a file; see godwit --help\n",
	      stderr);
	return EXIT_USAGE;
}
