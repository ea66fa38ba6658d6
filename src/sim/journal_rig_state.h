/* journal_rig_state -- what a rig is made of; for journal_rig.c and journal_rig_recover.c. */
#ifndef SIM_JOURNAL_RIG_STATE_H
#define SIM_JOURNAL_RIG_STATE_H
#include "base/list.h"
#include "base/prng.h"
#include "base/text.h"
#include "repl/repl.h"
#include "sim/journal_rig.h"

#define SEGMENT_BYTES 65536u
#define CONTENT_MAX   6000u
#define HEAD_BYTES    8u /* of a body: cell, length of the content; UINT32_MAX: emptied */
#define EMPTIED       UINT32_MAX
#define FLYING_MAX    64u
#define READS_MAX     32u

/* What a record once said. */
struct said {
	uint64_t epoch;
	uint32_t cell, len;
};
struct cell {
	uint64_t index; /* of the record that set it; 0: never set */
	uint64_t loc;
	uint32_t len;  /* EMPTIED: nothing in it */
	bool is_dirty; /* changed since the last checkpoint that was kept */
};
struct shard {
	struct repl repl;
	struct said *said; /* by index */
	uint64_t said_cap;
	uint64_t confirmed;
	struct cell cells[RIG_CELLS];
};
struct flying {
	struct jbatch *batch;
	uint32_t n;
	struct {
		uint32_t shard, off;
		uint64_t index;
	} at[8];
};
struct reading {
	struct jread read;
	bool is_out;
	uint32_t shard, cell, len;
	uint64_t index;
	uint8_t *buf;
};
/* A shard's part of a checkpoint, as it was when its turn came. */
struct snapshot {
	uint32_t shard, at;
	struct ckpt_shard row;
	struct cell cells[RIG_CELLS];
};

/* The heap of a rig. */
#define RIG_KEPT_BYTES_MIN 4096u
#define RIG_KEPT_MAX       32u
struct rig_mem {
	struct mem mem;
	uint32_t kept_n;
	struct {
		void *p;
		size_t n;
	} kept[RIG_KEPT_MAX];
};

struct rig {
	struct sim_disk *disk;
	struct rig_mem heap;
	struct mem *loop_mem[RIG_LOOPS];
	struct journal *journal;
	struct prng prng;
	struct shard shards[RIG_SHARDS];
	struct flying flying[RIG_LOOPS][JOURNAL_BATCHES];
	struct reading reads[READS_MAX];
	struct snapshot snap;
	bool is_open, is_checkpointing, is_ending, has_damage;
	uint64_t ckpt_done, ckpt_failed;
	uint64_t forward;
	uint64_t checkpoints;
	char failure[256], why[512];
};

/* rig_mem_init makes an empty heap, rig_mem_fini gives back what it has kept. */
void rig_mem_init(struct rig_mem *k);
void rig_mem_fini(struct rig_mem *k);

/* rig_fails notes what is wrong; the first thing counts. */
void rig_fails(struct rig *r, const char *what, uint32_t shard, uint64_t index);
/* rig_said gives what the record `index` of a shard said, or will say. */
struct said *rig_said(struct shard *s, uint64_t index);
/* rig_content_is: these bytes are the content of a record. */
bool rig_content_is(const uint8_t *p, uint32_t shard, uint64_t index, uint32_t len);
/* rig_count_live adds what a cell refers to, or takes it away. */
void rig_count_live(struct rig *r, const struct cell *c, int sign);
/* rig_apply makes a record true: what was in the cell does not live any more. */
void rig_apply(struct rig *r, uint32_t shard, uint64_t index, uint64_t body_loc);
/* rig_recover reads everything back and compares. False: something was wrong, or refused. */
bool rig_recover(struct rig *r, struct text *why);
#endif
