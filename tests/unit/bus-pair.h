/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Two ends of a bus without a daemon, both on the test's own loop. */

#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <systemd/sd-id128.h>

#include "lib/base/clock.h"
#include "tests/unit/loop.h"
#include "tests/unit/test.h"

typedef struct BusPair {
        sd_bus *server, *client;
} BusPair;

/* @filter sees what the client sends; both ends are started. */
static inline void bus_pair_begin(BusPair *pair, sd_event *event, sd_bus_message_handler_t filter,
                                  void *userdata)
{
        const sd_id128_t id =
                SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 01, 02, 03, 04, 05, 06, 07, 01, 02);
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
                         0);
        assert_true(sd_bus_new(&pair->server) >= 0);
        assert_true(sd_bus_set_fd(pair->server, fds[0], fds[0]) >= 0);
        assert_int_equal(sd_bus_set_server(pair->server, 1, id), 0);
        assert_true(sd_bus_set_anonymous(pair->server, 1) >= 0);
        assert_true(sd_bus_start(pair->server) >= 0);
        assert_true(sd_bus_attach_event(pair->server, event, 0) >= 0);
        assert_true(sd_bus_add_filter(pair->server, NULL, filter, userdata) >= 0);
        assert_true(sd_bus_new(&pair->client) >= 0);
        assert_true(sd_bus_set_fd(pair->client, fds[1], fds[1]) >= 0);
        assert_true(sd_bus_set_anonymous(pair->client, 1) >= 0);
        assert_true(sd_bus_start(pair->client) >= 0);
        assert_true(sd_bus_attach_event(pair->client, event, 0) >= 0);
}

static inline void bus_pair_end(BusPair *pair)
{
        sd_bus_close_unref(pair->client);
        sd_bus_close_unref(pair->server);
}
