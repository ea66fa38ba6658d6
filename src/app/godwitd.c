/* godwitd -- the broker: reads its command line and settings, and serves until it is to stop. */
#include "base/text.h"
#include "io/server.h"
#include "session/amqp091/ops.h"
#include "session/manage/manage.h"
#include "session/mqtt/ops.h"
#include "session/stomp/ops.h"

#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define SETS_MAX   64
#define EXIT_USAGE 2

/* Of each thread's heap: what a busy turn has given back is there for the next one, also blocks as
 * large as the journal's batches grow. With what libc would keep, a fan-out of 1 KiB takes a third
 * of its time for pages that are new and cleared. */
#define HEAP_KEPT_BYTES  (16 << 20)
/* From here on blocks are mappings of their own: also those of 2 MiB that are aligned to that, for
 * which libc takes twice as much. In its heap it finds no place of such a one again, and with many
 * that come and go the process takes half as much again as it has in use. */
#define HEAP_LARGE_BYTES (4 << 20)

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "data-dir", required_argument, NULL, 'd' },
	{ "set", required_argument, NULL, 's' },
	{ "check", no_argument, NULL, 'k' },
	{ "version", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const char help[] =
	"usage: godwitd [OPTION]...\n"
	"\n"
	"A message broker in the foreground. It needs no options and no configuration: it listens\n"
	"for AMQP 0-9-1 on port 5672, MQTT on 1883 and STOMP on 61613, and keeps its data in\n"
	"./godwit-data.\n"
	"\n"
	"  --config FILE      settings in rabbitmq.conf's grammar and names; see godwit.conf(5)\n"
	"  --data-dir DIR     where everything is kept (data_dir)\n"
	"  --set KEY=VALUE    one setting; before it count GODWIT_... in the environment and FILE\n"
	"  --check            say whether the settings are good, and do not start\n"
	"  --version          print the version\n"
	"  --help             print this\n";

struct command_line {
	struct sources sources;
	const char *sets[SETS_MAX];
	char data_dir[CONFIG_STRING_MAX + 16];
	bool is_check;
};

static int usage(const char *what)
{
	fprintf(stderr, "godwitd: %s; see godwitd --help\n", what);
	return EXIT_USAGE;
}

static int add_set(struct command_line *l, const char *set)
{
	if (l->sources.sets_n == SETS_MAX)
		return usage("too many --set; put the settings into a file");
	l->sets[l->sources.sets_n++] = set;
	return -1;
}

static int set_data_dir(struct command_line *l, const char *dir)
{
	struct text t = text_of(l->data_dir, sizeof l->data_dir);
	text_putf(&t, "data_dir=%s", dir);
	if (text_is_full(&t))
		return usage("the path of the data directory is too long");
	return add_set(l, l->data_dir);
}

/* Gives -1 to go on, or the exit code. */
static int take_option(struct command_line *l, int c)
{
	switch (c) {
	case 'c':
		if (l->sources.file)
			return usage("--config can be given once");
		l->sources.file = optarg;
		return -1;
	case 'd': return set_data_dir(l, optarg);
	case 's': return add_set(l, optarg);
	case 'k': l->is_check = true; return -1;
	case 'v': puts("godwitd " GODWIT_VERSION); return 0;
	case 'h': fputs(help, stdout); return 0;
	default: must(!"an option that nobody takes"); return EXIT_USAGE;
	}
}

/* What getopt refuses: `c` is its answer, `word` what it has read last. */
static int refuse_option(int c, const char *word)
{
	char room[256];
	struct text t = text_of(room, sizeof room);
	bool is_long = word[0] == '-' && word[1] == '-';
	if (is_long)
		text_put_printable(&t, slice_str(word));
	else
		text_putf(&t, "-%c", optopt);
	if (c == ':')
		text_puts(&t, " needs a value");
	else
		text_puts(&t, is_long && optopt ? " takes no value" : " is no option");
	return usage(room);
}

static int parse(struct command_line *l, int argc, char **argv)
{
	int c, code = -1;
	l->sources.sets = l->sets;
	opterr = 0; /* we say it ourselves, and in one line */
	while (code < 0 && (c = getopt_long(argc, argv, ":", options, NULL)) != -1)
		code = c == '?' || c == ':' ? refuse_option(c, argv[optind - 1])
					    : take_option(l, c);
	if (code < 0 && optind < argc)
		return usage("there is a word that is no option");
	return code;
}

static void say_note(const struct config_note *note)
{
	char where[CONFIG_STRING_MAX + 16];
	struct text t = text_of(where, sizeof where);
	config_source_put(&t, (struct config_source){ note->source, note->line });
	printf("%s: %s has no effect here: %s\n", where, note->key, note->reason);
}

static int say_checked(const struct config_notes *notes)
{
	for (uint32_t i = 0; i < notes->n && i < CONFIG_NOTES_MAX; i++)
		say_note(&notes->at[i]);
	puts("the settings are good");
	return 0;
}

int main(int argc, char **argv)
{
	static struct command_line line;
	static struct config config;
	static struct config_notes notes;
	char room[1024];
	struct text why = text_of(room, sizeof room);
	int code = parse(&line, argc, argv);
	if (code >= 0)
		return code;
	if (sources_read(&line.sources, &config, &notes, &why) != ERR_OK ||
	    (line.is_check && sources_check_files(&config, &why) != ERR_OK)) {
		fprintf(stderr, "godwitd: %s\n", room);
		return SERVER_REFUSED;
	}
	if (line.is_check)
		return say_checked(&notes);
	(void)mallopt(M_TRIM_THRESHOLD, HEAP_KEPT_BYTES);
	(void)mallopt(M_MMAP_THRESHOLD, HEAP_LARGE_BYTES);
	struct server_setup setup = { .sources = &line.sources,
				      .config = &config,
				      .notes = &notes,
				      .amqp = &amqp091_session_ops,
				      .mqtt = &mqtt_session_ops,
				      .stomp = &stomp_session_ops,
				      .control = &manage_session_ops };
	return server_run(&setup);
}
