/* errand -- an operator's side of one import of definitions: facts made and forgotten.
 *
 *     errand_begin -> errand_make, errand_forget ... -> errand_send -> errand_talk until it is over
 *
 * The operator hears when everything is durable, or nothing if the broker ends before.
 */
#ifndef SIM_ERRAND_H
#define SIM_ERRAND_H
#include "core/fact.h"
#include "core/rules.h"
#include "sim/net.h"

struct errand {
	struct sock *sock; /* NULL: none is under way */
	uint32_t out_n, said_n, items_n;
	uint8_t out[4096];
	char said[512];
};

/* errand_begin takes a new connection to be an operator's. */
void errand_begin(struct errand *e, struct sock *sock);
/* errand_ask takes one to say another line, whose answer is in `said` when the broker hangs up. */
void errand_ask(struct errand *e, struct sock *sock, const char *line);
/* errand_make and errand_forget say one thing more; there is room for some. */
void errand_make(struct errand *e, const struct fact *f);
void errand_forget(struct errand *e, const struct fact *f);
/* errand_policy is the fact of a policy of the virtual host "/", for queues of some names; in
 * `buf`. */
struct fact errand_policy(bool is_operators, const char *name, const char *pattern,
			  const struct queue_rules *rules, int64_t priority, uint8_t *buf,
			  uint32_t cap);
/* errand_send: that was all. */
void errand_send(struct errand *e);
/* errand_talk moves bytes both ways. True: some moved. When the broker has hung up, `sock` is NULL,
 * and errand_is_done says whether all was done that was asked for. */
bool errand_talk(struct errand *e, struct socks *socks);
bool errand_is_done(const struct errand *e);
#endif
