/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/manager.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <termios.h>

#include "lib/api/agent-stream.h"
#include "tests/unit/test.h"

/* A terminal without line discipline stands in for the port: a device with bytes in both
 * directions. */
static int open_port(char *ret_path, size_t size)
{
        int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        struct termios raw;

        assert_true(fd >= 0);
        assert_int_equal(grantpt(fd), 0);
        assert_int_equal(unlockpt(fd), 0);
        assert_int_equal(ptsname_r(fd, ret_path, size), 0);
        assert_int_equal(tcgetattr(fd, &raw), 0);
        cfmakeraw(&raw);
        assert_int_equal(tcsetattr(fd, TCSANOW, &raw), 0);
        return fd;
}

static void says_hello_when_it_has_started(void **state)
{
        char path[64], runtime[] = "/tmp/troupe-agent-XXXXXX", data[4096];
        _cleanup_close_ int fd = open_port(path, sizeof(path));
        ManagerConfig config = {.port = path, .runtime = runtime};
        AgentStream stream = {.from = AGENT_FROM_GUEST};
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        AgentMessage message = {};
        Manager *manager = NULL;
        const char *at = data;
        size_t length;
        ssize_t n;

        assert_non_null(mkdtemp(runtime));
        assert_int_equal(manager_new(&config, &manager), 0);
        assert_int_equal(manager_startup(manager), 0);
        assert_int_equal(poll(&ready, 1, 5000), 1);
        n = read(fd, data, sizeof(data));
        assert_true(n > 0);
        length = (size_t) n;
        assert_int_equal(agent_stream_next(&stream, &at, &length, &message), AGENT_STREAM_MESSAGE);
        assert_int_equal(message.type, AGENT_HELLO);
        assert_int_equal(message.hello.protocol, AGENT_PROTOCOL_VERSION);
        assert_int_equal(message.hello.serial, 0);
        agent_message_deinit(&message);
        agent_stream_deinit(&stream);
        assert_null(manager_free(manager));
        rmdir(runtime);
}

static void no_port_is_an_error(void **state)
{
        ManagerConfig config = {.port = "/nonexistent", .runtime = "/tmp"};
        Manager *manager = NULL;

        assert_int_equal(manager_new(&config, &manager), 0);
        assert_int_equal(manager_startup(manager), -ENOENT);
        manager_free(manager);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(says_hello_when_it_has_started),
                cmocka_unit_test(no_port_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
