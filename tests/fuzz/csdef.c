/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Any bytes as a definition. */

#include "tests/fuzz/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        ModelText definition = {"fuzz.csdef", (const char *) data, size};

        fuzz_check(&definition, NULL);
        return 0;
}
