/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/unit/test.h"

#include "ctl/verbs.h"
#include "tests/unit/ctl/fake-host1.h"

/* The monitor runs in a process of its own, with its output in a pipe, while an operation runs. */
static void changes_are_shown_as_they_happen(void **state)
{
        const Options options = {.legend = true},
                      quiet = {.quiet = true, .wait = true, .timeout_s = UINT64_MAX};
        char *words[] = {(char *) "guestbook", NULL}, line[1024] = "";
        bool ended = false;
        int ends[2], lines = 0;
        FILE *file;
        pid_t pid;

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        fflush(NULL);
        pid = fork();
        if (pid == 0) {
                dup2(ends[1], STDOUT_FILENO);
                _exit(verb_monitor(&options, 0, (char *[]) {NULL}));
        }
        close(ends[1]);
        file = fdopen(ends[0], "r");
        assert_non_null(fgets(line, sizeof(line), file)); /* it has subscribed */
        assert_non_null(strstr(line, "Showing changes"));
        assert_int_equal(verb_swap(&quiet, 1, words), CTL_DONE);
        while (!ended && lines++ < 20 && fgets(line, sizeof(line), file))
                ended = strstr(line, " operation ") && strstr(line, "state=\"succeeded\"") &&
                        strstr(line, "progress=1");
        kill(pid, SIGTERM);
        waitpid(pid, NULL, 0);
        fclose(file);
        assert_true(ended);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(changes_are_shown_as_they_happen),
        };

        return cmocka_run_group_tests(tests, fake_start, fake_stop);
}
