/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ASKED --agent opened it--> OPEN --agent closed it, or the caller did--> gone
 *
 * Bytes from the guest wait in a buffer of at most one window until the caller takes them; only
 * then the agent is given credit for more. Bytes from the caller are read only as far as the
 * agent's window reaches. */

#include "hostd/shells.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

#include "lib/base/str.h"
#include "lib/io/bus.h"

#define OPEN_TIMEOUT_US (10 * USEC_PER_SEC)

typedef struct Shell {
        Shells *shells;
        uint64_t session;
        InstanceId instance;
        sd_bus_message *call; /* unanswered; then NULL */
        char *sender;
        int fd, caller_fd;
        sd_event_source *io, *timer;
        StrBuffer pending; /* for the caller */
        uint64_t window;   /* bytes that may still be sent to the agent */
        bool closed;       /* by the agent: ends when pending is empty */
        int status;
        struct Shell *next;
} Shell;

struct Shells {
        sd_event *event;
        HostHalf *half;
        sd_bus *bus;
        Shell *first;
        unsigned count;
        uint64_t last_session;
};

static int send_to_agent(Shell *shell, AgentMessage *message)
{
        message->shell.session = shell->session;
        return host_half_shell_send(shell->shells->half, &shell->instance, message);
}

static void shell_free(Shell *shell)
{
        for (Shell **s = &shell->shells->first; *s; s = &(*s)->next)
                if (*s == shell) {
                        *s = shell->next;
                        shell->shells->count--;
                        break;
                }
        sd_event_source_disable_unref(shell->io);
        sd_event_source_disable_unref(shell->timer);
        fd_close(shell->fd);
        fd_close(shell->caller_fd);
        str_buffer_deinit(&shell->pending);
        sd_bus_message_unref(shell->call);
        free(shell->sender);
        free(shell);
}

static void shell_name(const Shell *shell, char text[static 32])
{
        snprintf(text, 32, "shell%llu", (unsigned long long) shell->session);
}

/* Tells whoever waits, and frees the shell. */
static void shell_end(Shell *shell, int status, const char *reason)
{
        sd_bus *bus = shell->shells->bus;
        char name[32];

        shell_name(shell, name);
        if (shell->call) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

                bus_error(&error, "NotReady", "no shell in %s_IN_%u: %s", shell->instance.role,
                          shell->instance.number, reason[0] ? reason : "it ended at once");
                sd_bus_reply_method_error(shell->call, &error);
        } else if (bus && shell->sender) {
                sd_bus_emit_signal_to(bus, shell->sender, "/org/troupe/Host1",
                                      "org.troupe.Host1.Manager", "ShellEnded", "sis", name, status,
                                      reason);
        }
        shell_free(shell);
}

static void update_events(Shell *shell)
{
        uint32_t events = 0;

        if (shell->window > 0 && !shell->closed)
                events |= EPOLLIN;
        if (shell->pending.length > 0)
                events |= EPOLLOUT;
        sd_event_source_set_io_events(shell->io, events);
}

/* False when the shell is gone. */
static bool write_pending(Shell *shell)
{
        ssize_t n;

        if (shell->pending.length == 0)
                return true;
        n = send(shell->fd, shell->pending.data, shell->pending.length, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
                return true;
        if (n < 0) {
                (void) send_to_agent(shell, &(AgentMessage) {.type = AGENT_SHELL_CLOSE});
                shell_free(shell);
                return false;
        }
        memmove(shell->pending.data, shell->pending.data + n, shell->pending.length - (size_t) n);
        shell->pending.length -= (size_t) n;
        if (!shell->closed)
                (void) send_to_agent(shell, &(AgentMessage) {.type = AGENT_SHELL_CREDIT,
                                                             .shell.credit = (uint64_t) n});
        return true;
}

static bool read_caller(Shell *shell)
{
        uint8_t buffer[AGENT_SHELL_DATA_BYTES_MAX];
        ssize_t n = recv(shell->fd, buffer, MIN(sizeof(buffer), shell->window), 0);

        if (n < 0 && errno == EAGAIN)
                return true;
        if (n <= 0) {
                (void) send_to_agent(shell, &(AgentMessage) {.type = AGENT_SHELL_CLOSE});
                shell_free(shell);
                return false;
        }
        shell->window -= (uint64_t) n;
        if (send_to_agent(shell, &(AgentMessage) {.type = AGENT_SHELL_DATA,
                                                  .shell.data = buffer,
                                                  .shell.n_data = (size_t) n}) < 0) {
                shell_end(shell, 255, "the agent went away");
                return false;
        }
        return true;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Shell *shell = userdata;

        if ((revents & EPOLLOUT) && !write_pending(shell))
                return 0;
        if ((revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !shell->closed && shell->window > 0 &&
            !read_caller(shell))
                return 0;
        if ((revents & (EPOLLHUP | EPOLLERR)) && (shell->closed || shell->window == 0)) {
                (void) send_to_agent(shell, &(AgentMessage) {.type = AGENT_SHELL_CLOSE});
                shell_free(shell);
                return 0;
        }
        if (shell->closed && shell->pending.length == 0)
                shell_end(shell, shell->status, "");
        else
                update_events(shell);
        return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
        shell_end(userdata, 255, "the agent did not answer");
        return 0;
}

static int shell_start(Shell *shell, unsigned rows, unsigned columns)
{
        AgentMessage message = {.type = AGENT_SHELL_OPEN,
                                .shell = {.rows = rows, .columns = columns}};
        int fds[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        shell->fd = fds[0];
        shell->caller_fd = fds[1];
        r = sd_event_add_io(shell->shells->event, &shell->io, shell->fd, 0, on_io, shell);
        if (r >= 0)
                r = sd_event_add_time_relative(shell->shells->event, &shell->timer, CLOCK_BOOTTIME,
                                               OPEN_TIMEOUT_US, 0, on_timeout, shell);
        return r < 0 ? r : send_to_agent(shell, &message);
}

int shells_open(Shells *shells, sd_bus_message *message, const InstanceId *instance, unsigned rows,
                unsigned columns)
{
        const char *sender = sd_bus_message_get_sender(message);
        Shell *shell;
        int r;

        if (shells->count >= SHELLS_MAX)
                return -EMFILE;
        shell = calloc(1, sizeof(*shell));
        if (!shell)
                return -ENOMEM;
        shell->shells = shells;
        shell->next = shells->first;
        shells->first = shell;
        shells->count++;
        shell->fd = shell->caller_fd = -1;
        shell->session = ++shells->last_session;
        shell->instance = *instance;
        shell->window = AGENT_SHELL_WINDOW;
        r = str_set(&shell->sender, sender);
        if (r == 0)
                r = shell_start(shell, rows, columns);
        if (r < 0) {
                shell_free(shell);
                return r;
        }
        shell->call = sd_bus_message_ref(message);
        return 0;
}

int shells_resize(Shells *shells, const char *sender, const char *name, unsigned rows,
                  unsigned columns)
{
        for (Shell *shell = shells->first; shell; shell = shell->next) {
                char text[32];

                shell_name(shell, text);
                if (!str_equal(text, name))
                        continue;
                if (!str_equal(sender, shell->sender))
                        return -EACCES;
                (void) send_to_agent(shell,
                                     &(AgentMessage) {.type = AGENT_SHELL_RESIZE,
                                                      .shell = {.rows = rows, .columns = columns}});
                return 0;
        }
        return -ENOENT;
}

static void on_opened(Shell *shell, const AgentShell *said)
{
        char name[32];

        if (!shell->call)
                return;
        if (said->detail) {
                shell_end(shell, 255, said->detail);
                return;
        }
        shell->timer = sd_event_source_disable_unref(shell->timer);
        shell_name(shell, name);
        sd_bus_reply_method_return(shell->call, "hs", shell->caller_fd, name);
        shell->call = sd_bus_message_unref(shell->call);
        shell->caller_fd = fd_close(shell->caller_fd);
        update_events(shell);
}

static void on_data(Shell *shell, const AgentShell *said)
{
        if (shell->pending.length + said->n_data > AGENT_SHELL_WINDOW) {
                (void) send_to_agent(shell, &(AgentMessage) {.type = AGENT_SHELL_CLOSE});
                shell_end(shell, 255, "the guest sent more than it may");
                return;
        }
        str_buffer_append(&shell->pending, said->data, said->n_data);
        if (write_pending(shell))
                update_events(shell);
}

static void on_closed(Shell *shell, const AgentShell *said)
{
        shell->closed = true;
        shell->status = (int) MIN(said->code, UINT64_C(255));
        if (shell->call || said->detail)
                shell_end(shell, shell->status, said->detail ?: "");
        else if (shell->pending.length == 0)
                shell_end(shell, shell->status, "");
        else
                update_events(shell);
}

/* Ends those of an instance, or of these only those that are open: one that was asked for may be
 * asked of the next agent, and one that has exited waits for its caller only. */
static void end_all(Shells *shells, const InstanceId *instance, bool open, const char *reason)
{
        Shell *next;

        for (Shell *shell = shells->first; shell; shell = next) {
                next = shell->next;
                if (instance_id_equal(&shell->instance, instance) &&
                    (!open || (!shell->call && !shell->closed)))
                        shell_end(shell, 255, reason);
        }
}

void shells_message(Shells *shells, const InstanceId *instance, const AgentMessage *message)
{
        Shell *shell = shells->first;

        if (message->type == AGENT_HELLO) {
                end_all(shells, instance, true, "the agent was started again");
                return;
        }
        while (shell && (shell->session != message->shell.session ||
                         !instance_id_equal(&shell->instance, instance)))
                shell = shell->next;
        if (!shell)
                return;
        switch (message->type) {
        case AGENT_SHELL_OPENED:
                on_opened(shell, &message->shell);
                break;
        case AGENT_SHELL_DATA:
                on_data(shell, &message->shell);
                break;
        case AGENT_SHELL_CREDIT:
                shell->window += MIN(message->shell.credit, AGENT_SHELL_WINDOW - shell->window);
                update_events(shell);
                break;
        case AGENT_SHELL_CLOSED:
                on_closed(shell, &message->shell);
                break;
        default:
                break;
        }
}

void shells_instance_lost(Shells *shells, const InstanceId *instance, const char *reason)
{
        end_all(shells, instance, false, reason);
}

void shells_set_half(Shells *shells, HostHalf *half)
{
        shells->half = half;
}

void shells_set_bus(Shells *shells, sd_bus *bus)
{
        Shell *next;

        shells->bus = bus;
        for (Shell *shell = shells->first; shell && !bus; shell = next) {
                next = shell->next;
                if (shell->call)
                        shell_free(shell);
        }
}

int shells_new(sd_event *event, Shells **ret_shells)
{
        Shells *shells = calloc(1, sizeof(*shells));

        if (!shells)
                return -ENOMEM;
        shells->event = sd_event_ref(event);
        *ret_shells = shells;
        return 0;
}

Shells *shells_free(Shells *shells)
{
        if (!shells)
                return NULL;
        while (shells->first)
                shell_free(shells->first);
        sd_event_unref(shells->event);
        free(shells);
        return NULL;
}
