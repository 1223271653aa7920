/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* SHA256SUMS of a source of guest operating systems, as sha256sum writes it. The source may hold
 * anything else beside them; a version is there when its manifest is listed, as
 *
 *   troupe-guest_FAMILY_VERSION.manifest.json
 *
 * and its files are beside it, troupe-guest_FAMILY_VERSION.FILE. Pure. */

#include <stddef.h>

#include "lib/api/records.h"

#define OS_SUMS_BYTES_MAX   MIB
#define OS_SUMS_NAME_MAX    255
#define OS_SUMS_MESSAGE_MAX 512

#define OS_SUMS_PREFIX   "troupe-guest_"
#define OS_SUMS_MANIFEST ".manifest.json"

enum {
        OS_SUMS_BAD = 1, /* not what sha256sum writes; the message says where */
        OS_SUMS_NONE,    /* what is asked for is not listed; the message says what is missing */
};

typedef struct OsSums {
        RecordVersion family, version;
        RecordDigest manifest; /* digest of the manifest */
} OsSums;

/**
 * os_sums_pick() - The version that a source offers
 * @text:        the list, from outside
 * @length:      bytes of it
 * @wanted:      `FAMILY/VERSION`; "": the newest, and then there must be one family only
 * @ret_sums:    which, and its manifest's digest
 * @ret_message: on OS_SUMS_BAD and OS_SUMS_NONE why
 *
 * Return: 0; OS_SUMS_BAD; OS_SUMS_NONE.
 */
int os_sums_pick(const char *text, size_t length, const char *wanted, OsSums *ret_sums,
                 char ret_message[static OS_SUMS_MESSAGE_MAX]);
