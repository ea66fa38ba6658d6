#include "msg/header.h"

#include "base/must.h"

bool header_find(const struct header_ops *ops, struct slice props, struct slice name,
		 struct header *out)
{
	struct header h;
	must(ops && ops->begin && ops->next);
	struct rd r = ops->begin(props);
	while (ops->next(&r, &h)) {
		if (!slice_eq(h.name, name))
			continue;
		*out = h;
		return true;
	}
	return false;
}
