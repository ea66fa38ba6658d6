#include "io/listener_kind.h"

#include "base/text.h"
#include "io/listener.h"
#include "io/server.h"

static const struct listener_kind kinds[LISTENER_KINDS_N] = {
#define LISTENER(field, key_, session_, name_, proxied_, below_, web_, alpn_, prose) \
	{ .key = key_,                                                               \
	  .name = name_,                                                             \
	  .where = offsetof(struct config, field),                                   \
	  .session = offsetof(struct server_setup, session_),                        \
	  .proxied = offsetof(struct config, proxied_),                              \
	  .below = LISTENER_##below_,                                                \
	  .web = WEB_##web_,                                                         \
	  .alpn = alpn_ },
#include "io/listeners.def"
#undef LISTENER
};

static const struct config_listeners *where_of(const struct config *c,
					       const struct listener_kind *kind)
{
	return (const void *)((const uint8_t *)c + kind->where);
}

static const struct session_ops *session_of(const struct server_setup *s,
					    const struct listener_kind *kind)
{
	return *(const struct session_ops *const *)((const uint8_t *)s + kind->session);
}

static bool is_set(const struct config *c, size_t at)
{
	return *(const bool *)((const uint8_t *)c + at);
}

bool listener_kinds_want_tls(const struct config *c)
{
	for (size_t i = 0; i < LISTENER_KINDS_N; i++)
		if (kinds[i].below == LISTENER_TLS && where_of(c, &kinds[i])->n > 0)
			return true;
	return false;
}

/* Those of WebSocket have one name together: the first word of their keys. */
static struct slice name_of(const struct listener_kind *kind, const struct config_listener *where)
{
	struct slice key = slice_str(kind->key);
	return kind->web == WEB_NONE ? slice_str(where->name)
				     : slice_sub(key, 0, slice_find(key, '.'));
}

static enum err take(struct listeners *l, const struct server_setup *s,
		     const struct listener_kind *kind, struct tls_source *tls, struct text *why)
{
	const struct config_listeners *where = where_of(l->config, kind);
	struct listener_serves serves = {
		.key = kind->key,
		.name = kind->name,
		.protocol = session_of(s, kind),
		.tls = kind->below == LISTENER_TLS ? tls : NULL,
		.web = kind->web == WEB_NONE ? NULL : &l->webs[kind->web],
		.alpn = kind->alpn,
		.is_proxied = is_set(l->config, kind->proxied),
	};
	if (where->n > 0 && !serves.protocol) {
		text_putf(why, "%s: this program speaks no %s", kind->key, kind->name);
		return ERR_MALFORMED;
	}
	const struct session_ops *first = serves.protocol;
	for (uint32_t i = 0; i < where->n; i++) {
		bool is_other = first->other && config_has_dialect(&l->config->stomp_dialects,
								   name_of(kind, &where->at[i]));
		serves.protocol = is_other ? first->other : first;
		TRY(listeners_take(l, &where->at[i], &serves, why));
	}
	return ERR_OK;
}

enum err listener_kinds_take(struct listeners *l, const struct server_setup *s,
			     struct tls_source *tls, struct text *why)
{
	for (size_t i = 0; i < LISTENER_KINDS_N; i++)
		TRY(take(l, s, &kinds[i], tls, why));
	return ERR_OK;
}
