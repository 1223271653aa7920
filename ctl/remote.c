/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Running troupectl on another machine with ssh. Every word is quoted for the shell that ssh starts
 * there. Files go through standard input, one behind the other; --stdin says how long each is. */

#include "ctl/remote.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "ctl/progress.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define SSH_FAILED 255
#define COPY_BYTES 65536
#define WORDS_MAX  16

static void add_quoted(StrBuffer *command, const char *word)
{
        str_buffer_add(command, " '");
        for (; *word; word++)
                if (*word == '\'')
                        str_buffer_add(command, "'\\''");
                else
                        str_buffer_append(command, word, 1);
        str_buffer_add(command, "'");
}

static void add_option(StrBuffer *command, const OptionGiven *given)
{
        _cleanup_free_ char *word = given->value
                                            ? str_printf("--%s=%s", given->row->name, given->value)
                                            : str_printf("--%s", given->row->name);

        if (word)
                add_quoted(command, word);
        else
                command->failed = true;
}

char *remote_command(const Options *options, const char *verb, char **arguments)
{
        StrBuffer command = {};
        char *text = NULL;

        str_buffer_add(&command, "troupectl");
        for (size_t i = 0; i < options->n_given; i++)
                if (!str_equal(options->given[i].row->name, "host"))
                        add_option(&command, &options->given[i]);
        add_quoted(&command, verb);
        str_buffer_add(&command, " --");
        for (; *arguments; arguments++)
                add_quoted(&command, *arguments);
        return str_buffer_take(&command, &text) < 0 ? NULL : text;
}

/* As sd-bus reads it: `[USER@]HOST[:PORT]`, an IPv6 address in brackets when there is a port. */
static char *split_port(char *host)
{
        char *bracket = strrchr(host, ']'), *colon = strrchr(host, ':');
        bool one = colon && (bracket ? colon == bracket + 1 : strchr(host, ':') == colon);

        if (!one || colon[1] == '\0' || colon[1 + strspn(colon + 1, "0123456789")] != '\0')
                return NULL;
        *colon = '\0';
        return colon + 1;
}

_noreturn_ static void ssh_exec(const Options *options, const char *command, bool terminal,
                                int input)
{
        const char *ssh = getenv("SYSTEMD_SSH");
        char *host = strdup(options->host), *port = host ? split_port(host) : NULL;
        const char *words[] = {"ssh",
                               "-x",
                               terminal ? "-t" : "-T",
                               port ? "-p" : "--",
                               port ?: host,
                               port ? "--" : command,
                               port ? host : NULL,
                               command,
                               NULL};

        signal(SIGPIPE, SIG_DFL);
        if (host && (input < 0 || dup2(input, STDIN_FILENO) >= 0))
                execvp(ssh ?: "ssh", (char **) words);
        log_error_errno(-errno, "Cannot run ssh");
        _exit(SSH_FAILED);
}

static int ssh_end(const Options *options, pid_t pid)
{
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        if (WIFEXITED(status) && WEXITSTATUS(status) != SSH_FAILED)
                return WEXITSTATUS(status);
        log_error("Cannot reach '%s' by ssh, or the connection broke", options->host);
        return CTL_UNREACHABLE;
}

int remote_run(const Options *options, const char *verb, char **arguments, bool terminal)
{
        _cleanup_free_ char *command = remote_command(options, verb, arguments);
        bool both = terminal && isatty(STDIN_FILENO) && options->terminal;
        pid_t pid;

        if (!command)
                return -ENOMEM;
        fflush(NULL);
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                ssh_exec(options, command, both, -1);
        return ssh_end(options, pid);
}

/* A broken pipe is not ours to report: the other side has said why, and its exit code follows. */
static int send_file(int from, int to, Progress *progress, uint64_t *sent, uint64_t total)
{
        char buffer[COPY_BYTES];
        ssize_t n;
        int r;

        while ((n = read(from, buffer, sizeof(buffer))) != 0) {
                if (n < 0)
                        return -errno;
                r = file_write_all(to, buffer, (size_t) n);
                if (r < 0)
                        return r;
                *sent += (uint64_t) n;
                progress_update(progress, total ? (double) *sent / (double) total : 1, "");
        }
        return 0;
}

static int send_files(const Options *options, const Upload *upload, int to)
{
        uint64_t sent = 0, total = 0;
        Progress progress;
        int r = 0;

        for (size_t i = 0; i < upload->n_files; i++)
                total += upload->sizes[i];
        progress_begin(&progress, "Uploading", options->quiet);
        for (size_t i = 0; i < upload->n_files && r >= 0; i++)
                r = send_file(upload->fds[i], to, &progress, &sent, total);
        progress_end(&progress);
        return r == -EPIPE ? 0 : r;
}

/* The words for the other side, where the files are called `-`. */
static char *upload_command(const Options *options, const char *verb, char **arguments,
                            const Upload *upload)
{
        static char dash[] = "-";
        char *words[WORDS_MAX] = {}, sizes[UPLOAD_FILES_MAX * 24] = "";
        Options there = *options;
        size_t n = 0;

        while (n < WORDS_MAX - 1 && arguments[n]) {
                words[n] = arguments[n];
                n++;
        }
        for (size_t i = 0; i < upload->n_files; i++) {
                size_t length = strlen(sizes);

                words[n - upload->n_files + i] = dash;
                snprintf(sizes + length, sizeof(sizes) - length, "%s%" PRIu64, i ? "," : "",
                         upload->sizes[i]);
        }
        options_give(&there, "stdin", sizes);
        return remote_command(&there, verb, words);
}

int remote_upload(const Options *options, const char *verb, char **arguments, const Upload *upload)
{
        _cleanup_free_ char *command = upload_command(options, verb, arguments, upload);
        int ends[2], r, status;
        pid_t pid;

        if (!command)
                return -ENOMEM;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        fflush(NULL);
        pid = fork();
        if (pid == 0)
                ssh_exec(options, command, false, ends[0]);
        fd_close(ends[0]);
        r = pid < 0 ? -errno : send_files(options, upload, ends[1]);
        fd_close(ends[1]);
        status = pid < 0 ? 0 : ssh_end(options, pid);
        return r < 0 ? r : status;
}
