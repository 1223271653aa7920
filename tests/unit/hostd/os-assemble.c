/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From blobs to a directory, over what was there, and back to where it was when a blob is missing.
 */

#include "hostd/os-assemble.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "hostd/os-import.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

static char top[32];
static char blobs_dir[64], os_dir[64];
static BlobStore *blobs;

static int setup(void **state)
{
        strcpy(top, "/tmp/troupe-asm-XXXXXX");
        assert_non_null(mkdtemp(top));
        snprintf(blobs_dir, sizeof(blobs_dir), "%s/blobs", top);
        snprintf(os_dir, sizeof(os_dir), "%s/os", top);
        assert_int_equal(mkdir(blobs_dir, 0755), 0);
        return blob_store_open(blobs_dir, &blobs);
}

static int teardown(void **state)
{
        _cleanup_free_ char *command = str_printf("rm -rf %s", top);

        blobs = blob_store_close(blobs);
        return system(command);
}

static void add(OsRecord *os, const char *name, const char *text)
{
        OsFile *file = &os->files[os->n_files++];
        char message[BLOB_MESSAGE_MAX];
        uint64_t bytes;
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(file_write_all(fds[1], text, strlen(text)), 0);
        close(fds[1]);
        assert_int_equal(blob_ingest(blobs, fds[0], 100, NULL, file->digest, &bytes, message), 0);
        close(fds[0]);
        strcpy(file->name, name);
        file->size_bytes = bytes;
}

static OsRecord make(const char *root)
{
        OsRecord os = {.family = "debian-13", .version = "7"};

        add(&os, "vmlinuz", "kernel");
        add(&os, "root.raw", root);
        memcpy(os.digest, os.files[1].digest, sizeof(os.digest));
        return os;
}

static void expect(const char *root)
{
        _cleanup_free_ char *path = str_printf("%s/debian-13/7/root.raw", os_dir), *data = NULL;
        OsImport found;

        assert_int_equal(os_import_scan(os_dir, "h1", &found), 0);
        assert_int_equal(found.n_systems, 1);
        assert_string_equal(found.complaints, "");
        os_import_deinit(&found);
        assert_int_equal(file_read(AT_FDCWD, path, 100, &data, NULL), 0);
        assert_string_equal(data, root);
}

static void test_assembles(void **state)
{
        OsRecord os = make("first");

        assert_int_equal(os_assemble(blobs, os_dir, &os), 0);
        expect("first");
        assert_false(blob_exists(blobs, os.digest));
        os = make("second");
        assert_int_equal(os_assemble(blobs, os_dir, &os), 0);
        expect("second");
}

static void test_fails_whole(void **state)
{
        OsRecord os = make("first"), worse;
        char command[256];

        assert_int_equal(os_assemble(blobs, os_dir, &os), 0);
        worse = make("third");
        memset(worse.files[0].digest, 'f', RECORD_DIGEST_MAX);
        assert_int_equal(os_assemble(blobs, os_dir, &worse), -ENOENT);
        expect("first");
        assert_true(blob_exists(blobs, worse.digest));
        /* what a crash has left does not disturb */
        snprintf(command, sizeof(command), "cp -r %s/debian-13/7 %s/debian-13/.new-7", os_dir,
                 os_dir);
        assert_int_equal(system(command), 0);
        expect("first");
        os = make("fourth");
        assert_int_equal(os_assemble(blobs, os_dir, &os), 0);
        expect("fourth");
        memcpy(os.family, "../x", 5);
        assert_int_equal(os_assemble(blobs, os_dir, &os), -EINVAL);
}

/* Exits with 1 when the root image is once not there, with 0 when @end is at its end. */
static void watch(int end)
{
        _cleanup_free_ char *path = str_printf("%s/debian-13/7/root.raw", os_dir);
        struct pollfd poll_fd = {.fd = end};

        while (poll(&poll_fd, 1, 0) == 0)
                if (access(path, R_OK) < 0)
                        _exit(1);
        _exit(0);
}

static void test_is_there_throughout(void **state)
{
        OsRecord os = make("first");
        int ends[2], status;
        pid_t child;

        assert_int_equal(os_assemble(blobs, os_dir, &os), 0);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        child = fork();
        if (child == 0) {
                close(ends[1]);
                watch(ends[0]);
        }
        close(ends[0]);
        for (unsigned i = 0; i < 300; i++) {
                os = make("first");
                assert_int_equal(os_assemble(blobs, os_dir, &os), 0);
        }
        close(ends[1]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        expect("first");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_assembles, setup, teardown),
                cmocka_unit_test_setup_teardown(test_fails_whole, setup, teardown),
                cmocka_unit_test_setup_teardown(test_is_there_throughout, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
