/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blobs that come in pieces: over a break, over a crash, wrong ones, and a disk that is full. */

#include "hostd/blob-part.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <utime.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

#define HELLO        "hello\n"
#define HELLO_DIGEST "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"

static char dir[32];
static BlobStore *store;

static int setup(void **state)
{
        strcpy(dir, "/tmp/troupe-part-XXXXXX");
        assert_non_null(mkdtemp(dir));
        return blob_store_open(dir, &store);
}

static int teardown(void **state)
{
        blob_release(store, HELLO_DIGEST);
        blob_collect(store, NULL, 0);
        store = blob_store_close(store);
        return rmdir(dir);
}

static bool part_is_there(void)
{
        return faccessat(blob_store_dir(store), BLOB_PART_PREFIX HELLO_DIGEST, F_OK, 0) == 0;
}

static void test_in_pieces(void **state)
{
        _cleanup_free_ char *path = blob_path(store, HELLO_DIGEST), *data = NULL;
        char message[BLOB_MESSAGE_MAX];
        BlobPart *part;

        assert_int_equal(blob_part_open(store, HELLO_DIGEST, 6, &part), 0);
        assert_int_equal(blob_part_write(part, "hel", 3), 0);
        assert_false(blob_exists(store, HELLO_DIGEST));
        part = blob_part_close(part);
        /* hostd was killed: what is there is gone on with */
        store = blob_store_close(store);
        assert_int_equal(blob_store_open(dir, &store), 0);
        blob_collect(store, NULL, 0);
        assert_int_equal(blob_part_open(store, HELLO_DIGEST, 6, &part), 0);
        assert_int_equal(blob_part_length(part), 3);
        assert_int_equal(blob_part_write(part, "lo\n", 3), 0);
        assert_int_equal(blob_part_finish(part, message), 0);
        part = blob_part_close(part);
        assert_false(part_is_there());
        assert_int_equal(blob_collect(store, NULL, 0), 0); /* held */
        assert_int_equal(file_read(AT_FDCWD, path, 100, &data, NULL), 0);
        assert_string_equal(data, HELLO);
        blob_release(store, HELLO_DIGEST);
        assert_int_equal(blob_collect(store, NULL, 0), 1);
}

static void test_wrong_bytes(void **state)
{
        char message[BLOB_MESSAGE_MAX];
        BlobPart *part;

        assert_int_equal(blob_part_open(store, HELLO_DIGEST, 6, &part), 0);
        assert_int_equal(blob_part_write(part, "hellO\n", 6), 0);
        assert_int_equal(blob_part_write(part, "x", 1), BLOB_REFUSED);
        assert_int_equal(blob_part_finish(part, message), BLOB_REFUSED);
        assert_string_equal(message, "its bytes are not its own");
        part = blob_part_close(part);
        assert_false(part_is_there());
        assert_false(blob_exists(store, HELLO_DIGEST));

        assert_int_equal(blob_part_open(store, HELLO_DIGEST, 6, &part), 0);
        assert_int_equal(blob_part_write(part, "hellO", 5), 0);
        assert_int_equal(blob_part_restart(part), 0);
        assert_int_equal(blob_part_length(part), 0);
        assert_int_equal(blob_part_write(part, "hello", 5), 0);
        assert_int_equal(blob_part_finish(part, message), BLOB_REFUSED);
        assert_string_equal(message, "5 bytes came, it has 6");
        part = blob_part_close(part);
        assert_false(part_is_there());
        assert_int_equal(blob_part_open(store, "x", 6, &part), -EINVAL);
}

/* What an earlier hostd left is longer than the blob can be. */
static void test_too_long_a_part(void **state)
{
        BlobPart *part;
        int fd = openat(blob_store_dir(store), BLOB_PART_PREFIX HELLO_DIGEST,
                        O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_int_equal(file_write_all(fd, "hello, world", 12), 0);
        close(fd);
        assert_int_equal(blob_part_open(store, HELLO_DIGEST, 6, &part), 0);
        assert_int_equal(blob_part_length(part), 0);
        blob_part_close(part);
        blob_part_discard(store, HELLO_DIGEST);
        assert_false(part_is_there());
}

static void test_old_parts_go(void **state)
{
        struct utimbuf old = {.modtime = time(NULL) - BLOB_PART_KEEP_S - 10};
        char path[128];
        BlobPart *part;

        assert_int_equal(blob_part_open(store, HELLO_DIGEST, 6, &part), 0);
        blob_part_close(part);
        snprintf(path, sizeof(path), "%s/" BLOB_PART_PREFIX HELLO_DIGEST, dir);
        assert_int_equal(utime(path, &old), 0);
        assert_int_equal(blob_collect(store, NULL, 0), 0); /* it is being fetched */
        blob_release(store, HELLO_DIGEST);
        assert_int_equal(blob_collect(store, NULL, 0), 1);
        assert_false(part_is_there());
}

static void test_full_disk(void **state)
{
        char small[] = "/tmp/troupe-small-XXXXXX";
        BlobStore *there;
        BlobPart *part;

        assert_non_null(mkdtemp(small));
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("small", small, "tmpfs", 0, "size=1m") < 0) {
                rmdir(small);
                skip();
        }
        assert_int_equal(blob_store_open(small, &there), 0);
        assert_int_equal(blob_part_open(there, HELLO_DIGEST, 2 * MIB, &part), -ENOSPC);
        assert_int_equal(faccessat(blob_store_dir(there), BLOB_PART_PREFIX HELLO_DIGEST, F_OK, 0),
                         -1);
        blob_store_close(there);
        umount(small);
        rmdir(small);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_in_pieces, setup, teardown),
                cmocka_unit_test_setup_teardown(test_wrong_bytes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_too_long_a_part, setup, teardown),
                cmocka_unit_test_setup_teardown(test_old_parts_go, setup, teardown),
                cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
