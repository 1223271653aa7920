/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Strings. Nothing here depends on the locale: all comparing and parsing is ASCII. */

#include "lib/base/str.h"

#include <stdio.h>
#include <strings.h>

const char *str_after(const char *text, const char *prefix)
{
        size_t length = strlen(prefix);

        return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

bool str_ends_with(const char *text, const char *suffix)
{
        size_t length = strlen(text), tail = strlen(suffix);

        return length >= tail && memcmp(text + length - tail, suffix, tail) == 0;
}

char *str_printf(const char *format, ...)
{
        char *text = NULL;
        va_list args;
        int r;

        va_start(args, format);
        r = vasprintf(&text, format, args);
        va_end(args);
        return r < 0 ? NULL : text;
}

int str_set(char **target, const char *value)
{
        char *copy = NULL;

        if (value) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }
        free(*target);
        *target = copy;
        return 0;
}

int str_to_u64(const char *text, uint64_t max, uint64_t *ret_value)
{
        uint64_t value = 0;

        if (str_empty(text))
                return -EINVAL;
        for (const char *p = text; *p; p++) {
                if (*p < '0' || *p > '9')
                        return -EINVAL;
                if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
                    __builtin_add_overflow(value, (uint64_t) (*p - '0'), &value))
                        return -ERANGE;
        }
        if (value > max)
                return -ERANGE;
        *ret_value = value;
        return 0;
}

int str_to_bool(const char *text, bool *ret_value)
{
        static const char *const yes[] = {"true", "1", "yes", "on"};
        static const char *const no[] = {"false", "0", "no", "off"};

        for (size_t i = 0; text && i < ARRAY_SIZE(yes); i++) {
                if (strcasecmp(text, yes[i]) == 0) {
                        *ret_value = true;
                        return 0;
                }
                if (strcasecmp(text, no[i]) == 0) {
                        *ret_value = false;
                        return 0;
                }
        }
        return -EINVAL;
}

static bool is_letter_or_digit(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool str_is_name(const char *text, size_t max_length)
{
        size_t length = 0;

        if (str_empty(text) || (!is_letter_or_digit(text[0]) && text[0] != '_'))
                return false;
        for (; text[length]; length++)
                if (length >= max_length ||
                    (!is_letter_or_digit(text[length]) && !strchr("-_.", text[length])))
                        return false;
        return true;
}

void str_hex(const void *bytes, size_t length, char *text)
{
        static const char digits[] = "0123456789abcdef";
        const uint8_t *in = bytes;

        for (size_t i = 0; i < length; i++) {
                text[2 * i] = digits[in[i] >> 4];
                text[2 * i + 1] = digits[in[i] & 15];
        }
        text[2 * length] = '\0';
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -EINVAL;
}

int str_unhex(const char *text, void *bytes, size_t length)
{
        uint8_t *out = bytes;

        if (strlen(text) != 2 * length)
                return -EINVAL;
        for (size_t i = 0; i < length; i++) {
                int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

                if (high < 0 || low < 0)
                        return -EINVAL;
                out[i] = (uint8_t) (high << 4 | low);
        }
        return 0;
}

void str_buffer_deinit(StrBuffer *buffer)
{
        free(buffer->data);
        *buffer = (StrBuffer) {};
}

static bool buffer_reserve(StrBuffer *buffer, size_t more)
{
        size_t wanted, size;
        char *data;

        if (buffer->failed)
                return false;
        if (__builtin_add_overflow(buffer->length, more, &wanted) || wanted >= STR_BUFFER_MAX) {
                buffer->failed = true;
                return false;
        }
        if (wanted < buffer->allocated)
                return true;
        size = MAX(wanted + 64, 2 * buffer->allocated);
        data = realloc(buffer->data, size);
        if (!data) {
                buffer->failed = true;
                return false;
        }
        buffer->data = data;
        buffer->allocated = size;
        return true;
}

void str_buffer_append(StrBuffer *buffer, const void *data, size_t length)
{
        if (!buffer_reserve(buffer, length))
                return;
        if (length > 0)
                memcpy(buffer->data + buffer->length, data, length);
        buffer->length += length;
        buffer->data[buffer->length] = '\0';
}

void str_buffer_add(StrBuffer *buffer, const char *text)
{
        str_buffer_append(buffer, text, strlen(text));
}

void str_buffer_addf(StrBuffer *buffer, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list args;
        int r;

        va_start(args, format);
        r = vasprintf(&text, format, args);
        va_end(args);
        if (r < 0) {
                text = NULL;
                buffer->failed = true;
                return;
        }
        str_buffer_append(buffer, text, (size_t) r);
}

int str_buffer_take(StrBuffer *buffer, char **ret_text)
{
        str_buffer_append(buffer, "", 0);
        if (buffer->failed) {
                str_buffer_deinit(buffer);
                return -ENOMEM;
        }
        *ret_text = TAKE_PTR(buffer->data);
        *buffer = (StrBuffer) {};
        return 0;
}
