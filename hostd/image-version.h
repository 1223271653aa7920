/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The version of the host's own system, as its os-release has it. */

#include "lib/api/records.h"

#define IMAGE_VERSION_FILE "/usr/lib/os-release"

/**
 * image_version_parse() - Find IMAGE_VERSION in the text of an os-release file
 * @text:        NAME=VALUE lines; a value may stand in quotes
 * @ret_version: "" when there is none: what runs is not an image
 */
void image_version_parse(const char *text, RecordName ret_version);

/** image_version_read() - The version of the system that runs; "" when it is not an image */
void image_version_read(RecordName ret_version);
