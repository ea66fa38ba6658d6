#include "session/mapping.h"

#include "base/must.h"
#include "base/rd.h"
#include "core/fact.h"

bool mapping_is(struct slice parameter)
{
	return slice_eq(parameter, slice_str(MAPPING_OF_PORTS)) ||
	       slice_eq(parameter, slice_str(MAPPING_OF_CERTIFICATES));
}

void mapping_put(struct wr *w, struct slice name, struct slice given)
{
	must(w->p != NULL);
	if (name.n == 0 || name.n > LIMIT_SHORTSTR || given.n == 0 || given.n > LIMIT_SHORTSTR)
		return;
	wr_str8(w, name);
	wr_str8(w, given);
}

bool mapping_look(struct slice value, struct slice name, struct slice *out)
{
	struct rd r = rd_of(value);
	must(out != NULL);
	while (rd_left(&r) > 0) {
		struct slice one = rd_str8(&r), given = rd_str8(&r);
		if (!rd_ok(&r))
			return false;
		if (!slice_eq(one, name))
			continue;
		*out = given;
		return true;
	}
	return false;
}

bool mapping_find(const struct catalog_view *v, struct slice parameter, struct slice name,
		  struct slice *out)
{
	const struct fact *f = catalog_fact(v, FACT_MAPPING, parameter, SLICE_EMPTY, SLICE_EMPTY);
	must(mapping_is(parameter));
	return f && mapping_look(f->value, name, out);
}
