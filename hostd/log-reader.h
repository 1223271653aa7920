/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* ReadLogs: what roles wrote, out of this host's journal, as JSON lines into a pipe. Each reader
 * has a thread of its own that may wait for the journal and for whoever reads the pipe; the event
 * loop is never touched. */

#include <stdbool.h>

#include "lib/base/macros.h"

#define LOG_READERS_MAX      16
#define LOG_READER_TEXT_MAX  (16 * KIB) /* bytes of a line; what is longer is cut */
#define LOG_READER_LINES_MAX 100000

enum { LOG_READER_TOO_MANY = 1 };

/* Which lines. Texts are copied. */
typedef struct LogReaderQuery {
        const char *service;   /* not empty */
        const char *role;      /* "" for all */
        const char *instance;  /* "" for all */
        const char *host;      /* this one's name, for the lines */
        const char *directory; /* of journal files; NULL for the system's journal */
        uint32_t lines;        /* of the last ones to begin with, at most LOG_READER_LINES_MAX */
        bool follow;           /* go on until the reader closes */
} LogReaderQuery;

/**
 * log_reader_start() - Begin to read
 * @query:  borrowed for the call
 * @ret_fd: read end of a pipe; the reader ends when it is closed, or all has been read
 *
 * Lines are
 * {"time_usec":N,"service":...,"role":...,"instance":...,"host":...,"priority":0-7,"message":...}.
 *
 * Return: 0; LOG_READER_TOO_MANY when LOG_READERS_MAX are at work; a negative errno.
 */
int log_reader_start(const LogReaderQuery *query, int *ret_fd);

/** log_reader_count() - How many readers are at work */
unsigned log_reader_count(void);
