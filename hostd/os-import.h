/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The guest operating systems that this host has: directories FAMILY/VERSION with a manifest.json
 * that `image/guest/build` wrote. Reading and verifying them blocks: for a Worker's thread. */

#include "lib/api/records.h"

#define OS_IMPORT_MAX         64 /* versions of all families */
#define OS_IMPORT_MESSAGE_MAX 512

/* What was found. All zeroes is a valid empty one. */
typedef struct OsImport {
        OsRecord *systems;
        size_t n_systems;
        /* what is there but cannot be used, a line each: PATH: why */
        char *complaints;
} OsImport;

/**
 * os_import_scan() - Read every manifest, and check that its files are there with the sizes it says
 * @directory: e.g. /usr/share/troupe/os; not being there is the same as empty
 * @host:      noted as holder
 * @ret:       free with os_import_deinit()
 *
 * A version with a bad manifest is left out and complained of; the others are found all the same.
 * Digests are not computed: the directory is part of the verified host image, or was verified when
 * it was fetched.
 *
 * Return: 0; -ENOMEM; the errno of reading @directory.
 */
int os_import_scan(const char *directory, const char *host, OsImport *ret);

/** os_import_deinit() - Free what was found; it is empty afterwards */
void os_import_deinit(OsImport *import);
