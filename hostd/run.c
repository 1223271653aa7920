/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Helper programs by posix_spawn(). */

#include "hostd/run.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "lib/base/str.h"

/* Reads to the end, so that the program never waits for us, and keeps the beginning. */
static char *read_message(int fd)
{
        char text[RUN_OUTPUT_MAX + 1], rest[512];
        size_t length = 0;
        ssize_t n;

        do {
                n = length < RUN_OUTPUT_MAX ? read(fd, text + length, RUN_OUTPUT_MAX - length)
                                            : read(fd, rest, sizeof(rest));
                if (n > 0 && length < RUN_OUTPUT_MAX)
                        length += (size_t) n;
        } while (n > 0 || (n < 0 && errno == EINTR));
        while (length > 0 && (unsigned char) text[length - 1] <= ' ')
                length--;
        for (size_t i = 0; i < length; i++)
                if ((unsigned char) text[i] < ' ')
                        text[i] = ' ';
        text[length] = '\0';
        return strdup(text);
}

static int spawn(const char *const argv[], int error_fd, pid_t *ret_pid)
{
        static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                                  "LC_ALL=C.UTF-8", NULL};
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r;

        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, error_fd, STDERR_FILENO);
        r = -posix_spawn(ret_pid, argv[0], &actions, &attributes, (char *const *) argv,
                         (char *const *) environment);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return r;
}

int run_program(const char *const argv[], char **ret_message)
{
        _cleanup_close_ int reader = -1, writer = -1;
        int pipe_fds[2], status, r;
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;
        reader = pipe_fds[0];
        writer = pipe_fds[1];
        r = spawn(argv, writer, &pid);
        if (r < 0)
                return r;
        writer = fd_close(writer);
        *ret_message = read_message(reader);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        r = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (r == 0) {
                free(*ret_message);
                *ret_message = NULL;
        }
        return r;
}
