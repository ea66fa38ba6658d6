/* notify -- tells the service manager what this process does (sd_notify's protocol). */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

/* notify_manager sends one state, such as "READY=1"; without $NOTIFY_SOCKET it does nothing. */
void notify_manager(const char *state);
#endif
