#include "migrate/model.h"

#include "base/limits.h"

static void take_hash(struct migration *m, struct user *u, struct slice hash)
{
	static const struct {
		const char *begin, *algorithm;
	} kinds[] = { { "$7$", "mosquitto_pbkdf2_sha512" },
		      { "$6$", "mosquitto_sha512" },
		      { "$argon2id$", "argon2id" } };
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!slice_starts_with(hash, slice_str(kinds[i].begin)))
			continue;
		u->hash = hash;
		u->algorithm = kinds[i].algorithm;
		return;
	}
	migrate_note(m, u->place, u->name, FATE_LOST,
		     hash.n == 0 ? "he has no password, so he cannot log in with one"
				 : "his password is in the open, or hashed as nobody knows, so he "
				   "cannot log in with it");
}

static enum err take_user(struct migration *m, const struct security *s, struct place at,
			  struct slice line)
{
	struct slice name = slice_cut(&line, ':');
	if (name.n == 0 || name.n > LIMIT_SHORTSTR) {
		migrate_note(m, at, slice_str("user"), FATE_LOST,
			     "his name is empty, or has more than 255 bytes");
		return ERR_OK;
	}
	struct user *u = migrate_user(m, name, at, s);
	if (!u)
		return ERR_RESOURCE_ERROR;
	if (u->hash.n > 0 || u->is_of_dynsec) {
		migrate_note(m, at, name, FATE_LOST,
			     "he was there before, with the password that "
			     "stays");
		return ERR_OK;
	}
	u->place = at;
	take_hash(m, u, line);
	return ERR_OK;
}

enum err passwd_read(struct migration *m, const struct security *s)
{
	struct lines l = { .at = { s->password_file, 0 } };
	struct slice line;
	TRY(migrate_read(m, s->password_place, s->password_file, &l.rest));
	while (lines_next(&l, &line))
		if (line.n > 0 && line.p[0] != '#')
			TRY(take_user(m, s, l.at, line));
	return ERR_OK;
}
