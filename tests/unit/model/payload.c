/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "model/payload.h"

#include "tests/unit/model/packed.h"

static void files_are_sorted_with_two_modes(void **state)
{
        static const struct {
                const char *name;
                mode_t mode;
        } expected[] = {
                {"bin", S_IFDIR | 0755},        {"bin/work", S_IFREG | 0755},
                {"link", S_IFLNK | 0777},       {"share", S_IFDIR | 0755},
                {"share/data", S_IFDIR | 0755}, {"share/data/numbers", S_IFREG | 0644},
        };
        char root[32], path[64], message[PACK_MESSAGE_MAX];
        Payload payload = {};

        tree_make(root);
        snprintf(path, sizeof(path), "%s/app/work/link", root);
        assert_int_equal(symlink("bin/work", path), 0);
        snprintf(path, sizeof(path), "%s/app/data", root);
        assert_int_equal(payload_add(&payload, path, "share/data", message), 0);
        snprintf(path, sizeof(path), "%s/app/work", root);
        assert_int_equal(payload_add(&payload, path, ".", message), 0);
        assert_int_equal(payload_finish(&payload, message), 0);
        assert_int_equal(payload.n_files, ARRAY_SIZE(expected));
        for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
                assert_string_equal(payload.files[i].name, expected[i].name);
                assert_int_equal(payload.files[i].mode, expected[i].mode);
        }
        assert_string_equal(payload_find(&payload, "link")->target, "bin/work");
        assert_null(payload_find(&payload, "bin/none"));
        payload_deinit(&payload);
        tree_remove(root);
}

static void a_file_that_changes_meanwhile_is_noticed(void **state)
{
        char root[32], path[64], message[PACK_MESSAGE_MAX];
        Payload payload = {};
        int fd = -1;

        tree_make(root);
        snprintf(path, sizeof(path), "%s/app/work", root);
        assert_int_equal(payload_add(&payload, path, ".", message), 0);
        assert_int_equal(payload_finish(&payload, message), 0);
        put(root, "app/work/bin/work", "longer than it was before", 0755);
        assert_int_equal(payload_image(&payload, NULL, &fd, message), PACK_REFUSED);
        assert_non_null(strstr(message, "changed while it was packed"));
        assert_int_equal(fd, -1);
        payload_deinit(&payload);
        tree_remove(root);
}

static void count_up(void *userdata, double fraction)
{
        double *last = userdata;

        assert_true(fraction >= *last && fraction <= 1);
        *last = fraction;
}

static void it_is_told_how_far_it_is(void **state)
{
        char root[32], path[64], message[PACK_MESSAGE_MAX];
        Payload payload = {};
        double last = 0;
        int fd = -1;

        tree_make(root);
        snprintf(path, sizeof(path), "%s/app/work", root);
        assert_int_equal(payload_add(&payload, path, ".", message), 0);
        assert_int_equal(payload_finish(&payload, message), 0);
        assert_int_equal(payload_image(&payload, &(PackProgress) {count_up, &last}, &fd, message),
                         0);
        assert_true(last > 0.25);
        fd_close(fd);
        payload_deinit(&payload);
        tree_remove(root);
}

static void an_empty_payload_is_an_image_too(void **state)
{
        char message[PACK_MESSAGE_MAX] = "";
        Payload payload = {};
        int fd = -1, r;

        assert_int_equal(payload_finish(&payload, message), 0);
        r = payload_image(&payload, NULL, &fd, message);
        if (r != 0)
                fail_msg("%d %s", r, message);
        assert_true(lseek(fd, 0, SEEK_END) > 0);
        fd_close(fd);
}

static void nesting_is_bounded(void **state)
{
        char root[32], message[PACK_MESSAGE_MAX];
        StrBuffer path = {};
        Payload payload = {};

        tree_make(root);
        for (unsigned i = 0; i < PACK_DEPTH_MAX + 2; i++)
                str_buffer_add(&path, "d/");
        str_buffer_add(&path, "file");
        put(root, path.data, "x", 0644);
        assert_int_equal(payload_add(&payload, root, ".", message), PACK_REFUSED);
        assert_non_null(strstr(message, "nested"));
        payload_deinit(&payload);
        str_buffer_deinit(&path);
        tree_remove(root);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(files_are_sorted_with_two_modes),
                cmocka_unit_test(a_file_that_changes_meanwhile_is_noticed),
                cmocka_unit_test(it_is_told_how_far_it_is),
                cmocka_unit_test(an_empty_payload_is_an_image_too),
                cmocka_unit_test(nesting_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
