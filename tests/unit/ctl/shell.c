/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/unit/test.h"

#include "ctl/verbs.h"
#include "tests/unit/ctl/fake-host1.h"

static void put_input(const char *text)
{
        int ends[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(file_write_all(ends[1], text, strlen(text)), 0);
        close(ends[1]);
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
}

static int shell(const char *target)
{
        const Options options = {};
        char *words[] = {(char *) target, NULL};

        return verb_shell(&options, 1, words);
}

static void the_exit_code_is_the_shell_s(void **state)
{
        _cleanup_free_ char *text = NULL, *calls = NULL;

        put_input("exit 3\n");
        assert_int_equal(FAKE_CAPTURE(shell("guestbook/web/0"), text), 3);
        calls = fake_calls();
        assert_string_equal(calls, "OpenShell guestbook production web_IN_0\n");
        assert_memory_equal(text, "exit 3\n", 7);
}

static void the_end_of_input_is_typed(void **state)
{
        _cleanup_free_ char *text = NULL;

        put_input("hello");
        assert_int_equal(FAKE_CAPTURE(shell("guestbook/web/0"), text), 0);
        assert_string_equal(text, "hello\004");
}

static void what_cannot_be_opened_is_said(void **state)
{
        assert_int_equal(shell("guestbook/web/9"), CTL_FAILED);
        assert_int_equal(shell("guestbook"), CTL_USAGE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_exit_code_is_the_shell_s),
                cmocka_unit_test(the_end_of_input_is_typed),
                cmocka_unit_test(what_cannot_be_opened_is_said),
        };

        return cmocka_run_group_tests(tests, fake_start, fake_stop);
}
