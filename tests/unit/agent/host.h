/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A manager whose host is the test: it has started and said hello. */

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <termios.h>

#include "agent/manager-internal.h"
#include "lib/api/agent-stream.h"
#include "tests/unit/test.h"

typedef struct Host {
        char path[64], runtime[32];
        int fd;
        AgentStream stream;
        char data[8192];
        const char *at;
        size_t length;
        ManagerConfig config;
        Manager *manager;
} Host;

/* A terminal without line discipline stands in for the port: a device with bytes in both
 * directions. */
static inline int open_port(char *ret_path, size_t size)
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

/* The next message that the agent sends, in order; the loop runs until there is one. */
static inline AgentMessage host_hears(Host *host)
{
        AgentMessage message = {};

        while (agent_stream_next(&host->stream, &host->at, &host->length, &message) !=
               AGENT_STREAM_MESSAGE) {
                struct pollfd ready = {.fd = host->fd, .events = POLLIN};
                ssize_t n;

                while (poll(&ready, 1, 0) == 0)
                        assert_true(sd_event_run(host->manager->event, 100000) >= 0);
                n = read(host->fd, host->data, sizeof(host->data));
                assert_true(n > 0);
                host->at = host->data;
                host->length = (size_t) n;
        }
        return message;
}

/* Hears messages until one of a type, which is to be freed. */
static inline AgentMessage host_awaits(Host *host, AgentMessageType type)
{
        AgentMessage message = host_hears(host);

        while (message.type != type) {
                agent_message_deinit(&message);
                message = host_hears(host);
        }
        return message;
}

static inline void host_says(Host *host, const AgentMessage *message)
{
        _cleanup_free_ char *data = NULL;
        size_t length;

        assert_int_equal(agent_message_encode(message, AGENT_FROM_HOST, &data, &length), 0);
        assert_int_equal(write(host->fd, data, length), (ssize_t) length);
}

static inline void host_begin(Host *host)
{
        *host = (Host) {.runtime = "/tmp/troupe-agent-XXXXXX", .stream.from = AGENT_FROM_GUEST};
        host->fd = open_port(host->path, sizeof(host->path));
        assert_non_null(mkdtemp(host->runtime));
        host->config = (ManagerConfig) {.port = host->path, .runtime = host->runtime};
        assert_int_equal(manager_new(&host->config, &host->manager), 0);
        assert_int_equal(manager_startup(host->manager), 0);
}

static inline void host_end(Host *host)
{
        manager_free(host->manager);
        agent_stream_deinit(&host->stream);
        close(host->fd);
        assert_int_equal(rmdir(host->runtime), 0);
}
