/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Shell sessions. Each is a pseudo-terminal and a login shell in front of it.
 *
 * Output: read from the terminal only as far as the host has given credit. Input: kept in a buffer
 * of AGENT_SHELL_WINDOW bytes, which is as much as the host may have under way, and written as the
 * terminal takes it; each byte taken is given back as credit. A session ends when its shell has
 * exited and what it wrote has been sent, or when the host closes it. */

#include "agent/shell.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "lib/base/array.h"

#define SHELL_PATH "/bin/bash"

typedef struct Session {
        Shells *shells;
        uint64_t id;
        pid_t pid;
        int terminal;
        sd_event_source *terminal_source, *child_source;
        char *input; /* AGENT_SHELL_WINDOW bytes */
        size_t n_input;
        uint64_t credit;   /* bytes that may be sent to the host */
        bool exited;       /* the shell has; its status is in code */
        bool ended_output; /* nothing more comes from the terminal */
        uint64_t code;
} Session;

struct Shells {
        sd_event *event;
        ShellSend *send;
        void *userdata;
        Session *sessions[AGENT_SHELL_SESSIONS_MAX];
        size_t n_sessions;
};

static void send_message(Shells *shells, AgentMessageType type, const AgentShell *shell)
{
        AgentMessage message = {.type = type, .shell = *shell};

        shells->send(shells->userdata, &message);
}

static Session *session_free(Session *session)
{
        if (!session)
                return NULL;
        sd_event_source_disable_unref(session->terminal_source);
        sd_event_source_disable_unref(session->child_source);
        fd_close(session->terminal);
        /* the terminal's end has sent SIGHUP; what ignores it is not left behind */
        if (session->pid > 0 && !session->exited) {
                kill(-session->pid, SIGKILL);
                while (waitpid(session->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        free(session->input);
        free(session);
        return NULL;
}
DEFINE_CLEANUP(Session *, session_free)

static Session *session_find(const Shells *shells, uint64_t id, size_t *ret_index)
{
        for (size_t i = 0; i < shells->n_sessions; i++)
                if (shells->sessions[i]->id == id) {
                        *ret_index = i;
                        return shells->sessions[i];
                }
        return NULL;
}

static void session_remove(Session *session)
{
        Shells *shells = session->shells;
        size_t index = 0;

        if (session_find(shells, session->id, &index) == session)
                ARRAY_REMOVE(shells->sessions, shells->n_sessions, index);
        session_free(session);
}

static void session_close(Session *session, const char *detail)
{
        AgentShell shell = {
                .session = session->id, .code = session->code, .detail = (char *) detail};

        send_message(session->shells, AGENT_SHELL_CLOSED, &shell);
        session_remove(session);
}

/* What is waited for on the terminal now. Nothing: then not for its end either, which would be told
 * again and again. */
static void session_watch(Session *session)
{
        uint32_t events = 0;

        if (session->credit > 0 && !session->ended_output)
                events |= EPOLLIN;
        if (session->n_input > 0)
                events |= EPOLLOUT;
        sd_event_source_set_io_events(session->terminal_source, events);
        sd_event_source_set_enabled(session->terminal_source, events == 0 || session->ended_output
                                                                      ? SD_EVENT_OFF
                                                                      : SD_EVENT_ON);
}

static void session_read(Session *session)
{
        uint8_t data[AGENT_SHELL_DATA_BYTES_MAX];
        size_t most = MIN((uint64_t) sizeof(data), session->credit);
        ssize_t n = read(session->terminal, data, most);
        AgentShell shell = {.session = session->id, .data = data};

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        /* EIO: no process has the other end any more */
        if (n <= 0) {
                session->ended_output = true;
                return;
        }
        session->credit -= (uint64_t) n;
        shell.n_data = (size_t) n;
        send_message(session->shells, AGENT_SHELL_DATA, &shell);
}

static void session_write(Session *session)
{
        ssize_t n = write(session->terminal, session->input, session->n_input);
        AgentShell shell = {.session = session->id};

        if (n <= 0)
                return;
        session->n_input -= (size_t) n;
        memmove(session->input, session->input + n, session->n_input);
        shell.credit = (uint64_t) n;
        send_message(session->shells, AGENT_SHELL_CREDIT, &shell);
}

/* Whether the shell has exited and all it wrote has been read. A process it left behind may keep
 * the terminal open; it is not waited for. (poll() flushes what is between the two ends first,
 * FIONREAD does not.) */
static bool session_is_finished(const Session *session)
{
        struct pollfd rest = {.fd = session->terminal, .events = POLLIN};

        return session->exited &&
               (session->ended_output || (poll(&rest, 1, 0) >= 0 && !(rest.revents & POLLIN)));
}

static int on_terminal(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Session *session = userdata;

        if (events & EPOLLOUT)
                session_write(session);
        if (session->credit > 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                session_read(session);
        else if (events & (EPOLLHUP | EPOLLERR))
                session->n_input = 0; /* nobody takes it; what is left to read waits for credit */
        if (session_is_finished(session))
                session_close(session, NULL);
        else
                session_watch(session);
        return 0;
}

static int on_shell_exit(sd_event_source *source, const siginfo_t *info, void *userdata)
{
        Session *session = userdata;

        session->exited = true;
        session->code =
                (uint64_t) (info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status);
        if (session_is_finished(session))
                session_close(session, NULL);
        return 0;
}

static void set_size(int terminal, uint64_t rows, uint64_t columns)
{
        struct winsize size = {.ws_row = (unsigned short) rows, .ws_col = (unsigned short) columns};

        if (rows > 0 && columns > 0)
                ioctl(terminal, TIOCSWINSZ, &size);
}

static int open_terminal(char name[static 64])
{
        _cleanup_close_ int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

        if (fd < 0)
                return -errno;
        if (grantpt(fd) < 0 || unlockpt(fd) < 0)
                return -errno;
        if (ptsname_r(fd, name, 64) != 0)
                return -errno;
        return TAKE_FD(fd);
}

/* In the child: a session of its own, the terminal as its controlling one, a clean environment. */
static _noreturn_ void run_shell(const char *terminal, const char *term)
{
        char term_variable[64];
        const char *const environment[] = {
                "HOME=/root",
                "USER=root",
                "LOGNAME=root",
                "SHELL=/bin/bash",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG=C.UTF-8",
                term_variable,
                NULL};
        sigset_t none;
        int fd;

        snprintf(term_variable, sizeof(term_variable), "TERM=%s", term);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL); /* what the agent ignores a pipeline in the shell rests on */
        setsid();
        fd = open(terminal, O_RDWR);
        if (fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
                _exit(126);
        if (fd > 2)
                close(fd);
        ioctl(0, TIOCSCTTY, 0);
        if (chdir("/root") < 0 && chdir("/") < 0)
                _exit(126);
        execle(SHELL_PATH, "-bash", (char *) NULL, (char *const *) environment);
        _exit(127);
}

static int session_start(Session *session, const AgentShell *open)
{
        char terminal[64];
        int r;

        session->terminal = open_terminal(terminal);
        if (session->terminal < 0)
                return session->terminal;
        set_size(session->terminal, open->rows, open->columns);
        session->pid = fork();
        if (session->pid < 0)
                return -errno;
        if (session->pid == 0)
                run_shell(terminal,
                          open->term && str_is_name(open->term, 32) ? open->term : "xterm");
        r = sd_event_add_child(session->shells->event, &session->child_source, session->pid,
                               WEXITED, on_shell_exit, session);
        if (r < 0)
                return r;
        r = sd_event_add_io(session->shells->event, &session->terminal_source, session->terminal,
                            EPOLLIN, on_terminal, session);
        return r;
}

static int session_new(Shells *shells, const AgentShell *open, Session **ret)
{
        _cleanup_(session_freep) Session *session = calloc(1, sizeof(*session));
        int r;

        if (!session)
                return -ENOMEM;
        *session = (Session) {.shells = shells,
                              .id = open->session,
                              .terminal = -1,
                              .credit = AGENT_SHELL_WINDOW};
        session->input = malloc(AGENT_SHELL_WINDOW);
        if (!session->input)
                return -ENOMEM;
        r = session_start(session, open);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(session);
        return 0;
}

static void handle_open(Shells *shells, const AgentShell *open)
{
        AgentShell answer = {.session = open->session};
        Session *session = NULL;
        size_t index;
        int r;

        if (session_find(shells, open->session, &index))
                answer.detail = (char *) "there is a session of that number";
        else if (shells->n_sessions == AGENT_SHELL_SESSIONS_MAX)
                answer.detail = (char *) "too many sessions are open";
        if (!answer.detail) {
                r = session_new(shells, open, &session);
                if (r < 0)
                        answer.detail = strerror(-r);
                else
                        shells->sessions[shells->n_sessions++] = session;
        }
        send_message(shells, AGENT_SHELL_OPENED, &answer);
}

static void handle_data(Session *session, const AgentShell *data)
{
        if (data->n_data > AGENT_SHELL_WINDOW - session->n_input) {
                session_close(session, "more was sent than there was credit for");
                return;
        }
        memcpy(session->input + session->n_input, data->data, data->n_data);
        session->n_input += data->n_data;
        session_write(session);
        session_watch(session);
}

void shells_handle(Shells *shells, const AgentMessage *message)
{
        const AgentShell *shell = &message->shell;
        Session *session;
        size_t index;

        if (message->type == AGENT_SHELL_OPEN) {
                handle_open(shells, shell);
                return;
        }
        session = session_find(shells, shell->session, &index);
        if (!session)
                return; /* it has ended meanwhile, and the host has been told */
        if (message->type == AGENT_SHELL_DATA && shell->n_data > 0)
                handle_data(session, shell);
        else if (message->type == AGENT_SHELL_CREDIT) {
                session->credit += MIN(shell->credit, AGENT_SHELL_WINDOW - session->credit);
                session_watch(session);
        } else if (message->type == AGENT_SHELL_RESIZE)
                set_size(session->terminal, shell->rows, shell->columns);
        else if (message->type == AGENT_SHELL_CLOSE)
                session_close(session, NULL);
}

int shells_new(sd_event *event, ShellSend *send, void *userdata, Shells **ret_shells)
{
        Shells *shells = calloc(1, sizeof(*shells));

        if (!shells)
                return -ENOMEM;
        *shells = (Shells) {.event = sd_event_ref(event), .send = send, .userdata = userdata};
        *ret_shells = shells;
        return 0;
}

void shells_close_all(Shells *shells)
{
        while (shells->n_sessions > 0)
                session_remove(shells->sessions[shells->n_sessions - 1]);
}

Shells *shells_free(Shells *shells)
{
        if (!shells)
                return NULL;
        shells_close_all(shells);
        sd_event_unref(shells->event);
        free(shells);
        return NULL;
}

size_t shells_count(const Shells *shells)
{
        return shells->n_sessions;
}
