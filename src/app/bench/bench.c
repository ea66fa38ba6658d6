#include "app/bench/bench.h"

#include "app/bench/heap.h"
#include "app/bench/modes.h"
#include "base/must.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static void on_signal(int number)
{
	(void)number;
	load_interrupt();
}

/* prepare makes this process fit to measure: exact timers, many sockets, its CPU, its priority. */
static void prepare(const struct options *o)
{
	struct rlimit files;
	struct sigaction end = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	must(fcntl(0, F_GETFD) >= 0 || open("/dev/null", O_RDONLY) == 0);
	prctl(PR_SET_TIMERSLACK, 1ul);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (o->cpu != OPTIONS_AUTO) {
		cpu_set_t cpus;
		CPU_ZERO(&cpus);
		CPU_SET(o->cpu % CPU_SETSIZE, &cpus);
		if (sched_setaffinity(0, sizeof cpus, &cpus) != 0)
			perror("godwit bench: --cpu");
	}
	struct sched_param priority = { .sched_priority = (int)o->realtime };
	if (o->realtime > 0 && sched_setscheduler(0, SCHED_RR, &priority) != 0)
		perror("godwit bench: --realtime");
}

/* load is the usual run: publishers and consumers. */
static bool load(const struct options *o, struct report *r)
{
	struct outcome *out = heap_array(1, sizeof *out);
	load_run(o, out);
	if (out->published > 0)
		report_add_load(r, o, out);
	bool clean = load_is_clean(o, out);
	if (out->why[0] != '\0')
		fprintf(stderr, "godwit bench: %s\n", out->why);
	else if (out->gave_up)
		fprintf(stderr, "godwit bench: nothing came for %lu s\n",
			o->patience_ns / OPTIONS_SECOND);
	else if (o->broker_pid > 0 && !out->has_broker)
		fprintf(stderr, "godwit bench: no process %lu to measure\n", o->broker_pid);
	heap_free(out);
	return clean;
}

static bool run(const struct options *o, struct report *r)
{
	if (o->floor)
		return modes_floor(o, r);
	if (o->idle_connections > 0)
		return modes_idle(o, r);
	if (o->churn > 0)
		return modes_churn(o, r);
	if (o->backlog > 0)
		return modes_backlog(o, r);
	if (o->drain)
		return modes_drain(o, r);
	if (o->start)
		return modes_start(o, r);
	return load(o, r);
}

static void title(const struct options *o, struct report *r)
{
	snprintf(r->title, sizeof r->title,
		 "%s%s%lu publishers, %lu consumers, %lu queues, %lu B%s%s%s%s",
		 o->scenario ? o->scenario : "", o->scenario ? ": " : "", o->publishers,
		 o->consumers, o->queues, o->size, o->durable ? ", durable" : "",
		 o->confirms ? ", confirms" : "", o->manual_ack ? ", acks" : "",
		 o->fanout ? ", fan-out" : "");
}

static int help(void)
{
	static char buf[20000];
	struct text t = text_of(buf, sizeof buf);
	options_help(&t);
	fputs(buf, stdout);
	return 0;
}

int bench_main(int argc, char **argv)
{
	struct options o;
	struct report r = { 0 };
	char buf[300];
	struct text why = text_of(buf, sizeof buf);
	enum err e = options_parse(&o, argc, argv, &why);
	if (e == ERR_OK && o.help)
		return help();
	if (e == ERR_OK)
		e = options_settle(&o, &why);
	if (e != ERR_OK) {
		fprintf(stderr, "godwit bench: %s (--help lists the options)\n", buf);
		return 2;
	}
	prepare(&o);
	title(&o, &r);
	bool clean = run(&o, &r);
	if (r.n > 0)
		report_write(&r, o.json, stdout);
	return clean ? 0 : 1;
}
