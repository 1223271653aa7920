/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/blob.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

#define HELLO        "hello\n"
#define HELLO_DIGEST "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"

static char dir[32];
static BlobStore *store;

static int setup(void **state)
{
        strcpy(dir, "/tmp/troupe-blob-XXXXXX");
        assert_non_null(mkdtemp(dir));
        return blob_store_open(dir, &store);
}

static int teardown(void **state)
{
        blob_collect(store, NULL, 0);
        store = blob_store_close(store);
        return rmdir(dir);
}

/* A descriptor that @text can be read from. */
static int reader(const char *text)
{
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(file_write_all(fds[1], text, strlen(text)), 0);
        close(fds[1]);
        return fds[0];
}

static int ingest(const char *text, uint64_t max_bytes, const char *expected, char *digest,
                  char *message)
{
        int fd = reader(text);
        uint64_t bytes;
        int r;

        r = blob_ingest(store, fd, max_bytes, expected, digest, &bytes, message);
        close(fd);
        if (r == 0)
                blob_release(store, digest);
        if (r == 0)
                assert_int_equal(bytes, strlen(text));
        return r;
}

static void bytes_are_kept_under_their_digest(void **state)
{
        char digest[BLOB_DIGEST_LENGTH + 1], message[BLOB_MESSAGE_MAX];
        _cleanup_free_ char *path = blob_path(store, HELLO_DIGEST), *data = NULL;
        struct stat st;

        assert_false(blob_exists(store, HELLO_DIGEST));
        assert_int_equal(ingest(HELLO, 100, NULL, digest, message), 0);
        assert_string_equal(digest, HELLO_DIGEST);
        assert_true(blob_exists(store, HELLO_DIGEST));
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0444);
        assert_int_equal(file_read(AT_FDCWD, path, 100, &data, NULL), 0);
        assert_string_equal(data, HELLO);
        assert_int_equal(ingest(HELLO, 100, HELLO_DIGEST, digest, message), 0);
}

static void wrong_and_long_bytes_leave_nothing(void **state)
{
        char digest[BLOB_DIGEST_LENGTH + 1], message[BLOB_MESSAGE_MAX];

        assert_int_equal(ingest("hullo\n", 100, HELLO_DIGEST, digest, message), BLOB_REFUSED);
        assert_non_null(strstr(message, HELLO_DIGEST));
        assert_int_equal(ingest(HELLO, 5, NULL, digest, message), BLOB_REFUSED);
        assert_false(blob_exists(store, HELLO_DIGEST));
        assert_int_equal(blob_collect(store, NULL, 0), 0);
        assert_int_equal(rmdir(dir), 0); /* nothing half written either */
        assert_int_equal(mkdir(dir, 0700), 0);
}

static void a_crash_leaves_no_half_blob(void **state)
{
        _cleanup_free_ char *path = str_printf("%s/.new-1-1", dir);

        assert_int_equal(file_write_atomic(AT_FDCWD, path, "half", 4, 0600), 0);
        store = blob_store_close(store);
        assert_int_equal(blob_store_open(dir, &store), 0);
        assert_int_equal(access(path, F_OK), -1);
}

static void what_is_referred_to_stays(void **state)
{
        char digest[BLOB_DIGEST_LENGTH + 1], other[BLOB_DIGEST_LENGTH + 1],
                message[BLOB_MESSAGE_MAX];
        const char *keep[] = {digest};

        assert_int_equal(ingest(HELLO, 100, NULL, digest, message), 0);
        assert_int_equal(ingest("other", 100, NULL, other, message), 0);
        assert_int_equal(blob_collect(store, keep, 1), 1);
        assert_true(blob_exists(store, digest));
        assert_false(blob_exists(store, other));
}

static void what_is_held_stays_until_it_is_released(void **state)
{
        char digest[BLOB_DIGEST_LENGTH + 1], message[BLOB_MESSAGE_MAX];
        int fd = reader(HELLO);
        uint64_t bytes;

        assert_int_equal(blob_ingest(store, fd, 100, NULL, digest, &bytes, message), 0);
        close(fd);
        assert_int_equal(blob_collect(store, NULL, 0), 0);
        assert_true(blob_exists(store, digest));
        blob_release(store, digest);
        assert_int_equal(blob_collect(store, NULL, 0), 1);
        assert_false(blob_exists(store, digest));
}

static void a_payload_comes_out_of_a_sound_package_only(void **state)
{
        char digest[BLOB_DIGEST_LENGTH + 1], message[BLOB_MESSAGE_MAX];
        char *path = NULL;

        assert_int_equal(blob_payload(store, HELLO_DIGEST, "web", &path, message), -ENOENT);
        assert_int_equal(ingest(HELLO, 100, NULL, digest, message), 0);
        assert_int_equal(blob_payload(store, HELLO_DIGEST, "web", &path, message), BLOB_REFUSED);
        assert_non_null(strstr(message, "package 5891b5b522d5"));
        assert_int_equal(blob_payload(store, HELLO_DIGEST, "../web", &path, message), -EINVAL);
        assert_int_equal(blob_payload(store, "../../etc/passwd", "web", &path, message), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(bytes_are_kept_under_their_digest, setup, teardown),
                cmocka_unit_test_setup_teardown(wrong_and_long_bytes_leave_nothing, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_crash_leaves_no_half_blob, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_referred_to_stays, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_held_stays_until_it_is_released, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_payload_comes_out_of_a_sound_package_only, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
