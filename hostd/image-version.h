/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What system the host runs: its version, as its os-release has it, and which boot this is. */

#include "lib/api/records.h"

#define IMAGE_VERSION_FILE "/usr/lib/os-release"
#define BOOT_ID_FILE       "/proc/sys/kernel/random/boot_id"

/**
 * image_version_parse() - Find IMAGE_VERSION in the text of an os-release file
 * @text:        NAME=VALUE lines; a value may stand in quotes
 * @ret_version: "" when there is none: what runs is not an image
 */
void image_version_parse(const char *text, RecordName ret_version);

/** boot_id_read() - The id of this boot of the system; "" when the kernel does not say it */
void boot_id_read(RecordName ret_id);

/** image_version_read() - The version of the system that runs; "" when it is not an image */
void image_version_read(RecordName ret_version);
