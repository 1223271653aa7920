/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The Range header: eight bytes of size, then the header's value. Whatever it is, a part that is
 * sent lies within the file, and nothing else is. */

#include <stdlib.h>
#include <string.h>

#include "lib/io/http-range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint64_t bytes, first = 1, length = 1;
        char *text;
        int r;

        if (size < sizeof(bytes))
                return 0;
        memcpy(&bytes, data, sizeof(bytes));
        text = strndup((const char *) data + sizeof(bytes), size - sizeof(bytes));
        if (!text)
                return 0;
        r = http_range_parse(text, bytes, &first, &length);
        if (r == 0 && (first != 0 || length != bytes))
                abort();
        if (r == HTTP_RANGE_PART &&
            (length == 0 || first >= bytes || length > bytes - first || !strstr(text, "bytes=")))
                abort();
        if (r == HTTP_RANGE_UNSATISFIABLE && (first != 1 || length != 1))
                abort();
        free(text);
        return 0;
}
