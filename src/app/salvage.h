/* salvage -- `godwit journal salvage`: a new data directory of what is whole in a damaged one. */
#ifndef APP_SALVAGE_H
#define APP_SALVAGE_H

/* salvage_main prints what is lost, a sentence a line, and gives the exit code: 0 nothing is lost,
 * 1 there is no new directory, 3 there is one and something is lost. `to` NULL: beside the old. */
int salvage_main(const char *dir, const char *to);
#endif
