/* Plays every story of test/scenario/amqp091, or the one that is named, against the session, the
 * catalog and the cores. */
#include "session/amqp091/harness_for_tests.h"
#include "session/amqp091/scenario_for_tests.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define STORIES_MAX 256

static const char folder[] = "test/scenario/amqp091";

static char *read_story(const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "rb");
	must(f != NULL);
	char *text = calloc(1, 1 << 20);
	must(text != NULL);
	size_t n = fread(text, 1, (1 << 20) - 1, f);
	must(n > 0);
	fclose(f);
	return text;
}

static void plays(void **state)
{
	const char *name = *state;
	char *text = read_story(name);
	bool is_for_node = strstr(text, "# only: node") != NULL;
	for (int dripping = 0; dripping < 2 && !is_for_node; dripping++) {
		struct world *w = world_new();
		w->is_dripping = dripping;
		struct scenario *s = scenario_of(w, name);
		scenario_play(s, text);
		scenario_end(s);
	}
	free(text);
	if (is_for_node)
		skip();
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[STORIES_MAX];
	static char names[STORIES_MAX][64];
	size_t n = 0;
	DIR *d = opendir(folder);
	if (!d) {
		fprintf(stderr, "run it where %s is\n", folder);
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
