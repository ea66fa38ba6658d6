#include "io/entropy.h"

#include "base/must.h"

#include <errno.h>
#include <sys/random.h>

#define ENTROPY_N 32 /* 256 bytes: getrandom gives so many whole, whatever interrupts it */

static _Thread_local uint64_t pool[ENTROPY_N];
static _Thread_local unsigned pool_n;

uint64_t entropy_u64(void *arg)
{
	(void)arg;
	if (pool_n == 0) {
		ssize_t got;
		do {
			got = getrandom(pool, sizeof pool, 0);
		} while (got < 0 && errno == EINTR);
		must(got == (ssize_t)sizeof pool);
		pool_n = ENTROPY_N;
	}
	uint64_t v = pool[--pool_n];
	pool[pool_n] = 0;
	return v;
}
