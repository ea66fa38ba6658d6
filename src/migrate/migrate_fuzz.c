/* Whatever stands in the files, a migration ends with texts or with a reason. */
#include "migrate/migrate.h"

#include "base/list.h"

struct files {
	struct migrate_files port;
	struct slice text;
	uint32_t read_n;
};

static bool give(struct migrate_files *port, struct slice path, struct slice *out, struct text *why)
{
	struct files *f = containerof(port, struct files, port);
	(void)path;
	if (f->read_n++ >= 20) {
		text_puts(why, "that is enough");
		return false;
	}
	*out = f->text;
	return true;
}

static bool none(struct migrate_files *port, struct slice dir, uint32_t i, struct slice *out)
{
	(void)port;
	*out = dir;
	return i == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct migrate_files_ops ops = { .read = give, .list = none };
	static const char *const closed[] = { "listeners.tcp", NULL };
	struct files files = { { &ops }, slice_of(data, n), 0 };
	struct migrate_setup setup = { .files = &files.port,
				       .path = slice_str("conf"),
				       .definitions = slice_str("definitions.json"),
				       .closed = closed,
				       .anonymous_password = slice_str("p"),
				       .anonymous_hash = slice_str("h"),
				       .anonymous_algorithm = "a" };
	struct migrate_out out;
	char room[200];
	struct text why = text_of(room, sizeof room);
	enum err e = migrate_mosquitto(&setup, &out, &why);
	must((e == ERR_OK) == (out.definitions && out.conf && out.report));
	must((e == ERR_OK) == (why.n == 0));
	migrate_out_fini(&out);
	return 0;
}
