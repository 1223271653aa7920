/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The Range header of a request, of which one form is honoured: one range of bytes. */

#include "lib/base/macros.h"

#define HTTP_RANGE_TEXT_MAX 256 /* a longer one is not looked at */

enum {
        HTTP_RANGE_PART = 1,      /* a part was asked for and is there */
        HTTP_RANGE_UNSATISFIABLE, /* a part was asked for that lies behind the end */
};

/**
 * http_range_parse() - What part of something a request asks for
 * @text:       value of the header, or NULL; from outside
 * @size:       bytes that there are
 * @ret_first:  first byte to be sent
 * @ret_length: how many
 *
 * `bytes=FIRST-`, `bytes=FIRST-LAST` and `bytes=-COUNT` are honoured. Anything else, several ranges
 * among it, is treated as if it were not there, as RFC 9110 wants it.
 *
 * Return: 0 for the whole; HTTP_RANGE_PART; HTTP_RANGE_UNSATISFIABLE, on which nothing is written.
 */
int http_range_parse(const char *text, uint64_t size, uint64_t *ret_first, uint64_t *ret_length);
