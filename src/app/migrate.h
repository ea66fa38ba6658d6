/* migrate -- `godwit migrate`: another broker's files become definitions and a godwit.conf. */
#ifndef APP_MIGRATE_H
#define APP_MIGRATE_H

/* migrate_main runs `migrate mosquitto FILE [--out DIR]`; argv[0] is "migrate". Gives the exit
 * code: 0 both files are written; 1 neither is; 2 the words make no sense. */
int migrate_main(int argc, char **argv);
#endif
