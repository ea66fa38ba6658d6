#include "journal/path.h"

#include "base/text.h"

#define DIGITS 16

_Static_assert(sizeof "checkpoint/.spill" + DIGITS <= PATH_BYTES, "every path fits");

static const struct {
	const char *dir, *ending;
} kinds[] = {
	[PATH_SEGMENT] = { PATH_SEGMENTS, ".seg" },
	[PATH_SEGMENT_NEW] = { PATH_SEGMENTS, ".new" },
	[PATH_CHECKPOINT] = { PATH_CHECKPOINTS, ".ckpt" },
	[PATH_SPILL] = { PATH_SPILLS, ".spill" },
};

struct path path_of(enum path_kind kind, uint32_t number)
{
	must(kind <= PATH_SPILL && number != 0);
	struct path p;
	struct text t = text_of(p.z, sizeof p.z);
	text_putf(&t, "%s/%0*lu%s", kinds[kind].dir, DIGITS, (unsigned long)number,
		  kinds[kind].ending);
	must(!text_is_full(&t));
	return p;
}

struct path path_in(enum path_kind kind, const char *name)
{
	must(kind <= PATH_SPILL && name != NULL);
	struct path p;
	struct text t = text_of(p.z, sizeof p.z);
	text_putf(&t, "%s/%s", kinds[kind].dir, name);
	return p;
}

bool path_number(enum path_kind kind, const char *name, uint32_t *out_number)
{
	uint64_t number = 0;
	must(kind <= PATH_SPILL && name != NULL);
	for (int i = 0; i < DIGITS; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(name[i] - '0');
	}
	if (number == 0 || number > UINT32_MAX || strcmp(name + DIGITS, kinds[kind].ending) != 0)
		return false;
	*out_number = (uint32_t)number;
	return true;
}
