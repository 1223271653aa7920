/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What happened, for people: the last EVENTS_MAX events, one JSON object a line, kept in a file so
 * that they outlive hostd, and given to whoever reads or follows them. */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "lib/api/records.h"

#define EVENTS_MAX         1000
#define EVENTS_READERS_MAX 32

typedef struct Events Events;

/**
 * events_new() - Read back what an earlier hostd kept
 * @event:      loop
 * @path:       file; made when it is not there
 * @ret_events: owned
 *
 * Return: 0; -ENOMEM; the errno of the file.
 */
int events_new(sd_event *event, const char *path, Events **ret_events);

/** events_free() - Close everything, readers included */
Events *events_free(Events *events);
DEFINE_CLEANUP(Events *, events_free)

/**
 * events_record_put() - Note what a changed record tells
 * @events:  events
 * @record:  as it is now
 * @before:  as it was, or NULL
 * @service: of an instance: its service, "" when not known
 */
void events_record_put(Events *events, const Record *record, const Record *before,
                       const char *service);

/** events_record_deleted() - Note what a record tells that is gone */
void events_record_deleted(Events *events, const Record *before);

/**
 * events_note() - Note anything else
 * @events:  events
 * @kind:    a word
 * @host:    host it is about, or NULL
 * @message: for people
 */
void events_note(Events *events, const char *kind, const char *host, const char *message);

/**
 * events_read() - Read the last events
 * @events:  events
 * @service: only of this service; "" for all
 * @lines:   how many at most, to begin with
 * @follow:  go on with new ones until the reader closes
 * @ret_fd:  read end of a pipe
 *
 * A follower that does not read is cut off.
 *
 * Return: 0; -EMFILE when there are EVENTS_READERS_MAX; negative errno.
 */
int events_read(Events *events, const char *service, unsigned lines, bool follow, int *ret_fd);
