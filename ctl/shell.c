/* SPDX-License-Identifier: GPL-3.0-or-later */

/* shell: a root shell in an instance. hostd hands out a stream; this end makes the terminal raw,
 * carries bytes both ways and tells of changes of size. Neither direction waits for the other. The
 * shell's exit status comes as a signal on the bus and becomes our own. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>

#include "ctl/bus.h"
#include "ctl/remote.h"
#include "ctl/target.h"
#include "ctl/verbs.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define PIPE_BYTES 16384
/* Without a status there is this, as ssh has it. */
#define SHELL_FAILED 255
/* ^] three times within a second leaves a shell that does not answer. */
#define ESCAPE_KEY   0x1d
#define ESCAPE_TIMES 3
#define END_OF_INPUT '\004'
/* The status comes on another way than the bytes, and may be this much later. */
#define STATUS_WAIT_NS (5 * NSEC_PER_SEC)

typedef struct Pipe {
        int from, to;
        char data[PIPE_BYTES];
        size_t length;
        bool ended;
} Pipe;

typedef struct Shell {
        sd_bus *bus;
        const char *name; /* of the shell, hostd's */
        Pipe typed;       /* from standard input to the stream */
        Pipe shown;       /* from the stream to standard output */
        int window_fd;    /* signalfd for SIGWINCH, or -1 */
        bool raw;
        struct termios saved;
        bool has_status;
        int status;
        unsigned escapes;
        uint64_t escape_ns;
        bool escaped;
} Shell;

static int on_ended(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *name, *reason;
        Shell *shell = userdata;
        int status;

        if (sd_bus_message_read(message, "sis", &name, &status, &reason) < 0 ||
            (shell->name && !str_equal(name, shell->name)))
                return 0;
        shell->has_status = true;
        shell->status = reason[0] ? SHELL_FAILED : status & 0xff;
        if (reason[0])
                log_error("The shell ended: %s", reason);
        return 0;
}

static struct winsize window_size(void)
{
        struct winsize size = {};

        if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
                return (struct winsize) {};
        return size;
}

static void terminal_raw(Shell *shell)
{
        struct termios raw;
        sigset_t mask;

        if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &shell->saved) < 0)
                return;
        raw = shell->saved;
        cfmakeraw(&raw);
        shell->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
        sigemptyset(&mask);
        sigaddset(&mask, SIGWINCH);
        sigprocmask(SIG_BLOCK, &mask, NULL);
        shell->window_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void shell_deinit(Shell *shell)
{
        if (shell->raw)
                tcsetattr(STDIN_FILENO, TCSADRAIN, &shell->saved);
        fd_close(shell->window_fd);
        fd_close(shell->shown.from);
        free(shell);
}
DEFINE_CLEANUP(Shell *, shell_deinit)

static void window_changed(Shell *shell)
{
        struct signalfd_siginfo info;
        struct winsize size;

        while (read(shell->window_fd, &info, sizeof(info)) == sizeof(info))
                ;
        size = window_size();
        if (size.ws_row > 0)
                sd_bus_call_method_async(shell->bus, NULL, HOST1_NAME, HOST1_PATH, HOST1_MANAGER,
                                         "ResizeShell", NULL, NULL, "sqq", shell->name, size.ws_row,
                                         size.ws_col);
}

static void look_for_escape(Shell *shell, const char *data, size_t length)
{
        uint64_t now_ns = clock_boottime_ns();

        for (size_t i = 0; i < length && shell->raw; i++) {
                if (data[i] != ESCAPE_KEY || now_ns - shell->escape_ns > NSEC_PER_SEC)
                        shell->escapes = 0;
                if (data[i] != ESCAPE_KEY)
                        continue;
                if (shell->escapes++ == 0)
                        shell->escape_ns = now_ns;
                shell->escaped |= shell->escapes >= ESCAPE_TIMES;
        }
}

/* What would block is tried again when poll() says so; anything else ends that direction. */
static void pipe_read(Pipe *pipe)
{
        ssize_t n = read(pipe->from, pipe->data + pipe->length, sizeof(pipe->data) - pipe->length);

        if (n > 0)
                pipe->length += (size_t) n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
                pipe->ended = true;
}

static void pipe_write(Pipe *pipe, bool is_socket)
{
        ssize_t n = is_socket ? send(pipe->to, pipe->data, pipe->length, MSG_DONTWAIT)
                              : write(pipe->to, pipe->data, pipe->length);

        if (n >= 0) {
                pipe->length -= (size_t) n;
                memmove(pipe->data, pipe->data + n, pipe->length);
        } else if (errno != EAGAIN && errno != EINTR) {
                pipe->length = 0;
                pipe->ended = true;
        }
}

static void typed_read(Shell *shell)
{
        size_t before = shell->typed.length;

        pipe_read(&shell->typed);
        look_for_escape(shell, shell->typed.data + before, shell->typed.length - before);
        /* a pipe or file has been typed to its end: say so to the shell's terminal */
        if (shell->typed.ended && !shell->raw && shell->typed.length < sizeof(shell->typed.data))
                shell->typed.data[shell->typed.length++] = END_OF_INPUT;
}

enum { POLL_TYPED, POLL_STREAM, POLL_SHOWN, POLL_BUS, POLL_WINDOW, POLL_COUNT };

static int poll_all(Shell *shell, struct pollfd fds[POLL_COUNT], uint64_t timeout_ns)
{
        Pipe *typed = &shell->typed, *shown = &shell->shown;
        struct timespec timeout = {.tv_sec = (time_t) (timeout_ns / NSEC_PER_SEC),
                                   .tv_nsec = (long) (timeout_ns % NSEC_PER_SEC)};
        /* one byte stays free for END_OF_INPUT */
        bool may_type = !typed->ended && typed->length < sizeof(typed->data) - 1;
        bool may_show = !shown->ended && shown->length < sizeof(shown->data);

        fds[POLL_TYPED] = (struct pollfd) {may_type ? typed->from : -1, POLLIN, 0};
        fds[POLL_STREAM] = (struct pollfd) {
                may_show || typed->length ? shown->from : -1,
                (short) ((may_show ? POLLIN : 0) | (typed->length ? POLLOUT : 0)), 0};
        fds[POLL_SHOWN] = (struct pollfd) {shown->length ? shown->to : -1, POLLOUT, 0};
        fds[POLL_BUS] = (struct pollfd) {sd_bus_get_fd(shell->bus),
                                         (short) sd_bus_get_events(shell->bus), 0};
        fds[POLL_WINDOW] = (struct pollfd) {shell->window_fd, POLLIN, 0};
        if (ppoll(fds, POLL_COUNT, &timeout, NULL) < 0) {
                for (size_t i = 0; i < POLL_COUNT; i++)
                        fds[i].revents = 0;
                return errno == EINTR ? 0 : -errno;
        }
        return 0;
}

static int carry(Shell *shell, uint64_t timeout_ns)
{
        struct pollfd fds[POLL_COUNT];
        int r = poll_all(shell, fds, timeout_ns);

        if (r < 0)
                return r;
        if (fds[POLL_TYPED].revents)
                typed_read(shell);
        if (fds[POLL_STREAM].revents & POLLOUT && shell->typed.length)
                pipe_write(&shell->typed, true);
        if (fds[POLL_STREAM].revents & (POLLIN | POLLHUP | POLLERR) && !shell->shown.ended &&
            shell->shown.length < sizeof(shell->shown.data))
                pipe_read(&shell->shown);
        if (fds[POLL_SHOWN].revents && shell->shown.length)
                pipe_write(&shell->shown, false);
        if (fds[POLL_WINDOW].revents)
                window_changed(shell);
        do
                r = sd_bus_process(shell->bus, NULL);
        while (r > 0);
        return r;
}

/* Until everything has been shown and the status is known; the status must come soon after the end
 * of the stream, and the end of the stream soon after the status. */
static int shell_run(Shell *shell)
{
        uint64_t deadline_ns = UINT64_MAX;

        for (;;) {
                uint64_t now_ns = clock_boottime_ns();
                bool shown_all = shell->shown.ended && shell->shown.length == 0;
                int r;

                if (shell->escaped || (shown_all && shell->has_status) || now_ns >= deadline_ns)
                        break;
                if (deadline_ns == UINT64_MAX && (shown_all || shell->has_status))
                        deadline_ns = now_ns + STATUS_WAIT_NS;
                r = carry(shell, MIN(deadline_ns - now_ns, 60 * NSEC_PER_SEC));
                if (r < 0)
                        return bus_failed(r, NULL, "The shell");
        }
        if (shell->has_status)
                return shell->status;
        if (!shell->escaped)
                log_error("The shell ended, and did not say how");
        return SHELL_FAILED;
}

static int shell_open(Shell *shell, const Options *options, const Target *target,
                      sd_bus_message **ret_reply)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        struct winsize size = window_size();
        int stream, r;

        r = sd_bus_match_signal(shell->bus, NULL, HOST1_NAME, HOST1_PATH, HOST1_MANAGER,
                                "ShellEnded", on_ended, shell);
        if (r < 0)
                return bus_failed(r, NULL, "Subscribing to the shell's end");
        r = sd_bus_call_method(shell->bus, HOST1_NAME, HOST1_PATH, HOST1_MANAGER, "OpenShell",
                               &error, ret_reply, "sssqq", target->service,
                               options->slot ? options->slot : "production", target->instance,
                               size.ws_row, size.ws_col);
        if (r < 0)
                return bus_failed(r, &error, "Opening a shell in %s/%s", target->service,
                                  target->instance);
        r = sd_bus_message_read(*ret_reply, "hs", &stream, &shell->name);
        if (r < 0)
                return r;
        stream = fcntl(stream, F_DUPFD_CLOEXEC, 3);
        if (stream < 0)
                return -errno;
        shell->shown.from = shell->typed.to = stream;
        return CTL_DONE;
}

int verb_shell(const Options *options, size_t n_arguments, char **arguments)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_(shell_deinitp) Shell *shell = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        Target target;
        int r = target_read(arguments[0], &target);

        if (r != CTL_DONE)
                return r;
        if (options->host)
                return remote_run(options, "shell", arguments, true);
        r = bus_open(options, &bus);
        if (r != CTL_DONE)
                return r;
        shell = calloc(1, sizeof(*shell));
        if (!shell)
                return -ENOMEM;
        shell->bus = bus;
        shell->window_fd = shell->shown.from = shell->typed.to = -1;
        shell->shown.to = STDOUT_FILENO;
        shell->typed.from = STDIN_FILENO;
        r = shell_open(shell, options, &target, &reply);
        if (r != CTL_DONE)
                return r;
        terminal_raw(shell);
        if (shell->raw) /* a raw terminal wants the carriage return too */
                fprintf(stderr,
                        "Connected to %s/%s. Press ^] three times within a second to leave.\r\n",
                        target.service, target.instance);
        return shell_run(shell);
}
