/* path -- the names of a data directory's files.
 *
 *	store                          what it is, and which checkpoint counts (two slots)
 *	lock                           taken by the process that uses it
 *	segment/0000000000000007.seg   segment 7; .new: a file on its way to become one
 *	checkpoint/0000000000000003.ckpt
 *	spill/0000000016777217.spill   removed at open
 */
#ifndef JOURNAL_PATH_H
#define JOURNAL_PATH_H
#include "base/slice.h"

#define PATH_BYTES 48

#define PATH_STORE       "store"
#define PATH_STORE_NEW   "store.new"
#define PATH_LOCK        "lock"
#define PATH_SEGMENTS    "segment"
#define PATH_CHECKPOINTS "checkpoint"
#define PATH_SPILLS      "spill"

enum path_kind { PATH_SEGMENT, PATH_SEGMENT_NEW, PATH_CHECKPOINT, PATH_SPILL };

struct path {
	char z[PATH_BYTES];
};

/* path_of gives the path of a numbered file. */
struct path path_of(enum path_kind kind, uint32_t number);

/* path_in gives the path of `name` in the directory of `kind`; too long a name is cut. */
struct path path_in(enum path_kind kind, const char *name);

/* path_number reads the number out of a name in the directory of `kind`. False: not such a name. */
bool path_number(enum path_kind kind, const char *name, uint32_t *out_number);
#endif
