#include "io/server.h"

#include "base/text.h"
#include "io/boot.h"
#include "io/bridge.h"
#include "io/ciphers.h"
#include "io/clock.h"
#include "io/disk_posix.h"
#include "io/entropy.h"
#include "io/listener.h"
#include "io/lean.h"
#include "io/logger.h"
#include "io/machine.h"
#include "io/names.h"
#include "io/notify.h"
#include "io/pattern.h"
#include "io/secrets.h"
#include "io/signals.h"
#include "io/tls_context.h"
#include "io/worker.h"
#include "journal/path.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STOP_MS_MAX   10000 /* a stop that takes longer is broken off: what counts is on the disk */
#define STOP_AGAIN_MS 500   /* signals to a group come twice; one that comes later is impatience */

struct server {
	const struct server_setup *setup;
	struct config *config; /* of the setup */
	struct logger log;
	struct listeners listeners;
	struct tls_source tls;
	struct disk *disk;
	struct node *node;
	struct pollers pollers;
	uint32_t pollers_made;
	struct pattern_cache *patterns[LIMIT_LOOPS_MAX];
	struct secret_pool *secrets;
	struct definitions definitions; /* to be imported by this start; items NULL: none */
	struct worker workers[2];
	uint32_t workers_made;
	int signals; /* signalfd */
	uint64_t began_ms;
	bool is_running; /* threads have been started */
};

/* ---- panic -------------------------------------------------------------------------------- */

static struct server *panicking;

static void on_panic(const char *what, const char *file, int line)
{
	static char room[65536];
	struct text t = text_of(room, sizeof room);
	struct log_value v[3] = { log_str(slice_str(what)), log_str(slice_str(file)),
				  log_u64((uint64_t)line) };
	logger_line(&panicking->log, LOG_daemon_panic, v, 3);
	if (panicking->node)
		node_dump(panicking->node, &t);
	ssize_t done = write(STDERR_FILENO, t.p, t.n);
	(void)done;
}

/* ---- starting ----------------------------------------------------------------------------- */

static enum err lacking(const char *what, struct text *why)
{
	text_putf(why, "the system has no more %s (%s); see ulimit and the container's bounds",
		  what, strerror(errno));
	return ERR_RESOURCE_ERROR;
}

static enum err take_signals(struct server *s, struct text *why)
{
	s->signals = signals_take();
	s->pollers.main_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->signals < 0 || s->pollers.main_event < 0)
		return lacking("descriptors", why);
	return ERR_OK;
}

static uint32_t loops_wanted(const struct config *c)
{
	uint32_t n = c->loops > 0 ? (uint32_t)c->loops : machine_cpus();
	return n < LIMIT_LOOPS_MAX ? n : LIMIT_LOOPS_MAX;
}

static void log_begin(struct server *s)
{
	struct log_value v[3] = { log_str(slice_str(GODWIT_VERSION)),
				  log_str(slice_str(s->config->data_dir)), log_u64(s->pollers.n) };
	logger_line(&s->log, LOG_daemon_starting, v, 3);
	const struct config_notes *notes = s->setup->notes;
	for (uint32_t i = 0; i < notes->n && i < CONFIG_NOTES_MAX; i++) {
		const struct config_note *one = &notes->at[i];
		logger_ignored(&s->log, (struct config_source){ one->source, one->line },
			       slice_str(one->key), one->reason);
	}
}

static enum err start_tls(struct server *s, struct text *why)
{
	TRY(tls_source_init(&s->tls, s->config, why));
	ciphers_say_unknown(s->config, &s->log);
	return tls_context_new(&s->tls, s->config, &s->tls.now, why);
}

static enum err take_addresses(struct server *s, struct text *why)
{
	listeners_init(&s->listeners, s->config);
	if (listener_kinds_want_tls(s->config))
		TRY(start_tls(s, why));
	return listener_kinds_take(&s->listeners, s->setup, &s->tls, why);
}

static enum err make_pollers(struct server *s, struct text *why)
{
	struct pollers *p = &s->pollers;
	p->log = &s->log;
	p->listeners = &s->listeners;
	p->at = calloc(p->n, sizeof *p->at);
	if (!p->at)
		return lacking("memory", why);
	for (; s->pollers_made < p->n; s->pollers_made++)
		if (!poller_init(&p->at[s->pollers_made], p, s->pollers_made))
			return lacking("descriptors", why);
	const bool wants_tls = s->tls.now || bridges_want_tls(s->config);
	for (uint32_t i = 0; wants_tls && i < p->n; i++) {
		p->at[i].room.tls = tls_room_new();
		if (!p->at[i].room.tls)
			return lacking("memory", why);
	}
	for (; s->workers_made < 2; s->workers_made++) {
		struct worker *w = &s->workers[s->workers_made];
		p->workers[s->workers_made] = w;
		if (!worker_init(w, (enum net_worker)s->workers_made, p))
			return lacking("descriptors", why);
	}
	return ERR_OK;
}

static enum err make_guards(struct server *s, struct text *why)
{
	for (uint32_t i = 0; i < s->pollers.n; i++)
		if ((s->patterns[i] = pattern_new()) == NULL)
			return lacking("memory", why);
	s->secrets = secrets_new(&s->pollers);
	return s->secrets ? ERR_OK : lacking("memory or random numbers", why);
}

/* say_place ends the sentence of a data directory that cannot be used: where it is, and what to do
 * if it is the system that refuses. What is damaged has said so itself. */
static void say_place(const struct server *s, enum err e, struct text *why)
{
	if (why->n == 0)
		text_putf(why, "the data directory cannot be used: %s",
			  e == ERR_LIMIT ? err_words[e].text : s->disk->ops->why(s->disk));
	switch (e) {
	case ERR_ACCESS_REFUSED: text_puts(why, "; let this user write there"); break;
	case ERR_NO_SPACE: text_puts(why, "; make room on its disk"); break;
	case ERR_LIMIT:
	case ERR_RESOURCE_ERROR: text_puts(why, "; see ulimit and the memory's bound"); break;
	case ERR_IO: text_puts(why, "; see what the system's log says of the disk"); break;
	default: break;
	}
	text_putf(why, " (data directory %s)", s->config->data_dir);
}

static enum err open_disk(struct server *s, struct text *why)
{
	enum err e = disk_posix_new(s->config->data_dir, &s->disk, why);
	if (e != ERR_OK)
		text_puts(why, "; name one that this user can make or write, with --data-dir");
	return e;
}

/* The time is libuv's, which may lag a millisecond behind: the node's never runs back. */
static enum err open_node(struct server *s, struct text *why)
{
	struct pollers *p = &s->pollers;
	uv_update_time(&p->at[0].uv);
	struct node_setup setup = {
		.config = s->config,
		.disk = s->disk,
		.loops_n = p->n,
		.log = &s->log.port,
		.random = entropy_u64,
		.has_definitions = s->definitions.items != NULL,
		.now_ms = uv_now(&p->at[0].uv),
		.wall_ms = clock_wall_ms(),
		.zone = clock_zone(),
		.clock = clock_port(),
		.memory_bytes = machine_memory_bytes(),
	};
	for (uint32_t i = 0; i < p->n; i++) {
		setup.net[i] = &p->at[i].net;
		setup.patterns[i] = pattern_port(s->patterns[i]);
		setup.secrets[i] = secrets_port(s->secrets, i);
	}
	enum err e = node_open(&setup, &s->node, why);
	if (e != ERR_OK)
		say_place(s, e, why);
	return e;
}

/* log_refusal gives `e`, which ends the start; the sentence is for the log, too. */
static enum err log_refusal(struct server *s, enum err e, enum log_id id, const struct text *why)
{
	struct log_value v[1] = { log_str(text_slice(why)) };
	if (e != ERR_OK)
		logger_line(&s->log, id, v, 1);
	return e;
}

/* open_addresses takes the addresses. Where another daemon has them and this data directory, that
 * is what is told: who starts a broker twice is to hear of the first one. */
static enum err open_addresses(struct server *s, struct text *why)
{
	const char *said;
	enum err e = take_addresses(s, why);
	if (e != ERR_EXISTS || !disk_posix_is_taken(s->config->data_dir, PATH_LOCK, &said))
		return log_refusal(s, e, LOG_listener_failed, why);
	*why = text_of(why->p, why->cap);
	text_putf(why, "the data directory is %s: stop that, or name another one", said);
	say_place(s, ERR_BUSY, why);
	return log_refusal(s, ERR_BUSY, LOG_data_dir_bad, why);
}

static enum err start_threads(struct server *s, struct text *why)
{
	struct journal *j = node_journal(s->node);
	uint64_t gap_us = (uint64_t)s->config->journal_sync_gap_us;
	bool is_started = worker_start(&s->workers[NET_WRITER], j, gap_us) &&
			  worker_start(&s->workers[NET_KEEPER], j, 0);
	for (uint32_t i = 0; i < s->pollers.n && is_started; i++)
		is_started = poller_start(&s->pollers.at[i], node_loop(s->node, i));
	s->is_running = true;
	return is_started ? ERR_OK : lacking("threads", why);
}

static enum err take_control(struct server *s, struct text *why)
{
	if (!s->setup->control || !s->config->control_socket[0])
		return ERR_OK;
	return listeners_take_control(&s->listeners, s->config->data_dir, s->setup->control, why);
}

static enum err read_definitions(struct server *s, struct text *why)
{
	const char *path = s->config->load_definitions;
	if (!path[0])
		return ERR_OK;
	text_puts(why, "load_definitions: ");
	TRY(definitions_load(&s->definitions, path, why));
	*why = text_of(why->p, why->cap);
	return ERR_OK;
}

/* A line of the log for each sentence. */
static void log_lines(struct server *s, struct slice lines)
{
	while (lines.n > 0) {
		size_t n = slice_find(lines, '\n');
		struct log_value v[2] = { log_str(slice_str(s->config->load_definitions)),
					  log_str(slice_sub(lines, 0, n)) };
		logger_line(&s->log, LOG_definitions_say, v, 2);
		lines = n < lines.n ? slice_from(lines, n + 1) : SLICE_EMPTY;
	}
}

static enum err import_definitions(struct server *s, struct text *why)
{
	static char room[65536];
	struct text said = text_of(room, sizeof room);
	if (!s->definitions.items)
		return ERR_OK;
	log_lines(s, slice_of(s->definitions.notes, s->definitions.notes_n));
	enum err e = boot_import(&s->pollers, s->node, &s->definitions, s->setup->control, &said);
	if (e != ERR_OK)
		text_putf(why, "load_definitions: %s", room);
	else
		log_lines(s, text_slice(&said));
	definitions_fini(&s->definitions);
	return e;
}

static enum err start(struct server *s, struct text *why)
{
	lean_tls();
	TRY(take_signals(s, why));
	machine_raise_files();
	TRY(logger_open(&s->log, s->config, why));
	must_on_panic(on_panic);
	names_complete(s->config);
	s->pollers.n = loops_wanted(s->config);
	log_begin(s);
	TRY(open_addresses(s, why));
	TRY(read_definitions(s, why));
	TRY(log_refusal(s, open_disk(s, why), LOG_data_dir_bad, why));
	TRY(make_pollers(s, why));
	TRY(make_guards(s, why));
	TRY(log_refusal(s, open_node(s, why), LOG_data_dir_bad, why));
	TRY(boot_mean(&s->pollers, s->node, s->setup->control, why));
	TRY(import_definitions(s, why));
	TRY(log_refusal(s, take_control(s, why), LOG_listener_failed, why));
	TRY(log_refusal(s, listeners_open(&s->listeners, &s->pollers, why), LOG_listener_failed,
			why));
	TRY(bridges_new(&s->pollers, s->config, s->setup->mqtt, why));
	return start_threads(s, why);
}

/* ---- stopping ----------------------------------------------------------------------------- */

static void tell_pollers(struct server *s, _Atomic bool *flag)
{
	atomic_store(flag, true);
	for (uint32_t i = 0; i < s->pollers.n; i++)
		poller_wake(&s->pollers.at[i]);
}

static void join(struct server *s)
{
	tell_pollers(s, &s->pollers.is_quitting);
	for (uint32_t i = 0; i < s->pollers.n; i++)
		poller_join(&s->pollers.at[i]);
	worker_finish(&s->workers[NET_WRITER]);
	worker_finish(&s->workers[NET_KEEPER]);
}

static void fini(struct server *s)
{
	listeners_close(&s->listeners);
	for (uint32_t i = 0; i < s->pollers_made; i++)
		poller_fini(&s->pollers.at[i]);
	tls_source_fini(&s->tls);
	secrets_stop(s->secrets);
	for (uint32_t i = 0; i < LIMIT_LOOPS_MAX; i++)
		pattern_free(s->patterns[i]);
	for (uint32_t i = 0; i < s->workers_made; i++)
		worker_fini(&s->workers[i]);
	must_on_panic(NULL);
	if (s->node)
		node_close(s->node);
	secrets_free(s->secrets);
	disk_posix_free(s->disk);
	free(s->pollers.at);
	close(s->pollers.main_event);
	close(s->signals);
}

/* ---- serving ------------------------------------------------------------------------------ */

/* Reads certificate and key again, from where they were: who comes from now on meets the new ones.
 */
static enum err renew_tls(struct server *s, struct text *why)
{
	struct tls_context *next = NULL;
	if (listener_kinds_want_tls(s->config))
		TRY(tls_context_new(&s->tls, s->config, &next, why));
	enum err e = bridges_renew(&s->pollers, why);
	if (e != ERR_OK)
		tls_context_let_go(next);
	else if (next)
		tls_source_renew(&s->tls, next);
	return e;
}

static void reload(struct server *s)
{
	static struct config fresh;
	static struct config_notes notes;
	char room[1024];
	struct text said = text_of(room, sizeof room);
	enum err e = sources_read(s->setup->sources, &fresh, &notes, &said);
	if (e == ERR_OK)
		e = logger_reopen(&s->log, &said);
	if (e == ERR_OK)
		e = renew_tls(s, &said);
	names_complete(&fresh);
	if (e == ERR_OK)
		config_changes(s->config, &fresh, &said);
	struct log_value v[1] = { log_str(text_slice(&said)) };
	logger_line(&s->log, e == ERR_OK ? LOG_daemon_reloaded : LOG_reload_refused, v, 1);
}

static bool are_stopped(const struct server *s)
{
	for (uint32_t i = 0; i < s->pollers.n; i++)
		if (!atomic_load(&s->pollers.at[i].is_stopped))
			return false;
	return true;
}

static void begin_stop(struct server *s, int signo)
{
	struct log_value v[1] = { log_str(slice_str(signo == SIGINT ? "SIGINT" : "SIGTERM")) };
	s->began_ms = clock_now_ms();
	notify_manager("STOPPING=1");
	logger_line(&s->log, LOG_daemon_stopping, v, 1);
	tell_pollers(s, &s->pollers.is_stopping);
}

/* Serves until it has stopped. False: it did not stop by itself. */
static bool serve(struct server *s)
{
	int signo;
	do {
		signo = signals_next(s->signals, s->pollers.main_event, -1);
		if (signo == SIGHUP)
			reload(s);
	} while (signo != SIGTERM && signo != SIGINT);
	begin_stop(s, signo);
	for (uint64_t spent_ms = 0; !are_stopped(s); spent_ms = clock_now_ms() - s->began_ms) {
		if (spent_ms >= STOP_MS_MAX)
			return false;
		signo = signals_next(s->signals, s->pollers.main_event,
				     (int)(STOP_MS_MAX - spent_ms));
		bool is_told_again = signo == SIGTERM || signo == SIGINT;
		if (is_told_again && clock_now_ms() - s->began_ms >= STOP_AGAIN_MS)
			return false;
	}
	return true;
}

static void log_time(struct server *s, enum log_id id)
{
	struct log_value v[1] = { log_u64(clock_now_ms() - s->began_ms) };
	logger_line(&s->log, id, v, 1);
}

static int refused(struct server *s, const struct text *why)
{
	fprintf(stderr, "godwitd: %s\n", why->p);
	if (s->is_running)
		_exit(SERVER_REFUSED); /* some threads run, some could not be made */
	fini(s);
	logger_close(&s->log);
	return SERVER_REFUSED;
}

int server_run(const struct server_setup *setup)
{
	static struct server server;
	struct server *s = &server;
	char room[1024];
	struct text why = text_of(room, sizeof room);
	s->setup = setup; /* the rest is zero, and most of it is never touched */
	s->config = setup->config;
	s->signals = -1;
	s->began_ms = clock_now_ms();
	s->pollers.main_event = -1;
	panicking = s;
	if (start(s, &why) != ERR_OK)
		return refused(s, &why);
	log_time(s, LOG_daemon_ready);
	notify_manager("READY=1");
	if (!serve(s)) {
		fprintf(stderr, "godwitd: the stop was broken off; what was confirmed is stored\n");
		_exit(SERVER_REFUSED);
	}
	join(s);
	fini(s);
	log_time(s, LOG_daemon_stopped);
	logger_close(&s->log);
	return SERVER_OK;
}
