#include "app/verb_limit.h"

#include "app/control.h"
#include "node/config_value.h"

#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2
#define LINE_BYTES 100
#define DECIMALS   9     /* of a fraction */
#define DISK_MOST  100.0 /* times the memory */

/* rabbitmqctl says no more of free disk. */
static bool refuse(struct text *why, bool is_disk, const char *words)
{
	text_puts(why, "Bad argument");
	if (words && !is_disk)
		text_putf(why, ": %s", words);
	else
		text_putc(why, '.');
	return false;
}

static bool put_bytes(struct text *line, const char *word, bool is_disk, struct text *why)
{
	const struct config_bounds bounds = { 0, INT64_MAX, "bytes" };
	char room[200];
	struct text said = text_of(room, sizeof room);
	int64_t bytes;
	char *end;
	double number = strtod(word, &end);
	if (number < 0 || end == word)
		return refuse(why, is_disk, NULL);
	if (number == 0 && word[0] == '-')
		word++;
	if (strchr(word, '.'))
		return refuse(why, is_disk, "The threshold should be an integer.");
	if (config_value_bytes(slice_str(word), bounds, &bytes, &said) != ERR_OK)
		return refuse(why, is_disk, "Invalid units.");
	text_putf(line, " %lld", (long long)bytes);
	return true;
}

static bool put_fraction(struct text *line, const char *word, bool is_disk, struct text *why)
{
	char *end;
	double number = strtod(word, &end);
	if (end == word || *end || number != number)
		return refuse(why, is_disk, NULL);
	if (number < 0.0 || number > (is_disk ? DISK_MOST : 1.0))
		return refuse(why, is_disk,
			      "The threshold should be a fraction between 0.0 and 1.0");
	text_putf(line, " relative %.*f", DECIMALS, number == 0.0 ? 0.0 : number); /* not -0 */
	return true;
}

int verb_limit(enum verb_limit what, const struct verb_call *call, struct text *why)
{
	const bool is_disk = what == VERB_DISK;
	const char *other = is_disk ? "mem_relative" : "absolute";
	char *const *words = call->words;
	char room[LINE_BYTES];
	struct text line = text_of(room, sizeof room);
	bool is_other = words[0] && strcmp(words[0], other) == 0;
	const char *word = words[is_other];
	if (!word || words[is_other + 1]) {
		text_puts(why, word ? "too many arguments." : "not enough arguments.");
		return EXIT_USAGE;
	}
	text_puts(&line, is_disk ? "limit disk" : "limit memory");
	bool is_good = is_disk == is_other ? put_fraction(&line, word, is_disk, why)
					   : put_bytes(&line, word, is_disk, why);
	return is_good ? control_quietly(call->data_dir, call->socket, room) : EXIT_USAGE;
}
