#include "app/journal.h"

#include "app/heap.h"
#include "app/salvage.h"
#include "base/text.h"
#include "core/logged.h"
#include "io/disk_posix.h"
#include "journal/inspect.h"
#include "wire/record/record.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int no_journal(const char *dir, const char *why)
{
	fprintf(stderr, "godwit journal: %s: %s\n", dir,
		why[0] ? why
		       : "it cannot be read; run as the broker's user, and see the system's log");
	return 1;
}

static int print_all(struct journal_inspect *i, const char *dir)
{
	char room[INSPECT_LINE_BYTES];
	struct text line = text_of(room, sizeof room);
	for (; journal_inspect_next(i, &line); line = text_of(room, sizeof room))
		puts(room);
	uint64_t damage_n = journal_inspect_damage_n(i);
	if (damage_n == 0)
		return 0;
	fprintf(stderr,
		"godwit journal: %s: %llu damaged %s, see above; restore the directory from a "
		"copy, or save what is whole with godwit journal salvage\n",
		dir, (unsigned long long)damage_n, damage_n == 1 ? "place" : "places");
	return 1;
}

/* What outcomes say; a message, and what a newer version has written, is not looked at. */
static bool makes_sense(void *arg, const struct record *r)
{
	must(arg != NULL);
	return r->kind != RECORD_OUTCOMES ||
	       logged_check(r->body, arg, LOGGED_RUN_BYTES) != ERR_CORRUPT;
}

static void describe(void *arg, const struct record *r, struct text *out)
{
	must(arg != NULL);
	if (r->kind == RECORD_OUTCOMES)
		logged_describe(r->body, arg, LOGGED_RUN_BYTES, out);
}

static int inspect(const char *dir, enum inspect_mode mode)
{
	static _Alignas(struct run) uint8_t run[LOGGED_RUN_BYTES];
	const struct inspect_look look = { makes_sense, describe, run };
	char room[512];
	struct text why = text_of(room, sizeof room);
	struct mem mem = app_heap();
	struct disk *disk = NULL;
	struct journal_inspect *i = NULL;
	struct stat st;
	if (stat(dir, &st) != 0) /* opening the disk would make it */
		return no_journal(dir, "there is no such directory; name the broker's data_dir");
	if (!S_ISDIR(st.st_mode))
		return no_journal(dir, "that is no directory; name the broker's data_dir");
	if (disk_posix_new(dir, &disk, &why) != ERR_OK)
		return no_journal(dir, room);
	if (journal_inspect_open(disk, &mem, mode, &look, &i, &why) != ERR_OK) {
		disk_posix_free(disk);
		return no_journal(dir, room);
	}
	int code = print_all(i, dir);
	journal_inspect_close(i);
	disk_posix_free(disk);
	return code;
}

static int salvage(int argc, char **argv)
{
	const char *dir = NULL, *to = NULL;
	for (int i = 2; i < argc; i++) {
		bool is_to = strcmp(argv[i], "--to") == 0 && i + 1 < argc && !to;
		if (is_to)
			to = argv[++i];
		else if (!dir && argv[i][0] != '-')
			dir = argv[i];
		else
			return -1;
	}
	return dir ? salvage_main(dir, to) : -1;
}

int journal_main(int argc, char **argv)
{
	struct slice what = slice_str(argc == 3 ? argv[1] : "");
	int code = argc > 2 && strcmp(argv[1], "salvage") == 0 ? salvage(argc, argv) : -1;
	if (code >= 0)
		return code;
	if (slice_eq(what, slice_str("inspect")))
		return inspect(argv[2], INSPECT_PRINT);
	if (slice_eq(what, slice_str("verify")))
		return inspect(argv[2], INSPECT_VERIFY);
	fputs("godwit journal: say inspect, verify or salvage, and a DIR; see godwit --help\n",
	      stderr);
	return 2;
}
