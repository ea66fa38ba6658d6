#include "app/definitions.h"

#include "app/control.h"
#include "base/byteorder.h"
#include "io/definitions.h"
#include "session/manage/item.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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
	if (d->notes_n > 0)
		fwrite(d->notes, 1, d->notes_n, stdout);
	return 0;
}

static int check(const char *path)
{
	struct definitions d;
	if (load(&d, path) != 0)
		return 1;
	printf("entries: %u\nnotes: %u\n", d.items_n, d.noted_n);
	int code = d.refused_n ? 1 : 0;
	definitions_fini(&d);
	return code;
}

/* The broker takes the items; what it refuses it names. 1: it has refused some. */
static int send_items(const char *data_dir, const char *socket_name, struct slice items)
{
	char room[100];
	struct text last = text_of(room, sizeof room);
	int code = control_tell(data_dir, socket_name, "definitions import", items, stdout, &last);
	return code || slice_eq(text_slice(&last), slice_str("refused: 0")) ? code : 1;
}

static int import(const char *data_dir, const char *socket_name, const char *path)
{
	struct definitions d;
	if (load(&d, path) != 0)
		return 1;
	int code = send_items(data_dir, socket_name, slice_of(d.items, d.n));
	if (code == 0 && d.refused_n > 0)
		code = 1;
	definitions_fini(&d);
	return code;
}

/* The facts among the items, from the last to the first, each to be forgotten. NULL: no memory. */
static uint8_t *forgetting(const struct definitions *d, size_t *out_n)
{
	uint8_t *to = malloc(d->n);
	size_t end = d->n - 4, at = 0;
	if (!to)
		return NULL;
	memset(to + end, 0, 4);
	for (size_t from = 0; from < d->n - 4; from += 4 + load_le32(d->items + from)) {
		size_t n = 4 + load_le32(d->items + from);
		if (d->items[from + 4] != ITEM_FACT)
			continue;
		at += n;
		memcpy(to + end - at, d->items + from, n);
		to[end - at + 4] = ITEM_FORGET;
	}
	memmove(to, to + end - at, at + 4);
	*out_n = at + 4;
	return to;
}

static int forget(const char *data_dir, const char *socket_name, const char *path)
{
	struct definitions d;
	size_t n;
	if (load(&d, path) != 0)
		return 1;
	uint8_t *items = forgetting(&d, &n);
	int code = items ? send_items(data_dir, socket_name, slice_of(items, n)) : 1;
	free(items);
	definitions_fini(&d);
	return code;
}

/* Only its owner may read the file: password hashes are in it. */
static int export(const char *data_dir, const char *socket_name, const char *path)
{
	if (strcmp(path, "-") == 0)
		return control_tell(data_dir, socket_name, "definitions export", SLICE_EMPTY,
				    stdout, NULL);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!to) {
		fprintf(stderr, "godwit: %s: %s\n", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return 1;
	}
	int code = control_tell(data_dir, socket_name, "definitions export", SLICE_EMPTY, to, NULL);
	if (fclose(to) != 0) {
		fprintf(stderr, "godwit: %s: %s\n", path, strerror(errno));
		code = 1;
	}
	return code;
}

/* What one item is answered with: nothing, or the refusal. */
int definitions_send(const char *data_dir, const char *socket_name, struct slice items)
{
	char *told = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&told, &n);
	if (!to)
		return 1;
	int code = control_tell(data_dir, socket_name, "definitions import", items, to, NULL);
	if (fclose(to) != 0)
		code = 1;
	static const char refused[] = "refused: ";
	if (code == 0 && strncmp(told, refused, sizeof refused - 1) == 0) {
		const char *why = told + sizeof refused - 1;
		fprintf(stderr, "godwit: %.*s\n", (int)strcspn(why, "\n"), why);
		code = 1;
	}
	free(told);
	return code;
}

int definitions_send_forget(const char *data_dir, const char *socket_name, const struct fact *f)
{
	uint8_t item[FACT_NAMES_MAX * 256 + 32] = { 0 }; /* the length 0 behind it ends all */
	uint32_t n = fact_put(f, item + 5, sizeof item - 9);
	store_le32(item, n + 1);
	item[4] = ITEM_FORGET;
	return n ? definitions_send(data_dir, socket_name, slice_of(item, n + 9)) : 1;
}

int definitions_main(const char *data_dir, const char *socket_name, char *const *words)
{
	const char *verb = words[0], *path = verb ? words[1] : NULL;
	if (path && !words[2]) {
		if (strcmp(verb, "check") == 0)
			return check(path);
		if (strcmp(verb, "import") == 0)
			return import(data_dir, socket_name, path);
		if (strcmp(verb, "forget") == 0)
			return forget(data_dir, socket_name, path);
		if (strcmp(verb, "export") == 0)
			return export(data_dir, socket_name, path);
	}
	fputs("godwit definitions: say import, export, check or forget, and a file; see godwit "
	      "--help\n",
	      stderr);
	return EXIT_USAGE;
}
