#include "app/verb_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool verb_rows_form(struct verb_rows *r, const struct verb_call *call, struct text *why)
{
	static const char *const forms[] = { "table", "csv", "json" };
	const char *want = call->formatter ? call->formatter : forms[VERB_TABLE];
	r->has_head = !call->is_headless;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		r->form = (enum verb_form)i;
		if (strcmp(want, forms[i]) == 0)
			return true;
	}
	text_putf(why, "--formatter wants table, csv or json, not %s", want);
	return false;
}

bool verb_rows_column(struct verb_rows *r, const char *name, enum verb_style style)
{
	if (r->columns_n == VERB_COLUMNS_MAX)
		return false;
	snprintf(r->column[r->columns_n].name, VERB_COLUMN_NAME_MAX, "%s", name);
	r->column[r->columns_n].style = style;
	r->columns_n++;
	return true;
}

void verb_rows_unknown_end(struct text *why)
{
	text_puts(why, " are not supported");
}

void verb_rows_unknown(const char *column, struct text *why)
{
	static const char head[] = "Info key(s) ";
	text_putf(why, "%s%s", why->n > 0 ? "," : head, column);
}

struct verb_words verb_words(char *const *words)
{
	return (struct verb_words){ .word = words, .at = words[0] ? words[0] : "" };
}

bool verb_words_next(struct verb_words *w, char *to)
{
	while (*w->word) {
		w->at += strspn(w->at, ", ");
		size_t n = strcspn(w->at, ", ");
		if (n > 0) {
			snprintf(to, VERB_COLUMN_NAME_MAX, "%.*s", (int)n, w->at);
			w->at += n;
			return true;
		}
		w->word++;
		w->at = *w->word ? *w->word : "";
	}
	return false;
}

void verb_unescape(char *s)
{
	char *to = s;
	unsigned octet;
	while (*s) {
		if (s[0] == '\\' && s[1] == 'x' && sscanf(s + 2, "%2x", &octet) == 1) {
			*to++ = (char)octet;
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* ---- values ------------------------------------------------------------------------------- */

static void put_json(FILE *to, const cJSON *value)
{
	char *json = value ? cJSON_PrintUnformatted(value) : NULL;
	fputs(json ? json : "null", to);
	free(json);
}

static void put_term(FILE *to, const cJSON *value);

/* Pairs of a name and a value, or values. */
static void put_terms(FILE *to, const cJSON *list)
{
	bool is_object = cJSON_IsObject(list);
	const cJSON *one;
	putc('[', to);
	cJSON_ArrayForEach(one, list)
	{
		if (one != list->child)
			putc(',', to);
		if (is_object) {
			cJSON name = { .type = cJSON_String, .valuestring = one->string };
			putc('{', to);
			put_json(to, &name);
			putc(',', to);
		}
		put_term(to, one);
		if (is_object)
			putc('}', to);
	}
	putc(']', to);
}

static void put_term(FILE *to, const cJSON *value)
{
	if (cJSON_IsObject(value) || cJSON_IsArray(value))
		put_terms(to, value);
	else if (cJSON_IsNull(value))
		fputs("undefined", to);
	else
		put_json(to, value);
}

static void put_words(FILE *to, const cJSON *list)
{
	const cJSON *one;
	putc('[', to);
	cJSON_ArrayForEach(one, list) fprintf(to, "%s%s", one == list->child ? "" : ", ",
					      cJSON_IsString(one) ? one->valuestring : "");
	putc(']', to);
}

static void put_styled(FILE *to, const cJSON *value, enum verb_style style)
{
	if (style == VERB_AS_TERM)
		put_term(to, value);
	else if (style == VERB_AS_WORDS)
		put_words(to, value);
	else
		put_json(to, value);
}

/* Texts go as they are, unless they would look like two. */
static void put_cell(const cJSON *value, enum verb_style style)
{
	if (!value)
		return;
	if (cJSON_IsString(value) && !strpbrk(value->valuestring, "\t\n"))
		fputs(value->valuestring, stdout);
	else
		put_styled(stdout, value, style);
}

static void put_csv_text(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"')
			putchar('"');
		putchar(*s);
	}
	putchar('"');
}

/* Texts, and what has commas, are in quotes. */
static void put_csv(const cJSON *value, enum verb_style style)
{
	char *written = NULL;
	size_t n = 0;
	bool is_list = cJSON_IsObject(value) || cJSON_IsArray(value);
	FILE *to = is_list ? open_memstream(&written, &n) : NULL;
	if (to)
		put_styled(to, value, style);
	if (to)
		fclose(to);
	if (to || cJSON_IsString(value) || !value)
		put_csv_text(to ? written : value ? value->valuestring : "");
	else
		put_json(stdout, value);
	free(written);
}

/* ---- rows --------------------------------------------------------------------------------- */

/* What stands before all rows. */
static void put_head(const struct verb_rows *r)
{
	if (r->form == VERB_JSON)
		putchar('[');
	for (size_t i = 0; r->form != VERB_JSON && r->has_head && i < r->columns_n; i++) {
		if (i > 0)
			putchar(r->form == VERB_CSV ? ',' : '\t');
		if (r->form == VERB_CSV)
			put_csv_text(r->column[i].name);
		else
			fputs(r->column[i].name, stdout);
		if (i + 1 == r->columns_n)
			putchar('\n');
	}
}

static void put_object(const struct verb_rows *r, cJSON *const *values)
{
	fputs(r->rows_n ? ",{" : "\n{", stdout);
	for (size_t i = 0; i < r->columns_n; i++) {
		printf("%s\"%s\":", i ? "," : "", r->column[i].name);
		put_json(stdout, values[i]);
	}
	fputs("}\n", stdout);
}

void verb_rows_put(struct verb_rows *r, cJSON *const *values)
{
	if (r->rows_n == 0)
		put_head(r);
	if (r->form == VERB_JSON)
		put_object(r, values);
	for (size_t i = 0; r->form != VERB_JSON && i < r->columns_n; i++) {
		if (i > 0)
			putchar(r->form == VERB_CSV ? ',' : '\t');
		if (r->form == VERB_CSV)
			put_csv(values[i], r->column[i].style);
		else
			put_cell(values[i], r->column[i].style);
	}
	if (r->form != VERB_JSON)
		putchar('\n');
	r->rows_n++;
}

void verb_rows_end(struct verb_rows *r)
{
	if (r->form == VERB_JSON)
		puts(r->rows_n ? "]" : "[\n]");
}
