/* lean -- gives back what of libraries only their loading has touched. */
#ifndef IO_LEAN_H
#define IO_LEAN_H

/* lean_tls lets go of the pages of OpenSSL's libraries that nobody writes to: while they were
 * linked more than a megabyte of names was read. What TLS needs comes from the file again. */
void lean_tls(void);
#endif
