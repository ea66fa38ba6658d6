#include "io/logger.h"

#include "base/list.h"
#include "base/text.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096 /* what pipes take in one piece */

static void put_time(struct text *out, uint64_t wall_ms)
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm t;
	gmtime_r(&s, &t);
	text_putf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900, t.tm_mon + 1,
		  t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, (int)(wall_ms % 1000));
}

void logger_format(struct text *out, bool is_json, const struct logger_entry *e)
{
	const struct log_row *row = &log_rows[e->id];
	if (is_json) {
		text_puts(out, "{\"time\":\"");
		put_time(out, e->wall_ms);
		text_puts(out, "\",");
		log_put_json(out, e->id, e->values, e->n);
		text_putc(out, '}');
		return;
	}
	put_time(out, e->wall_ms);
	text_putf(out, " %-7s %s ", log_level_names[row->level], row->id);
	log_put_text(out, e->id, e->values, e->n);
}

static void sink_line(const struct logger_sink *s, const struct logger_entry *e)
{
	UNSET char room[LINE_MAX_BYTES];
	if (s->file < 0 || (int)log_rows[e->id].level < s->level)
		return;
	struct text t = text_of(room, sizeof room - 1);
	logger_format(&t, s->is_json, e);
	room[t.n] = '\n';
	ssize_t done;
	do {
		done = write(s->file, room, t.n + 1);
	} while (done < 0 && errno == EINTR);
}

void logger_line(struct logger *l, enum log_id id, const struct log_value *values, size_t n)
{
	const struct log_row *row = &log_rows[id];
	int least = row->id[0] == 'C' ? l->connection_level : l->default_level;
	if ((int)row->level < least)
		return;
	struct logger_entry e = { clock_wall_ms(), id, values, n };
	sink_line(&l->console, &e);
	sink_line(&l->file, &e);
}

void logger_ignored(struct logger *l, struct config_source from, struct slice key,
		    const char *reason)
{
	char room[CONFIG_STRING_MAX + 16];
	struct text where = text_of(room, sizeof room);
	config_source_put(&where, from);
	const struct log_value v[3] = { log_str(text_slice(&where)), log_str(key),
					log_str(slice_str(reason)) };
	logger_line(l, LOG_config_ignored, v, 3);
}

static void port_line(struct node_log *port, enum log_id id, const struct log_value *values,
		      size_t n)
{
	logger_line(containerof(port, struct logger, port), id, values, n);
}

static bool has_file(const struct config *c)
{
	return c->log_file[0] && strcmp(c->log_file, "false") != 0;
}

static enum err open_file(const struct config *c, int *out_file, struct text *why)
{
	char path[2 * CONFIG_STRING_MAX + 2];
	struct text t = text_of(path, sizeof path);
	if (c->log_file[0] != '/')
		text_putf(&t, "%s/", c->log_dir);
	text_puts(&t, c->log_file);
	int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (file < 0) {
		text_putf(why, "cannot write the log file %s: %s; see log.file and log.dir", path,
			  strerror(errno));
		return ERR_IO;
	}
	*out_file = file;
	return ERR_OK;
}

enum err logger_open(struct logger *l, const struct config *c, struct text *why)
{
	int console = c->log_console_stdio == CONFIG_STDERR ? STDERR_FILENO : STDOUT_FILENO;
	*l = (struct logger){
		.port = { .line = port_line },
		.console = { c->is_log_console ? console : -1, c->log_console_level,
			     c->log_console_format == CONFIG_FORMAT_JSON },
		.file = { -1, c->log_file_level, c->log_file_format == CONFIG_FORMAT_JSON },
		.connection_level = c->log_connection_level,
		.default_level = c->log_default_level,
		.config = c,
	};
	return has_file(c) ? open_file(c, &l->file.file, why) : ERR_OK;
}

void logger_close(struct logger *l)
{
	if (l->file.file >= 0)
		close(l->file.file);
	l->file.file = l->console.file = -1;
}

/* The number stays the same, so that other threads never see a file that is closed. */
enum err logger_reopen(struct logger *l, struct text *why)
{
	int file = -1;
	if (l->file.file < 0)
		return ERR_OK;
	TRY(open_file(l->config, &file, why));
	(void)dup3(file, l->file.file, O_CLOEXEC);
	close(file);
	return ERR_OK;
}
