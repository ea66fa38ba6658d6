/* Any bytes as a definitions file: they are read or refused, and what comes out is whole items. */
#include "base/byteorder.h"
#include "base/must.h"
#include "io/definitions.h"
#include "session/manage/item.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char room[512];
	struct text why = text_of(room, sizeof room);
	struct definitions d;
	if (definitions_read(&d, slice_of(data, n), &why) != ERR_OK) {
		must(d.items == NULL && d.notes == NULL);
		return 0;
	}
	size_t at = 0;
	for (uint32_t i = 0; i < d.items_n; i++) {
		uint32_t len = load_le32(d.items + at);
		must(len > 0 && len + 4 <= ITEM_BYTES_MAX);
		at += 4 + len;
	}
	must(at + 4 == d.n && load_le32(d.items + at) == 0);
	definitions_fini(&d);
	return 0;
}
