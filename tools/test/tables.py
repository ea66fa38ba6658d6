"""tables -- tests how table rows and C texts are read."""
import os
import sys

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOLS)
import csource  # noqa: E402
import manual  # noqa: E402
import table  # noqa: E402

DEF = r'''/* ROW(id, fields,
 *     prose) -- rows. */
/* First things. */
ROW("a_1", F(u8, x) F(u8, y), "one, (two)" " and \"three\"")
/* Others. */
ROW(')', "(", /* inner, comment */ "four")
'''
C = '''/* x -- y { */
static int table[] = { 1, 2 };
struct s { int (*f)(void); };
#define F(a) \\
\tint a(void) { return 1; }

MUST_USE int first(int a,
                   int b)
{
\tif (a) { return '{'; }
\treturn b;
}
int second(void);
static inline int third(void) { return 3; }
_Noreturn void fourth(void) __attribute__((noinline));
'''


def columns_are_read():
    return table.columns(DEF) == ('ROW', ['id', 'fields', 'prose'])


def rows_are_cut_at_outer_commas():
    rows = table.rows(DEF)
    return [[table.words(c) for c in r.cells] for r in rows] == [
        ['a_1', 'F(u8, x) F(u8, y)', 'one, (two) and "three"'], ["')'", '(', 'four']]


def a_row_knows_its_line_and_group():
    rows = table.rows(DEF)
    return [(r.line, manual.group_of(DEF, r.line).strip()) for r in rows] == [
        (4, 'First things.'), (6, 'Others.')]


def scdoc_sees_no_marks_in_words():
    return manual.escaped('a_b*c\\') == 'a\\_b\\*c\\\\'


def functions_are_found():
    definitions, prototypes = csource.functions(C)
    return [(d.name, d.first, d.lines) for d in definitions] == [
        ('first', 7, 6), ('third', 14, 1)] and [p.name for p in prototypes] == ['second', 'fourth']


def run():
    good = True
    for test in (columns_are_read, rows_are_cut_at_outer_commas, a_row_knows_its_line_and_group,
                 scdoc_sees_no_marks_in_words, functions_are_found):
        passed = test()
        good &= passed
        print(f"{'ok' if passed else 'not ok'} {test.__name__}")
    return good
