/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ring is in memory; the file gets each event appended and is written anew with what the ring
 * holds when it has grown to twice that. */

#include "hostd/events.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-json.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define FILE_BYTES_MAX    (4 * MIB)
#define PENDING_BYTES_MAX (2 * MIB)

typedef struct Line {
        char *text; /* with its newline */
        RecordName service;
} Line;

typedef struct Reader {
        Events *events;
        int fd;
        sd_event_source *source;
        StrBuffer pending;
        RecordName service;
        bool follow;
        struct Reader *next;
} Reader;

struct Events {
        sd_event *event;
        char *path;
        int fd;
        size_t file_lines;
        Line lines[EVENTS_MAX]; /* a ring */
        size_t first, count;
        Reader *readers;
        unsigned n_readers;
};

static void reader_free(Reader *reader)
{
        for (Reader **r = &reader->events->readers; *r; r = &(*r)->next)
                if (*r == reader) {
                        *r = reader->next;
                        reader->events->n_readers--;
                        break;
                }
        sd_event_source_disable_unref(reader->source);
        str_buffer_deinit(&reader->pending);
        fd_close(reader->fd);
        free(reader);
}

static int on_writable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Reader *reader = userdata;
        ssize_t n = 0;

        if (revents & (EPOLLERR | EPOLLHUP)) {
                reader_free(reader);
                return 0;
        }
        if (reader->pending.length > 0)
                n = write(fd, reader->pending.data, reader->pending.length);
        if (n < 0 && errno != EAGAIN) {
                reader_free(reader);
                return 0;
        }
        if (n > 0) {
                memmove(reader->pending.data, reader->pending.data + n,
                        reader->pending.length - (size_t) n);
                reader->pending.length -= (size_t) n;
        }
        if (reader->pending.length > 0)
                return 0;
        if (!reader->follow)
                reader_free(reader);
        else /* only wait for the reader to close */
                sd_event_source_set_io_events(source, 0);
        return 0;
}

static bool reader_wants(const Reader *reader, const Line *line)
{
        return !reader->service[0] || str_equal(reader->service, line->service);
}

static void give(Events *events, const Line *line)
{
        Reader *next;

        for (Reader *reader = events->readers; reader; reader = next) {
                next = reader->next;
                if (!reader->follow || !reader_wants(reader, line))
                        continue;
                str_buffer_add(&reader->pending, line->text);
                if (reader->pending.failed || reader->pending.length > PENDING_BYTES_MAX)
                        reader_free(reader);
                else
                        sd_event_source_set_io_events(reader->source, EPOLLOUT);
        }
}

/* The line's text is owned by the ring from now on. */
static const Line *ring_add(Events *events, char *text, const char *service)
{
        Line *line;

        if (events->count == EVENTS_MAX) {
                free(events->lines[events->first].text);
                events->first = (events->first + 1) % EVENTS_MAX;
                events->count--;
        }
        line = &events->lines[(events->first + events->count++) % EVENTS_MAX];
        line->text = text;
        snprintf(line->service, sizeof(line->service), "%s", service);
        return line;
}

static void rewrite(Events *events)
{
        StrBuffer all = {};

        for (size_t i = 0; i < events->count; i++)
                str_buffer_add(&all, events->lines[(events->first + i) % EVENTS_MAX].text);
        if (!all.failed &&
            file_write_atomic(AT_FDCWD, events->path, all.data ?: "", all.length, 0640) == 0) {
                fd_close(events->fd);
                events->fd = open(events->path, O_WRONLY | O_APPEND | O_CLOEXEC);
                events->file_lines = events->count;
        }
        str_buffer_deinit(&all);
}

static void keep(Events *events, const Line *line)
{
        if (events->fd >= 0)
                (void) file_write_all(events->fd, line->text, strlen(line->text));
        if (++events->file_lines > 2 * EVENTS_MAX)
                rewrite(events);
}

static void note(Events *events, const char *kind, const char *service, const char *deployment,
                 const char *instance, const char *host, const char *message)
{
        sd_json_variant *v = NULL;
        char *text = NULL, *line;
        int r;

        r = sd_json_buildo(
                &v, SD_JSON_BUILD_PAIR_UNSIGNED("time_usec", clock_realtime_us()),
                SD_JSON_BUILD_PAIR_STRING("kind", kind),
                SD_JSON_BUILD_PAIR_CONDITION(!str_empty(service), "service",
                                             SD_JSON_BUILD_STRING(service)),
                SD_JSON_BUILD_PAIR_CONDITION(!str_empty(deployment), "deployment",
                                             SD_JSON_BUILD_STRING(deployment)),
                SD_JSON_BUILD_PAIR_CONDITION(!str_empty(instance), "instance",
                                             SD_JSON_BUILD_STRING(instance)),
                SD_JSON_BUILD_PAIR_CONDITION(!str_empty(host), "host", SD_JSON_BUILD_STRING(host)),
                SD_JSON_BUILD_PAIR_STRING("message", message));
        if (r >= 0)
                r = sd_json_variant_format(v, 0, &text);
        sd_json_variant_unref(v);
        if (r < 0)
                return;
        line = str_printf("%s\n", text);
        free(text);
        if (line) {
                const Line *added = ring_add(events, line, service ?: "");

                keep(events, added);
                give(events, added);
        }
}

void events_note(Events *events, const char *kind, const char *host, const char *message)
{
        note(events, kind, NULL, NULL, NULL, host, message);
}

static const char *instance_name(const InstanceId *id, char text[static RECORD_KEY_MAX + 1])
{
        instance_id_format(id, text);
        return strchr(text, '/') + 1;
}

static void note_operation(Events *events, const OperationRecord *now,
                           const OperationRecord *before)
{
        char message[RECORD_DETAIL_MAX + RECORD_NAME_MAX + 64], name[RECORD_KEY_MAX + 1];
        const char *kind = operation_kind_to_string(now->kind);

        if (before && before->state == now->state)
                return;
        if (now->state == OPERATION_RUNNING)
                snprintf(message, sizeof(message), "%s began", kind);
        else if (now->kind == OPERATION_UPDATE && now->state == OPERATION_SUCCEEDED)
                snprintf(message, sizeof(message), "%s succeeded: %s", kind, now->message);
        else if (now->state == OPERATION_SUCCEEDED)
                snprintf(message, sizeof(message), "%s succeeded", kind);
        else
                snprintf(message, sizeof(message), "%s failed: %s: %s", kind, now->error,
                         now->message);
        note(events, "operation", now->service, now->deployment,
             now->instance.role[0] ? instance_name(&now->instance, name) : NULL, now->host,
             message);
}

static void note_instance(Events *events, const InstanceRecord *now, const InstanceRecord *before,
                          const char *service)
{
        char message[RECORD_NAME_MAX + 64], name[RECORD_KEY_MAX + 1];

        if (before && before->incarnation == now->incarnation &&
            str_equal(before->host, now->host) && before->rung == now->rung)
                return;
        if (!now->host[0])
                snprintf(message, sizeof(message), "waits for room");
        else if (before && before->incarnation == now->incarnation && now->rung != HEAL_NONE)
                snprintf(message, sizeof(message), "healing: %s", heal_rung_to_string(now->rung));
        else
                snprintf(message, sizeof(message), "placed on %s as incarnation %llu", now->host,
                         (unsigned long long) now->incarnation);
        note(events, "placement", service, now->id.deployment, instance_name(&now->id, name),
             now->host, message);
}

static void note_observed(Events *events, const ObservedRecord *now, const ObservedRecord *before,
                          const char *service)
{
        char message[RECORD_DETAIL_MAX + 64], name[RECORD_KEY_MAX + 1];

        if (before && before->status == now->status && before->incarnation == now->incarnation)
                return;
        snprintf(message, sizeof(message), "%s%s%s", instance_status_to_string(now->status),
                 now->detail[0] ? ": " : "", now->detail);
        note(events, "status", service, now->id.deployment, instance_name(&now->id, name),
             now->host, message);
}

void events_record_put(Events *events, const Record *record, const Record *before,
                       const char *service)
{
        switch (record->type) {
        case RECORD_OPERATION:
                note_operation(events, &record->operation, before ? &before->operation : NULL);
                break;
        case RECORD_INSTANCE:
                note_instance(events, &record->instance, before ? &before->instance : NULL,
                              service);
                break;
        case RECORD_OBSERVED:
                note_observed(events, &record->observed, before ? &before->observed : NULL,
                              service);
                break;
        case RECORD_ALIVE:
                if (!before)
                        events_note(events, "host", record->alive.host, "is alive");
                break;
        case RECORD_CLUSTER:
                if (before && before->cluster.braked != record->cluster.braked)
                        events_note(events, "brake", NULL,
                                    record->cluster.braked
                                            ? "healing has stopped: too many hosts vanished at once"
                                            : "healing goes on");
                break;
        default:
                break;
        }
}

void events_record_deleted(Events *events, const Record *before)
{
        if (before->type == RECORD_ALIVE)
                events_note(events, "host", before->alive.host, "is lost: its lease ran out");
        if (before->type == RECORD_SERVICE)
                note(events, "service", before->service.name, NULL, NULL, NULL, "is gone");
}

int events_read(Events *events, const char *service, unsigned lines, bool follow, int *ret_fd)
{
        Reader *reader;
        size_t wanted = 0, from = events->count;
        int fds[2], r;

        if (events->n_readers >= EVENTS_READERS_MAX)
                return -EMFILE;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        reader = calloc(1, sizeof(*reader));
        if (!reader || fcntl(fds[1], F_SETFL, O_NONBLOCK) < 0) {
                fd_close(fds[0]);
                fd_close(fds[1]);
                free(reader);
                return -ENOMEM;
        }
        reader->events = events;
        reader->fd = fds[1];
        reader->follow = follow;
        snprintf(reader->service, sizeof(reader->service), "%s", service);
        while (from > 0 && wanted < lines)
                wanted +=
                        reader_wants(reader, &events->lines[(events->first + --from) % EVENTS_MAX]);
        for (; from < events->count; from++) {
                const Line *line = &events->lines[(events->first + from) % EVENTS_MAX];

                if (reader_wants(reader, line))
                        str_buffer_add(&reader->pending, line->text);
        }
        r = sd_event_add_io(events->event, &reader->source, reader->fd, EPOLLOUT, on_writable,
                            reader);
        reader->next = events->readers;
        events->readers = reader;
        events->n_readers++;
        if (r < 0) {
                reader_free(reader);
                fd_close(fds[0]);
                return r;
        }
        *ret_fd = fds[0];
        return 0;
}

static void read_back_line(Events *events, const char *line)
{
        sd_json_variant *v = NULL, *service;
        char *text;

        if (sd_json_parse(line, 0, &v, NULL, NULL) < 0)
                return; /* half of a line from a crash */
        service = sd_json_variant_by_key(v, "service");
        text = str_printf("%s\n", line);
        if (text)
                ring_add(events, text,
                         sd_json_variant_is_string(service) ? sd_json_variant_string(service) : "");
        sd_json_variant_unref(v);
}

static int read_back(Events *events)
{
        _cleanup_free_ char *text = NULL;
        char *save = NULL;
        int r;

        r = file_read(AT_FDCWD, events->path, FILE_BYTES_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT || r == -EFBIG ? 0 : r;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                read_back_line(events, line);
        return 0;
}

int events_new(sd_event *event, const char *path, Events **ret_events)
{
        _cleanup_(events_freep) Events *events = calloc(1, sizeof(*events));
        int r;

        if (!events)
                return -ENOMEM;
        events->event = sd_event_ref(event);
        events->fd = -1;
        r = str_set(&events->path, path);
        if (r == 0)
                r = read_back(events);
        if (r < 0)
                return r;
        rewrite(events);
        if (events->fd < 0)
                return -EIO;
        *ret_events = TAKE_PTR(events);
        return 0;
}

Events *events_free(Events *events)
{
        if (!events)
                return NULL;
        while (events->readers)
                reader_free(events->readers);
        for (size_t i = 0; i < events->count; i++)
                free(events->lines[(events->first + i) % EVENTS_MAX].text);
        fd_close(events->fd);
        free(events->path);
        sd_event_unref(events->event);
        free(events);
        return NULL;
}
