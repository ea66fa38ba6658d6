/* headers_for_tests -- bindings of headers exchanges, matched by looking at each.
 *
 * Both are words, as catalog_for_tests.h writes them: "x-match=any a=1 b=".
 */
#ifndef CORE_HEADERS_FOR_TESTS_H
#define CORE_HEADERS_FOR_TESTS_H
#include <stdbool.h>
#include <string.h>

/* first_value finds a name in words, and its value. */
static inline bool first_value(const char *words, const char *name, size_t name_n, char *value)
{
	for (; *words; words += strcspn(words, " "), words += *words == ' ') {
		if (strncmp(words, name, name_n) != 0 || words[name_n] != '=')
			continue;
		size_t n = strcspn(words + name_n + 1, " ");
		memcpy(value, words + name_n + 1, n);
		value[n] = '\0';
		return true;
	}
	return false;
}

/* naive_headers says whether the arguments of a binding match the headers of a message. */
static inline bool naive_headers(const char *binding, const char *message)
{
	char match[16] = "all", want[16], got[16];
	(void)first_value(binding, "x-match", 7, match);
	bool is_any = strncmp(match, "any", 3) == 0, with_x = strstr(match, "-with-x") != NULL;
	for (const char *p = binding; *p; p += strcspn(p, " "), p += *p == ' ') {
		size_t n = strcspn(p, "=");
		if (strncmp(p, "x-match=", 8) == 0 || (strncmp(p, "x-", 2) == 0 && !with_x))
			continue;
		size_t m = strcspn(p + n + 1, " ");
		memcpy(want, p + n + 1, m);
		want[m] = '\0';
		bool has = first_value(message, p, n, got) && (m == 0 || strcmp(want, got) == 0);
		if (has == is_any)
			return is_any;
	}
	return !is_any;
}
#endif
