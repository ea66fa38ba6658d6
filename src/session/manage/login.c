#include "session/manage/manage.h"

#include "base/must.h"

/* Nobody comes in: what is asked is whether he could. */
static void tell(struct manage *m, struct session_world *w, enum secret s, struct slice why)
{
	char room[4 * UINT8_MAX + SESSION_WORDS_MAX + 100];
	struct text t = text_of(room, sizeof room);
	must(s != SECRET_LATER);
	m->phase = MANAGE_DONE;
	if (s == SECRET_RIGHT) {
		sendq_copy(&m->session.sendq, w->mem, slice_str("Success\n"));
		return;
	}
	text_puts(&t, "failed to authenticate: ");
	text_put_slice(&t, why);
	manage_refuse(m, w, text_slice(&t));
}

void manage_login(struct manage *m, struct session_world *w)
{
	char room[SESSION_WORDS_MAX];
	struct text why = text_of(room, sizeof room);
	const struct access_login login = { .user = m->request.vhost,
					    .password = m->request.name,
					    .ticket = m->session.handle };
	bool is_tellable;
	must(m->request.kind == REQUEST_LOGIN && !m->access.name);
	m->access.is_loopback = true; /* RabbitMQ asks for no more than the password either */
	m->phase = MANAGE_ASKING;
	m->is_waiting = true;
	enum secret s = access_login(&m->access, w, &login, &is_tellable, &why);
	if (s != SECRET_LATER)
		tell(m, w, s, text_slice(&why));
}

void manage_checked(struct session *s, struct session_world *w, bool is_right)
{
	struct manage *m = (struct manage *)(void *)s;
	char room[SESSION_WORDS_MAX];
	struct text why = text_of(room, sizeof room);
	bool is_tellable;
	must(s->ops == &manage_session_ops && m->request.kind == REQUEST_LOGIN);
	if (m->phase != MANAGE_ASKING || !m->is_waiting)
		return;
	enum secret came = access_checked(&m->access, w, is_right, &is_tellable, &why);
	tell(m, w, came, text_slice(&why));
}
