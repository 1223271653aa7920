/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Finding guest operating systems. A manifest is believed as far as its own directory: names of
 * files have no slash in them, sizes must be the files' own. */

#include "hostd/os-import.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-json.h>

#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

#define MANIFEST_BYTES_MAX (64 * KIB)

typedef sd_json_variant Variant;

typedef struct Scan {
        OsImport found;
        StrBuffer complaints;
        const char *host;
} Scan;

_printf_(3, 4) static int complain(Scan *scan, const char *path, const char *format, ...)
{
        char text[OS_IMPORT_MESSAGE_MAX];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        str_buffer_addf(&scan->complaints, "%s: %s\n", path, text);
        return 1;
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

/* 0; 1 when it was complained of. */
static int read_file_entry(Scan *scan, int dir_fd, const char *path, Variant *entry, OsFile *file)
{
        Variant *size = sd_json_variant_by_key(entry, "size_bytes");
        const char *name = text_of(entry, "name"), *digest = text_of(entry, "sha256");
        struct stat st;

        if (!str_is_name(name, RECORD_NAME_MAX))
                return complain(scan, path, "manifest.json: a file has no name that may be used");
        if (!is_digest(digest))
                return complain(scan, path, "manifest.json: %s has no sha256", name);
        if (!size || !sd_json_variant_is_unsigned(size))
                return complain(scan, path, "manifest.json: %s has no size_bytes", name);
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                return complain(scan, path, "%s is in the manifest but is not a file there", name);
        if ((uint64_t) st.st_size != sd_json_variant_unsigned(size))
                return complain(scan, path, "%s is %lld bytes, its manifest says %llu", name,
                                (long long) st.st_size,
                                (unsigned long long) sd_json_variant_unsigned(size));
        snprintf(file->name, sizeof(file->name), "%s", name);
        snprintf(file->digest, sizeof(file->digest), "%s", digest);
        file->size_bytes = sd_json_variant_unsigned(size);
        return 0;
}

static int read_files(Scan *scan, int dir_fd, const char *path, Variant *manifest, OsRecord *system)
{
        Variant *files = sd_json_variant_by_key(manifest, "files");
        size_t n = files && sd_json_variant_is_array(files) ? sd_json_variant_elements(files) : 0;

        if (n == 0 || n > RECORD_FILES_MAX)
                return complain(scan, path, "manifest.json: files must be a list of 1 to %d",
                                RECORD_FILES_MAX);
        for (; system->n_files < n; system->n_files++) {
                int r = read_file_entry(scan, dir_fd, path,
                                        sd_json_variant_by_index(files, system->n_files),
                                        &system->files[system->n_files]);

                if (r != 0)
                        return r;
        }
        return 0;
}

static int read_system(Scan *scan, int dir_fd, const char *path, const char *family,
                       const char *version)
{
        _cleanup_(sd_json_variant_unrefp) Variant *manifest = NULL;
        _cleanup_free_ char *text = NULL;
        OsRecord system = {.added_us = clock_realtime_us()};
        int r;

        r = file_read(dir_fd, "manifest.json", MANIFEST_BYTES_MAX, &text, NULL);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return complain(scan, path, "manifest.json: %s", strerror(-r));
        r = sd_json_parse(text, 0, &manifest, NULL, NULL);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !sd_json_variant_is_object(manifest))
                return complain(scan, path, "manifest.json: is not a JSON object");
        if (!str_equal(text_of(manifest, "family"), family) ||
            !str_equal(text_of(manifest, "version"), version))
                return complain(scan, path, "manifest.json: is of another family or version");
        r = read_files(scan, dir_fd, path, manifest, &system);
        if (r != 0)
                return r;
        snprintf(system.family, sizeof(system.family), "%s", family);
        snprintf(system.version, sizeof(system.version), "%s", version);
        /* the root image is what a running instance is made of: its digest names the whole */
        for (size_t i = 0; i < system.n_files; i++)
                if (str_ends_with(system.files[i].name, ".raw"))
                        memcpy(system.digest, system.files[i].digest, sizeof(system.digest));
        snprintf(system.holders[0], sizeof(system.holders[0]), "%s", scan->host);
        system.n_holders = 1;
        return ARRAY_APPEND(scan->found.systems, scan->found.n_systems, system);
}

typedef int OnDirectory(Scan *scan, int dir_fd, const char *path, const char *family,
                        const char *name);

/* Calls @each for every directory with a proper name below @dir_fd. */
static int each_directory(Scan *scan, int dir_fd, const char *path, const char *family,
                          OnDirectory *each)
{
        int copy = dup(dir_fd), r = 0;
        DIR *dir = copy < 0 ? NULL : fdopendir(copy);
        const struct dirent *entry;

        if (!dir) {
                r = -errno;
                fd_close(copy);
                return r;
        }
        while (r >= 0 && (entry = readdir(dir))) {
                _cleanup_free_ char *inner = str_printf("%s/%s", path, entry->d_name);
                _cleanup_close_ int fd = -1;

                if (!inner)
                        r = -ENOMEM;
                if (r < 0 || !str_is_name(entry->d_name, RECORD_VERSION_MAX))
                        continue;
                fd = openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd >= 0 && scan->found.n_systems < OS_IMPORT_MAX)
                        r = each(scan, fd, inner, family, entry->d_name);
        }
        closedir(dir);
        return MIN(r, 0);
}

static int read_family(Scan *scan, int dir_fd, const char *path, const char *family,
                       const char *name)
{
        return each_directory(scan, dir_fd, path, name, read_system);
}

int os_import_scan(const char *directory, const char *host, OsImport *ret)
{
        _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        Scan scan = {.host = host};
        int r;

        if (fd < 0 && errno == ENOENT) {
                *ret = (OsImport) {};
                return 0;
        }
        if (fd < 0)
                return -errno;
        r = each_directory(&scan, fd, directory, NULL, read_family);
        if (r == 0)
                r = str_buffer_take(&scan.complaints, &scan.found.complaints);
        if (r < 0) {
                str_buffer_deinit(&scan.complaints);
                os_import_deinit(&scan.found);
                return r;
        }
        *ret = scan.found;
        return 0;
}

void os_import_deinit(OsImport *import)
{
        free(import->systems);
        free(import->complaints);
        *import = (OsImport) {};
}
