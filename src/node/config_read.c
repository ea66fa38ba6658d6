/* The grammar of rabbitmq.conf, a line at a time:
 *
 *     line   = ws* [ key ws* "=" ws* value ] ws* [ "#" anything ] ( LF | CR LF | end )
 *     key    = word *( "." word )            word = letters, digits, _ - and \. for a dot in it
 *     value  = "'" anything but ' "'"  |  at least one character, up to ws* "#" or the line's end
 *
 * A # ends a value even without a space before it: such values are quoted. */
#include "base/text.h"
#include "node/config.h"

#define KEY_MAX CONFIG_STRING_MAX

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_' || c == '-';
}

static struct slice skip_space(struct slice s)
{
	while (s.n && is_space(s.p[0]))
		s = slice_from(s, 1);
	return s;
}

/* is_line_over: nothing but a comment is left. */
static bool is_line_over(struct slice s)
{
	s = skip_space(s);
	return s.n == 0 || s.p[0] == '#';
}

/* next_line cuts one line off *text, without what ends it. */
static struct slice next_line(struct slice *text)
{
	struct slice line = slice_cut(text, '\n');
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* take_key moves *line behind its key, which is appended to `out`. NULL, or what is wrong. */
static const char *take_key(struct slice *line, struct text *out)
{
	struct slice s = *line;
	bool is_word_open = false;
	for (; s.n; s = slice_from(s, 1)) {
		bool is_escaped = s.n > 1 && s.p[0] == '\\' && s.p[1] == '.';
		if (is_escaped)
			s = slice_from(s, 1);
		if (!is_escaped && s.p[0] != '.' && !is_word(s.p[0]))
			break;
		if (!is_escaped && s.p[0] == '.' && !is_word_open)
			return "a key is words with one dot between them";
		is_word_open = is_escaped || s.p[0] != '.';
		text_putc(out, (char)s.p[0]);
	}
	*line = s;
	if (text_is_full(out))
		return "the key is too long";
	return is_word_open ? NULL : "a line is KEY = VALUE, or begins with # for a comment";
}

/* take_value gives the value that `s` begins with. NULL, or what is wrong. */
static const char *take_value(struct slice s, struct slice *out)
{
	if (s.n && s.p[0] == '\'') {
		s = slice_from(s, 1);
		size_t n = slice_find(s, '\'');
		if (n == s.n)
			return "the quote ' is not closed on this line";
		if (!is_line_over(slice_from(s, n + 1)))
			return "something follows the closing quote '";
		*out = slice_sub(s, 0, n);
		return NULL;
	}
	s.n = slice_find(s, '#');
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	*out = s;
	return s.n ? NULL : "there is no value; an empty one is written ''";
}

/* What most likely was to be a topic filter has lost its end. */
static bool is_cut_topic(struct slice key, struct slice value, struct slice line)
{
	return slice_starts_with(key, slice_str("mqtt.bridges.")) && value.n &&
	       value.p[value.n - 1] == '/' && value.p + value.n < line.p + line.n &&
	       value.p[value.n] == '#';
}

static const char *take_setting(struct slice line, struct text *key, struct slice *out_value)
{
	const char *wrong = take_key(&line, key);
	if (wrong)
		return wrong;
	line = skip_space(line);
	if (line.n && line.p[0] == '=')
		return take_value(skip_space(slice_from(line, 1)), out_value);
	if (slice_eq(text_slice(key), slice_str("include")))
		return "other files are not included; put their lines here";
	return "there is no = behind the key";
}

enum err config_read(struct config *c, const char *name, struct slice text,
		     struct config_notes *notes, struct text *why)
{
	char room[KEY_MAX + 2];
	struct config_source from = { name, 0 };
	while (text.n) {
		struct slice line = skip_space(next_line(&text)), value = SLICE_EMPTY;
		from.line++;
		if (is_line_over(line))
			continue;
		struct text key = text_of(room, sizeof room);
		const char *wrong = take_setting(line, &key, &value);
		if (!wrong && is_cut_topic(text_slice(&key), value, line))
			wrong = "a # begins a comment: put the topic between quotes, as in 'a/# "
				"out'";
		if (wrong) {
			text_putf(why, "%s:%u: %s", name, from.line, wrong);
			return ERR_MALFORMED;
		}
		TRY(config_set(c, from, text_slice(&key), value, notes, why));
	}
	return ERR_OK;
}
