/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Strings: comparing, formatting into fresh memory, checked number parsing, and a growing buffer.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/macros.h"

/* The buffer grows to at most this; anything larger has come from outside and is a mistake. */
#define STR_BUFFER_MAX (64 * MIB)

/* A growing, always NUL-terminated byte buffer. A failed append marks it; check once at the end. */
typedef struct StrBuffer {
        char *data;
        size_t length;
        size_t allocated;
        bool failed;
} StrBuffer;

/** str_equal() - Whether both are the same text, or both NULL */
static inline bool str_equal(const char *a, const char *b)
{
        return a == b || (a && b && strcmp(a, b) == 0);
}

/** str_empty() - Whether the text is NULL or has no characters */
static inline bool str_empty(const char *text)
{
        return !text || !text[0];
}

/**
 * str_after() - What follows a prefix
 * @text:   text to look at
 * @prefix: prefix it may have
 *
 * Return: pointer into @text behind @prefix, or NULL when it does not start so.
 */
const char *str_after(const char *text, const char *prefix);

/** str_ends_with() - Whether @text ends in @suffix */
bool str_ends_with(const char *text, const char *suffix);

/**
 * str_printf() - Format into fresh memory
 * @format: as printf
 *
 * Return: text to free(), or NULL when memory is short.
 */
char *str_printf(const char *format, ...) _printf_(1, 2);

/**
 * str_set() - Replace an owned string by a copy
 * @target: owned string or NULL; untouched on failure
 * @value:  new text, may be NULL
 *
 * Return: 0; -ENOMEM.
 */
int str_set(char **target, const char *value);

/**
 * str_to_u64() - Parse a whole decimal number
 * @text:      digits only: no sign, no blanks, no trailing text
 * @max:       largest value accepted
 * @ret_value: number, on success
 *
 * Return: 0; -EINVAL when it is not a number; -ERANGE when it is larger than @max.
 */
int str_to_u64(const char *text, uint64_t max, uint64_t *ret_value);

/**
 * str_to_bool() - Parse an XML or systemd style boolean
 * @text:      true/false, 1/0, yes/no, on/off in any letter case
 * @ret_value: value, on success
 *
 * Return: 0; -EINVAL.
 */
int str_to_bool(const char *text, bool *ret_value);

/**
 * str_is_name() - Whether text is a safe name for files, bus paths and keys
 * @text:       text to look at
 * @max_length: characters at most
 *
 * A name has letters, digits, '-', '_' and '.', and starts with a letter, digit or '_'.
 */
bool str_is_name(const char *text, size_t max_length);

/**
 * str_hex() - Write bytes as lower-case hexadecimal digits
 * @bytes:  bytes
 * @length: number of bytes
 * @text:   room for 2 * @length + 1 characters
 */
void str_hex(const void *bytes, size_t length, char *text);

/**
 * str_unhex() - Read hexadecimal digits
 * @text:   exactly 2 * @length digits
 * @bytes:  room for @length bytes
 * @length: number of bytes
 *
 * Return: 0; -EINVAL.
 */
int str_unhex(const char *text, void *bytes, size_t length);

/** str_buffer_deinit() - Free what the buffer holds; it is empty afterwards */
void str_buffer_deinit(StrBuffer *buffer);

/**
 * str_buffer_append() - Add bytes at the end
 * @buffer: buffer; marked failed when memory is short or STR_BUFFER_MAX is passed
 * @data:   bytes
 * @length: number of bytes
 */
void str_buffer_append(StrBuffer *buffer, const void *data, size_t length);

/** str_buffer_add() - Add text at the end */
void str_buffer_add(StrBuffer *buffer, const char *text);

/** str_buffer_addf() - Add formatted text at the end */
void str_buffer_addf(StrBuffer *buffer, const char *format, ...) _printf_(2, 3);

/**
 * str_buffer_take() - Take the text out
 * @buffer:   buffer, empty afterwards
 * @ret_text: owned text, "" when nothing was added
 *
 * Return: 0; -ENOMEM when any append had failed.
 */
int str_buffer_take(StrBuffer *buffer, char **ret_text);
