/* state -- what the steps of a salvage share; private to the room.
 *
 * find looks in the log for entries that a lost unit of the checkpoint may have had; scan reads
 * the log once and learns what must be known before it is replayed; replay makes cores and a
 * catalog of the checkpoint and the log; objects mends what hangs on nothing; copy brings each
 * message over; write ends it with a checkpoint.
 */
#ifndef SALVAGE_STATE_H
#define SALVAGE_STATE_H
#include "base/deque.h"
#include "base/map.h"
#include "core/catalog.h"
#include "core/core.h"
#include "journal/wreck.h"
#include "salvage/salvage.h"

#define SALVAGE_SHARDS (LIMIT_SHARD_DATA_N + 1)

enum salvage_phase {
	SALVAGE_CHECKPOINT,
	SALVAGE_FIND,
	SALVAGE_SCAN,
	SALVAGE_REPLAY,
	SALVAGE_OBJECTS,
	SALVAGE_COPY,
	SALVAGE_WRITE,
	SALVAGE_DONE
};

/* How far the log of a shard has been read. */
struct lane {
	uint64_t index, epoch, wall_ms;
	uint64_t restored;  /* index as the checkpoint has it, or shows it at least */
	uint64_t scanned;   /* as index, in the scan */
	uint64_t skipping;  /* what follows is of this transaction, which never was; 0: none */
	bool is_behind_gap; /* in the scan: no mark of a transaction was seen since */
	uint64_t gap_end;   /* in the scan: the first record behind the last gap */
	bool is_told;       /* the checkpoint says how far it goes */
	bool is_unknown;    /* how far the checkpoint goes: up to its floor, at least */
};

/* What a scan has learned of a transaction: bits of the values of `txs`. */
enum { TX_HAS_ENDED = 1, TX_HAS_ABORTED = 2 };

/* The rest of a transaction's part, whose beginning is lost. */
struct headless {
	uint64_t index, id; /* of the first record behind the gap */
	uint16_t shard;
};

/* Where a run lies in the old directory. */
struct place {
	uint64_t loc;
	uint32_t bytes;
};

/* A lost unit of a queue; and an entry that the log has, which may have been in one. */
struct wanted {
	struct unit_key key;
	struct core_gap gap; /* where its entries' ids lie */
	uint16_t shard;
};
struct found {
	uint64_t queue, tx; /* tx: of the transaction whose part it is; 0: none */
	struct core_entry entry;
	uint16_t shard;
};

/* A message on its way into the new journal. */
struct moving {
	uint64_t queue, id, old_loc;
	uint32_t off, bytes; /* in the batch */
	uint16_t shard;      /* 0: a chunk of a big body */
};

struct salvage {
	struct salvage_setup setup;
	struct mem *mem;
	struct wreck *in;
	enum salvage_phase phase;
	struct core *core[SALVAGE_SHARDS]; /* [0] is NULL */
	struct catalog *catalog;
	struct lane lane[SALVAGE_SHARDS];
	struct run *room;
	struct text *lines, *why; /* of the step under way */
	bool is_restored;         /* all units of the checkpoint were read */
	bool is_any_lost;         /* a place was damaged: it may have been of any shard */
	bool is_catalog_lost;     /* units of the catalog are missing */
	struct salvage_sum sum;
	struct map txs;          /* id -> TX_... */
	struct deque headless;   /* struct headless */
	struct map declared;     /* queue -> at in `places`: its declaration in the log */
	struct deque places;     /* struct place */
	struct map deleted;      /* queues that the log deletes */
	struct map streams;      /* queues that are streams, and come over empty */
	struct deque lost_units; /* struct unit_key: of the catalog */
	struct deque wanted;     /* struct wanted: lost units of queues */
	struct deque found;      /* struct found: what the log says of these queues */
	uint64_t finding_tx[SALVAGE_SHARDS];
	/* copy */
	struct journal *out;
	struct jbatch *batch;
	struct deque moving; /* struct moving: in the batch */
	struct map moved;    /* old loc -> new loc */
	uint16_t shard;
	struct live_walk walk;
	uint64_t walked_queue, walked_n;
	uint8_t *stored; /* room for one stored form */
};

/* say_lost begins a sentence about a loss, and counts it; say_end ends it. */
struct text *say_lost(struct salvage *s);
void say_end(struct salvage *s);
/* say_queue writes "queue 'q' in virtual host '/'". */
void say_queue(struct salvage *s, uint64_t queue);

/* map_set puts into a map that grows. ERR_LIMIT. */
MUST_USE enum err map_set(struct salvage *s, struct map *m, uint64_t key, uint64_t value);

/* find_record collects, from find_begin on, what lost units may have had from that part of the log
 * which the checkpoint covers; find_over puts it where the units were. ERR_LIMIT. */
void find_begin(struct salvage *s);
MUST_USE enum err find_record(struct salvage *s, const struct wreck_item *item);
MUST_USE enum err find_over(struct salvage *s);

/* scan_record looks at a record for what must be known before. ERR_LIMIT. */
MUST_USE enum err scan_record(struct salvage *s, const struct wreck_item *item);
/* scan_is_new: the checkpoint does not have the record, and the log is read up to *io_index. Where
 * the checkpoint does not say how far it goes, the first record is taken for the next. */
bool scan_is_new(const struct salvage *s, const struct wreck_item *item, uint64_t *io_index);
/* scan_is_nothing: the transaction was never decided, as far as anybody can know. */
bool scan_is_nothing(const struct salvage *s, uint64_t id);
/* scan_headless: the transaction whose part goes on behind the gap that ends there; 0: none. */
uint64_t scan_headless(const struct salvage *s, uint16_t shard, uint64_t index);

/* replay_unit restores one unit, replay_shard notes how far the checkpoint goes, replay_catalog
 * ends the catalog's part, the first time, replay_restored all of it; replay_record applies one
 * record that it does not have. ERR_LIMIT. */
MUST_USE enum err replay_unit(struct salvage *s, const struct ckpt_unit *u);
void replay_shard(struct salvage *s, const struct ckpt_shard *c);
void replay_catalog(struct salvage *s);
MUST_USE enum err replay_restored(struct salvage *s);
void replay_record(struct salvage *s, const struct wreck_item *item);
/* replay_over ends it: messages of logs with gaps may all have been given before. */
void replay_over(struct salvage *s);

/* objects_mend drops facts without their user or virtual host, and finds queues for messages. */
void objects_mend(struct salvage *s);

/* copy_begin opens the new journal; copy_some brings some messages over; *out_more false: all. */
MUST_USE enum err copy_begin(struct salvage *s);
MUST_USE enum err copy_some(struct salvage *s, bool *out_more);
/* write_all writes the checkpoint and closes the new journal. */
MUST_USE enum err write_all(struct salvage *s);
/* write_turn lets the new journal's threads do a piece of work. */
MUST_USE enum err write_turn(struct salvage *s);
#endif
