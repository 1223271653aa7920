/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/upload.h"

#include <fcntl.h>
#include <string.h>

#include "tests/unit/test.h"

#include "lib/base/file.h"

/* Standard input is a pipe that has this text in it. */
static void put_input(const char *text)
{
        int ends[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(file_write_all(ends[1], text, strlen(text)), 0);
        close(ends[1]);
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
}

static void assert_holds(int fd, const char *expected)
{
        _cleanup_free_ char *text = NULL;

        assert_int_equal(file_read_fd(fd, 100, &text, NULL), 0);
        assert_string_equal(text, expected);
}

static void two_files_come_one_behind_the_other(void **state)
{
        const Options options = {.input_sizes = "3,5"};
        char *paths[] = {(char *) "-", (char *) "-"};
        _cleanup_(upload_deinit) Upload upload = {};

        put_input("abcdefghi");
        assert_int_equal(upload_open(&upload, &options, paths, 2), CTL_DONE);
        assert_int_equal(upload.n_files, 2);
        assert_int_equal(upload.sizes[0], 3);
        assert_holds(upload.fds[0], "abc");
        assert_holds(upload.fds[1], "defgh");
}

static void without_sizes_it_is_all_there_is(void **state)
{
        const Options options = {};
        char *paths[] = {(char *) "-"};
        _cleanup_(upload_deinit) Upload upload = {};

        put_input("all");
        assert_int_equal(upload_open(&upload, &options, paths, 1), CTL_DONE);
        assert_holds(upload.fds[0], "all");
}

static void input_that_ends_early_is_refused(void **state)
{
        const Options options = {.input_sizes = "4"};
        char *paths[] = {(char *) "-", (char *) "-"};
        _cleanup_(upload_deinit) Upload upload = {}, second = {};

        put_input("abc");
        assert_int_equal(upload_open(&upload, &options, paths, 1), CTL_USAGE);
        put_input("abcdef"); /* no size for the second */
        assert_int_equal(upload_open(&second, &options, paths, 2), CTL_USAGE);
}

static void files_are_opened_and_directories_are_not(void **state)
{
        const Options options = {};
        char *file[] = {(char *) "LICENSE"}, *directory[] = {(char *) "/tmp"},
             *nothing[] = {(char *) "/no/such/file"};
        _cleanup_(upload_deinit) Upload upload = {}, refused = {};

        assert_int_equal(upload_open(&upload, &options, file, 1), CTL_DONE);
        assert_true(upload.sizes[0] > 1000);
        assert_int_equal(upload_open(&refused, &options, directory, 1), CTL_USAGE);
        upload_deinit(&refused);
        assert_int_equal(upload_open(&refused, &options, nothing, 1), CTL_USAGE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(two_files_come_one_behind_the_other),
                cmocka_unit_test(without_sizes_it_is_all_there_is),
                cmocka_unit_test(input_that_ends_early_is_refused),
                cmocka_unit_test(files_are_opened_and_directories_are_not),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
