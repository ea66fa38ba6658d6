/* replay -- runs a fuzz target over its corpus without libFuzzer: `x_fuzz DIR`.
 *
 * Every file goes in whole, cut off after each of its first bytes, and changed in ways that
 * depend on nothing but the file. Each input lies in a heap block of exactly its size, so
 * AddressSanitizer sees a read of one byte too many.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX    (1u << 20)
#define PREFIX_MAX  512
#define CHANGED_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return random_state >> 33;
}

static void feed(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	if (copy == NULL)
		abort();
	memcpy(copy, p, n);
	(void)LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void feed_changed(uint8_t *p, size_t n)
{
	for (int i = 0; n > 0 && i < CHANGED_MAX; i++) {
		size_t at = random_next() % n;
		uint8_t was = p[at];
		p[at] = (uint8_t)random_next();
		feed(p, n - random_next() % (n / 8 + 1));
		if (i % 8 != 0) /* one change in eight stays */
			p[at] = was;
	}
}

static void replay(const char *path)
{
	static uint8_t bytes[FILE_MAX];
	FILE *f = fopen(path, "rb");
	if (f == NULL) {
		perror(path);
		exit(1);
	}
	size_t n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	feed(bytes, n);
	for (size_t k = 0; k < n && k < PREFIX_MAX; k++)
		feed(bytes, k);
	random_state = n;
	feed_changed(bytes, n);
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **names;
	int n = argc == 2 ? scandir(argv[1], &names, visible, alphasort) : -1;
	if (n <= 0) {
		fprintf(stderr, "usage: %s CORPUS (a folder with at least one file)\n", argv[0]);
		return 1;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/%s", argv[1], names[i]->d_name);
		replay(path);
		free(names[i]);
	}
	free(names);
	printf("ok %d files\n", n);
	return 0;
}
