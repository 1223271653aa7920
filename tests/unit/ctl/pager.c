/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/pager.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

#include "lib/base/file.h"
#include "lib/base/str.h"

static void without_a_terminal_there_is_no_pager(void **state)
{
        Options options = {.pager = true};
        Pager pager;

        pager_open(&pager, &options);
        assert_int_equal(pager.pid, 0);
        pager_close(&pager);
}

static void output_goes_through_the_pager(void **state)
{
        Options options = {.pager = true, .terminal = true};
        char path[] = "/tmp/ctl-pager-XXXXXX", *text = NULL;
        _cleanup_close_ int fd = mkstemp(path);
        _cleanup_free_ char *command = str_printf("tr a-z A-Z >%s", path);
        Pager pager;

        setenv("TROUPE_PAGER", command, 1);
        pager_open(&pager, &options);
        assert_true(pager.pid > 0);
        printf("hello\n");
        pager_close(&pager);
        assert_int_equal(file_read_fd(fd, 100, &text, NULL), 0);
        assert_string_equal(text, "HELLO\n");
        free(text);
        unlink(path);
}

static void cat_and_nothing_mean_none(void **state)
{
        Options options = {.pager = true, .terminal = true};
        Pager pager;

        setenv("TROUPE_PAGER", "cat", 1);
        pager_open(&pager, &options);
        assert_int_equal(pager.pid, 0);
        setenv("TROUPE_PAGER", "", 1);
        pager_open(&pager, &options);
        assert_int_equal(pager.pid, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_a_terminal_there_is_no_pager),
                cmocka_unit_test(output_goes_through_the_pager),
                cmocka_unit_test(cat_and_nothing_mean_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
