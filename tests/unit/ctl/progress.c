/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/progress.h"

#include <string.h>

#include "tests/unit/test.h"

static void the_bar_shows_the_fraction(void **state)
{
        char line[PROGRESS_LINE_MAX];

        progress_line("Scaling a", 0.5, "one of two", 100, line);
        assert_string_equal(line, "Scaling a [############............]  50 %  one of two");
        progress_line("x", 2, "", 100, line);
        assert_non_null(strstr(line, "100 %"));
        progress_line("x", -1, "", 100, line);
        assert_non_null(strstr(line, "  0 %"));
        progress_line("x", __builtin_nan(""), "", 100, line);
        assert_non_null(strstr(line, "  0 %"));
}

static void it_fits_the_terminal_and_is_harmless(void **state)
{
        char line[PROGRESS_LINE_MAX], message[2 * PROGRESS_LINE_MAX];

        memset(message, 'm', sizeof(message));
        message[sizeof(message) - 1] = '\0';
        progress_line("x", 0.1, message, 40, line);
        assert_int_equal(strlen(line), 39);
        progress_line("x", 0.1, message, 10000, line);
        assert_true(strlen(line) < PROGRESS_LINE_MAX);
        progress_line("x", 0.1, "a\033[2J\nb", 80, line);
        assert_non_null(strstr(line, "a?[2J?b"));
        progress_line("x", 0.1, "a", 0, line);
        assert_string_equal(line, "");
}

static void it_moves_to_and_fro(void **state)
{
        char line[PROGRESS_LINE_MAX];

        progress_pulse("Deploying a", 0, "", 100, line);
        assert_string_equal(line, "Deploying a [####....................]        ");
        progress_pulse("x", 500, "m", 100, line);
        assert_string_equal(line, "x [..........####..........]        m");
        progress_pulse("x", 1000, "", 100, line);
        assert_non_null(strstr(line, "....####]"));
        progress_pulse("x", 1999, "", 100, line);
        assert_non_null(strstr(line, "[.####"));
        progress_pulse("x", 1, "a\nb", 38, line);
        assert_int_equal(strlen(line), 37);
}

static void nothing_is_drawn_without_a_terminal(void **state)
{
        Progress progress;

        progress_begin(&progress, "x", true);
        assert_false(progress.wanted);
        progress.since_ns = 0;
        progress_update(&progress, 0.5, "");
        assert_false(progress.shown);
        progress_end(&progress);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_bar_shows_the_fraction),
                cmocka_unit_test(it_fits_the_terminal_and_is_harmless),
                cmocka_unit_test(it_moves_to_and_fro),
                cmocka_unit_test(nothing_is_drawn_without_a_terminal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
