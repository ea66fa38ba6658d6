#include "node/loop.h"

#include "base/bits.h"
#include "base/must.h"
#include "node/recover.h"
#include "session/amqp091/rules_of.h"

#include <string.h>

static void set_limits(struct node *n)
{
	const struct config *c = n->config;
	n->limits = (struct session_limits){
		.frame_max = (uint32_t)c->frame_max,
		.channel_max = (uint32_t)c->channel_max,
		.heartbeat_s = (uint32_t)c->heartbeat_s,
		.connection_max = c->connection_max,
		.channel_max_per_node = c->channel_max_per_node,
		.consumer_max_per_channel = c->consumer_max_per_channel,
		.initial_frame_max = (uint32_t)c->initial_frame_max,
		.handshake_timeout_ms = (uint32_t)c->handshake_timeout_ms,
		.message_bytes_max = (uint64_t)c->message_bytes_max,
		.output_bytes_max = (uint64_t)c->output_bytes_max,
		.unconfirmed_bytes_max = (uint64_t)c->unconfirmed_bytes_max,
		.consumer_timeout_ms = (uint64_t)c->consumer_timeout_ms,
		.consumer_timeout_closes = c->consumer_timeout_closes,
		.rules_of = amqp091_rules_of,
		.is_relaxed = c->relaxed_redeclare,
		.default_queue_type = (uint8_t)(c->default_queue_type % CONFIG_QUEUE_TYPES_N),
		.queue_types_off = (uint8_t)(!c->classic_enabled << QUEUE_CLASSIC |
					     !c->quorum_enabled << QUEUE_QUORUM |
					     !c->stream_enabled << QUEUE_STREAM),
		.product = slice_of(c->product_name, strlen(c->product_name)),
		.version = slice_str("4.3.0"),
		.server_version = slice_str(GODWIT_VERSION),
		.platform = slice_str("C"),
		.cluster_name = slice_of(c->cluster_name, strlen(c->cluster_name)),
	};
}

static void set_vhost_limits(struct node *n)
{
	const struct config_limits *c = &n->config->vhost_limits;
	struct session_limits *l = &n->limits;
	_Static_assert(CONFIG_LIMITS_MAX <= SESSION_VHOST_LIMITS_MAX, "they fit");
	for (uint32_t i = 0; i < c->n; i++)
		l->vhost_limits[l->vhost_limits_n++] = (struct session_vhost_limits){
			slice_str(c->at[i].pattern), c->at[i].connections, c->at[i].queues
		};
	must(l->vhost_limits_n == c->n);
}

static void set_logins(struct node *n)
{
	const struct config_choices *c = &n->config->auth_mechanisms;
	struct session_limits *l = &n->limits;
	_Static_assert(CONFIG_CHOICES_MAX <= SESSION_MECHANISMS_MAX, "they fit");
	for (uint32_t i = 0; i < CONFIG_CHOICES_MAX; i++)
		if (c->at[i])
			l->mechanisms[l->mechanisms_n++] = config_choice(CONFIG_MECHANISMS,
									 c->at[i]);
	if (strcmp(n->config->anonymous_login_user, "none") != 0)
		l->anonymous_user = slice_str(n->config->anonymous_login_user);
	l->anonymous_pass = slice_str(n->config->anonymous_login_pass);
}

static uint32_t expiry_s(int64_t setting)
{
	must(setting >= -1 && setting < MQTT_EXPIRY_NEVER);
	return setting < 0 ? MQTT_EXPIRY_NEVER : (uint32_t)setting;
}

static void set_mqtt(struct node *n)
{
	const struct config *c = n->config;
	n->mqtt = (struct mqtt_settings){
		.vhost = slice_str(c->mqtt_vhost),
		.exchange = slice_str(c->mqtt_exchange),
		.session_expiry_s = expiry_s(c->mqtt_session_expiry_s),
		.passing_bytes = (uint64_t)c->mqtt_passing_bytes,
		.packet_max = (uint32_t)c->mqtt_packet_max,
		.first_packet_max = (uint32_t)c->mqtt_first_packet_max,
		.login_timeout_ms = (uint32_t)c->mqtt_login_timeout_ms,
		.receive_max = (uint16_t)c->mqtt_receive_max,
		.alias_max = (uint16_t)c->mqtt_alias_max,
		.prefetch = (uint16_t)c->mqtt_prefetch,
		.sys_interval_s = (uint32_t)c->mqtt_sys_interval_s,
		.is_quorum = c->mqtt_queue_type == QUEUE_QUORUM,
		.is_open_to_all = c->mqtt_is_open,
		.is_login_by_cert = c->mqtt_is_by_cert,
		.takes_colons = c->mqtt_takes_colons,
		.is_refusal_end = c->mqtt_is_refusal_end,
	};
	n->limits.mqtt = &n->mqtt;
	n->limits.retain_exchange = n->mqtt.exchange;
}

static void set_stomp(struct node *n)
{
	const struct config *c = n->config;
	n->stomp = (struct stomp_settings){
		.default_user = slice_str(c->stomp_default_user),
		.default_pass = slice_str(c->stomp_default_pass),
		.default_vhost = slice_str(c->stomp_default_vhost),
		.topic_exchange = slice_str(c->stomp_topic_exchange),
		.frame_max = (uint64_t)c->stomp_frame_max,
		.requeues = c->stomp_requeues,
		.is_trailing_lf = c->stomp_trailing_lf,
		.takes_cert = c->stomp_takes_cert,
	};
	n->limits.stomp = &n->stomp;
}

static void set_loopback(struct node *n)
{
	const struct config_users *u = &n->config->loopback_users;
	_Static_assert(CONFIG_USERS_MAX <= SESSION_LOOPBACK_USERS_MAX, "they fit");
	for (uint32_t i = 0; i < u->n; i++)
		n->limits.loopback_users[i] = slice_str(u->at[i].name);
	n->limits.loopback_users_n = u->n;
}

static void set_world(struct loop *l)
{
	struct node *n = l->node;
	l->world = (struct session_world){
		.patterns = n->setup.patterns[l->index],
		.secrets = n->setup.secrets[l->index],
		.zone = n->setup.zone,
		.clock = n->setup.clock,
		.tally = &n->tally,
		.meter = &n->meter,
		.lane = &n->meter.lanes[l->index],
		.exchanges = &l->exchanges,
		.limits = &n->limits,
		.post = &l->post,
		.mem = &l->memory.mem,
		.home = &l->home,
		.loads = &l->loads,
		.stores = &l->stores,
		.echo = &l->echo,
		.events = &l->events,
		.random = n->setup.random,
		.random_arg = n->setup.random_arg,
	};
}

/* Shard 0 lives on loop 0; data shards go round; each loop has a volatile one of its own. */
static enum err place_shards(struct node *n)
{
	n->shards_n = (uint16_t)(1 + LIMIT_SHARD_DATA_N + n->loops_n);
	for (uint16_t no = 0; no < n->shards_n; no++) {
		uint32_t loop = no == 0 ? 0 : (no - 1u) % n->loops_n;
		if (no > LIMIT_SHARD_DATA_N)
			loop = no - 1u - LIMIT_SHARD_DATA_N;
		struct loop *l = &n->loops[loop];
		if (!l->shards)
			l->shards = mem_get(&l->memory.mem, SHARDS_MAX * sizeof *l->shards,
					    "shards");
		if (!l->shards)
			return ERR_LIMIT;
		struct shard *s = &l->shards[l->shards_n++];
		TRY(shard_init(s, l, no, n->setup.random(n->setup.random_arg)));
		n->shard[no] = s;
		for (uint32_t i = 0; i < n->loops_n; i++)
			n->loops[i].post.loop_of_shard[no] = (uint8_t)loop;
		n->shard[0]->held.loop_of_shard[no] = (uint8_t)loop;
	}
	return ERR_OK;
}

static enum err make_loops(struct node *n)
{
	struct mem *mem = &n->boot_memory.mem;
	n->loops = mem_get(mem, n->loops_n * sizeof *n->loops, "loops");
	n->mailboxes = mem_get(mem, (size_t)n->loops_n * n->loops_n * sizeof *n->mailboxes,
			       "mailboxes");
	if (!n->loops || !n->mailboxes)
		return ERR_LIMIT;
	memset(n->loops, 0, n->loops_n * sizeof *n->loops);
	for (uint32_t i = 0; i < n->loops_n * n->loops_n; i++)
		mailbox_init(&n->mailboxes[i]);
	for (uint32_t i = 0; i < n->loops_n; i++)
		TRY(loop_init(&n->loops[i], n, i));
	for (uint32_t i = 0; i < n->loops_n; i++) {
		set_world(&n->loops[i]);
		n->loop_mem[i] = &n->loops[i].memory.mem;
	}
	TRY(place_shards(n));
	for (uint32_t i = 0; i < n->loops_n; i++)
		TRY(inside_new(&n->loops[i]));
	return ERR_OK;
}

static enum err open_journal(struct node *n, struct text *why)
{
	const struct node_setup *s = &n->setup;
	struct journal_setup js = {
		.disk = s->disk,
		.mem = &n->journal_memory.mem,
		.loop_mem = n->loop_mem,
		.loops_n = n->loops_n,
		.segment_bytes = (uint64_t)n->config->journal_segment_bytes,
		.checkpoint_every_bytes = (uint64_t)n->config->journal_checkpoint_every_bytes,
		.store_id = s->random(s->random_arg),
		.cluster_id = s->random(s->random_arg),
		.wall_ms = s->wall_ms,
	};
	return journal_open(&js, &n->journal, why);
}

static enum err node_begin(struct node *n, struct text *why)
{
	set_limits(n);
	set_vhost_limits(n);
	set_logins(n);
	set_loopback(n);
	set_mqtt(n);
	set_stomp(n);
	TRY(bridges_make(n));
	TRY(make_loops(n));
	TRY(open_journal(n, why));
	TRY(node_recover(n, why));
	n->limits.store_id = journal_store_id(n->journal);
	return ERR_OK;
}

enum err node_open(const struct node_setup *s, struct node **out_node, struct text *why)
{
	must(s->loops_n >= 1 && s->loops_n <= LIMIT_LOOPS_MAX);
	const struct heap *heap = s->heap ? s->heap : memory_of_process();
	struct node *n = heap->get(heap, mem_align(sizeof *n), sizeof *n);
	if (!n)
		return ERR_LIMIT;
	memset(n, 0, sizeof *n);
	n->setup = *s;
	n->setup.heap = heap;
	n->config = s->config;
	alarm_limits_begin(n);
	n->loops_n = s->loops_n;
	n->held_tail = &n->held;
	atomic_init(&n->checkpoint_turn, UINT32_MAX);
	atomic_init(&n->forward_turn, UINT32_MAX);
	memory_init(&n->boot_memory, heap);
	memory_init(&n->journal_memory, heap);
	memory_init(&n->tally_memory, heap);
	tally_init(&n->tally, &n->tally_memory.mem);
	meter_init(&n->meter, n->loops_n, s->now_ms);
	enum err e = node_begin(n, why);
	if (e != ERR_OK) {
		(void)node_close(n);
		return e;
	}
	meter_add(&n->meter.lanes[0], METER_sessions_made,
		  mqtt_sessions_kept(atomic_load(&n->view)));
	*out_node = n;
	return ERR_OK;
}

/* Empty batches on their way back to their loops, and (in the middle of things) full ones. */
static void empty_mailboxes(struct node *n)
{
	for (uint32_t i = 0; n->loops && n->mailboxes && i < n->loops_n * n->loops_n; i++) {
		struct post *from = &n->loops[i / n->loops_n].post;
		struct batch *b;
		while ((b = mailbox_home(&n->mailboxes[i])) != NULL ||
		       (b = mailbox_take(&n->mailboxes[i])) != NULL)
			post_give_back(from, b);
	}
}

int64_t node_close(struct node *own_n)
{
	struct node *n = own_n;
	int64_t left = 0;
	struct mem *mem = &n->boot_memory.mem;
	while (n->held) {
		struct held_run *h = n->held;
		n->held = h->next;
		mem_put(&n->loops[0].memory.mem, h, offsetof(struct held_run, run) + h->run.len);
	}
	empty_mailboxes(n);
	for (uint32_t i = 0; n->loops && i < n->loops_n; i++)
		if (n->loops[i].node)
			loop_fini(&n->loops[i]);
	journal_close(n->journal);
	for (uint32_t i = 0; n->loops && i < n->loops_n; i++)
		if (n->loops[i].node) {
			loop_fini_memory(&n->loops[i]);
			left += memory_used(&n->loops[i].memory);
		}
	if (n->loops)
		mem_put(mem, n->loops, n->loops_n * sizeof *n->loops);
	if (n->mailboxes)
		mem_put(mem, n->mailboxes, (size_t)n->loops_n * n->loops_n * sizeof *n->mailboxes);
	bridges_free(n);
	tally_fini(&n->tally);
	memory_fini(&n->tally_memory);
	memory_fini(&n->journal_memory);
	memory_fini(&n->boot_memory);
	left += memory_used(&n->journal_memory) + memory_used(&n->boot_memory) +
		memory_used(&n->tally_memory);
	n->setup.heap->put(n->setup.heap, n);
	return left;
}

const struct catalog_view *node_catalog(const struct node *n)
{
	must(n->shard[0]->catalog != NULL);
	return catalog_view(n->shard[0]->catalog);
}

struct journal *node_journal(struct node *n)
{
	return n->journal;
}

struct loop *node_loop(struct node *n, uint32_t i)
{
	must(i < n->loops_n);
	return &n->loops[i];
}
