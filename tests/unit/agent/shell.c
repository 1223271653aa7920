/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Real shells on real terminals. */

#include "agent/shell.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/loop.h"
#include "tests/unit/test.h"

/* What the "host" was told. */
typedef struct Host {
        Shells *shells;
        StrBuffer output;
        size_t n_output;
        uint64_t credit;
        bool opened, closed, grants;
        uint64_t code;
        char detail[128];
} Host;

static sd_event *event;

static void send_shell(Host *host, AgentMessageType type, AgentShell shell)
{
        AgentMessage message = {.type = type, .shell = shell};

        message.shell.session = message.shell.session ?: 1;
        shells_handle(host->shells, &message);
}

static void on_message(void *userdata, const AgentMessage *message)
{
        const AgentShell *shell = &message->shell;
        Host *host = userdata;

        if (message->type == AGENT_SHELL_OPENED)
                host->opened = !shell->detail;
        if (message->type == AGENT_SHELL_CREDIT)
                host->credit += shell->credit;
        if (message->type == AGENT_SHELL_DATA) {
                if (host->output.length < MIB)
                        str_buffer_append(&host->output, shell->data, shell->n_data);
                host->n_output += shell->n_data;
                if (host->grants)
                        send_shell(host, AGENT_SHELL_CREDIT,
                                   (AgentShell) {.credit = shell->n_data});
        }
        if (message->type == AGENT_SHELL_CLOSED) {
                host->closed = true;
                host->code = shell->code;
        }
        if (shell->detail)
                snprintf(host->detail, sizeof(host->detail), "%s", shell->detail);
}

static int setup(void **state)
{
        sigset_t mask;

        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        sigprocmask(SIG_BLOCK, &mask, NULL);
        return sd_event_new(&event);
}

static int teardown(void **state)
{
        sd_event_unref(event);
        return 0;
}

static void type_text(Host *host, const char *text)
{
        send_shell(host, AGENT_SHELL_DATA,
                   (AgentShell) {.data = (uint8_t *) text, .n_data = strlen(text)});
}

static void host_begin(Host *host)
{
        *host = (Host) {.grants = true};
        assert_int_equal(shells_new(event, on_message, host, &host->shells), 0);
}

static void host_end(Host *host)
{
        shells_free(host->shells);
        str_buffer_deinit(&host->output);
}

static void types_sees_and_exits(void **state)
{
        Host host;

        host_begin(&host);
        send_shell(&host, AGENT_SHELL_OPEN,
                   (AgentShell) {.rows = 50, .columns = 132, .term = "xterm-256color"});
        assert_true(host.opened);
        type_text(&host, "stty size; echo $TERM; tty; exit 7\n");
        RUN_UNTIL(event, host.closed);
        assert_non_null(strstr(host.output.data, "50 132\r\n"));
        assert_non_null(strstr(host.output.data, "xterm-256color\r\n"));
        assert_non_null(strstr(host.output.data, "/dev/pts/"));
        assert_int_equal(host.code, 7);
        assert_int_equal(shells_count(host.shells), 0);
        assert_int_equal(host.credit, strlen("stty size; echo $TERM; tty; exit 7\n"));
        host_end(&host);
}

static void output_stops_without_credit(void **state)
{
        Host host;

        host_begin(&host);
        host.grants = false;
        send_shell(&host, AGENT_SHELL_OPEN, (AgentShell) {});
        type_text(&host, "head -c 3000000 /dev/zero | tr '\\0' x; exit\n");
        RUN_UNTIL(event, host.n_output == AGENT_SHELL_WINDOW);
        assert_int_equal(sd_event_run(event, 300 * 1000), 0);
        assert_int_equal(host.n_output, AGENT_SHELL_WINDOW);
        host.grants = true;
        send_shell(&host, AGENT_SHELL_CREDIT, (AgentShell) {.credit = AGENT_SHELL_WINDOW});
        RUN_UNTIL(event, host.closed);
        assert_true(host.n_output > 3000000);
        host_end(&host);
}

/* Its last words stay in the terminal when it has exited, until there is credit for them. */
static void nothing_is_lost_at_the_end_without_credit(void **state)
{
        Host host;
        _cleanup_free_ char *command =
                str_printf("head -c %lu /dev/zero | tr '\\0' x; echo end-$((1 + 1)); exit 3\n",
                           AGENT_SHELL_WINDOW + 1000);

        host_begin(&host);
        host.grants = false;
        send_shell(&host, AGENT_SHELL_OPEN, (AgentShell) {});
        type_text(&host, command);
        RUN_UNTIL(event, host.n_output == AGENT_SHELL_WINDOW);
        run_loop_for(event, 500); /* it exits */
        assert_false(host.closed);
        host.grants = true;
        send_shell(&host, AGENT_SHELL_CREDIT, (AgentShell) {.credit = AGENT_SHELL_WINDOW});
        RUN_UNTIL(event, host.closed);
        assert_true(host.n_output > AGENT_SHELL_WINDOW + 1000);
        assert_non_null(strstr(host.output.data, "end-2\r\n"));
        assert_int_equal(host.code, 3);
        host_end(&host);
}

static void more_than_credit_ends_the_session(void **state)
{
        static char flood[AGENT_SHELL_WINDOW + 1];
        Host host;

        host_begin(&host);
        send_shell(&host, AGENT_SHELL_OPEN, (AgentShell) {});
        memset(flood, 'x', sizeof(flood));
        send_shell(&host, AGENT_SHELL_DATA,
                   (AgentShell) {.data = (uint8_t *) flood, .n_data = sizeof(flood)});
        assert_true(host.closed);
        assert_string_equal(host.detail, "more was sent than there was credit for");
        host_end(&host);
}

static void sessions_are_bounded_and_hung_up(void **state)
{
        Host host;

        host_begin(&host);
        for (uint64_t i = 1; i <= AGENT_SHELL_SESSIONS_MAX; i++)
                send_shell(&host, AGENT_SHELL_OPEN, (AgentShell) {.session = i});
        assert_int_equal(shells_count(host.shells), AGENT_SHELL_SESSIONS_MAX);
        send_shell(&host, AGENT_SHELL_OPEN, (AgentShell) {.session = 99});
        assert_string_equal(host.detail, "too many sessions are open");
        send_shell(&host, AGENT_SHELL_OPEN, (AgentShell) {.session = 3});
        assert_int_equal(shells_count(host.shells), AGENT_SHELL_SESSIONS_MAX);
        send_shell(&host, AGENT_SHELL_CLOSE, (AgentShell) {.session = 3});
        assert_true(host.closed);
        host.closed = false;
        shells_close_all(host.shells);
        assert_int_equal(shells_count(host.shells), 0);
        assert_false(host.closed);
        host_end(&host);
}

static void what_a_shell_leaves_behind_is_not_waited_for(void **state)
{
        Host host;

        host_begin(&host);
        send_shell(&host, AGENT_SHELL_OPEN, (AgentShell) {});
        type_text(&host, "setsid sleep 2 & echo done; exit 0\n");
        RUN_UNTIL(event, host.closed);
        assert_non_null(strstr(host.output.data, "done"));
        host_end(&host);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(types_sees_and_exits),
                cmocka_unit_test(output_stops_without_credit),
                cmocka_unit_test(nothing_is_lost_at_the_end_without_credit),
                cmocka_unit_test(more_than_credit_ends_the_session),
                cmocka_unit_test(sessions_are_bounded_and_hung_up),
                cmocka_unit_test(what_a_shell_leaves_behind_is_not_waited_for),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
