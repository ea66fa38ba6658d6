/* catalog_ask -- one command on its way to a decision, for the files that admit.
 *
 * The catalog's own thread; nothing of it outlives catalog_admit. An ask is answered once.
 */
#ifndef CORE_CATALOG_ASK_H
#define CORE_CATALOG_ASK_H
#include "core/catalog_state.h"

#include "base/text.h"

#define WHY_BYTES 1024u

struct ask {
	struct catalog *c;
	const struct run *cmd;
	struct outcomes *now, *later;
	struct text why; /* of a refusal */
	char why_bytes[WHY_BYTES];
};

/* catalog_decide decides one outcome: it is worked out at once, and applied when `now` or `later`
 * says so. Whatever is behind something that waits must wait too: views become true in their
 * order. */
void catalog_decide(struct ask *a, const struct run *head, struct slice tail);

/* catalog_answering is the head of an outcome that answers the command. */
struct run catalog_answering(const struct ask *a, uint8_t outcome, bool is_logged);

/* catalog_answer answers with an error, whose text is in a->why, or with ERR_OK: behind what was
 * answered before, and when all can see what it says. */
void catalog_answer(struct ask *a, enum err err);

/* catalog_is_short: there is no room for one more of anything; then the command is refused. */
bool catalog_is_short(struct ask *a, struct slice arguments);

/* catalog_decide_exchange_delete and catalog_decide_queue_delete: it goes. It answers the command,
 * or nobody: then something behind it will. */
void catalog_decide_exchange_delete(struct ask *a, const struct exchange *x, bool answers);
void catalog_decide_queue_delete(struct ask *a, const struct queue_record *q, uint8_t flags,
				 bool answers);

/* catalog_fact_admit.c: CMD_FACT_PUT, CMD_FACT_DELETE; is a virtual host full, so that the
 * declaration of one more queue is refused? */
void catalog_admit_fact_put(struct ask *a);
void catalog_admit_fact_delete(struct ask *a);
bool catalog_is_full_vhost(struct ask *a, uint16_t vhost, struct slice queue);
#endif
