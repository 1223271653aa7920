/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Any bytes as a package. The first byte chooses how they become one: as they are, or, so that
 * inputs get past the checksums, as the manifest of a package that is otherwise right.
 */

#include <sys/mman.h>
#include <unistd.h>

#include "model/package.h"
#include "model/zip.h"
#include "tests/fuzz/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_all(int fd, const void *data, size_t size)
{
        INVARIANT(size == 0 || write(fd, data, size) == (ssize_t) size);
}

static void member_write(int fd, ZipDirectory *directory, const char *name, const void *data,
                         size_t size)
{
        ZipMember *member = &directory->members[directory->n_members++];
        uint8_t header[ZIP_LOCAL_BYTES + ZIP_NAME_MAX];

        *member = (ZipMember) {.size = (uint32_t) size,
                               .crc = zip_crc(0, data, size),
                               .offset = (uint32_t) lseek(fd, 0, SEEK_CUR)};
        strcpy(member->name, name);
        write_all(fd, header, zip_local(member, header));
        write_all(fd, data, size);
}

static void manifest_wrap(int fd, const uint8_t *data, size_t size)
{
        ZipDirectory directory = {};
        uint8_t *tail;
        size_t length;

        member_write(fd, &directory, PACKAGE_MANIFEST, data, size);
        member_write(fd, &directory, PACKAGE_DEFINITION, "a", 1);
        member_write(fd, &directory, "roles/web.erofs", "b", 1);
        INVARIANT(zip_tail(&directory, &tail, &length) == 0);
        write_all(fd, tail, length);
        free(tail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        PackageError error;
        Package *package = NULL;
        int fd, r;

        if (size == 0)
                return 0;
        fd = memfd_create("package", MFD_CLOEXEC);
        INVARIANT(fd >= 0);
        if (data[0] & 1)
                manifest_wrap(fd, data + 1, size - 1);
        else
                write_all(fd, data + 1, size - 1);
        r = package_open(fd, &package, &error);
        INVARIANT(r == 0 || r == PACKAGE_REFUSED);
        INVARIANT(r == 0 ? error.fault == PACKAGE_OK
                         : error.fault != PACKAGE_OK && error.message[0]);
        if (r == 0) {
                const PackageMember *members;
                size_t n;
                int out = memfd_create("out", MFD_CLOEXEC);

                members = package_members(package, &n);
                for (size_t i = 1; i < n; i++)
                        INVARIANT(package_extract(package, members[i].role, out, &error) == 0);
                close(out);
        }
        package_close(package);
        close(fd);
        return 0;
}
