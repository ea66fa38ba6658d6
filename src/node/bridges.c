/* What sessions are told of bridges, made of the settings; the node's, for its whole life. */
#include "base/must.h"
#include "node/loop.h"
#include "session/mqtt/bridge.h"
#include "wire/mqtt/topic.h"

/* Of one bridge: what it is made of, in one piece. */
struct bridge_room {
	struct mqtt_bridge_memory memory;
	struct mqtt_bridge_topic topics[CONFIG_TOPICS_MAX];
	char local_client_id[CONFIG_STRING_MAX + 1];
	char state_topic[CONFIG_STRING_MAX + 1];
};

static uint32_t topics_of(const struct config_bridge *c, struct mqtt_bridge_topic *out)
{
	char room[128];
	struct text unsaid = text_of(room, sizeof room);
	must(c->topics.n <= CONFIG_TOPICS_MAX);
	for (uint32_t i = 0; i < c->topics.n; i++)
		if (!mqtt_bridge_topic_read(slice_str(c->topics.at[i].line), &out[i], &unsaid))
			must(!"a line that was checked when it was set");
	return c->topics.n;
}

static struct slice local_id(const struct config_bridge *c, struct bridge_room *room)
{
	struct text t = text_of(room->local_client_id, sizeof room->local_client_id);
	if (c->local_client_id[0])
		return slice_str(c->local_client_id);
	text_putf(&t, "local.%s", c->client_id);
	return text_slice(&t);
}

static struct slice state_topic(const struct config_bridge *c, struct bridge_room *room)
{
	struct text t = text_of(room->state_topic, sizeof room->state_topic);
	if (!c->is_noted)
		return SLICE_EMPTY;
	if (c->note_topic[0])
		return slice_str(c->note_topic);
	text_putf(&t, "$SYS/broker/connection/%s/state", c->client_id);
	must(mqtt_topic_ok(text_slice(&t))); /* config_bridge */
	return text_slice(&t);
}

static void make(const struct node *n, const struct config_bridge *c, struct bridge_room *room,
		 struct mqtt_bridge *out)
{
	static const uint8_t versions[] = {
		[CONFIG_MQTT_V31] = 3, [CONFIG_MQTT_V311] = 4, [CONFIG_MQTT_V5] = 5
	};
	*room = (struct bridge_room){ .memory = { .is_mark_refused = false } };
	*out = (struct mqtt_bridge){
		.client_id = slice_str(c->client_id),
		.local_client_id = local_id(c, room),
		.user = slice_str(c->username),
		.password = slice_str(c->password),
		.local_user = slice_str(c->local_username[0] ? c->local_username
							     : n->config->default_user),
		.topics = room->topics,
		.topics_n = topics_of(c, room->topics),
		.state_topic = state_topic(c, room),
		.is_state_local = c->is_noted_here,
		.memory = &room->memory,
		.keep_alive_s = (uint16_t)c->keepalive_s,
		.version = versions[c->protocol],
		.is_clean = c->is_clean,
		.is_local_clean = c->is_local_clean,
		.is_marked = c->is_marked,
		.is_retaining = c->is_retaining,
		.is_unsubscribing = c->is_unsubscribing,
		.packet_max = (uint32_t)c->packet_max,
		.threshold = c->start == CONFIG_START_LAZY ? (uint32_t)c->threshold : 0,
		.idle_s = (uint32_t)c->idle_s,
	};
	must(out->client_id.n > 0);
}

enum err bridges_make(struct node *n)
{
	const struct config_bridges *all = &n->config->bridges;
	struct mem *mem = &n->boot_memory.mem;
	if (all->n == 0)
		return ERR_OK;
	struct mqtt_bridge *made = mem_get(mem, all->n * sizeof *made, "bridges");
	struct bridge_room *rooms = mem_get(mem, all->n * sizeof *rooms, "bridges");
	n->bridges = made;
	n->bridge_rooms = rooms;
	if (!made || !rooms)
		return ERR_LIMIT;
	for (uint32_t i = 0; i < all->n; i++)
		make(n, &all->at[i], &rooms[i], &made[i]);
	n->mqtt.bridges = made;
	n->mqtt.bridges_n = all->n;
	return ERR_OK;
}

void bridges_free(struct node *n)
{
	struct mem *mem = &n->boot_memory.mem;
	if (n->bridges)
		mem_put(mem, n->bridges, n->config->bridges.n * sizeof *n->bridges);
	if (n->bridge_rooms)
		mem_put(mem, n->bridge_rooms, n->config->bridges.n * sizeof *n->bridge_rooms);
	n->bridges = NULL;
	n->bridge_rooms = NULL;
	must(!n->bridges);
}
