#include "app/capture.h"

#include "base/limits.h"
#include "session/amqp091/ops.h"
#include "wire/amqp091/frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_BYTES ((size_t)LIMIT_FRAME_MAX_MAX + AMQP091_FRAME_OVERHEAD)
#define READ_BYTES ((size_t)65536)
#define LINE_BYTES 16384u /* longer ones are cut */

struct capture {
	const char *path;
	FILE *file;
	uint64_t at;   /* of the file: where the bytes that are here begin */
	size_t n, cap; /* bytes that are here, and room for them */
	uint8_t *bytes;
	bool is_end;
};

static int failed(const struct capture *c, const char *what, const char *advice)
{
	fflush(stdout);
	fprintf(stderr, "godwit trace: %s, byte %llu: %s; %s\n", c->path, (unsigned long long)c->at,
		what, advice);
	return 1;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* Room for `need` bytes from the first one on: never more than the largest frame has. */
static bool make_room(struct capture *c, size_t need)
{
	must(need <= ROOM_BYTES);
	size_t cap = need > READ_BYTES ? need : READ_BYTES;
	if (cap <= c->cap)
		return true;
	uint8_t *bytes = realloc(c->bytes, cap);
	if (!bytes)
		return false;
	c->bytes = bytes;
	c->cap = cap;
	return true;
}

/* Reads until `need` bytes are here, or the file ends. False: errno says why. */
static bool fill(struct capture *c, size_t need)
{
	if (!make_room(c, need))
		return false;
	while (c->n < need && !c->is_end) {
		size_t n = fread(c->bytes + c->n, 1, c->cap - c->n, c->file);
		c->n += n;
		c->is_end = n == 0;
	}
	return ferror(c->file) == 0;
}

/* ---- frames ------------------------------------------------------------------------------- */

/* How many bytes at the start of `in` are one frame, or the greeting. ERR_MORE: *out_n says how
 * many must be there before the next look. Other errors: nothing that AMQP 0-9-1 knows. */
static enum err measure(struct slice in, size_t *out_n)
{
	enum amqp091_greeting greeting;
	struct amqp091_frame f;
	if (slice_starts_with(in, slice_str("A"))) { /* no frame has this type */
		*out_n = AMQP091_GREETING_LEN;
		TRY(amqp091_greeting_read(in, &greeting));
		return greeting == AMQP091_GREETING_UNKNOWN ? ERR_FRAME_ERROR : ERR_OK;
	}
	*out_n = amqp091_frame_need(in);
	return amqp091_frame_read(in, LIMIT_FRAME_MAX_MAX, &f);
}

/* Prints all lines that are here whole, moves the rest to the front, and says how many bytes the
 * next one needs. False: there is something else. */
static bool print_whole(struct capture *c, size_t *out_need)
{
	char room[LINE_BYTES];
	struct slice in = slice_of(c->bytes, c->n);
	enum err e;
	while ((e = measure(in, out_need)) == ERR_OK) {
		struct text line = text_of(room, sizeof room);
		(void)amqp091_print(NULL, slice_sub(in, 0, *out_need), &line);
		printf("%llu %s\n", (unsigned long long)(c->at + c->n - in.n), room);
		in = slice_from(in, *out_need);
	}
	c->at += c->n - in.n;
	c->n = in.n;
	if (in.n > 0)
		memmove(c->bytes, in.p, in.n);
	return e == ERR_MORE;
}

static int print_all(struct capture *c)
{
	size_t need = AMQP091_FRAME_HEAD;
	while (fill(c, need)) {
		if (c->n == 0)
			return 0;
		if (!print_whole(c, &need))
			return failed(c, "here begins no frame of AMQP 0-9-1",
				      "give it what one side of a connection sent, from the start");
		if (ferror(stdout))
			return 1; /* nobody reads it any more */
		if (c->is_end && c->n > 0)
			return failed(c, "the last frame is not there whole",
				      "capture until the connection ends");
	}
	return failed(c, strerror(errno), "give it a file that can be read");
}

int capture_print(const char *path)
{
	struct capture c = { .path = path };
	bool is_stdin = strcmp(path, "-") == 0;
	c.file = is_stdin ? stdin : fopen(path, "rb");
	if (!c.file) {
		fprintf(stderr, "godwit trace: %s: %s; give it a file that can be read\n", path,
			strerror(errno));
		return 1;
	}
	int code = print_all(&c);
	if (!is_stdin)
		fclose(c.file);
	free(c.bytes);
	return code;
}
