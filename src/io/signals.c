#include "io/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_take(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a bound on files is a disk that fails, not a death */
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int signals_next(int signals, int event, int timeout_ms)
{
	struct pollfd fds[2] = { { signals, POLLIN, 0 }, { event, POLLIN, 0 } };
	struct signalfd_siginfo info;
	uint64_t n;
	(void)poll(fds, 2, timeout_ms);
	ssize_t done = read(event, &n, sizeof n);
	done = read(signals, &info, sizeof info);
	return done == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}
