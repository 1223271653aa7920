/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The progress bar. Half a line of bar, the rest for words; never longer than the terminal is wide,
 * so that one carriage return is enough to draw it anew. */

#include "ctl/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/base/clock.h"

#define BAR_CELLS    24
#define PULSE_CELLS  4
#define WIDTH_UNSURE 80

void progress_begin(Progress *progress, const char *what, bool quiet)
{
        *progress = (Progress) {
                .what = what,
                .since_ns = clock_boottime_ns(),
                .wanted = !quiet && isatty(STDERR_FILENO),
        };
}

static void fit(char *line, unsigned columns)
{
        size_t limit = MIN(columns, PROGRESS_LINE_MAX - 1u);

        if (strlen(line) >= limit)
                line[limit ? limit - 1 : 0] = '\0';
        for (char *c = line; *c; c++)
                if ((unsigned char) *c < 0x20 || *c == 0x7f)
                        *c = '?';
}

void progress_line(const char *what, double fraction, const char *message, unsigned columns,
                   char *ret_line)
{
        char bar[BAR_CELLS + 1];
        double part = fraction >= 0 && fraction <= 1 ? fraction : fraction > 1;
        size_t filled = (size_t) (part * BAR_CELLS);

        memset(bar, '.', BAR_CELLS);
        memset(bar, '#', filled);
        bar[BAR_CELLS] = '\0';
        snprintf(ret_line, PROGRESS_LINE_MAX, "%s [%s] %3.0f %%  %s", what, bar, part * 100,
                 message);
        fit(ret_line, columns);
}

void progress_pulse(const char *what, uint64_t elapsed_ms, const char *message, unsigned columns,
                    char *ret_line)
{
        uint64_t way = BAR_CELLS - PULSE_CELLS, at = elapsed_ms % 2000 * way / 1000;
        char bar[BAR_CELLS + 1];

        memset(bar, '.', BAR_CELLS);
        memset(bar + (at <= way ? at : 2 * way - at), '#', PULSE_CELLS);
        bar[BAR_CELLS] = '\0';
        snprintf(ret_line, PROGRESS_LINE_MAX, "%s [%s]        %s", what, bar, message);
        fit(ret_line, columns);
}

static unsigned terminal_columns(void)
{
        struct winsize size;

        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
                return WIDTH_UNSURE;
        return size.ws_col;
}

void progress_update(Progress *progress, double fraction, const char *message)
{
        uint64_t now_ns = clock_boottime_ns();
        char line[PROGRESS_LINE_MAX];

        if (!progress->wanted || now_ns - progress->since_ns < NSEC_PER_SEC ||
            now_ns - progress->drawn_ns < NSEC_PER_SEC / PROGRESS_RATE)
                return;
        if (fraction == PROGRESS_UNKNOWN)
                progress_pulse(progress->what, (now_ns - progress->since_ns) / NSEC_PER_MSEC,
                               message, terminal_columns(), line);
        else
                progress_line(progress->what, fraction, message, terminal_columns(), line);
        fprintf(stderr, "\r\033[K%s", line);
        progress->shown = true;
        progress->drawn_ns = now_ns;
}

void progress_end(Progress *progress)
{
        if (progress->shown)
                fputs("\r\033[K", stderr);
        progress->shown = false;
}
