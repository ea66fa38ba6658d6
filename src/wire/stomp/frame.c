#include "wire/stomp/frame.h"

#include "base/bits.h"
#include "base/limits.h"
#include "base/must.h"

#define LENGTH_DIGITS 10u /* of a content-length; more is above any bound */

const char *const stomp_command_words[STOMP_COMMAND_N] = {
#define COMMAND(name, from, prose) [STOMP_##name] = #name,
#include "wire/stomp/commands.def"
#undef COMMAND
};

static enum stomp_command command_of(struct slice word)
{
	uint32_t i = 0;
	must(word.n <= LIMIT_STOMP_COMMAND_BYTES);
	while (i < STOMP_COMMAND_N && !slice_eq(word, slice_str(stomp_command_words[i])))
		i++;
	return (enum stomp_command)i;
}

size_t stomp_blank(struct slice in)
{
	size_t n = 0;
	must(in.p != NULL || in.n == 0);
	while (n < in.n && (in.p[n] == '\n' || in.p[n] == '\r'))
		n++;
	return n;
}

static enum err refuse(struct stomp_scan *s, enum stomp_fault_row why)
{
	static const struct stomp_fault faults[STOMP_FAULT_N] = {
#define FAULT(name, err, activemq, prose) [STOMP_FAULT_##name] = { ERR_##err, prose, activemq },
#include "wire/stomp/faults.def"
#undef FAULT
	};
	must(why < STOMP_FAULT_N);
	s->fault = &faults[why];
	return s->fault->err;
}

/* A line without its end: LF, or CR LF as RabbitMQ takes it in every version. */
static struct slice without_cr(struct slice line)
{
	must(line.p != NULL || line.n == 0);
	return line.n && line.p[line.n - 1] == '\r' ? slice_sub(line, 0, line.n - 1) : line;
}

/* Many clients of 1.0 write a blank behind the colon; a number with blanks around it has one
 * meaning in every version. */
static struct slice without_blanks(struct slice value)
{
	must(value.p != NULL || value.n == 0);
	while (value.n && value.p[0] == ' ')
		value = slice_from(value, 1);
	while (value.n && value.p[value.n - 1] == ' ')
		value.n--;
	return value;
}

static enum err length_of(struct stomp_scan *s, struct slice value)
{
	const struct slice digits = without_blanks(value);
	uint64_t n = 0;
	must(!s->has_length);
	if (digits.n > 1 && digits.p[0] == '-')
		return refuse(s, STOMP_FAULT_LENGTH_BELOW_0);
	if (digits.n == 0 || digits.n > LENGTH_DIGITS)
		return refuse(s, STOMP_FAULT_LENGTH);
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return refuse(s, STOMP_FAULT_LENGTH);
		n = 10 * n + (uint64_t)(digits.p[i] - '0');
	}
	s->body_n = n;
	s->has_length = true;
	return ERR_OK;
}

static enum err look_at_header(struct stomp_scan *s, struct slice line)
{
	size_t colon = slice_find(line, ':');
	must(line.n > 0);
	if (++s->lines_n > LIMIT_STOMP_HEADERS)
		return refuse(s, STOMP_FAULT_HEADERS);
	if (colon == line.n || colon == 0)
		return refuse(s, STOMP_FAULT_NO_COLON);
	if (slice_find(line, '\0') != line.n)
		return refuse(s, STOMP_FAULT_NUL);
	if (s->has_length || !slice_eq(slice_sub(line, 0, colon), slice_str("content-length")))
		return ERR_OK;
	return length_of(s, slice_from(line, colon + 1));
}

/* The line that ends at `end`; *out_is_last: the head ends with it. */
static enum err look_at_line(struct stomp_scan *s, struct slice in, size_t end, bool *out_is_last)
{
	struct slice line = without_cr(slice_sub(in, s->line, end - s->line));
	must(end < in.n);
	if (s->line == 0) {
		if (line.n > LIMIT_STOMP_COMMAND_BYTES)
			return refuse(s, STOMP_FAULT_COMMAND_LONG);
		return ERR_OK;
	}
	*out_is_last = line.n == 0;
	if (line.n > LIMIT_STOMP_HEADER_BYTES)
		return refuse(s, STOMP_FAULT_HEADER_LONG);
	return line.n ? look_at_header(s, line) : ERR_OK;
}

/* A line whose end has not come may be too long already. */
static enum err look_at_part(struct stomp_scan *s, size_t n)
{
	must(n >= s->line);
	size_t max = s->line ? LIMIT_STOMP_HEADER_BYTES : LIMIT_STOMP_COMMAND_BYTES;
	if (n - s->line > max + 1) /* a CR */
		return refuse(s, s->line ? STOMP_FAULT_HEADER_LONG : STOMP_FAULT_COMMAND_LONG);
	return ERR_MORE;
}

static enum err look_at_head(struct stomp_scan *s, struct slice in, uint64_t body_max)
{
	must(s->body == 0);
	for (bool is_last = false; !is_last;) {
		size_t end = s->at + slice_find(slice_from(in, s->at), '\n');
		s->at = (uint32_t)min_u64(end, in.n);
		if (s->at > LIMIT_STOMP_HEAD_BYTES)
			return refuse(s, STOMP_FAULT_HEAD_LONG);
		if (end == in.n)
			return look_at_part(s, in.n);
		TRY(look_at_line(s, in, end, &is_last));
		s->line = s->at = (uint32_t)end + 1;
	}
	s->body = s->at;
	if (s->has_length && s->body_n > body_max)
		return refuse(s, STOMP_FAULT_BODY_LONG);
	return ERR_OK;
}

/* What is claimed is believed as far as as much again has come. */
static enum err look_at_body(struct stomp_scan *s, struct slice in, uint64_t body_max,
			     size_t *out_end, size_t *out_need)
{
	must(s->body > 0 && s->at <= in.n);
	if (s->has_length) {
		size_t end = s->body + (size_t)s->body_n;
		if (in.n <= end) {
			*out_need = in.n < (end + 1) / 2 ? 2 * in.n : end + 1;
			return ERR_MORE;
		}
		*out_end = end;
		return in.p[end] == '\0' ? ERR_OK : refuse(s, STOMP_FAULT_NO_END);
	}
	size_t end = s->at + slice_find(slice_from(in, s->at), '\0');
	s->at = (uint32_t)min_u64(end, in.n);
	if (end - s->body > body_max)
		return refuse(s, STOMP_FAULT_BODY_LONG);
	*out_end = end;
	*out_need = in.n + 1;
	return end == in.n ? ERR_MORE : ERR_OK;
}

enum err stomp_scan(struct stomp_scan *s, struct slice in, uint64_t body_max,
		    struct stomp_frame *out, size_t *out_need)
{
	size_t end = 0;
	must(s->at <= in.n && body_max <= INT32_MAX);
	*out_need = in.n + 1;
	if (s->body == 0)
		TRY(look_at_head(s, in, body_max));
	TRY(look_at_body(s, in, body_max, &end, out_need));
	size_t line = slice_find(in, '\n');
	out->word = without_cr(slice_sub(in, 0, line));
	out->command = command_of(out->word);
	out->head = slice_sub(in, line + 1, s->body - line - 1);
	size_t blank = out->head.n > 1 && out->head.p[out->head.n - 2] == '\r' ? 2 : 1;
	out->head.n -= blank;
	out->body = slice_sub(in, s->body, end - s->body);
	out->total = end + 1;
	return ERR_OK;
}

bool stomp_line(struct slice *io_head, struct slice *out_name, struct slice *out_value)
{
	if (io_head->n == 0)
		return false;
	size_t end = slice_find(*io_head, '\n');
	must(end < io_head->n);
	struct slice line = without_cr(slice_sub(*io_head, 0, end));
	size_t colon = slice_find(line, ':');
	must(colon < line.n);
	*out_name = slice_sub(line, 0, colon);
	*out_value = slice_from(line, colon + 1);
	*io_head = slice_from(*io_head, end + 1);
	return true;
}
