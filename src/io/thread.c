#include "io/thread.h"

/* Sanitizers make frames several times as large. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BYTES ((size_t)2 << 20)
#else
#define STACK_BYTES ((size_t)256 << 10)
#endif

bool thread_start(pthread_t *out, const char *name, void *(*body)(void *), void *arg)
{
	pthread_attr_t attr;
	if (pthread_attr_init(&attr) != 0)
		return false;
	bool is_started = pthread_attr_setstacksize(&attr, STACK_BYTES) == 0 &&
			  pthread_create(out, &attr, body, arg) == 0;
	pthread_attr_destroy(&attr);
	if (is_started)
		(void)pthread_setname_np(*out, name);
	return is_started;
}
