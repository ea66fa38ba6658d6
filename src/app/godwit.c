/* godwit -- the tool beside the broker: `godwit COMMAND [WORD]...`, a row of the table each. */
#include "app/bench/bench.h"
#include "app/capture.h"
#include "app/control.h"
#include "app/definitions.h"
#include "app/journal.h"
#include "app/migrate.h"
#include "app/verb.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define EXIT_USAGE 2
#define WORDS_MAX  64
#define BROKER     "[--data-dir DIR] [--socket NAME]" /* which one is asked */

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the name */
	const char *words, *prose;
};

static int definitions(int argc, char **argv);
static int delayed(int argc, char **argv);
static int digest(int argc, char **argv);
static int dump(int argc, char **argv);
static int trace(int argc, char **argv);

static const struct command commands[] = {
	{ "bench", bench_main, "[OPTION]...",
	  "loads and measures a broker; see godwit bench --help" },
	{ "definitions", definitions, BROKER " import|export|check|forget FILE",
	  "users, permissions, queues, exchanges, bindings and more, as RabbitMQ exports them" },
	{ "delayed", delayed, BROKER " list|cancel MESSAGE|cancel all [-p VHOST] [EXCHANGE]",
	  "lists what an exchange delays, or removes it" },
	{ "digest", digest, BROKER, "prints a digest of what each shard must not lose" },
	{ "dump", dump, BROKER " node|catalog|shard|connection|queue [-p VHOST] [NAME]",
	  "prints what a running broker knows of one object, or of all" },
	{ "journal", journal_main, "inspect|verify DIR | salvage DIR [--to NEWDIR]",
	  "prints the journal in a data directory, says whether it is whole, or saves what is" },
	{ "migrate", migrate_main, "mosquitto FILE [--out DIR]",
	  "makes definitions.json and godwit.conf of another broker's files" },
	{ "trace", trace, BROKER " --frames [CONNECTION] | --capture FILE",
	  "shows frames as they come and go, or those in a file of one side's bytes" },
};
#define COMMANDS_N (sizeof commands / sizeof *commands)

static int usage(const char *command, const char *what)
{
	fprintf(stderr, "godwit%s%s: %s; see godwit --help\n", command[0] ? " " : "", command,
		what);
	return EXIT_USAGE;
}

/* A question for a running broker: its words, without the options, which are for us. */
struct question {
	struct verb_call call;
	const char *capture; /* a file, instead of a broker */
	char *words[WORDS_MAX];
	int n;
	bool is_frames, is_quiet;
};

/* An option with a value (where that goes, what it is), or one without. */
struct option {
	const char *name, **to, *wants;
	bool *is;
};

/* `--name value` or `--name=value`. Gives how many words that were; 0: it is no option; -1: its
 * value is not there. */
static int read_option(const struct option *o, const struct option *end, char **words,
		       const char **out_wants)
{
	const char *is = words[0][0] == '-' ? strchr(words[0], '=') : NULL;
	size_t n = is ? (size_t)(is - words[0]) : strlen(words[0]);
	while (o < end && (strncmp(o->name, words[0], n) != 0 || o->name[n]))
		o++;
	if (o == end || (is && !o->to))
		return 0;
	*out_wants = o->wants;
	if (o->is) {
		*o->is = true;
		return 1;
	}
	const char *value = is ? is + 1 : words[1];
	if (value)
		*o->to = value;
	return !value ? -1 : is ? 1 : 2;
}

/* Gives -1 to go on, or the exit code. From -p on they are for verbs; a question has its virtual
 * host among its words. */
static int read_question(struct question *q, bool is_verb, int argc, char **argv)
{
	*q = (struct question){
		.call = { .data_dir = "godwit-data", .socket = CONTROL_SOCKET, .vhost = "/" },
		.words = { argv[0] },
		.n = 1
	};
	struct verb_call *c = &q->call;
	const struct option options[] = {
		{ "--data-dir", &c->data_dir, "--data-dir wants a directory", NULL },
		{ "--socket", &c->socket, "--socket wants a name", NULL },
		{ "--capture", &q->capture, "--capture wants a file, or - for its input", NULL },
		{ "--frames", NULL, NULL, &q->is_frames },
		{ "-p", &c->vhost, "-p wants a virtual host", NULL },
		{ "--vhost", &c->vhost, "--vhost wants a virtual host", NULL },
		{ "--priority", &c->priority, "--priority wants a number", NULL },
		{ "--apply-to", &c->apply_to, "--apply-to wants queues, exchanges or all", NULL },
		{ "--description", &c->description, "--description wants a text", NULL },
		{ "--tags", &c->tags, "--tags wants words with commas between", NULL },
		{ "--default-queue-type", &c->queue_type, "--default-queue-type wants a type",
		  NULL },
		{ "--formatter", &c->formatter, "--formatter wants table, csv or json", NULL },
		{ "--no-table-headers", NULL, NULL, &c->is_headless },
		{ "--silent", NULL, NULL, &c->is_headless },
		{ "-s", NULL, NULL, &c->is_headless },
		{ "--if-unused", NULL, NULL, &c->if_unused },
		{ "--if-empty", NULL, NULL, &c->if_empty },
		{ "--global", NULL, NULL, &c->is_global },
		{ "--limit", &c->limit, "--limit wants a number", NULL },
		{ "--quiet", NULL, NULL, &q->is_quiet }, /* nothing is said but the list */
		{ "-q", NULL, NULL, &q->is_quiet },
	};
	const struct option *end = options + (is_verb ? sizeof options / sizeof *options : 4);
	for (int i = 1; i < argc;) {
		const char *wants;
		int n = read_option(options, end, argv + i, &wants);
		if (n < 0)
			return usage(argv[0], wants);
		if (n == 0 && q->n == WORDS_MAX - 1)
			return usage(argv[0], "there are too many words");
		if (n == 0)
			q->words[q->n++] = argv[i];
		i += n ? n : 1;
	}
	c->words = q->words + 1;
	return -1;
}

/* What does not ask a broker, or not with frames, says so. */
static int verb(int argc, char **argv)
{
	struct question q;
	int code = read_question(&q, true, argc, argv);
	if (code >= 0)
		return code;
	if (q.capture || q.is_frames)
		return usage(argv[0], "--capture and --frames are for trace");
	return verb_run(argv[0], &q.call);
}

static int definitions(int argc, char **argv)
{
	struct question q;
	int code = read_question(&q, false, argc, argv);
	return code >= 0 ? code : definitions_main(q.call.data_dir, q.call.socket, q.words + 1);
}

static int delayed(int argc, char **argv)
{
	struct question q;
	int code = read_question(&q, false, argc, argv);
	if (code >= 0)
		return code;
	if (q.n < 2)
		return usage("delayed", "say list, or cancel");
	return control_ask(q.call.data_dir, q.call.socket, q.words);
}

static int digest(int argc, char **argv)
{
	struct question q;
	int code = read_question(&q, false, argc, argv);
	return code >= 0 ? code : control_ask(q.call.data_dir, q.call.socket, q.words);
}

static int dump(int argc, char **argv)
{
	struct question q;
	int code = read_question(&q, false, argc, argv);
	if (code >= 0)
		return code;
	if (q.n < 2)
		return usage("dump", "say node, catalog, shard, connection or queue");
	return control_ask(q.call.data_dir, q.call.socket, q.words);
}

static int trace(int argc, char **argv)
{
	struct question q;
	int code = read_question(&q, false, argc, argv);
	if (code >= 0)
		return code;
	if (q.capture)
		return q.is_frames || q.n > 1
			       ? usage("trace", "--capture FILE needs no other words")
			       : capture_print(q.capture);
	if (!q.is_frames)
		return usage("trace", "say --frames, or --capture FILE");
	return control_ask(q.call.data_dir, q.call.socket, q.words);
}

static int help(void)
{
	puts("usage: godwit COMMAND [WORD]...\n");
	for (size_t i = 0; i < COMMANDS_N; i++)
		printf("  godwit %s %s\n      %s\n", commands[i].name, commands[i].words,
		       commands[i].prose);
	puts("\nand, in rabbitmqctl's names, with " BROKER " and [-p VHOST]:\n");
	verb_help(stdout);
	puts("\n  godwit --version\n  godwit --help\n\n"
	     "DIR is the broker's data directory, ./godwit-data unless told; NAME is what its "
	     "setting\n"
	     "control_socket says, " CONTROL_SOCKET " unless told.");
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
	if (verb_is(argv[1]))
		return verb(argc - 1, argv + 1);
	return usage(argv[1], "there is no such command");
}
