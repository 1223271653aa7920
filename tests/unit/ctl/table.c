/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/table.h"

#include <locale.h>
#include <string.h>

#include "tests/unit/test.h"

#include "tests/unit/failing.h"

static const char *const headings[] = {"NAME", "COUNT", "NOTE"};

static char *print(Table *table, bool legend, bool colour)
{
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        assert_int_equal(table_print(table, file, legend, colour), 0);
        fclose(file);
        return text;
}

static void columns_are_aligned(void **state)
{
        Table table = {.n_columns = 3, .headings = headings, .right = 1u << 1};
        _cleanup_free_ char *text = NULL;

        table_add(&table, "guestbook", TABLE_PLAIN);
        table_addf(&table, "%d", 7);
        table_add(&table, "x", TABLE_PLAIN);
        table_add(&table, "h\303\251llo", TABLE_PLAIN);
        table_addf(&table, "%d", 1234567);
        table_add(&table, "", TABLE_PLAIN);
        text = print(&table, true, false);
        assert_string_equal(text, "NAME         COUNT  NOTE\n"
                                  "guestbook        7  x\n"
                                  "h\303\251llo      1234567  -\n");
        table_deinit(&table);
}

static void without_a_legend_there_are_rows_only(void **state)
{
        Table table = {.n_columns = 3, .headings = headings};
        _cleanup_free_ char *text = NULL;

        for (int i = 0; i < 3; i++)
                table_addf(&table, "%d", i);
        text = print(&table, false, false);
        assert_string_equal(text, "0  1  2\n");
        table_deinit(&table);
}

static void text_from_outside_sends_no_control_characters(void **state)
{
        Table table = {.n_columns = 3, .headings = headings};
        _cleanup_free_ char *text = NULL;

        table_add(&table, "a\033[2Jb", TABLE_PLAIN);
        table_add(&table, "c\302\233d", TABLE_PLAIN);
        table_add(&table, "e\nf\177", TABLE_RED);
        text = print(&table, false, false);
        assert_string_equal(text, "a?[2Jb  c??d  e?f?\n");
        free(TAKE_PTR(text));
        text = print(&table, false, true);
        assert_non_null(strstr(text, "\033[0;1;31me?f?\033[0m\n"));
        table_deinit(&table);
}

static int fill_and_print(void)
{
        Table table = {.n_columns = 3, .headings = headings};
        FILE *file = stderr;
        int r;

        for (int i = 0; i < 9; i++)
                table_add(&table, "x", TABLE_PLAIN);
        r = table.failed ? -ENOMEM : table_print(&table, file, false, false);
        table_deinit(&table);
        return r;
}

static void short_memory_shows(void **state)
{
        FAILING_EACH(fill_and_print());
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(columns_are_aligned),
                cmocka_unit_test(without_a_legend_there_are_rows_only),
                cmocka_unit_test(text_from_outside_sends_no_control_characters),
                cmocka_unit_test(short_memory_shows),
        };

        setlocale(LC_ALL, "C.UTF-8");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
