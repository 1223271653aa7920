/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The pager: $TROUPE_PAGER or $PAGER or less; none when it is `cat`, empty or cannot be started. */

#include "ctl/pager.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>

#include "lib/base/str.h"

static const char *pager_command(void)
{
        const char *command = getenv("TROUPE_PAGER");

        if (!command)
                command = getenv("PAGER");
        return command ? command : "less";
}

_noreturn_ static void pager_run(const char *command, int input)
{
        setenv("LESS", "FRSXMK", 0); /* leaves at once when it all fits */
        if (dup2(input, STDIN_FILENO) >= 0)
                execlp("sh", "sh", "-c", command, NULL);
        _exit(127);
}

void pager_open(Pager *pager, const Options *options)
{
        const char *command = pager_command();
        int ends[2];

        *pager = (Pager) {.saved_stdout = -1};
        if (!options->pager || !options->terminal || str_empty(command) ||
            str_equal(command, "cat") || pipe2(ends, O_CLOEXEC) < 0)
                return;
        fflush(stdout);
        pager->pid = fork();
        if (pager->pid == 0)
                pager_run(command, ends[0]);
        if (pager->pid > 0) {
                pager->saved_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
                dup2(ends[1], STDOUT_FILENO);
        } else {
                pager->pid = 0;
        }
        fd_close(ends[0]);
        fd_close(ends[1]);
}

void pager_close(Pager *pager)
{
        fflush(stdout);
        if (pager->pid == 0)
                return;
        if (pager->saved_stdout >= 0)
                dup2(pager->saved_stdout, STDOUT_FILENO);
        else
                close(STDOUT_FILENO);
        fd_close(pager->saved_stdout);
        while (waitpid(pager->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        pager->pid = 0;
}
