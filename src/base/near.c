#include "base/near.h"

#include "base/bits.h"

#define NAME_MAX_LEN 64

/* One line of the table of distances between prefixes: line[j] is a's first i to b's first j. */
typedef uint8_t near_line[NAME_MAX_LEN + 1];

static uint8_t min3(size_t a, size_t b, size_t c)
{
	return (uint8_t)min_size(a, min_size(b, c));
}

/* next_line works out line i + 1 from the two before it, for the character a[i]. */
static void next_line(struct slice a, struct slice b, size_t i, const near_line before,
		      const near_line above, near_line line)
{
	line[0] = (uint8_t)(i + 1);
	for (size_t j = 0; j < b.n; j++) {
		bool same = a.p[i] == b.p[j];
		line[j + 1] = min3(line[j] + 1u, above[j + 1] + 1u, above[j] + !same);
		bool swapped = i > 0 && j > 0 && a.p[i] == b.p[j - 1] && a.p[i - 1] == b.p[j];
		if (swapped)
			line[j + 1] = (uint8_t)min_size(line[j + 1], before[j - 1] + 1u);
	}
}

size_t near_distance(struct slice a, struct slice b, size_t max)
{
	if (slice_eq(a, b))
		return 0;
	if (a.n > NAME_MAX_LEN || b.n > NAME_MAX_LEN)
		return max + 1;
	near_line lines[3] = { 0 };
	for (size_t j = 0; j <= b.n; j++)
		lines[0][j] = (uint8_t)j;
	for (size_t i = 0; i < a.n; i++)
		next_line(a, b, i, lines[(i + 2) % 3], lines[i % 3], lines[(i + 1) % 3]);
	return min_size(lines[a.n % 3][b.n], max + 1);
}

const char *near_name(struct slice want, const char *const *names, size_t n)
{
	const char *best = NULL;
	size_t max = max_size(1, want.n / 3);
	for (size_t i = 0; i < n; i++) {
		size_t distance = near_distance(want, slice_str(names[i]), max);
		if (distance <= max) {
			best = names[i];
			if (distance == 0)
				break;
			max = distance - 1;
		}
	}
	return best;
}
