/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/base/log.h"

#include <fcntl.h>
#include <string.h>

#include "lib/base/file.h"
#include "tests/unit/test.h"

/* Runs with standard error going to a pipe, and gives what came out. */
static char *logged(void (*f)(void))
{
        int ends[2], saved = dup(STDERR_FILENO);
        char *text = NULL;

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
        close(ends[1]);
        f();
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        close(saved);
        assert_int_equal(file_read_fd(ends[0], 10000, &text, NULL), 0);
        close(ends[0]);
        return text;
}

static void hostile_line(void)
{
        log_error_errno(-ENOENT, "guest said %s", "a\n<0>fake\x1b[2J");
}

static void long_line(void)
{
        static char text[5000];

        memset(text, 'x', sizeof(text) - 1);
        log_info("%s", text);
}

static void a_line_is_one_line(void **state)
{
        _cleanup_free_ char *text = NULL;

        unsetenv("JOURNAL_STREAM");
        text = logged(hostile_line);
        assert_string_equal(text, "guest said a?<0>fake?[2J: No such file or directory\n");
}

static void a_long_line_is_cut(void **state)
{
        _cleanup_free_ char *text = NULL;

        setenv("JOURNAL_STREAM", "8:1", 1);
        text = logged(long_line);
        assert_true(strlen(text) < 2100);
        assert_memory_equal(text, "<6>xxx", 6);
        assert_int_equal(text[strlen(text) - 1], '\n');
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_is_one_line),
                cmocka_unit_test(a_long_line_is_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
