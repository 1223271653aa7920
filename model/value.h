/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The types of the schema's values: what each accepts, and the rule that is told when it does not.
 */

#include "model/schema.h"

/**
 * struct Finding - What became of a value
 * @broken: it breaks the schema; then @verdict is VERDICT_REFUSED and @reason the rule
 */
typedef struct Finding {
        Verdict verdict;
        bool broken;
        char reason[VERDICT_REASON_MAX];
} Finding;

/**
 * value_check() - The verdict on an attribute's value
 * @attribute: the schema's row
 * @value:     as written
 * @ret:       the row's own verdict and reason, or the value's
 */
void value_check(const SchemaAttribute *attribute, const char *value, Finding *ret);

/**
 * value_number() - A whole number with XML's leave for blanks and a sign
 * @text: as written
 * @min:  smallest
 * @max:  largest
 * @ret:  the number
 *
 * Return: 0; -EINVAL; -ERANGE
 */
int value_number(const char *text, int64_t min, int64_t max, int64_t *ret);

/**
 * value_word() - The index of a word in a list, in any letter case
 * @words: ends with an entry without value
 * @text:  as written
 *
 * Return: the index; -1 if the list does not have it
 */
int value_word(const SchemaWord *words, const char *text);

/**
 * value_subnet() - An IPv4 network
 * @text:        "a.b.c.d" or "a.b.c.d/n"
 * @ret_address: in network byte order, with its host bits cleared
 * @ret_prefix:  0 to 32
 *
 * Return: 0; -EINVAL
 */
int value_subnet(const char *text, uint32_t *ret_address, uint8_t *ret_prefix);

/**
 * value_path() - A directory with '/' separators, without "." and empty parts
 * @text: as written, '/' or '\'
 * @ret:  owned; "." for the directory itself
 *
 * ".." is kept in front and taken away with what it cancels elsewhere.
 *
 * Return: 0; -EINVAL if it is absolute or has a drive letter; -ENOMEM
 */
int value_path(const char *text, char **ret);

/**
 * value_program() - The first word of a command line, without the quotes around it
 * @command: as written
 * @program: the word, cut off at @size - 1 bytes
 * @size:    room in @program
 */
void value_program(const char *command, char *program, size_t size);
