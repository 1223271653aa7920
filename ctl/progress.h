/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A progress bar on standard error, for what takes longer than a second on a terminal. */

#include <stdbool.h>

#include "lib/base/macros.h"

#define PROGRESS_LINE_MAX 256

typedef struct Progress {
        const char *what; /* borrowed: "Deploying guestbook" */
        uint64_t since_ns;
        bool wanted; /* standard error is a terminal, and nobody asked for quiet */
        bool shown;
} Progress;

/**
 * progress_begin() - Begin to count
 * @progress: initialised
 * @what:     what takes time; borrowed until progress_end()
 * @quiet:    never show it
 */
void progress_begin(Progress *progress, const char *what, bool quiet);

/**
 * progress_update() - Draw the bar, if a second has passed since the beginning
 * @progress: progress
 * @fraction: 0 to 1
 * @message:  what is being done, or ""
 */
void progress_update(Progress *progress, double fraction, const char *message);

/** progress_end() - Take the bar off the screen */
void progress_end(Progress *progress);

/**
 * progress_line() - The line of a bar
 * @what:     what takes time
 * @fraction: 0 to 1; anything else is taken for the nearer of the two
 * @message:  what is being done; control characters are shown as '?'
 * @columns:  width of the terminal
 * @ret_line: PROGRESS_LINE_MAX bytes; fits into @columns
 */
void progress_line(const char *what, double fraction, const char *message, unsigned columns,
                   char *ret_line);
