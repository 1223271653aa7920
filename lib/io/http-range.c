/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Source: RFC 9110, section 14: "A server MAY ignore the Range header field", and must when it does
 * not understand it. */

#include "lib/io/http-range.h"

#include <stdbool.h>
#include <string.h>

#include "lib/base/str.h"

/* A number between two places; false when it is none. One that is too large is UINT64_MAX. */
static bool number(const char *begin, const char *end, uint64_t *ret)
{
        char digits[24];
        size_t length = (size_t) (end - begin);

        if (length == 0 || strspn(begin, "0123456789") < length)
                return false;
        while (length > 1 && *begin == '0') {
                begin++;
                length--;
        }
        if (length >= sizeof(digits)) {
                *ret = UINT64_MAX;
                return true;
        }
        memcpy(digits, begin, length);
        digits[length] = '\0';
        if (str_to_u64(digits, UINT64_MAX, ret) < 0)
                *ret = UINT64_MAX;
        return true;
}

int http_range_parse(const char *text, uint64_t size, uint64_t *ret_first, uint64_t *ret_length)
{
        const char *spec = text && strnlen(text, HTTP_RANGE_TEXT_MAX) < HTTP_RANGE_TEXT_MAX
                                   ? str_after(text, "bytes=")
                                   : NULL;
        const char *dash = spec ? strchr(spec, '-') : NULL, *end;
        uint64_t first = 0, last = UINT64_MAX;

        if (!dash)
                goto whole;
        end = spec + strlen(spec);
        if (dash > spec && !number(spec, dash, &first))
                goto whole;
        if (end > dash + 1 && !number(dash + 1, end, &last))
                goto whole;
        if (dash == spec && end == dash + 1)
                goto whole;
        if (dash == spec) { /* the last so many */
                first = last < size ? size - last : 0;
                if (last == 0)
                        return HTTP_RANGE_UNSATISFIABLE;
                last = UINT64_MAX;
        }
        if (last < first)
                goto whole;
        if (first >= size)
                return HTTP_RANGE_UNSATISFIABLE;
        *ret_first = first;
        *ret_length = MIN(last, size - 1) - first + 1;
        return HTTP_RANGE_PART;
whole:
        *ret_first = 0;
        *ret_length = size;
        return 0;
}
