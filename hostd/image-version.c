/* SPDX-License-Identifier: GPL-3.0-or-later */

/* os-release(5): the file is read as far as its form is that simple. */

#include "hostd/image-version.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/str.h"

#define FILE_BYTES_MAX (64 * KIB)

void image_version_parse(const char *text, RecordName ret_version)
{
        memset(ret_version, 0, sizeof(RecordName));
        while (*text) {
                const char *value = str_after(text, "IMAGE_VERSION=");
                size_t length = strcspn(text, "\n");

                if (value) {
                        value += *value == '"' || *value == '\'';
                        snprintf(ret_version, sizeof(RecordName), "%.*s",
                                 (int) MIN(strcspn(value, "\"'\n"), (size_t) RECORD_NAME_MAX),
                                 value);
                }
                text += length + (text[length] == '\n');
        }
}

void image_version_read(RecordName ret_version)
{
        _cleanup_free_ char *text = NULL;

        memset(ret_version, 0, sizeof(RecordName));
        if (file_read(AT_FDCWD, IMAGE_VERSION_FILE, FILE_BYTES_MAX, &text, NULL) == 0)
                image_version_parse(text, ret_version);
}

void boot_id_read(RecordName ret_id)
{
        _cleanup_free_ char *text = NULL;

        memset(ret_id, 0, sizeof(RecordName));
        if (file_read(AT_FDCWD, BOOT_ID_FILE, RECORD_NAME_MAX, &text, NULL) == 0)
                snprintf(ret_id, sizeof(RecordName), "%.36s", text);
}
