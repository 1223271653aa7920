/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A real dbus-daemon of the test's own. */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

typedef struct PrivateBus {
        pid_t pid;
        char address[64];
} PrivateBus;

/* The socket is there a moment before somebody listens. */
static inline bool private_bus_listens(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

        assert_true(fd >= 0 && strlen(path) < sizeof(address.sun_path));
        strcpy(address.sun_path, path);
        r = connect(fd, (struct sockaddr *) &address, sizeof(address));
        close(fd);
        return r == 0;
}

/* Starts one with its socket in a directory, and waits until it listens. */
static inline void private_bus_start(PrivateBus *bus, const char *dir)
{
        _cleanup_free_ char *path = str_printf("%s/bus", dir);
        _cleanup_free_ char *argument = str_printf("--address=unix:path=%s", path);
        uint64_t give_up_ns = clock_boottime_ns() + 20 * NSEC_PER_SEC;

        snprintf(bus->address, sizeof(bus->address), "unix:path=%s", path);
        bus->pid = fork();
        assert_true(bus->pid >= 0);
        if (bus->pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                execlp("dbus-daemon", "dbus-daemon", "--session", "--nofork", "--nopidfile",
                       argument, NULL);
                _exit(127);
        }
        while (!private_bus_listens(path)) {
                assert_true(clock_boottime_ns() < give_up_ns);
                usleep(10000);
        }
}

static inline void private_bus_end(PrivateBus *bus)
{
        kill(bus->pid, SIGKILL);
        waitpid(bus->pid, NULL, 0);
}
