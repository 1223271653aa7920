/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "model/sizes.h"

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

static int parse(SizeCatalogue *catalogue, const char *text, unsigned *line)
{
        return sizes_parse(catalogue, text, strlen(text), line);
}

static void a_line_is_a_size(void **state)
{
        SizeCatalogue catalogue = {};
        const Size *size;

        assert_int_equal(parse(&catalogue,
                               "# none\n\nSmall 2 1792M 24G A1 Standard_A1 # as Azure\r\n", NULL),
                         0);
        size = sizes_find(&catalogue, "standard_a1");
        assert_non_null(size);
        assert_string_equal(size->name, "Small");
        assert_int_equal(size->vcpus, 2);
        assert_true(size->memory_bytes == 1792 * MIB);
        assert_true(size->disk_bytes == 24 * GIB);
        assert_ptr_equal(sizes_find(&catalogue, "SMALL"), size);
        assert_null(sizes_find(&catalogue, "Smal"));
        sizes_deinit(&catalogue);
}

static void bad_lines_are_named(void **state)
{
        static const char *const bad[] = {
                "Small 1 1792M",
                "Small 0 1792M 24G",
                "Small 1 1792K 24G",
                "Small x 1792M 24G",
                "Sm/all 1 1792M 24G",
                "Small 1 1M 24G",
                "Small 1 1792M 99999999999999999999G",
                "Small 1 1792M 24G ../x",
                "Small 1 1792M 24G a b c d e f g h i",
                "Small 1025 1792M 24G",
                "Small 1 M 24G",
                "Small 1 -5G 24G",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_free_ char *text = str_printf("Tiny 1 256M 4G\n%s\n", bad[i]);
                SizeCatalogue catalogue = {};
                unsigned line = 0;

                assert_int_equal(parse(&catalogue, text, &line), SIZES_BAD_LINE);
                assert_int_equal(line, 2);
                assert_int_equal(catalogue.n_sizes, 1);
                sizes_deinit(&catalogue);
        }
}

static void catalogue_is_bounded(void **state)
{
        SizeCatalogue catalogue = {};
        StrBuffer text = {};
        unsigned line = 0;

        for (unsigned i = 0; i <= SIZES_MAX; i++)
                str_buffer_addf(&text, "s%u 1 256M 4G\n", i);
        assert_int_equal(sizes_parse(&catalogue, text.data, text.length, &line), SIZES_BAD_LINE);
        assert_int_equal(line, SIZES_MAX + 1);
        str_buffer_deinit(&text);
        sizes_deinit(&catalogue);
}

static void the_operators_file_wins(void **state)
{
        char path[] = "/tmp/troupe-sizes-XXXXXX";
        int fd = mkstemp(path);
        static const char text[] = "small 3 512M 5G\nA1 4 1G 6G\nHouse 1 1G 6G\n";
        SizeCatalogue catalogue = {};

        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        assert_int_equal(sizes_load(&catalogue, "model/sizes.conf", path, NULL, NULL), 0);
        assert_int_equal(sizes_find(&catalogue, "Small")->vcpus, 3);
        assert_int_equal(sizes_find(&catalogue, "A1")->vcpus, 4);
        assert_int_equal(sizes_find(&catalogue, "Standard_D1_v2")->memory_bytes, 3584 * MIB);
        assert_non_null(sizes_find(&catalogue, "House"));
        sizes_deinit(&catalogue);
        fd_close(fd);
        unlink(path);
}

static void a_bad_file_is_named(void **state)
{
        char path[] = "/tmp/troupe-sizes-XXXXXX";
        int fd = mkstemp(path);
        SizeCatalogue catalogue = {};
        const char *bad = NULL;
        unsigned line = 0;

        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, "\nnonsense\n", 10), 0);
        assert_int_equal(sizes_load(&catalogue, "/nonexistent/sizes.conf", path, &bad, &line),
                         SIZES_BAD_LINE);
        assert_string_equal(bad, path);
        assert_int_equal(line, 2);
        sizes_deinit(&catalogue);
        fd_close(fd);
        unlink(path);
}

static void what_is_compiled_in_is_the_file(void **state)
{
        SizeCatalogue built_in = {}, file = {};

        assert_int_equal(sizes_load(&built_in, "/nonexistent/a", "/nonexistent/b", NULL, NULL), 0);
        assert_int_equal(sizes_load(&file, "model/sizes.conf", "/nonexistent/b", NULL, NULL), 0);
        assert_true(built_in.n_sizes > 40);
        assert_int_equal(built_in.n_sizes, file.n_sizes);
        assert_non_null(sizes_find(&built_in, "ExtraSmall"));
        sizes_deinit(&built_in);
        sizes_deinit(&file);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_is_a_size),
                cmocka_unit_test(bad_lines_are_named),
                cmocka_unit_test(catalogue_is_bounded),
                cmocka_unit_test(the_operators_file_wins),
                cmocka_unit_test(a_bad_file_is_named),
                cmocka_unit_test(what_is_compiled_in_is_the_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
