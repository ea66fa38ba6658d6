/* capture -- `godwit trace --capture`: prints a file of AMQP 0-9-1 bytes that one side has sent.
 *
 * Memory is bounded by the largest frame that any broker of ours takes.
 */
#ifndef APP_CAPTURE_H
#define APP_CAPTURE_H

/* capture_print prints a line for each frame of the file at `path` ("-": standard input): the byte
 * at which it begins, and what `godwit trace --frames` says of it. Gives the exit code: 0; 1, and a
 * sentence on stderr, when the file cannot be read or is something else from some byte on. */
int capture_print(const char *path);
#endif
