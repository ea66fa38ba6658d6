/* must -- checks for our own bugs, on in every build.
 *
 * A broken must() is never the peer's fault: bad input gets an `enum err`. It prints one line to
 * stderr, gives the panic hook its one chance to dump state, and aborts.
 * Any thread may fail; only the first runs the hook.
 */
#ifndef BASE_MUST_H
#define BASE_MUST_H

#define must(cond)    ((cond) ? (void)0 : must_fail(#cond, __FILE__, __LINE__))
#define must_if(a, b) must(!(a) || (b)) /* a implies b */

/* must_fail reports the broken condition `what` and does not come back. */
_Noreturn void must_fail(const char *what, const char *file, int line);

typedef void must_hook(const char *what, const char *file, int line);

/* must_on_panic names the function that a failing must() calls before it aborts; set once at
 * start, NULL for none. The hook runs at most once: a must() that fails inside it only aborts. */
void must_on_panic(must_hook *hook);

#endif
