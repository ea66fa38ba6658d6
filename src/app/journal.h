/* journal -- `godwit journal`: prints or verifies the journal in a data directory. */
#ifndef APP_JOURNAL_H
#define APP_JOURNAL_H

/* journal_main runs `journal inspect|verify DIR`; argv[0] is "journal". Gives the exit code: 0; 1
 * there is damage, or nothing to read; 2 the words make no sense. */
int journal_main(int argc, char **argv);
#endif
