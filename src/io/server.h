/* server -- the broker as a process: everything is started, served, and stopped in good order.
 *
 *     addresses taken -> data directory -> recovery -> threads -> READY
 *     SIGTERM, SIGINT -> STOPPING -> goodbyes, last commits, checkpoint -> threads end
 *     SIGHUP          -> the log file is opened anew, certificates are read again; what else has
 *                        changed is named
 */
#ifndef IO_SERVER_H
#define IO_SERVER_H
#include "io/sources.h"
#include "session/session.h"

struct server_setup {
	const struct sources *sources; /* read again on SIGHUP */
	struct config *config;         /* is given what is left to the machine: the name */
	const struct config_notes *notes;
	const struct session_ops *amqp; /* as listeners.def says; NULL: no such sessions */
	const struct session_ops *mqtt;
	const struct session_ops *stomp;
	const struct session_ops *control; /* of the control socket; NULL: there is none */
};

/* Exit codes of the process; 3 is WORKER_EXIT_CODE. */
enum { SERVER_OK = 0, SERVER_REFUSED = 1 };

/* server_run serves until a signal stops it, and gives the exit code. What prevents a start is one
 * sentence on stderr. Called once, on the main thread, before there are others. */
int server_run(const struct server_setup *s);
#endif
