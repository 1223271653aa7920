/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A progress bar on standard error, for what takes longer than a second on a terminal. */

#include <stdbool.h>

#include "lib/base/macros.h"

#define PROGRESS_LINE_MAX 256
#define PROGRESS_RATE     20
#define PROGRESS_UNKNOWN  (-1.0)

typedef struct Progress {
        const char *what; /* borrowed: "Deploying guestbook" */
        uint64_t since_ns;
        bool wanted; /* standard error is a terminal, and nobody asked for quiet */
        bool shown;
        uint64_t drawn_ns;
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
 * @progress: progress; drawn at most PROGRESS_RATE times a second
 * @fraction: 0 to 1; PROGRESS_UNKNOWN: something moves to and fro
 * @message:  what is being done, or ""
 */
void progress_update(Progress *progress, double fraction, const char *message);

/**
 * progress_pulse() - The line of a bar of which nobody knows how long it takes
 * @what:       what takes time
 * @elapsed_ms: where the thing that moves is; it goes there and back in two seconds
 * @message:    what is being done
 * @columns:    width of the terminal
 * @ret_line:   PROGRESS_LINE_MAX bytes; fits into @columns
 */
void progress_pulse(const char *what, uint64_t elapsed_ms, const char *message, unsigned columns,
                    char *ret_line);

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
