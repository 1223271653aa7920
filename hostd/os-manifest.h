/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* manifest.json of a guest operating system, as image/guest/build writes it: family, version, and
 * the files with their sizes and digests. */

#include <stddef.h>

#include "lib/api/records.h"

#define OS_MANIFEST_BYTES_MAX   (64 * KIB)
#define OS_MANIFEST_MESSAGE_MAX 512

enum {
        OS_MANIFEST_BAD = 1, /* the message says why */
};

/**
 * os_manifest_parse() - Read a manifest
 * @text:        JSON, from outside
 * @ret_os:      family, version, files, and the digest of the root image, which names the whole
 * @ret_message: on OS_MANIFEST_BAD why
 *
 * Return: 0; OS_MANIFEST_BAD; -ENOMEM.
 */
int os_manifest_parse(const char *text, OsRecord *ret_os,
                      char ret_message[static OS_MANIFEST_MESSAGE_MAX]);

/** os_manifest_same() - Whether two versions consist of the same files */
bool os_manifest_same(const OsRecord *a, const OsRecord *b);
