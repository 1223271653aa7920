/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* From blobs to a guest OS that VMs can be made of. Blocks: for a Worker's
 * thread. */

#include "hostd/blob.h"
#include "lib/api/records.h"

/**
 * os_assemble() - Make the directory of a guest OS out of its files, which are blobs
 * @blobs:     has every file of @os
 * @directory: gets FAMILY/VERSION, with a manifest.json as `image/guest/build` writes it; one that
 *             is there already is replaced
 * @os:        which files
 *
 * The directory is there whole or not at all, also after a crash; the blobs go.
 *
 * Return: 0; a negative errno, and then nothing has changed.
 */
int os_assemble(BlobStore *blobs, const char *directory, const OsRecord *os);

/**
 * os_disassemble() - Remove a version that was put together
 * @directory: STATE/os
 * @os:        of which family and version count; one that is not there is fine
 *
 * VMs that run with it go on: their disks are open.
 *
 * Return: 0; a negative errno.
 */
int os_disassemble(const char *directory, const OsRecord *os);
