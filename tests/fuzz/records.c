/* SPDX-License-Identifier: GPL-3.0-or-later */

/* etcd keys and values: the first line is the key, the rest the value. What decodes must encode,
 * and decode again to the same bytes. */

#include <stdlib.h>
#include <string.h>

#include "lib/api/records-json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *line = memchr(data, '\n', size);
        char *key, *json = NULL, *again = NULL, *error = NULL;
        Record record, back;
        int r;

        if (!line)
                return 0;
        key = strndup((const char *) data, (size_t) (line - (const char *) data));
        line++;
        r = record_decode(key, line, size - (size_t) (line - (const char *) data), &record, &error);
        if (r == 0) {
                if (record_encode(&record, &json) == 0 &&
                    (record_decode(key, json, strlen(json), &back, NULL) != 0 ||
                     record_encode(&back, &again) != 0 || strcmp(json, again) != 0))
                        abort();
                record_deinit(&record);
                if (again)
                        record_deinit(&back);
        }
        free(json);
        free(again);
        free(error);
        free(key);
        return 0;
}
