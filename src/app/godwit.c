/* godwit -- the tool beside the broker: `godwit COMMAND [WORD]...`, a row of the table each. */
#include "app/bench/bench.h"
#include "app/control.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define EXIT_USAGE 2
#define WORDS_MAX 8

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the name */
	const char *words, *prose;
};

static int dump(int argc, char **argv);
static int journal(int argc, char **argv);
static int trace(int argc, char **argv);

static const struct command commands[] = {
	{ "bench", bench_main, "[OPTION]...", "loads and measures a broker; see godwit bench --help" },
	{ "dump", dump, "[--data-dir DIR] queue|connection|shard|catalog|node [NAME]",
	  "prints what a running broker knows, one line an object" },
	{ "journal", journal, "inspect|verify DIR", "reads the journal of a broker that is not running" },
	{ "trace", trace, "--frames", "shows frames as they come and go" },
};
#define COMMANDS_N (sizeof commands / sizeof *commands)

static int usage(const char *command, const char *what)
{
	fprintf(stderr, "godwit %s: %s; see godwit --help\n", command, what);
	return EXIT_USAGE;
}

static bool is_kind(const char *word)
{
	static const char *const kinds[] = { "queue", "connection", "shard", "catalog", "node" };
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(word, kinds[i]) == 0)
			return true;
	return false;
}

static int dump(int argc, char **argv)
{
	const char *data_dir = "godwit-data";
	char *words[WORDS_MAX] = { argv[0] };
	int n = 1;
	for (int i = 1; i < argc && n < WORDS_MAX - 1; i++) {
		if (strcmp(argv[i], "--data-dir") != 0)
			words[n++] = argv[i];
		else if (++i < argc)
			data_dir = argv[i];
		else
			return usage("dump", "--data-dir wants a directory");
	}
	if (n < 2 || n > 3 || !is_kind(words[1]))
		return usage("dump", "say queue, connection, shard, catalog or node, and a NAME or none");
	return control_ask(data_dir, words);
}

static int journal(int argc, char **argv)
{
	(void)argv;
	if (argc != 3)
		return usage("journal", "say inspect or verify, and a DIR");
	fputs("godwit journal: this version cannot read journals yet\n", stderr);
	return 1;
}

static int trace(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fputs("godwit trace: this version cannot trace frames yet\n", stderr);
	return 1;
}

static int help(void)
{
	puts("usage: godwit COMMAND [WORD]...\n");
	for (size_t i = 0; i < COMMANDS_N; i++)
		printf("  godwit %s %s\n      %s\n", commands[i].name, commands[i].words,
		       commands[i].prose);
	puts("  godwit --version\n  godwit --help");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage("", "say what to do");
	if (strcmp(argv[1], "--help") == 0)
		return help();
	if (strcmp(argv[1], "--version") == 0)
		return puts("godwit " GODWIT_VERSION) < 0;
	for (size_t i = 0; i < COMMANDS_N; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return usage(argv[1], "there is no such command");
}
