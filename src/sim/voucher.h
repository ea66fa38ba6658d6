/* voucher -- what STOMP clients are promised, while connections, processes and the power are lost.
 *
 * One client sends, within transactions and without, and asks for receipts; two others subscribe
 * in each of the three ways to acknowledge, and take, give back or refuse what comes, within
 * transactions too. What a receipt was given for is never lost; what was never committed never
 * comes; nobody is given what another one has; what was taken does not come again; what was given
 * before says so; one sender's messages come in his order; of a transaction all is done or nothing,
 * also if nobody was told; and a wrong frame is told and ends nothing.
 */
#ifndef SIM_VOUCHER_H
#define SIM_VOUCHER_H
#include "sim/story.h"

/* voucher_play plays a broker on a disk of its own, and tells the story what was wrong. */
void voucher_play(struct story *story, uint64_t seed);
#endif
