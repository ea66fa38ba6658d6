#include "session/manage/json.h"
#include "session/manage/manage.h"

#include "auth/account.h"
#include "auth/grant.h"
#include "base/must.h"
#include "core/fact.h"
#include "core/policy.h"
#include "session/defaults.h"
#include "wire/amqp091/table.h"

/* The sections of a definitions file, in its order. */
enum section {
	SECTION_USERS,
	SECTION_VHOSTS,
	SECTION_PERMISSIONS,
	SECTION_TOPIC_PERMISSIONS,
	SECTION_PARAMETERS,
	SECTION_GLOBAL_PARAMETERS,
	SECTION_POLICIES,
	SECTION_QUEUES,
	SECTION_EXCHANGES,
	SECTION_BINDINGS,
	SECTION_UNKNOWN,
	SECTION_N
};

static const char *const names[SECTION_N] = {
	"users",    "vhosts", "permissions", "topic_permissions", "parameters", "global_parameters",
	"policies", "queues", "exchanges",   "bindings",
};

static struct slice vhost_of(const struct session_world *w, uint16_t number)
{
	must(w->view != NULL);
	return catalog_vhost_name(w->view, number);
}

/* ---- facts -------------------------------------------------------------------------------- */

static void put_limits(struct json *j, const struct fact *f, const char *objects)
{
	struct fact_limits l = fact_limits_of(f);
	must(objects[0] != '\0');
	json_begin(j, '{');
	if (l.connections >= 0) {
		json_name(j, slice_str("max-connections"));
		json_int(j, l.connections);
	}
	if (l.objects >= 0) {
		json_name(j, slice_str(objects));
		json_int(j, l.objects);
	}
	json_end(j, '}');
}

static void put_user(struct json *j, const struct session_world *w, const struct fact *f)
{
	struct account a;
	if (account_get(f->value, &a) != ERR_OK)
		a = (struct account){ 0 };
	json_str(j, "name", f->name[0]);
	json_str(j, "password_hash", a.hash);
	json_str(j, "hashing_algorithm", a.algorithm);
	if (a.scram.n > 0)
		json_str(j, "scram_sha256", a.scram);
	json_name(j, slice_str("tags"));
	json_begin(j, '[');
	for (uint8_t i = 0; i < a.tags_n; i++)
		json_value_str(j, a.tags[i]);
	json_end(j, ']');
	json_name(j, slice_str("limits"));
	must(f->kind == FACT_USER);
	put_limits(j, catalog_fact(w->view, FACT_USER_LIMITS, f->name[0], SLICE_EMPTY, SLICE_EMPTY),
		   "max-channels");
}

/* The members of its value follow as they came. */
static void put_members(struct json *j, struct slice members)
{
	must(j->w != NULL);
	if (members.n > 0) {
		json_comma(j);
		json_raw(j, members);
	}
}

static void put_policy(struct json *j, const struct fact *f)
{
	struct policy p;
	must(f->kind == FACT_POLICY || f->kind == FACT_OPERATOR_POLICY);
	if (policy_get(f->value, &p) == ERR_OK)
		put_members(j, p.json);
}

static void put_permission(struct json *j, const struct fact *f)
{
	struct grant g = { 0 };
	if (grant_get(f->value, &g) != ERR_OK)
		must(!"a permission that import has let in");
	json_str(j, "user", f->name[0]);
	json_str(j, "vhost", f->name[1]);
	if (f->kind == FACT_TOPIC_PERMISSION)
		json_str(j, "exchange", f->name[2]);
	else
		json_str(j, "configure", g.pattern[AUTH_CONFIGURE]);
	json_str(j, "write", g.pattern[AUTH_WRITE]);
	json_str(j, "read", g.pattern[AUTH_READ]);
}

static void put_parameter(struct json *j, const struct fact *f)
{
	bool is_limits = f->kind == FACT_VHOST_LIMITS, is_policy = f->kind == FACT_OPERATOR_POLICY;
	must(is_limits || is_policy || f->kind == FACT_PARAMETER);
	json_str(j, "vhost", f->name[0]);
	json_str(j, "component",
		 is_limits   ? slice_str("vhost-limits")
		 : is_policy ? slice_str("operator_policy")
			     : f->name[1]);
	json_str(j, "name", is_limits ? slice_str("limits") : is_policy ? f->name[1] : f->name[2]);
	json_name(j, slice_str("value"));
	if (is_limits) {
		put_limits(j, f, "max-queues");
	} else if (is_policy) {
		json_begin(j, '{');
		put_policy(j, f);
		json_end(j, '}');
	} else {
		json_raw(j, f->value);
	}
}

/* Not the name of one: something of an unknown one. */
static enum section section_named(struct slice name)
{
	must(names[SECTION_UNKNOWN] == NULL);
	for (int i = 0; i < SECTION_UNKNOWN; i++)
		if (slice_eq(name, slice_str(names[i])))
			return (enum section)i;
	return SECTION_UNKNOWN;
}

/* In which section a fact is written; SECTION_N: in none of its own. */
static enum section section_of(const struct fact *f)
{
	must(fact_word(f->kind) != NULL);
	switch ((enum fact_kind)f->kind) {
	case FACT_VHOST: return SECTION_VHOSTS;
	case FACT_USER: return SECTION_USERS;
	case FACT_PERMISSION: return SECTION_PERMISSIONS;
	case FACT_TOPIC_PERMISSION: return SECTION_TOPIC_PERMISSIONS;
	case FACT_VHOST_LIMITS:
	case FACT_OPERATOR_POLICY:
	case FACT_PARAMETER: return SECTION_PARAMETERS;
	case FACT_GLOBAL_PARAMETER: return SECTION_GLOBAL_PARAMETERS;
	case FACT_POLICY: return SECTION_POLICIES;
	case FACT_UNKNOWN: return section_named(f->name[0]);
	case FACT_USER_LIMITS: /* in its user */
	case FACT_VHOST_TYPE:  /* in the metadata of its virtual host */
	case FACT_MAPPING: break;
	}
	return SECTION_N;
}

static void put_fact(struct json *j, const struct session_world *w, const struct fact *f)
{
	json_begin(j, '{');
	switch ((enum fact_kind)f->kind) {
	case FACT_USER: put_user(j, w, f); break;
	case FACT_VHOST:
		json_str(j, "name", f->name[0]);
		put_members(j, f->value);
		json_name(j, slice_str("limits"));
		put_limits(j,
			   catalog_fact(w->view, FACT_VHOST_LIMITS, f->name[0], SLICE_EMPTY,
					SLICE_EMPTY),
			   "max-queues");
		break;
	case FACT_PERMISSION:
	case FACT_TOPIC_PERMISSION: put_permission(j, f); break;
	case FACT_GLOBAL_PARAMETER:
		json_str(j, "name", f->name[0]);
		json_name(j, slice_str("value"));
		json_raw(j, f->value);
		break;
	case FACT_POLICY:
		json_str(j, "vhost", f->name[0]);
		json_str(j, "name", f->name[1]);
		put_policy(j, f);
		break;
	default: put_parameter(j, f);
	}
	must(j->w != NULL);
	json_end(j, '}');
}

/* ---- queues, exchanges, bindings ---------------------------------------------------------- */

/* A classic queue may not have said so: an import would give it what is the default now. */
static void put_arguments(struct json *j, const struct session_world *w,
			  const struct queue_record *q)
{
	uint8_t room[CATALOG_ARGUMENTS_MAX + 64];
	struct wr args = wr_of(room, sizeof room);
	struct amqp091_value v;
	must(q->owner == 0);
	wr_slice(&args, queue_record_arguments(q));
	if (!amqp091_table_find(wr_done(&args), slice_str("x-queue-type"), &v) &&
	    defaults_queue_type(w, vhost_of(w, q->vhost), q->flags) != QUEUE_CLASSIC)
		amqp091_put_str(&args, "x-queue-type", defaults_type_word(QUEUE_CLASSIC));
	must(wr_ok(&args));
	json_table(j, wr_done(&args));
}

static void put_queue(struct json *j, const struct session_world *w, const struct queue_record *q)
{
	struct slice type = slice_str("classic");
	(void)amqp091_table_str(queue_record_arguments(q), "x-queue-type", &type);
	json_begin(j, '{');
	json_str(j, "name", queue_record_name(q));
	json_str(j, "vhost", vhost_of(w, q->vhost));
	json_str(j, "type", type);
	json_bool(j, "durable", q->flags & QUEUE_DURABLE);
	json_bool(j, "auto_delete", q->flags & QUEUE_AUTO_DELETE);
	json_name(j, slice_str("arguments"));
	put_arguments(j, w, q);
	json_end(j, '}');
	must(q->owner == 0);
}

/* A list says which policy holds, too. */
static void put_exchange(const struct manage *m, struct json *j, const struct session_world *w,
			 const struct exchange *x)
{
	must(x->name.n > 0 || m->export.is_alone);
	json_begin(j, '{');
	json_str(j, "name", x->name);
	json_str(j, "vhost", vhost_of(w, x->vhost));
	json_str(j, "type", catalog_exchange_type(x));
	json_bool(j, "durable", x->flags & EXCHANGE_DURABLE);
	json_bool(j, "auto_delete", x->flags & EXCHANGE_AUTO_DELETE);
	json_bool(j, "internal", x->flags & EXCHANGE_INTERNAL);
	json_name(j, slice_str("arguments"));
	json_table(j, x->arguments);
	const struct fact *policy = m->export.is_alone ? policy_of_exchange(w->view, w->patterns, x)
						       : NULL;
	if (policy)
		json_str(j, "policy", policy->name[1]);
	json_end(j, '}');
}

static void put_binding(struct json *j, const struct session_world *w, const struct bind *b)
{
	must(b->exchange.n > 0 || !b->to_exchange);
	json_begin(j, '{');
	json_str(j, "source", b->exchange);
	json_str(j, "vhost", vhost_of(w, b->vhost));
	json_str(j, "destination", b->queue);
	json_str(j, "destination_type", slice_str(b->to_exchange ? "exchange" : "queue"));
	json_str(j, "routing_key", b->key);
	json_name(j, slice_str("arguments"));
	json_table(j, b->arguments);
	json_end(j, '}');
}

/* ---- one after the other ------------------------------------------------------------------ */

static void separate(struct manage *m, struct json *j)
{
	must(m->export.section < SECTION_N);
	json_raw(j, slice_str(m->export.has_one ? ",\n  " : "\n  "));
	m->export.has_one = true;
	j->is_behind = false;
}

/* The next of the section in hand; false: there are no more. */
static bool next_fact(struct manage *m, const struct session_world *w, struct json *j)
{
	const struct fact *f = catalog_fact_after(w->view, m->export.id);
	must(m->export.section < SECTION_N);
	if (!f)
		return false;
	m->export.id = f->id;
	if (section_of(f) != m->export.section)
		return true;
	if (f->kind != FACT_UNKNOWN) {
		separate(m, j);
		put_fact(j, w, f);
	} else if (m->export.section == SECTION_UNKNOWN) {
		json_raw(j, slice_str(",\n "));
		json_value_str(j, f->name[0]);
		json_raw(j, slice_str(": "));
		json_raw(j, f->value);
	} else if (!m->export.is_alone) { /* a list shows what there is */
		separate(m, j);
		json_raw(j, f->value);
	}
	return true;
}

static bool next_queue(struct manage *m, const struct session_world *w, struct json *j)
{
	const struct queue_record *q = catalog_queue_after(w->view, m->export.id);
	must(m->export.section == SECTION_QUEUES);
	if (!q)
		return false;
	m->export.id = q->id;
	if (q->owner || q->flags & QUEUE_KEEPER)
		return true;
	separate(m, j);
	put_queue(j, w, q);
	return true;
}

/* Every virtual host has these: a list shows them, too. */
static bool is_everywhere(const struct exchange *x)
{
	must(x->type != 0);
	return x->name.n == 0 || slice_starts_with(x->name, slice_str("amq."));
}

static bool next_exchange(struct manage *m, const struct session_world *w, struct json *j)
{
	const struct exchange *x = catalog_exchange_next(w->view, &m->export.walk);
	must(m->export.section == SECTION_EXCHANGES);
	if (x && (m->export.is_alone || !is_everywhere(x))) {
		separate(m, j);
		put_exchange(m, j, w, x);
	}
	return x != NULL;
}

/* Each queue is bound to the default exchange by its name: a list begins with that. */
static bool next_default_binding(struct manage *m, const struct session_world *w, struct json *j)
{
	const struct queue_record *q = catalog_queue_after(w->view, m->export.id);
	must(m->export.is_alone);
	if (!q)
		return false;
	m->export.id = q->id;
	if (q->flags & QUEUE_KEEPER)
		return true;
	separate(m, j);
	put_binding(j, w,
		    &(struct bind){ .exchange = SLICE_EMPTY,
				    .queue = queue_record_name(q),
				    .key = queue_record_name(q),
				    .arguments = SLICE_EMPTY,
				    .vhost = q->vhost });
	return true;
}

static bool next_binding(struct manage *m, const struct session_world *w, struct json *j)
{
	struct bind b;
	must(m->export.section == SECTION_BINDINGS);
	if (m->export.is_alone && next_default_binding(m, w, j))
		return true;
	if (!catalog_binding_next(w->view, &m->export.walk, &b))
		return false;
	const struct queue_record *q = b.to_exchange ? NULL
						     : catalog_queue(w->view, b.vhost, b.queue);
	if (q && q->owner && !m->export.is_alone)
		return true;
	separate(m, j);
	put_binding(j, w, &b);
	return true;
}

static bool next_there(struct manage *m, const struct session_world *w, struct json *j)
{
	must(!m->export.is_kept);
	switch ((enum section)m->export.section) {
	case SECTION_QUEUES: return next_queue(m, w, j);
	case SECTION_EXCHANGES: return next_exchange(m, w, j);
	case SECTION_BINDINGS: return next_binding(m, w, j);
	default: return next_fact(m, w, j);
	}
}

/* What is there, then what was kept because nobody here understands it. */
static bool next(struct manage *m, const struct session_world *w, struct json *j)
{
	enum section section = (enum section)m->export.section;
	must(section < SECTION_N);
	if (m->export.is_kept)
		return next_fact(m, w, j);
	if (next_there(m, w, j))
		return true;
	m->export.id = 0;
	m->export.is_kept = section == SECTION_QUEUES || section == SECTION_EXCHANGES ||
			    section == SECTION_BINDINGS;
	return m->export.is_kept;
}

static void put_head(struct json *j, const struct session_world *w)
{
	const struct session_limits *l = w->limits;
	must(l != NULL);
	json_begin(j, '{');
	json_str(j, "rabbit_version", l->version);
	json_str(j, "rabbitmq_version", l->version);
	json_str(j, "product_name", l->product);
	json_str(j, "product_version", l->server_version);
	json_str(j, "rabbitmq_definition_format", slice_str("cluster"));
	json_str(j, "original_cluster_name", l->cluster_name);
}

enum err manage_export_begin(struct manage *m, struct slice section, struct text *why)
{
	must(m->phase == MANAGE_LISTENING);
	m->export.end = SECTION_N;
	if (section.n == 0)
		return ERR_OK;
	for (uint32_t i = 0; i < SECTION_N && names[i]; i++) {
		if (!slice_eq(section, slice_str(names[i])))
			continue;
		m->export.section = i;
		m->export.end = i + 1;
		m->export.is_alone = true;
		return ERR_OK;
	}
	text_put_quoted_printable(why, "no section ", section);
	return ERR_NOT_FOUND;
}

bool manage_export(struct manage *m, struct session_world *w)
{
	struct json j = { .w = w, .to = &m->session.sendq };
	must(m->phase == MANAGE_ASKING);
	if (m->export.section == m->export.end)
		return false;
	if (!m->export.is_begun) {
		if (m->export.section == 0 && !m->export.is_alone)
			put_head(&j, w);
		if (names[m->export.section]) {
			json_raw(&j, slice_str(m->export.is_alone ? "{" : ",\n "));
			j.is_behind = false;
			json_value_str(&j, slice_str(names[m->export.section]));
			json_raw(&j, slice_str(": ["));
		}
		m->export.is_begun = true;
		m->export.has_one = false;
		m->export.id = 0;
		m->export.is_kept = false;
		m->export.walk = (struct catalog_walk){ 0 };
	}
	if (next(m, w, &j))
		return true;
	if (names[m->export.section])
		json_raw(&j, slice_str("]"));
	m->export.is_begun = false;
	if (++m->export.section == m->export.end)
		json_raw(&j, slice_str("}\n"));
	return true;
}
