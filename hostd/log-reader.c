/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Reading roles' logs. A reader's thread owns its journal, its query and its end of the pipe, and
 * shares nothing but the count of readers. It ends by itself: at the end of the journal, or when
 * nobody reads any more, which it notices also while it waits for new lines. */

#include "hostd/log-reader.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <systemd/sd-json.h>

#include "lib/base/file.h"
#include "lib/base/str.h"

typedef struct Reader {
        sd_journal *journal;
        char *service, *role, *instance, *host, *directory;
        uint32_t lines;
        bool follow;
        int fd; /* write end */
} Reader;

static atomic_uint n_readers;

static Reader *reader_free(Reader *reader)
{
        if (!reader)
                return NULL;
        sd_journal_close(reader->journal);
        fd_close(reader->fd);
        free(reader->service);
        free(reader->role);
        free(reader->instance);
        free(reader->host);
        free(reader->directory);
        free(reader);
        return NULL;
}
DEFINE_CLEANUP(Reader *, reader_free)

static int add_match(Reader *reader, const char *field, const char *value)
{
        _cleanup_free_ char *match = NULL;

        if (str_empty(value))
                return 0;
        match = str_printf("%s=%s", field, value);
        return match ? sd_journal_add_match(reader->journal, match, 0) : -ENOMEM;
}

static int reader_open(Reader *reader)
{
        int r = reader->directory
                        ? sd_journal_open_directory(&reader->journal, reader->directory, 0)
                        : sd_journal_open(&reader->journal, SD_JOURNAL_LOCAL_ONLY);

        if (r >= 0)
                r = sd_journal_set_data_threshold(reader->journal, LOG_READER_TEXT_MAX);
        if (r >= 0)
                r = add_match(reader, "TROUPE_SERVICE", reader->service);
        if (r >= 0)
                r = add_match(reader, "TROUPE_ROLE", reader->role);
        if (r >= 0)
                r = add_match(reader, "TROUPE_INSTANCE", reader->instance);
        return r;
}

/* The value of a field of the present entry as owned text without bytes that no text has; "" when
 * it is missing. */
static char *field(Reader *reader, const char *name)
{
        const char *data = NULL;
        size_t length = 0, prefix = strlen(name) + 1;
        char *text;

        if (sd_journal_get_data(reader->journal, name, (const void **) &data, &length) < 0 ||
            length < prefix)
                return strdup("");
        text = strndup(data + prefix, MIN(length - prefix, LOG_READER_TEXT_MAX));
        for (char *p = text; p && *p; p++)
                if ((unsigned char) *p < 0x20 && *p != '\t' && *p != '\n')
                        *p = '?';
        return text;
}

/* A message need not be UTF-8, which JSON has to be: other bytes become '?'. */
static void make_ascii(char *text)
{
        for (; *text; text++)
                if ((unsigned char) *text >= 0x80)
                        *text = '?';
}

static int write_entry(Reader *reader)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *line = NULL;
        _cleanup_free_ char *role = field(reader, "TROUPE_ROLE"), *text = NULL;
        _cleanup_free_ char *instance = field(reader, "TROUPE_INSTANCE");
        _cleanup_free_ char *message = field(reader, "MESSAGE"),
                            *priority = field(reader, "PRIORITY");
        uint64_t time_us = 0, level = 6;
        int r;

        if (!role || !instance || !message || !priority)
                return -ENOMEM;
        sd_journal_get_realtime_usec(reader->journal, &time_us);
        str_to_u64(priority, 7, &level);
        for (unsigned i = 0; i < 2; i++) {
                r = sd_json_buildo(&line, SD_JSON_BUILD_PAIR_UNSIGNED("time_usec", time_us),
                                   SD_JSON_BUILD_PAIR_STRING("service", reader->service),
                                   SD_JSON_BUILD_PAIR_STRING("role", role),
                                   SD_JSON_BUILD_PAIR_STRING("instance", instance),
                                   SD_JSON_BUILD_PAIR_STRING("host", reader->host),
                                   SD_JSON_BUILD_PAIR_UNSIGNED("priority", level),
                                   SD_JSON_BUILD_PAIR_STRING("message", message));
                if (r != -EINVAL && r != -EUCLEAN)
                        break;
                make_ascii(message);
        }
        if (r >= 0)
                r = sd_json_variant_format(line, SD_JSON_FORMAT_NEWLINE, &text);
        return r < 0 ? r : file_write_all(reader->fd, text, strlen(text));
}

/* Waits until the journal has changed: 0; -EPIPE when nobody reads any more. */
static int wait_for_more(Reader *reader)
{
        struct pollfd fds[] = {
                {.fd = sd_journal_get_fd(reader->journal), .events = POLLIN},
                {.fd = reader->fd}, /* POLLERR when the read end is closed */
        };
        int r;

        for (;;) {
                uint64_t until = UINT64_MAX;

                sd_journal_get_timeout(reader->journal, &until);
                /* where inotify does not work (network file systems) the journal asks to be looked
                 * at by time */
                r = poll(fds, ARRAY_SIZE(fds), until == UINT64_MAX ? -1 : 1000);
                if (r < 0 && errno != EINTR)
                        return -errno;
                if (fds[1].revents & (POLLERR | POLLHUP))
                        return -EPIPE;
                r = sd_journal_process(reader->journal);
                if (r < 0)
                        return r;
                if (r != SD_JOURNAL_NOP)
                        return 0;
        }
}

static int reader_seek(Reader *reader)
{
        int r = sd_journal_seek_tail(reader->journal);

        if (r < 0)
                return r;
        /* the entry before the first one that is wanted, which next() then goes on from */
        r = sd_journal_previous_skip(reader->journal, (uint64_t) reader->lines + 1);
        if (r < 0)
                return r;
        return (uint32_t) r < reader->lines + 1 ? sd_journal_seek_head(reader->journal) : 0;
}

static void *reader_run(void *argument)
{
        Reader *reader = argument;
        int r = reader_seek(reader);

        while (r >= 0) {
                r = sd_journal_next(reader->journal);
                if (r > 0)
                        r = write_entry(reader);
                else if (r == 0 && reader->follow)
                        r = wait_for_more(reader);
                else
                        break;
        }
        reader_free(reader);
        atomic_fetch_sub(&n_readers, 1);
        return NULL;
}

static int reader_new(const LogReaderQuery *query, int fd, Reader **ret)
{
        _cleanup_(reader_freep) Reader *reader = calloc(1, sizeof(*reader));
        int r;

        if (!reader) {
                fd_close(fd);
                return -ENOMEM;
        }
        reader->fd = fd;
        reader->lines = MIN(query->lines, (uint32_t) LOG_READER_LINES_MAX);
        reader->follow = query->follow;
        r = str_set(&reader->service, query->service);
        if (r == 0)
                r = str_set(&reader->role, query->role);
        if (r == 0)
                r = str_set(&reader->instance, query->instance);
        if (r == 0)
                r = str_set(&reader->host, query->host);
        if (r == 0)
                r = str_set(&reader->directory, query->directory);
        if (r == 0)
                r = reader_open(reader);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reader);
        return 0;
}

/* The thread takes no signals: they are the event loop's. */
static int start_thread(Reader *reader)
{
        sigset_t all, before;
        pthread_t thread;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = -pthread_create(&thread, NULL, reader_run, reader);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r == 0)
                pthread_detach(thread);
        return r;
}

int log_reader_start(const LogReaderQuery *query, int *ret_fd)
{
        _cleanup_close_ int reading = -1;
        Reader *reader = NULL;
        int ends[2], r;

        if (atomic_fetch_add(&n_readers, 1) >= LOG_READERS_MAX) {
                atomic_fetch_sub(&n_readers, 1);
                return LOG_READER_TOO_MANY;
        }
        r = pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;
        if (r == 0) {
                reading = ends[0];
                r = reader_new(query, ends[1], &reader);
        }
        if (r == 0) {
                r = start_thread(reader);
                if (r < 0)
                        reader_free(reader);
        }
        if (r < 0) {
                atomic_fetch_sub(&n_readers, 1);
                return r;
        }
        *ret_fd = TAKE_FD(reading);
        return 0;
}

unsigned log_reader_count(void)
{
        return atomic_load(&n_readers);
}
