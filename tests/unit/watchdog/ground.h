/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Control groups of a host, in a corner of this machine's own v2 hierarchy, and processes in them.
 * Skips where there is no such hierarchy to write to. */

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tests/unit/loop.h"
#include "tests/unit/test.h"

#define GROUND_USER 64055 /* any number: no such user has to exist */

typedef struct Ground {
        char dir[PATH_MAX / 2];  /* a directory for files */
        char root[PATH_MAX / 2]; /* of the groups */
} Ground;

static inline void ground_group(const Ground *ground, const char *path)
{
        char whole[PATH_MAX];

        snprintf(whole, sizeof(whole), "%s/%s", ground->root, path);
        assert_true(mkdir(whole, 0755) == 0 || errno == EEXIST);
}

static inline void ground_begin(Ground *ground)
{
        const char *hierarchies[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};
        struct stat st;

        *ground = (Ground) {.dir = "/tmp/troupe-watchdog-XXXXXX"};
        assert_non_null(mkdtemp(ground->dir));
        for (unsigned i = 0; i < 2 && !ground->root[0]; i++) {
                char path[PATH_MAX];

                snprintf(path, sizeof(path), "%s/cgroup.procs", hierarchies[i]);
                if (stat(path, &st) < 0)
                        continue;
                snprintf(ground->root, sizeof(ground->root), "%s/troupe-unit-%d", hierarchies[i],
                         (int) getpid());
                if (mkdir(ground->root, 0755) < 0)
                        ground->root[0] = '\0';
        }
        if (!ground->root[0])
                skip();
        ground_group(ground, "system.slice");
        ground_group(ground, "system.slice/libvirtd.service");
        ground_group(ground, "system.slice/troupe-hostd.service");
}

static inline void ground_end(Ground *ground)
{
        char command[4 * PATH_MAX];

        snprintf(command, sizeof(command),
                 "find '%s' -depth -type d -exec rmdir {} + ; rm -rf '%s'", ground->root,
                 ground->dir);
        assert_int_equal(system(command), 0);
}

/* A process that does nothing, in a group, as a user. */
static inline pid_t ground_spawn(const Ground *ground, const char *group, uid_t user)
{
        char path[PATH_MAX], ready;
        int fds[2];
        pid_t pid;

        snprintf(path, sizeof(path), "%s/%s/cgroup.procs", ground->root, group);
        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                int fd = open(path, O_WRONLY);

                if (fd < 0 || write(fd, "0", 1) != 1 || setgroups(0, NULL) < 0 ||
                    (user != 0 && setresuid(user, user, user) < 0) || write(fds[1], "r", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(fds[1]);
        assert_int_equal(read(fds[0], &ready, 1), 1);
        close(fds[0]);
        return pid;
}

/* Waits until it is dead: was it killed within this time? */
static inline bool ground_dies(pid_t pid)
{
        uint64_t end_ns = clock_boottime_ns() + LOOP_PATIENCE_NS;
        int status;

        while (waitpid(pid, &status, WNOHANG) == 0) {
                if (clock_boottime_ns() > end_ns)
                        return false;
                usleep(1000);
        }
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static inline bool ground_lives(pid_t pid)
{
        return waitpid(pid, NULL, WNOHANG) == 0;
}

static inline void ground_reap(pid_t pid)
{
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}
