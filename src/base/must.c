#include "base/must.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic(must_hook *) panic_hook;

void must_on_panic(must_hook *hook)
{
	atomic_store(&panic_hook, hook);
}

void must_fail(const char *what, const char *file, int line)
{
	must_hook *hook = atomic_exchange(&panic_hook, NULL);
	fprintf(stderr, "%s:%d: must(%s)\n", file, line, what);
	if (hook)
		hook(what, file, line);
	abort();
}
