/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Addresses of directories with signed files: where hosts update from, and guest operating systems
 * come from. They end up in files of settings and in names of units (image/host's
 * /usr/lib/troupe/update has the same rule), so that what may be in them is little. */

#include <stdbool.h>
#include <stddef.h>

/** URL_DIRECTORY_RULE - What is told about one that is none */
#define URL_DIRECTORY_RULE "http://... or https://..., of letters, digits and ._~:/@+,=-[]"

/**
 * url_is_directory() - Whether a text is the address of a directory
 * @text: any text, hostile
 * @max:  characters it may have
 *
 * That is `http://` or `https://`, a host, and letters, digits and `._~:/@+,=-[]`.
 */
bool url_is_directory(const char *text, size_t max);
