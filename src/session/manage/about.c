#include "session/manage/json.h"
#include "session/manage/manage.h"

#include "base/must.h"
#include "core/policy.h"
#include "session/defaults.h"

static void put_policy(struct manage *m, struct session_world *w, const struct queue_record *q,
		       enum fact_kind kind, const char *name)
{
	char room[4 * MANAGE_NAME_MAX + 40];
	struct text t = text_of(room, sizeof room);
	const struct fact *f = policy_of_queue(w->view, w->patterns, kind, q);
	must(name[0] != '\0');
	text_putf(&t, "%s: ", name);
	if (f)
		text_put_printable(&t, f->name[1]);
	text_putc(&t, '\n');
	sendq_copy(&m->session.sendq, w->mem, text_slice(&t));
}

static struct slice type_of(const struct queue_record *q)
{
	struct queue_rules rules;
	must(q->id != 0);
	if (rules_get(queue_record_rules(q), &rules) != ERR_OK || rules.type == RULE_NONE)
		return defaults_type_word(QUEUE_CLASSIC);
	return defaults_type_word((enum queue_type)rules.type);
}

void manage_tell_queue(struct manage *m, struct session_world *w, const struct queue_record *q)
{
	struct json j = { .w = w, .to = &m->session.sendq };
	must(q != NULL);
	json_raw(&j, slice_str("type: "));
	json_raw(&j, type_of(q));
	json_raw(&j, slice_str("\narguments: "));
	json_table(&j, queue_record_arguments(q));
	json_raw(&j, slice_str("\n"));
	put_policy(m, w, q, FACT_POLICY, "policy");
	put_policy(m, w, q, FACT_OPERATOR_POLICY, "operator_policy");
}
