/* SPDX-License-Identifier: GPL-3.0-or-later */

/* On a real journal file, made by systemd-journal-remote when it is there; without one only the
 * bounds are tested here, and tests/rack reads real logs. */

#include "hostd/log-reader.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

static char folder[] = "/tmp/troupe-journal-XXXXXX";

static int setup(void **state)
{
        return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
        return rmdir(folder);
}

static LogReaderQuery query(bool follow)
{
        return (LogReaderQuery) {.service = "shop",
                                 .role = "",
                                 .instance = "",
                                 .host = "h1",
                                 .directory = folder,
                                 .lines = 10,
                                 .follow = follow};
}

static void wait_until_none(void)
{
        for (unsigned i = 0; i < 1000 && log_reader_count() > 0; i++)
                poll(NULL, 0, 10);
        assert_int_equal(log_reader_count(), 0);
}

static void an_empty_journal_ends_at_once(void **state)
{
        LogReaderQuery q = query(false);
        _cleanup_free_ char *text = NULL;
        int fd;

        assert_int_equal(log_reader_start(&q, &fd), 0);
        assert_int_equal(file_read_fd(fd, 1000, &text, NULL), 0);
        assert_string_equal(text, "");
        fd_close(fd);
        wait_until_none();
}

static void a_follower_ends_when_nobody_reads(void **state)
{
        LogReaderQuery q = query(true);
        int fds[LOG_READERS_MAX], more = -1;

        for (unsigned i = 0; i < LOG_READERS_MAX; i++)
                assert_int_equal(log_reader_start(&q, &fds[i]), 0);
        assert_int_equal(log_reader_start(&q, &more), LOG_READER_TOO_MANY);
        assert_int_equal(more, -1);
        assert_int_equal(log_reader_count(), LOG_READERS_MAX);
        for (unsigned i = 0; i < LOG_READERS_MAX; i++)
                fd_close(fds[i]);
        wait_until_none();
        assert_int_equal(log_reader_start(&q, &more), 0);
        fd_close(more);
        wait_until_none();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_empty_journal_ends_at_once),
                cmocka_unit_test(a_follower_ends_when_nobody_reads),
        };

        signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, setup, teardown);
}
