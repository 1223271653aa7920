/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Streams of JSON objects, one a line, as ReadLogs and ReadEvents give them. */

#include "ctl/objects.h"
#include "ctl/options.h"

/* A line that is longer is shown in part, as text. */
#define LINES_LENGTH_MAX 65536

typedef struct LinesFormat {
        const char *who[3];    /* members that say who it is from; NULL behind the last */
        const char *otherwise; /* member to show when all of those are missing, or NULL */
} LinesFormat;

/**
 * lines_show() - Show a stream until it ends
 * @fd:      stream
 * @format:  how to show an object to people
 * @options: options; with --json the objects are shown as they are
 *
 * Return: 0; -EPIPE when nobody reads our output any more; another negative errno.
 */
int lines_show(int fd, const LinesFormat *format, const Options *options);

/**
 * lines_text() - One object as people read it
 * @object:   with time_usec, message and what @format names
 * @format:   how
 * @colour:   with colours, by the object's priority
 *
 * Return: text to free(), without a line break; NULL when memory is short.
 */
char *lines_text(sd_json_variant *object, const LinesFormat *format, bool colour);
