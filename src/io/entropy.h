/* entropy -- random numbers from the kernel, fetched 256 bytes at a time by each thread. */
#ifndef IO_ENTROPY_H
#define IO_ENTROPY_H
#include <stdint.h>

/* entropy_u64 gives a number nobody can guess; `arg` is not looked at. Any thread. */
uint64_t entropy_u64(void *arg);
#endif
