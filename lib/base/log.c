/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Log lines. One write() per line, so that lines of several processes do not mix. */

#include "lib/base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"

#define LOG_LINE_MAX 2048

static void write_line(int priority, const char *text, const char *tail)
{
        char line[LOG_LINE_MAX];
        bool to_journal = getenv("JOURNAL_STREAM") != NULL;
        int length = 0;

        if (to_journal)
                length = snprintf(line, sizeof(line) - 1, "<%d>", priority);
        length += snprintf(line + length, sizeof(line) - 1 - (size_t) length, "%s%s%s", text,
                           tail ? ": " : "", tail ? tail : "");
        length = MIN(length, (int) sizeof(line) - 2);
        for (int i = 0; i < length; i++)
                if ((unsigned char) line[i] < 0x20 || line[i] == 0x7f)
                        line[i] = '?';
        line[length++] = '\n';
        if (write(STDERR_FILENO, line, (size_t) length) < 0)
                return; /* nowhere left to say so */
}

_printf_(3, 0) static void log_va(int priority, int error, const char *format, va_list args)
{
        char text[LOG_LINE_MAX];
        int saved = errno;

        if (priority == LOG_DEBUG && !str_equal(getenv("TROUPE_DEBUG"), "1"))
                return;
        vsnprintf(text, sizeof(text), format, args);
        write_line(priority, text, error < 0 ? strerror(-error) : NULL);
        errno = saved;
}

void log_at(int priority, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        log_va(priority, 0, format, args);
        va_end(args);
}

int log_error_errno(int error, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        log_va(LOG_ERR, error, format, args);
        va_end(args);
        return error;
}
