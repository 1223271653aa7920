/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/run.h"

#include <string.h>

#include "tests/unit/test.h"

static void success_says_nothing(void **state)
{
        char *message = NULL;

        assert_int_equal(
                run_program((const char *const[]) {"/bin/sh", "-c", "echo hm >&2", NULL}, &message),
                0);
        assert_null(message);
}

static void failure_is_told_in_one_bounded_line(void **state)
{
        char *message = NULL;

        assert_int_equal(
                run_program((const char *const[]) {"/bin/sh", "-c",
                                                   "printf 'a\\nb\\n\\n' >&2; exit 3", NULL},
                            &message),
                3);
        assert_string_equal(message, "a b");
        free(message);
        assert_int_equal(run_program(
                                 (const char *const[]) {
                                         "/bin/sh", "-c",
                                         "head -c 300000 /dev/zero | tr '\\0' x >&2; exit 4", NULL},
                                 &message),
                         4);
        assert_int_equal(strlen(message), RUN_OUTPUT_MAX);
        free(message);
}

static void a_signal_and_a_missing_program_are_told(void **state)
{
        char *message = NULL;

        assert_int_equal(
                run_program((const char *const[]) {"/bin/sh", "-c", "kill -9 $$", NULL}, &message),
                128 + 9);
        free(message);
        assert_int_equal(run_program((const char *const[]) {"/nonexistent", NULL}, &message),
                         -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(success_says_nothing),
                cmocka_unit_test(failure_is_told_in_one_bounded_line),
                cmocka_unit_test(a_signal_and_a_missing_program_are_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
