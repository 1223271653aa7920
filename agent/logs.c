/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Role output, from pipes to log messages. Two token buckets, of lines and of bytes, are shared by
 * all sources: one guest has one rate. */

#include "agent/logs.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "lib/base/clock.h"

#define READ_BYTES        (16 * KIB)
#define REPORT_DROPPED_US USEC_PER_SEC
#define SAY_BYTES_MAX     1024

/* Of one program's stream. */
typedef struct Pipe {
        Logs *logs;
        int fd;
        sd_event_source *io;
        char source[LOGS_SOURCE_BYTES_MAX];
        AgentLogStream stream;
        char *line; /* what has come of a line that is not complete */
        size_t n_line;
} Pipe;

struct Logs {
        sd_event *event;
        LogsSend *send;
        void *userdata;
        Pipe *pipes[LOGS_PIPES_MAX];
        size_t n_pipes;
        uint64_t filled_ns; /* when the buckets were last filled */
        uint64_t bytes, lines;
        uint64_t dropped;
        sd_event_source *report;
};

/* Length of the UTF-8 character at the text's begin, 0 when there is none. Source: RFC 3629. */
static size_t utf8_length(const unsigned char *text, size_t left)
{
        static const struct {
                unsigned char first, last, second_first, second_last;
                size_t length;
        } forms[] = {
                {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
                {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
                {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
        };

        for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
                if (text[0] < forms[i].first || text[0] > forms[i].last || left < forms[i].length)
                        continue;
                if (text[1] < forms[i].second_first || text[1] > forms[i].second_last)
                        return 0;
                for (size_t k = 2; k < forms[i].length; k++)
                        if ((text[k] & 0xc0) != 0x80)
                                return 0;
                return forms[i].length;
        }
        return 0;
}

void logs_clean(char *text, size_t length)
{
        unsigned char *at = (unsigned char *) text;

        for (size_t i = 0, n; i < length; i += n) {
                n = 1;
                if (at[i] >= 0x80)
                        n = utf8_length(at + i, length - i);
                else if ((at[i] < 0x20 && at[i] != '\t' && at[i] != '\n') || at[i] == 0x7f)
                        n = 0;
                if (n == 0) {
                        at[i] = at[i] == '\r' ? ' ' : '?';
                        n = 1;
                }
        }
}

static void fill_buckets(Logs *logs)
{
        uint64_t now_ns = clock_boottime_ns();
        uint64_t passed_ns = MIN(now_ns - logs->filled_ns, 10 * NSEC_PER_SEC);

        if (passed_ns < NSEC_PER_SEC / 100)
                return;
        logs->filled_ns = now_ns;
        logs->bytes = MIN(logs->bytes + passed_ns * LOGS_BYTES_PER_S / NSEC_PER_SEC,
                          (uint64_t) LOGS_BURST_BYTES);
        logs->lines = MIN(logs->lines + passed_ns * LOGS_LINES_PER_S / NSEC_PER_SEC,
                          (uint64_t) LOGS_BURST_LINES);
}

static void count_dropped(Logs *logs, uint64_t lines)
{
        if (logs->dropped == 0 && logs->report) {
                (void) sd_event_source_set_time_relative(logs->report, REPORT_DROPPED_US);
                (void) sd_event_source_set_enabled(logs->report, SD_EVENT_ONESHOT);
        }
        logs->dropped += lines;
}

/* Sends whole lines; @text is changed. */
static void send_text(Logs *logs, const char *source, AgentLogStream stream, char *text,
                      size_t length, uint64_t lines)
{
        char name[LOGS_SOURCE_BYTES_MAX];
        AgentMessage message = {
                .type = AGENT_LOG,
                .log = {.stream = stream, .source = name, .text = text, .dropped = logs->dropped}};

        fill_buckets(logs);
        if (length > logs->bytes || lines > logs->lines) {
                count_dropped(logs, lines);
                return;
        }
        logs->bytes -= length;
        logs->lines -= lines;
        snprintf(name, sizeof(name), "%s", source);
        logs_clean(text, length);
        text[length] = '\0';
        if (logs->send(logs->userdata, &message) < 0)
                count_dropped(logs, lines);
        else
                logs->dropped = 0;
}

static int on_report(sd_event_source *source, uint64_t usec, void *userdata)
{
        Logs *logs = userdata;
        uint64_t dropped = logs->dropped;
        char text[1] = "";

        if (dropped == 0)
                return 0;
        send_text(logs, "agent", AGENT_LOG_AGENT, text, 0, 0);
        if (logs->dropped > 0) { /* not even this got through: later */
                (void) sd_event_source_set_time_relative(logs->report, REPORT_DROPPED_US);
                (void) sd_event_source_set_enabled(logs->report, SD_EVENT_ONESHOT);
        }
        return 0;
}

int logs_new(sd_event *event, LogsSend *send, void *userdata, Logs **ret_logs)
{
        _cleanup_(logs_freep) Logs *logs = calloc(1, sizeof(*logs));
        int r;

        if (!logs)
                return -ENOMEM;
        *logs = (Logs) {.event = sd_event_ref(event),
                        .send = send,
                        .userdata = userdata,
                        .filled_ns = clock_boottime_ns(),
                        .bytes = LOGS_BURST_BYTES,
                        .lines = LOGS_BURST_LINES};
        r = sd_event_add_time_relative(event, &logs->report, CLOCK_BOOTTIME, 0, 0, on_report, logs);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(logs->report, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret_logs = TAKE_PTR(logs);
        return 0;
}

static Pipe *pipe_free(Pipe *p)
{
        if (!p)
                return NULL;
        sd_event_source_disable_unref(p->io);
        fd_close(p->fd);
        free(p->line);
        free(p);
        return NULL;
}
DEFINE_CLEANUP(Pipe *, pipe_free)

Logs *logs_free(Logs *logs)
{
        if (!logs)
                return NULL;
        for (size_t i = 0; i < logs->n_pipes; i++)
                pipe_free(logs->pipes[i]);
        sd_event_source_disable_unref(logs->report);
        sd_event_unref(logs->event);
        free(logs);
        return NULL;
}

/* Sends the lines of the pipe's buffer; at the end also one without a line break. */
static void pipe_cut(Pipe *p, bool end)
{
        uint64_t lines = 0;
        size_t length = 0;

        for (size_t i = 0; i < p->n_line; i++)
                if (p->line[i] == '\n') {
                        lines++;
                        length = i + 1;
                }
        if (end || (length == 0 && p->n_line >= LOGS_LINE_BYTES_MAX)) {
                lines += length < p->n_line;
                length = p->n_line;
        }
        if (length == 0)
                return;
        /* the last line break is not part of the text; room for the zero is always there */
        char kept = p->line[length];
        bool broken = p->line[length - 1] == '\n';

        send_text(p->logs, p->source, p->stream, p->line, length - broken, lines);
        p->line[length] = kept;
        memmove(p->line, p->line + length, p->n_line - length);
        p->n_line -= length;
}

static void pipe_remove(Pipe *p)
{
        Logs *logs = p->logs;

        for (size_t i = 0; i < logs->n_pipes; i++)
                if (logs->pipes[i] == p) {
                        logs->pipes[i] = logs->pipes[--logs->n_pipes];
                        break;
                }
        pipe_free(p);
}

static int on_pipe(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Pipe *p = userdata;
        ssize_t n;

        if (!p->line)
                p->line = malloc(LOGS_LINE_BYTES_MAX + READ_BYTES);
        if (!p->line)
                return 0; /* the pipe is full for a while */
        n = read(fd, p->line + p->n_line,
                 MIN((size_t) AGENT_LOG_TEXT_BYTES_MAX, LOGS_LINE_BYTES_MAX + READ_BYTES - 1) -
                         p->n_line);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n > 0)
                p->n_line += (size_t) n;
        pipe_cut(p, n <= 0);
        if (n <= 0) {
                pipe_remove(p);
        } else if (p->n_line == 0) {
                free(p->line);
                p->line = NULL;
        }
        return 0;
}

/* Takes over the reading end. */
static int add_pipe(Logs *logs, int fd, const char *source, AgentLogStream stream)
{
        _cleanup_(pipe_freep) Pipe *p = calloc(1, sizeof(*p));
        int r;

        if (!p) {
                fd_close(fd);
                return -ENOMEM;
        }
        *p = (Pipe) {.logs = logs, .fd = fd, .stream = stream};
        snprintf(p->source, sizeof(p->source), "%s", source);
        if (logs->n_pipes == LOGS_PIPES_MAX)
                return -EMFILE;
        r = sd_event_add_io(logs->event, &p->io, fd, EPOLLIN, on_pipe, p);
        if (r < 0)
                return r;
        logs->pipes[logs->n_pipes++] = TAKE_PTR(p);
        return 0;
}

int logs_open(Logs *logs, const char *source, AgentLogStream stream, int *ret_write_fd)
{
        _cleanup_free_ char *state = NULL;
        int fds[2], r;

        assert(stream == AGENT_LOG_OUT || stream == AGENT_LOG_ERR);
        state = str_printf("FDSTORE=1\nFDNAME=log.%s.%s", stream == AGENT_LOG_OUT ? "out" : "err",
                           source);
        if (!state)
                return -ENOMEM;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
                r = -errno;
                fd_close(fds[0]);
        } else {
                /* without a systemd to keep it (tests), a restart loses it: nothing to do about it
                 */
                (void) sd_pid_notify_with_fds(0, false, state, fds, 1);
                r = add_pipe(logs, fds[0], source, stream);
        }
        if (r < 0) {
                fd_close(fds[1]);
                return r;
        }
        *ret_write_fd = fds[1];
        return 0;
}

int logs_adopt(Logs *logs, int fd, const char *name)
{
        const char *source;

        source = str_after(name, "log.out.");
        if (source)
                return add_pipe(logs, fd, source, AGENT_LOG_OUT);
        source = str_after(name, "log.err.");
        if (source)
                return add_pipe(logs, fd, source, AGENT_LOG_ERR);
        fd_close(fd);
        return -EINVAL;
}

void logs_say(Logs *logs, const char *format, ...)
{
        char text[SAY_BYTES_MAX];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        send_text(logs, "agent", AGENT_LOG_AGENT, text, strlen(text), 1);
}
