/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/base/arguments.h"

#include <getopt.h>

#include "tests/unit/test.h"

static const char *value;
static bool flag;

static int parse(char *a, char *b)
{
        static const Argument table[] = {{"value", .value = &value}, {"flag", .flag = &flag}, {}};
        char *argv[] = {(char *) "program", a, b, NULL};

        value = NULL;
        flag = false;
        optind = 0; /* from the start again */
        return arguments_parse(a ? b ? 3 : 2 : 1, argv, table, "usage");
}

static void values_and_flags_are_set(void **state)
{
        assert_int_equal(parse(NULL, NULL), 0);
        assert_null(value);
        assert_int_equal(parse((char *) "--value=v", (char *) "--flag"), 0);
        assert_string_equal(value, "v");
        assert_true(flag);
        assert_int_equal(parse((char *) "--value", (char *) "v"), 0);
        assert_string_equal(value, "v");
        assert_false(flag);
}

static void help_is_an_outcome(void **state)
{
        assert_int_equal(parse((char *) "--help", NULL), ARGUMENTS_HELP);
        assert_int_equal(parse((char *) "-h", NULL), ARGUMENTS_HELP);
}

static void everything_else_is_refused(void **state)
{
        assert_int_equal(parse((char *) "--other", NULL), -EINVAL);
        assert_int_equal(parse((char *) "--flag=v", NULL), -EINVAL);
        assert_int_equal(parse((char *) "--value", NULL), -EINVAL);
        assert_int_equal(parse((char *) "word", NULL), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_and_flags_are_set),
                cmocka_unit_test(help_is_an_outcome),
                cmocka_unit_test(everything_else_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
