/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files are linked, not copied, into FAMILY/.new-VERSION, which is renamed when it is complete. A
 * name with a dot in front is passed over by who looks for guest operating systems. */

#include "hostd/os-assemble.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-json.h>

#include "lib/base/file.h"
#include "lib/base/str.h"

static int write_manifest(int dir_fd, const OsRecord *os)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *files = NULL, *manifest = NULL;
        _cleanup_free_ char *text = NULL;
        int r = 0;

        for (size_t i = 0; i < os->n_files && r >= 0; i++) {
                _cleanup_(sd_json_variant_unrefp) sd_json_variant *file = NULL;

                r = sd_json_buildo(
                        &file, SD_JSON_BUILD_PAIR_STRING("name", os->files[i].name),
                        SD_JSON_BUILD_PAIR_UNSIGNED("size_bytes", os->files[i].size_bytes),
                        SD_JSON_BUILD_PAIR_STRING("sha256", os->files[i].digest));
                if (r >= 0)
                        r = sd_json_variant_append_array(&files, file);
        }
        if (r >= 0)
                r = sd_json_buildo(&manifest, SD_JSON_BUILD_PAIR_STRING("family", os->family),
                                   SD_JSON_BUILD_PAIR_STRING("version", os->version),
                                   SD_JSON_BUILD_PAIR_STRING("root_format", "raw"),
                                   SD_JSON_BUILD_PAIR_VARIANT("files", files));
        if (r >= 0)
                r = sd_json_variant_format(manifest, SD_JSON_FORMAT_NEWLINE, &text);
        return r < 0 ? r : file_write_atomic(dir_fd, "manifest.json", text, strlen(text), 0644);
}

static int fill(BlobStore *blobs, int dir_fd, const OsRecord *os)
{
        int r;

        for (size_t i = 0; i < os->n_files; i++) {
                char blob[sizeof(BLOB_PREFIX) + BLOB_DIGEST_LENGTH];

                snprintf(blob, sizeof(blob), BLOB_PREFIX "%s", os->files[i].digest);
                if (linkat(blob_store_dir(blobs), blob, dir_fd, os->files[i].name, 0) < 0)
                        return -errno;
        }
        r = write_manifest(dir_fd, os);
        return r == 0 && fsync(dir_fd) < 0 ? -errno : r;
}

static int open_family(const char *directory, const char *family, int *ret_fd)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, family);
        int fd;

        if (!path)
                return -ENOMEM;
        if ((mkdir(directory, 0755) < 0 && errno != EEXIST) ||
            (mkdir(path, 0755) < 0 && errno != EEXIST))
                return -errno;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

static void remove_blobs(BlobStore *blobs, const OsRecord *os)
{
        for (size_t i = 0; i < os->n_files; i++) {
                char blob[sizeof(BLOB_PREFIX) + BLOB_DIGEST_LENGTH];

                snprintf(blob, sizeof(blob), BLOB_PREFIX "%s", os->files[i].digest);
                unlinkat(blob_store_dir(blobs), blob, 0);
        }
}

/* The new one takes the version's name at once, also from the same version that was there: its
 * files are never missing, whenever the power goes. */
static int publish(int family_fd, const char *new_name, const char *version)
{
        int r = 0;

        if (renameat2(family_fd, new_name, family_fd, version, RENAME_EXCHANGE) == 0)
                r = file_remove_directory(family_fd, new_name);
        else if (errno != ENOENT || renameat(family_fd, new_name, family_fd, version) < 0)
                r = -errno;
        return r == 0 && fsync(family_fd) < 0 ? -errno : r;
}

int os_assemble(BlobStore *blobs, const char *directory, const OsRecord *os)
{
        _cleanup_close_ int family_fd = -1, dir_fd = -1;
        char new_name[sizeof(".new-") + RECORD_VERSION_MAX];
        int r;

        if (!str_is_name(os->family, RECORD_VERSION_MAX) ||
            !str_is_name(os->version, RECORD_VERSION_MAX))
                return -EINVAL;
        snprintf(new_name, sizeof(new_name), ".new-%s", os->version);
        r = open_family(directory, os->family, &family_fd);
        if (r == 0)
                r = file_remove_directory(family_fd, new_name);
        if (r < 0)
                return r;
        if (mkdirat(family_fd, new_name, 0755) < 0)
                return -errno;
        dir_fd = openat(family_fd, new_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = dir_fd < 0 ? -errno : fill(blobs, dir_fd, os);
        if (r == 0)
                r = publish(family_fd, new_name, os->version);
        if (r < 0) {
                file_remove_directory(family_fd, new_name);
                return r;
        }
        remove_blobs(blobs, os);
        return 0;
}

int os_disassemble(const char *directory, const OsRecord *os)
{
        _cleanup_close_ int family_fd = -1;
        int r;

        if (!str_is_name(os->family, RECORD_VERSION_MAX) ||
            !str_is_name(os->version, RECORD_VERSION_MAX))
                return -EINVAL;
        r = open_family(directory, os->family, &family_fd);
        return r < 0 ? r : file_remove_directory(family_fd, os->version);
}
