#include "app/verb_node.h"

#include "app/control.h"

#include <stdio.h>
#include <string.h>

/* Of the dump of the node. */
struct answer {
	char version[64], alarms[64];
};

static void take_line(void *arg, char *line)
{
	struct answer *a = arg;
	char *value = strstr(line, ": ");
	if (!value)
		return;
	*value = '\0';
	value += 2;
	if (strcmp(line, "node") == 0)
		snprintf(a->version, sizeof a->version, "%s", value);
	if (strcmp(line, "alarms") == 0)
		snprintf(a->alarms, sizeof a->alarms, "%s", value);
}

int verb_node(enum verb_node what, const struct verb_call *call)
{
	struct answer a = { "", "" };
	int code = control_lines(call->data_dir, call->socket, "dump node", take_line, &a);
	if (code != 0)
		return code;
	bool has_alarms = strcmp(a.alarms, "none") != 0;
	switch (what) {
	case VERB_PING: puts("Ping succeeded"); return 0;
	case VERB_RUNNING: puts("The broker is fully booted and running"); return 0;
	case VERB_VERSION: puts(a.version); return 0;
	case VERB_ALARMS:
	case VERB_CHECK_ALARMS: break;
	}
	if (has_alarms)
		fprintf(what == VERB_ALARMS ? stdout : stderr, "The broker reports alarms: %s\n",
			a.alarms);
	else
		puts("The broker reports no alarms");
	return has_alarms && what == VERB_CHECK_ALARMS;
}
