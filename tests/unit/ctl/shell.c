/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <pty.h>
#include <string.h>
#include <sys/ioctl.h>

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

/* Reads from the terminal until there is this text, and forgets it. */
static void await(int terminal, const char *text)
{
        char data[4096] = "";
        size_t length = 0;

        while (!strstr(data, text) && length < sizeof(data) - 1) {
                ssize_t n = read(terminal, data + length, sizeof(data) - 1 - length);

                if (n <= 0)
                        fail_msg("the terminal ended before '%s': %s", text, data);
                length += (size_t) n;
                data[length] = '\0';
        }
}

/* Runs it with a terminal; the caller's end of that. */
static int shell_on_terminal(pid_t *ret_pid)
{
        const struct winsize size = {.ws_row = 33, .ws_col = 101};
        int terminal;

        fflush(NULL);
        *ret_pid = forkpty(&terminal, NULL, NULL, &size);
        assert_true(*ret_pid >= 0);
        if (*ret_pid == 0)
                _exit(shell("guestbook/web/0"));
        await(terminal, "to leave.");
        return terminal;
}

static void assert_exits(pid_t pid, int expected)
{
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), expected);
}

/* The fake shows what it gets: a raw terminal passes ^C on, and three ^] leave. */
static void a_terminal_is_raw_and_can_be_left(void **state)
{
        pid_t pid;
        int terminal = shell_on_terminal(&pid);

        assert_int_equal(file_write_all(terminal, "one\003two", 7), 0);
        await(terminal, "one\003two");
        assert_int_equal(file_write_all(terminal, "\x1d\x1d\x1d", 3), 0);
        assert_exits(pid, 255);
        close(terminal);
}

static void changes_of_size_are_told(void **state)
{
        const struct winsize size = {.ws_row = 11, .ws_col = 22};
        _cleanup_free_ char *calls = fake_calls();
        pid_t pid;
        int terminal = shell_on_terminal(&pid);

        assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
        await(terminal, "resized 11 22");
        assert_int_equal(file_write_all(terminal, "exit 4", 6), 0);
        assert_exits(pid, 4);
        close(terminal);
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
                cmocka_unit_test(a_terminal_is_raw_and_can_be_left),
                cmocka_unit_test(changes_of_size_are_told),
                cmocka_unit_test(what_cannot_be_opened_is_said),
        };

        return cmocka_run_group_tests(tests, fake_start, fake_stop);
}
