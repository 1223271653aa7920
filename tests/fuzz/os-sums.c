/* SPDX-License-Identifier: GPL-3.0-or-later */

/* SHA256SUMS of a source of guest operating systems. Whatever it is, a version that is picked out
 * of it has names that are safe in a path, and a digest that is in the text. */

#include <stdlib.h>
#include <string.h>

#include "hostd/os-sums.h"
#include "lib/base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const wanted[] = {"", "debian-13/2"};

        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
                char message[OS_SUMS_MESSAGE_MAX] = "";
                OsSums sums;
                int r = os_sums_pick((const char *) data, size, wanted[i], &sums, message);

                if (r != 0) {
                        if (!message[0])
                                abort();
                        continue;
                }
                if (!str_is_name(sums.family, RECORD_VERSION_MAX) ||
                    !str_is_name(sums.version, RECORD_VERSION_MAX) ||
                    strspn(sums.manifest, "0123456789abcdef") != RECORD_DIGEST_MAX ||
                    !memmem(data, size, sums.manifest, RECORD_DIGEST_MAX))
                        abort();
        }
        return 0;
}
