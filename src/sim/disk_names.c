#include "sim/disk_state.h"

enum err sim_disk_rename(struct disk *port, const char *from, const char *to)
{
	struct sim_disk *d = sim_disk_of(port);
	if (sim_disk_is_down(d) || sim_disk_crashes_before(d))
		return DOWN(d);
	uint32_t inode = names_find(&d->names, from);
	if (inode == NAMES_NONE || !sim_disk_has_parent(d, to))
		return sim_disk_fail(d, ERR_NOT_FOUND, "no such file", from);
	names_change(&d->names, from, to, inode);
	sim_inodes_sweep(d);
	return sim_disk_crashes_after(d, ERR_OK);
}

enum err sim_disk_remove(struct disk *port, const char *path)
{
	struct sim_disk *d = sim_disk_of(port);
	if (sim_disk_is_down(d) || sim_disk_crashes_before(d))
		return DOWN(d);
	if (names_find(&d->names, path) == NAMES_NONE)
		return sim_disk_fail(d, ERR_NOT_FOUND, "no such file", path);
	names_change(&d->names, path, "", NAMES_NONE);
	sim_inodes_sweep(d);
	return sim_disk_crashes_after(d, ERR_OK);
}

enum err sim_disk_make_dir(struct disk *port, const char *path)
{
	struct sim_disk *d = sim_disk_of(port);
	if (sim_disk_is_down(d) || sim_disk_crashes_before(d))
		return DOWN(d);
	if (names_find(&d->names, path) != NAMES_NONE)
		return sim_disk_fail(d, ERR_EXISTS, "it exists", path);
	must(sim_disk_has_parent(d, path));
	names_change(&d->names, "", path, sim_inode_new(d, true));
	return sim_disk_crashes_after(d, ERR_OK);
}

enum err sim_disk_sync_dir(struct disk *port, const char *path)
{
	struct sim_disk *d = sim_disk_of(port);
	if (sim_disk_is_down(d) || sim_disk_crashes_before(d))
		return DOWN(d);
	if (!sim_disk_is_dir(d, path))
		return sim_disk_fail(d, ERR_NOT_FOUND, "no such directory", path);
	d->count.dir_syncs++;
	if (sim_disk_call_fails(d, &d->faults.fail_sync_in)) {
		d->count.failed_syncs++;
		return sim_disk_fail(d, ERR_IO, "the sync failed", path);
	}
	names_sync(&d->names, path);
	sim_inodes_sweep(d);
	return sim_disk_crashes_after(d, ERR_OK);
}

/* name_in gives the name of `path` if it lies in `dir`, else NULL. */
static const char *name_in(const char *path, const char *dir)
{
	size_t len = strcmp(dir, ".") == 0 ? 0 : strlen(dir) + 1;
	if (strncmp(path, dir, len ? len - 1 : 0) != 0 || (len && path[len - 1] != '/'))
		return NULL;
	return strchr(path + len, '/') ? NULL : path + len;
}

enum err sim_disk_list(struct disk *port, const char *path, char *names, size_t cap,
		       size_t *out_len)
{
	struct sim_disk *d = sim_disk_of(port);
	if (sim_disk_is_down(d))
		return DOWN(d);
	if (!sim_disk_is_dir(d, path))
		return sim_disk_fail(d, ERR_NOT_FOUND, "no such directory", path);
	size_t len = 0;
	for (size_t i = 0; i < d->names.now.n; i++) {
		const char *name = name_in(d->names.now.at[i].path, path);
		size_t n = name ? strlen(name) + 1 : 0;
		if (n > cap - len)
			return ERR_LIMIT;
		if (n)
			memcpy(names + len, name, n);
		len += n;
	}
	*out_len = len;
	return ERR_OK;
}
