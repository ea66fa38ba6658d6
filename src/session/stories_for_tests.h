/* stories_for_tests -- every story of a folder of test/scenario as a test of its own, or the one
 * that is named. Who includes it says before which folder: STORIES_FOLDER. Only for tests.
 */
#ifndef SESSION_STORIES_FOR_TESTS_H
#define SESSION_STORIES_FOR_TESTS_H
#include "base/must.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define STORIES_MAX       256
#define STORIES_BYTES_MAX ((size_t)1 << 20)

/* story_read gives the text of a story, to be freed. */
static inline char *story_read(const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", STORIES_FOLDER, name);
	FILE *f = fopen(path, "rb");
	must(f != NULL);
	char *text = calloc(1, STORIES_BYTES_MAX);
	must(text != NULL);
	size_t n = fread(text, 1, STORIES_BYTES_MAX - 1, f);
	must(n > 0);
	fclose(f);
	return text;
}

/* stories_main is main(): `plays` gets the name of a story as its state. */
static inline int stories_main(int argc, char **argv, CMUnitTestFunction plays)
{
	static struct CMUnitTest tests[STORIES_MAX];
	static char names[STORIES_MAX][64];
	size_t n = 0;
	DIR *d = opendir(STORIES_FOLDER);
	if (!d) {
		fprintf(stderr, "run it where %s is\n", STORIES_FOLDER);
		return 2;
	}
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		if (!strstr(e->d_name, ".txt") || (argc > 1 && strcmp(argv[1], e->d_name) != 0))
			continue;
		must(n < STORIES_MAX);
		snprintf(names[n], sizeof names[n], "%.60s", e->d_name);
		tests[n] = (struct CMUnitTest){ names[n], plays, NULL, NULL, names[n] };
		n++;
	}
	closedir(d);
	return _cmocka_run_group_tests("scenarios", tests, n, NULL, NULL);
}
#endif
