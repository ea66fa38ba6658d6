/* bench -- `godwit bench`: the load generator and measuring tool.
 *
 * An AMQP 0-9-1 client over raw epoll that costs 0.03 to 0.1 us a message and counts exactly what
 * was lost, duplicated or disordered; works against any broker. docs/manual/godwit-bench.1.scd.
 */
#ifndef APP_BENCH_BENCH_H
#define APP_BENCH_BENCH_H

/* bench_main runs one measurement; argv[0] is "bench". Returns the exit code: 0 all was well, 1
 * messages were lost, duplicated or disordered or the broker failed, 2 wrong options. */
int bench_main(int argc, char **argv);

#endif
