/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Manifests are believed as far as their own directory: names of files have no slash in them. */

#include "hostd/os-manifest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-json.h>

#include "lib/base/str.h"

typedef sd_json_variant Variant;

_printf_(2, 3) static int refuse(char *message, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(message, OS_MANIFEST_MESSAGE_MAX, format, args);
        va_end(args);
        return OS_MANIFEST_BAD;
}

static const char *text_of(Variant *object, const char *name)
{
        Variant *v = sd_json_variant_by_key(object, name);

        return v && sd_json_variant_is_string(v) ? sd_json_variant_string(v) : "";
}

static bool is_digest(const char *text)
{
        uint8_t bytes[RECORD_DIGEST_MAX / 2];

        return strlen(text) == RECORD_DIGEST_MAX && str_unhex(text, bytes, sizeof(bytes)) == 0;
}

static int parse_file(Variant *entry, OsFile *file, char *message)
{
        Variant *size = sd_json_variant_by_key(entry, "size_bytes");
        const char *name = text_of(entry, "name"), *digest = text_of(entry, "sha256");

        if (!str_is_name(name, RECORD_NAME_MAX))
                return refuse(message, "manifest.json: a file has no name that may be used");
        if (!is_digest(digest))
                return refuse(message, "manifest.json: %s has no sha256", name);
        if (!size || !sd_json_variant_is_unsigned(size))
                return refuse(message, "manifest.json: %s has no size_bytes", name);
        snprintf(file->name, sizeof(file->name), "%s", name);
        snprintf(file->digest, sizeof(file->digest), "%s", digest);
        file->size_bytes = sd_json_variant_unsigned(size);
        return 0;
}

static int parse_files(Variant *manifest, OsRecord *os, char *message)
{
        Variant *files = sd_json_variant_by_key(manifest, "files");
        size_t n = files && sd_json_variant_is_array(files) ? sd_json_variant_elements(files) : 0;

        if (n == 0 || n > RECORD_FILES_MAX)
                return refuse(message, "manifest.json: files must be a list of 1 to %d",
                              RECORD_FILES_MAX);
        for (; os->n_files < n; os->n_files++) {
                OsFile *file = &os->files[os->n_files];
                int r = parse_file(sd_json_variant_by_index(files, os->n_files), file, message);

                if (r != 0)
                        return r;
                if (str_ends_with(file->name, ".raw"))
                        memcpy(os->digest, file->digest, sizeof(os->digest));
        }
        return 0;
}

int os_manifest_parse(const char *text, OsRecord *ret_os,
                      char ret_message[static OS_MANIFEST_MESSAGE_MAX])
{
        _cleanup_(sd_json_variant_unrefp) Variant *manifest = NULL;
        const char *family, *version;
        OsRecord os = {};
        int r;

        r = sd_json_parse(text, 0, &manifest, NULL, NULL);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !sd_json_variant_is_object(manifest))
                return refuse(ret_message, "manifest.json: is not a JSON object");
        family = text_of(manifest, "family");
        version = text_of(manifest, "version");
        if (!str_is_name(family, RECORD_VERSION_MAX) || !str_is_name(version, RECORD_VERSION_MAX))
                return refuse(ret_message, "manifest.json: has no family and version that may be "
                                           "used");
        r = parse_files(manifest, &os, ret_message);
        if (r != 0)
                return r;
        snprintf(os.family, sizeof(os.family), "%s", family);
        snprintf(os.version, sizeof(os.version), "%s", version);
        *ret_os = os;
        return 0;
}

bool os_manifest_same(const OsRecord *a, const OsRecord *b)
{
        if (a->n_files != b->n_files)
                return false;
        for (size_t i = 0; i < a->n_files; i++)
                if (!str_equal(a->files[i].name, b->files[i].name) ||
                    !str_equal(a->files[i].digest, b->files[i].digest))
                        return false;
        return true;
}
