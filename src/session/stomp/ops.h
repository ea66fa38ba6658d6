/* ops -- the door of this room: what a node needs to hold STOMP conversations. */
#ifndef SESSION_STOMP_OPS_H
#define SESSION_STOMP_OPS_H
#include "session/session.h"

/* Settings of STOMP (node/config.def); texts borrow. */
struct stomp_settings {
	struct slice default_user, default_pass; /* of who does not log in; no user: nobody */
	struct slice default_vhost, topic_exchange;
	uint64_t frame_max; /* of a body */
	bool requeues;      /* a NACK gives back */
	bool is_trailing_lf, takes_cert;
};

/* In RabbitMQ's dialect, and in ActiveMQ's. */
extern const struct session_ops stomp_session_ops, stomp_activemq_session_ops;
#endif
