/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "model/pack.h"

#include <utime.h>

#include "tests/unit/model/packed.h"

static char *contents(int fd, size_t *ret_length)
{
        char *text;

        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(file_read_fd(fd, 16 * MIB, &text, ret_length), 0);
        return text;
}

static void the_same_directory_gives_the_same_bytes(void **state)
{
        char one[32], two[32], message[PACK_MESSAGE_MAX];
        _cleanup_free_ char *a = NULL, *b = NULL;
        struct utimbuf old = {1, 2};
        size_t a_length, b_length;
        char path[64];
        mode_t umask_before;
        int fd, r;

        tree_make(one);
        umask_before = umask(077);
        tree_make(two);
        umask(umask_before);
        snprintf(path, sizeof(path), "%s/app/work/bin/work", two);
        assert_int_equal(utime(path, &old), 0);
        assert_int_equal(chmod(path, 0711), 0);
        fd = tree_pack(one, NULL, NULL, &r, message);
        assert_int_equal(r, 0);
        a = contents(fd, &a_length);
        fd_close(fd);
        fd = tree_pack(two, NULL, NULL, &r, message);
        assert_int_equal(r, 0);
        b = contents(fd, &b_length);
        fd_close(fd);
        assert_int_equal(a_length, b_length);
        assert_memory_equal(a, b, a_length);

        /* and another file gives others */
        put(two, "app/work/bin/work", "#!/bin/sh -e\n", 0755);
        free(b);
        fd = tree_pack(two, NULL, NULL, &r, message);
        assert_int_equal(r, 0);
        b = contents(fd, &b_length);
        fd_close(fd);
        assert_true(a_length != b_length || memcmp(a, b, a_length) != 0);
        tree_remove(one);
        tree_remove(two);
}

static void what_is_packed_can_be_read(void **state)
{
        char root[32], message[PACK_MESSAGE_MAX];
        Package *package = NULL;
        PackageError error;
        int fd, out, r;
        size_t n;
        uint32_t magic = 0;

        tree_make(root);
        fd = tree_pack(root, NULL, NULL, &r, message);
        assert_int_equal(r, 0);
        assert_int_equal(package_open(fd, &package, &error), 0);
        assert_string_equal(package_definition(package, &n), PACK_DEFINITION);
        assert_int_equal(n, strlen(PACK_DEFINITION));
        assert_int_equal(strlen(package_digest(package)), 64);
        package_members(package, &n);
        assert_int_equal(n, 3);
        assert_string_equal(package_payload(package, "web")->name, "roles/web.erofs");
        out = memfd_create("out", MFD_CLOEXEC);
        assert_int_equal(package_extract(package, "work", out, &error), 0);
        assert_int_equal(lseek(out, 0, SEEK_END), (off_t) package_payload(package, "work")->size);
        assert_int_equal(pread(out, &magic, 4, 1024), 4);
        assert_int_equal(magic, 0xe0f5e1e2); /* EROFS, little-endian */
        fd_close(out);
        package_close(package);
        fd_close(fd);
        tree_remove(root);
}

static void assert_pack_refused(const char *root, const char *words)
{
        char message[PACK_MESSAGE_MAX];
        int r;

        assert_int_equal(tree_pack(root, NULL, NULL, &r, message), -1);
        if (r != PACK_REFUSED || !strstr(message, words))
                fail_msg("wanted %s, got %d: %s", words, r, message);
}

static void what_is_wrong_with_a_directory_is_named(void **state)
{
        char root[32], path[96];

        tree_make(root);
        snprintf(path, sizeof(path), "%s/app/work/bin/work", root);
        assert_int_equal(chmod(path, 0644), 0);
        assert_pack_refused(root, "chmod +x");
        assert_int_equal(unlink(path), 0);
        assert_pack_refused(root, "runs bin/work, which is not there");
        put(root, "app/work/bin/work", "x", 0755);
        put(root, "app/work/share/data/numbers", "clash", 0644);
        assert_pack_refused(root, "share/data/numbers: would be in the payload twice");
        snprintf(path, sizeof(path), "%s/app/work/share/data/numbers", root);
        assert_int_equal(unlink(path), 0);
        snprintf(path, sizeof(path), "%s/app/work/pipe", root);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_pack_refused(root, "files, directories and symbolic links only");
        assert_int_equal(unlink(path), 0);
        snprintf(path, sizeof(path), "%s/static/index.html", root);
        assert_int_equal(unlink(path), 0);
        snprintf(path, sizeof(path), "%s/static", root);
        assert_int_equal(rmdir(path), 0);
        assert_pack_refused(root, "static: there is no such directory");
        tree_remove(root);
        tree_make(root);
        snprintf(path, sizeof(path), "%s/app/work", root);
        tree_remove(path);
        assert_pack_refused(root, "put what role work runs or serves there");
        tree_remove(root);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_same_directory_gives_the_same_bytes),
                cmocka_unit_test(what_is_packed_can_be_read),
                cmocka_unit_test(what_is_wrong_with_a_directory_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
