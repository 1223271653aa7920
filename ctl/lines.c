/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Reading and showing lines. Messages come from guests: control characters do not reach the
 * terminal, and a line that is no JSON is shown as it is, made harmless. */

#include "ctl/lines.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/view.h"
#include "lib/base/str.h"

typedef struct Reader {
        char data[LINES_LENGTH_MAX];
        size_t length;
        bool too_long; /* the rest of this line is dropped */
} Reader;

/* Tabs stay, other control characters do not. */
static void make_harmless(char *text)
{
        for (unsigned char *c = (unsigned char *) text; *c; c++) {
                if ((*c < 0x20 && *c != '\t') || *c == 0x7f)
                        *c = '?';
                if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
                        c[0] = c[1] = '?';
        }
}

static TableColour colour_of(sd_json_variant *object)
{
        if (!sd_json_variant_by_key(object, "priority"))
                return TABLE_PLAIN;
        return view_number(object, "priority") <= 3   ? TABLE_RED
               : view_number(object, "priority") == 4 ? TABLE_YELLOW
                                                      : TABLE_PLAIN;
}

/* "guestbook/web_IN_0", or whichever of these there is. */
static char *origin(sd_json_variant *object, const LinesFormat *format)
{
        StrBuffer buffer = {};
        char *text = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(format->who) && format->who[i]; i++) {
                const char *name = view_text(object, format->who[i]);

                if (name[0] && buffer.length > 0)
                        str_buffer_add(&buffer, "/");
                str_buffer_add(&buffer, name);
        }
        if (buffer.length == 0 && format->otherwise)
                str_buffer_add(&buffer, view_text(object, format->otherwise));
        return str_buffer_take(&buffer, &text) < 0 ? NULL : text;
}

char *lines_text(sd_json_variant *object, const LinesFormat *format, bool colour)
{
        time_t seconds = (time_t) (view_number(object, "time_usec") / USEC_PER_SEC);
        TableColour painted = colour ? colour_of(object) : TABLE_PLAIN;
        _cleanup_free_ char *message = strdup(view_text(object, "message"));
        _cleanup_free_ char *from = origin(object, format);
        char when[32] = "";
        struct tm local;

        if (!message || !from)
                return NULL;
        make_harmless(message);
        make_harmless(from);
        if (localtime_r(&seconds, &local))
                strftime(when, sizeof(when), "%b %d %H:%M:%S", &local);
        return str_printf("%s %s%s%s%s%s", when, from, from[0] ? ": " : "",
                          table_colour_begin(painted), message,
                          painted == TABLE_PLAIN ? "" : table_colour_end());
}

static int show_line(char *line, const LinesFormat *format, const Options *options)
{
        _cleanup_json_ sd_json_variant *object = NULL;
        _cleanup_free_ char *text = NULL;
        int r = sd_json_parse(line, 0, &object, NULL, NULL);

        if (r == -ENOMEM)
                return r;
        if (r < 0 || !sd_json_variant_is_object(object)) {
                make_harmless(line);
                puts(line);
        } else if (options->json) {
                r = sd_json_variant_dump(object, options->json, stdout, NULL);
                if (r < 0)
                        return r;
        } else {
                text = lines_text(object, format, options->terminal);
                if (!text)
                        return -ENOMEM;
                puts(text);
        }
        return 0;
}

static int take_lines(Reader *reader, const LinesFormat *format, const Options *options)
{
        char *begin = reader->data, *end;

        while ((end = memchr(begin, '\n', reader->length - (size_t) (begin - reader->data)))) {
                int r = 0;

                *end = '\0';
                if (!reader->too_long)
                        r = show_line(begin, format, options);
                if (r < 0)
                        return r;
                reader->too_long = false;
                begin = end + 1;
        }
        reader->length -= (size_t) (begin - reader->data);
        memmove(reader->data, begin, reader->length);
        return 0;
}

/* What is left has no line break: show it if it fills the reader or the stream has ended. */
static int take_rest(Reader *reader, const LinesFormat *format, const Options *options)
{
        int r = 0;

        reader->data[reader->length] = '\0';
        if (!reader->too_long && reader->length > 0)
                r = show_line(reader->data, format, options);
        reader->length = 0;
        reader->too_long = true;
        return r;
}

int lines_show(int fd, const LinesFormat *format, const Options *options)
{
        _cleanup_free_ Reader *reader = calloc(1, sizeof(*reader));
        int r = 0;

        if (!reader)
                return -ENOMEM;
        while (r >= 0) {
                ssize_t n = read(fd, reader->data + reader->length,
                                 sizeof(reader->data) - 1 - reader->length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return take_rest(reader, format, options);
                reader->length += (size_t) n;
                r = take_lines(reader, format, options);
                if (r >= 0 && reader->length == sizeof(reader->data) - 1)
                        r = take_rest(reader, format, options);
                if (fflush(stdout) != 0)
                        return -errno;
        }
        return r;
}
