#include "io/names.h"

#include "base/text.h"

#include <stdio.h>
#include <unistd.h>

/* What clients are told, as RabbitMQ would name its node. */
static void name_cluster(struct config *c, const char *host)
{
	if (!c->cluster_name[0])
		snprintf(c->cluster_name, sizeof c->cluster_name, "godwit@%s", host);
}

/* Bridges say who they are as Mosquitto's do: the host, and their own name. */
static void name_bridges(struct config *c, const char *host)
{
	for (uint32_t i = 0; i < c->bridges.n; i++) {
		struct config_bridge *b = &c->bridges.at[i];
		if (b->client_id[0])
			continue;
		struct text id = text_of(b->client_id, sizeof b->client_id);
		text_putf(&id, "%s.%s", host, b->name);
	}
}

void names_complete(struct config *io_c)
{
	char host[128] = "localhost";
	(void)gethostname(host, sizeof host - 1);
	name_cluster(io_c, host);
	name_bridges(io_c, host);
}
