/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A directory to pack, and packages made by hand, for the tests of packer and reader. */

#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "model/manifest.h"
#include "model/pack.h"
#include "model/package.h"
#include "model/zip.h"
#include "tests/unit/model/helper.h"

#define PACK_DEFINITION                                                                            \
        DEFINITION("<WebRole name='web'>" HTTP_IN                                                  \
                   "<Sites><Site name='s' physicalDirectory='..\\static'>"                         \
                   "<Bindings><Binding name='b' "                                                  \
                   "endpointName='In'/></Bindings></Site></Sites></WebRole>" WORKER(               \
                           "<Contents><Content destination='share\\data'><SourceDirectory "        \
                           "path='data'/>"                                                         \
                           "</Content></Contents>"))

static inline void put(const char *directory, const char *name, const char *text, mode_t mode)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, name);
        _cleanup_close_ int fd = -1;

        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                mkdir(path, 0700);
                *slash = '/';
        }
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        assert_int_equal(fchmod(fd, mode), 0);
}

/* The directory DIR is @root/app; what a site shares lies beside it. */
static inline void tree_make(char root[static 32])
{
        strcpy(root, "/tmp/troupe-pack-XXXXXX");
        assert_non_null(mkdtemp(root));
        put(root, "app/ServiceDefinition.csdef", PACK_DEFINITION, 0600);
        put(root, "app/web/readme", "web\n", 0640);
        put(root, "app/work/bin/work", "#!/bin/sh\n", 0700);
        put(root, "app/data/numbers", "1 2 3\n", 0444);
        put(root, "static/index.html", "<p>hello\n", 0644);
}

static inline int tree_remove_one(const char *path, const struct stat *st, int type,
                                  struct FTW *ftw)
{
        return remove(path);
}

static inline void tree_remove(const char *root)
{
        assert_int_equal(nftw(root, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Packs DIR/app; gives the package, or -1 and what pack_directory() returned with its message. */
static inline int tree_pack(const char *root, const char *key, const char *cert, int *ret_result,
                            char message[static PACK_MESSAGE_MAX])
{
        _cleanup_free_ char *app = str_printf("%s/app", root),
                            *path = str_printf("%s/ServiceDefinition.csdef", app);
        _cleanup_free_ char *text = NULL;
        int fd = memfd_create("package", MFD_CLOEXEC);
        PackOptions options = {.directory = app, .out_fd = fd, .sign_key = key, .sign_cert = cert};
        Checked checked;

        assert_true(fd >= 0);
        assert_int_equal(
                file_read(AT_FDCWD, path, MODEL_FILE_BYTES_MAX, &text, &options.text.length), 0);
        options.text.text = text;
        options.text.file = path;
        checked = check_texts(text, NULL);
        assert_int_equal(checked.result, 0);
        options.model = checked.model;
        message[0] = 0;
        *ret_result = pack_directory(&options, message);
        checked_deinit(&checked);
        if (*ret_result != 0) {
                fd_close(fd);
                return -1;
        }
        return fd;
}

/* A member of a package made by hand. */
typedef struct Part {
        const char *name;
        const char *data;
        size_t length;
} Part;

static inline int parts_write(const Part *parts, size_t n_parts)
{
        int fd = memfd_create("parts", MFD_CLOEXEC);
        ZipDirectory directory = {};
        uint32_t offset = 0;
        uint8_t *tail;
        size_t length;

        assert_true(fd >= 0);
        for (size_t i = 0; i < n_parts; i++) {
                ZipMember *member = &directory.members[directory.n_members++];
                uint8_t header[ZIP_LOCAL_BYTES + ZIP_NAME_MAX];
                size_t n;

                *member = (ZipMember) {.size = (uint32_t) parts[i].length,
                                       .crc = zip_crc(0, parts[i].data, parts[i].length),
                                       .offset = offset};
                strcpy(member->name, parts[i].name);
                n = zip_local(member, header);
                assert_int_equal(file_write_all(fd, header, n), 0);
                assert_int_equal(file_write_all(fd, parts[i].data, parts[i].length), 0);
                offset += (uint32_t) (n + parts[i].length);
        }
        assert_int_equal(zip_tail(&directory, &tail, &length), 0);
        assert_int_equal(file_write_all(fd, tail, length), 0);
        free(tail);
        return fd;
}

static inline void assert_package_refused(int fd, PackageFault fault, const char *words)
{
        Package *package = NULL;
        PackageError error = {};
        int r = package_open(fd, &package, &error);

        if (r != PACKAGE_REFUSED || error.fault != fault || !strstr(error.message, words))
                fail_msg("wanted %s (%s), got %d %s: %s", package_fault_to_string(fault), words, r,
                         package_fault_to_string(error.fault), error.message);
        assert_null(package);
}
