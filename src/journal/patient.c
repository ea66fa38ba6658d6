#include "journal/patient.h"

#include "base/bits.h"
#include "base/must.h"

#define PIECE_BYTES 512u

static struct patient *patient_of(struct disk *d)
{
	must(d != NULL);
	return (struct patient *)(void *)d;
}

static enum err patient_open(struct disk *d, const char *path, unsigned how, int *out_file)
{
	struct disk *under = patient_of(d)->under;
	must(how == DISK_READ);
	return under->ops->open(under, path, how, out_file);
}

static void patient_close(struct disk *d, int file)
{
	struct disk *under = patient_of(d)->under;
	must(file >= 0);
	under->ops->close(under, file);
}

static enum err patient_size(struct disk *d, int file, uint64_t *out_bytes)
{
	struct disk *under = patient_of(d)->under;
	must(file >= 0);
	return under->ops->size(under, file, out_bytes);
}

static enum err patient_list(struct disk *d, const char *path, char *names, size_t cap,
			     size_t *out_len)
{
	struct disk *under = patient_of(d)->under;
	must(cap > 0);
	return under->ops->list(under, path, names, cap, out_len);
}

static const char *patient_why(struct disk *d)
{
	struct disk *under = patient_of(d)->under;
	must(under != d);
	return under->ops->why(under);
}

static enum err patient_read(struct disk *d, int file, uint64_t at, uint8_t *buf, size_t n,
			     size_t *out_n)
{
	struct patient *p = patient_of(d);
	struct disk *under = p->under;
	uint64_t end = 0;
	must(at <= UINT64_MAX - n);
	if (under->ops->read(under, file, at, buf, n, out_n) == ERR_OK)
		return ERR_OK;
	TRY(under->ops->size(under, file, &end));
	end = min_u64(end, at + n);
	*out_n = 0;
	for (size_t done = 0, step; at + done < end; done += step, *out_n = done) {
		size_t got = 0;
		step = (size_t)min_u64(PIECE_BYTES - (at + done) % PIECE_BYTES, end - at - done);
		if (under->ops->read(under, file, at + done, buf + done, step, &got) == ERR_OK &&
		    got == step)
			continue;
		memset(buf + done, 0, step);
		p->unread_bytes += step;
	}
	return ERR_OK;
}

void patient_init(struct patient *p, struct disk *under)
{
	must(under != NULL);
	*p = (struct patient){ .under = under };
	p->ops = (struct disk_ops){ .open = patient_open,
				    .close = patient_close,
				    .read = patient_read,
				    .size = patient_size,
				    .list = patient_list,
				    .why = patient_why };
	p->disk.ops = &p->ops;
}
