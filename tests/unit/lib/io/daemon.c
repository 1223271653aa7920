/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The test is the systemd that the daemon tells where it is. */

#include "lib/io/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

static char path[] = "/tmp/troupe-daemon-XXXXXX";

static int notify_socket(void)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_non_null(mkdtemp(path));
        snprintf(name.sun_path, sizeof(name.sun_path), "%s/notify", path);
        assert_int_equal(bind(fd, (struct sockaddr *) &name, sizeof(name)), 0);
        assert_int_equal(setenv("NOTIFY_SOCKET", name.sun_path, 1), 0);
        return fd;
}

static void assert_told(int fd, const char *expected)
{
        char text[256];
        ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

        assert_true(n > 0);
        text[n] = '\0';
        assert_string_equal(text, expected);
}

static void it_ends_when_asked_and_says_so(void **state)
{
        _cleanup_free_ char *name = NULL;
        int fd = notify_socket();
        sd_event *event = NULL;

        assert_int_equal(daemon_event_new(&event), 0);
        assert_int_equal(raise(SIGTERM), 0); /* it waits for the loop */
        assert_int_equal(daemon_run(event), 0);
        assert_told(fd, "READY=1");
        assert_told(fd, "STOPPING=1");
        assert_int_equal(raise(SIGPIPE), 0); /* nothing comes of it */
        sd_event_unref(event);
        close(fd);
        name = str_printf("%s/notify", path);
        unlink(name);
        rmdir(path);
}

static int give_up(sd_event_source *source, void *userdata)
{
        return sd_event_exit(sd_event_source_get_event(source), -EHOSTDOWN);
}

static void what_ended_it_is_returned(void **state)
{
        sd_event *event = NULL;

        assert_int_equal(daemon_event_new(&event), 0);
        assert_true(sd_event_add_defer(event, NULL, give_up, NULL) >= 0);
        assert_int_equal(daemon_run(event), -EHOSTDOWN);
        sd_event_unref(event);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_ends_when_asked_and_says_so),
                cmocka_unit_test(what_ended_it_is_returned),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
