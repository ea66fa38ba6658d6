/* logger -- where log lines go: the console, a file, both or nowhere; as text or as JSON.
 *
 * One write(2) a line, so that lines of several threads do not mix. Any thread may log; nothing
 * is buffered, nothing is lost when the process dies.
 *
 *     2026-01-31T23:59:59.123Z info  G002 ready after 12 ms
 *     {"time":"2026-01-31T23:59:59.123Z","id":"G002","level":"info","event":"daemon_ready",...}
 */
#ifndef IO_LOGGER_H
#define IO_LOGGER_H
#include "node/node.h"

struct logger_sink {
	int file; /* -1: none */
	int level;
	bool is_json;
};

struct logger {
	struct node_log port;
	struct logger_sink console, file;
	int connection_level, default_level;
	const struct config *config;
};

/* logger_open makes a logger as the config says, which must live as long.
 * ERR_IO: the log file cannot be opened; `why` says which and why. */
MUST_USE enum err logger_open(struct logger *l, const struct config *c, struct text *why);
void logger_close(struct logger *l);

/* logger_reopen opens the log file anew, after somebody has moved it away. ERR_IO: it cannot be;
 * lines go on into the old one. */
MUST_USE enum err logger_reopen(struct logger *l, struct text *why);

/* logger_line writes one row of base/log.def with its values. Any thread. */
void logger_line(struct logger *l, enum log_id id, const struct log_value *values, size_t n);

/* logger_ignored says of a setting that it has no effect here, and where it stands (F003). */
void logger_ignored(struct logger *l, struct config_source from, struct slice key,
		    const char *reason);

struct logger_entry {
	uint64_t wall_ms;
	enum log_id id;
	const struct log_value *values;
	size_t n;
};
/* logger_format appends one line, without its end. */
void logger_format(struct text *out, bool is_json, const struct logger_entry *e);
#endif
