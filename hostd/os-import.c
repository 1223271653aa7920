/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Finding guest operating systems. Sizes in a manifest must be the files' own. */

#include "hostd/os-import.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hostd/os-manifest.h"
#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

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

/* 0; 1 when it was complained of. */
static int check_files(Scan *scan, int dir_fd, const char *path, const OsRecord *system)
{
        for (size_t i = 0; i < system->n_files; i++) {
                const OsFile *file = &system->files[i];
                struct stat st;

                if (fstatat(dir_fd, file->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                    !S_ISREG(st.st_mode))
                        return complain(scan, path, "%s is in the manifest but is not a file there",
                                        file->name);
                if ((uint64_t) st.st_size != file->size_bytes)
                        return complain(scan, path, "%s is %lld bytes, its manifest says %llu",
                                        file->name, (long long) st.st_size,
                                        (unsigned long long) file->size_bytes);
        }
        return 0;
}

static int read_system(Scan *scan, int dir_fd, const char *path, const char *family,
                       const char *version)
{
        _cleanup_free_ char *text = NULL;
        char message[OS_MANIFEST_MESSAGE_MAX];
        OsRecord system;
        int r;

        r = file_read(dir_fd, "manifest.json", OS_MANIFEST_BYTES_MAX, &text, NULL);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return complain(scan, path, "manifest.json: %s", strerror(-r));
        r = os_manifest_parse(text, &system, message);
        if (r == OS_MANIFEST_BAD)
                return complain(scan, path, "%s", message);
        if (r < 0)
                return r;
        if (!str_equal(system.family, family) || !str_equal(system.version, version))
                return complain(scan, path, "manifest.json: is of another family or version");
        r = check_files(scan, dir_fd, path, &system);
        if (r != 0)
                return r;
        system.added_us = clock_realtime_us();
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
