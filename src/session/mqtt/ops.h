/* ops -- the door of the room: MQTT 3.1, 3.1.1 and 5 as session_ops, and what is set for them. */
#ifndef SESSION_MQTT_OPS_H
#define SESSION_MQTT_OPS_H
#include "session/session.h"

#define MQTT_EXPIRY_NEVER UINT32_MAX

struct mqtt_bridge;

/* Of the whole node; session_limits refers to it. */
struct mqtt_settings {
	struct slice vhost;        /* of who names none */
	struct slice exchange;     /* a topic exchange: where messages go and subscriptions are */
	uint32_t session_expiry_s; /* longest life of a session without connection */
	uint64_t passing_bytes;    /* of messages of QoS 0 that wait for one client; 0: any */
	uint32_t packet_max, first_packet_max; /* octets; first: before somebody is logged in */
	uint32_t login_timeout_ms;
	uint16_t alias_max;   /* topics of which one client may have, or be told, an alias */
	uint16_t receive_max; /* messages of QoS 1 and 2 of one client that are not answered; > 0 */
	const struct mqtt_bridge *bridges; /* bridge.h */
	uint32_t bridges_n;
	uint32_t sys_interval_s; /* between two looks at $SYS topics; 0: there are none */
	uint16_t prefetch;       /* messages of QoS 1 and 2 under way to one client at most */
	bool is_quorum;          /* queues of kept sessions are, whatever the default is */
	bool is_open_to_all;     /* who names no user is anonymous */
	bool is_login_by_cert;   /* who names no user is whom his certificate names */
	bool takes_colons;       /* a user name with a colon is all a user name */
	bool is_refusal_end;     /* what a user may not do ends his connection */
};

extern const struct session_ops mqtt_session_ops;

struct catalog_view;

/* mqtt_sessions_kept counts those that are kept, in all virtual hosts: what a start finds. */
uint64_t mqtt_sessions_kept(const struct catalog_view *v);
#endif
