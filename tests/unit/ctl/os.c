/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/test.h"

#include "ctl/verbs.h"
#include "tests/unit/ctl/capture.h"
#include "tests/unit/ctl/fake-host1.h"

#define W(text) ((char *) (text))
#define OS(options, out, ...)                                                                      \
        verb_capture(verb_os, (options), (char *[]) {__VA_ARGS__, NULL}, (out))

static const Options plain = {.legend = true};
static const Options json = {.json = SD_JSON_FORMAT_NEWLINE};

static void assert_called(const char *expected)
{
        _cleanup_free_ char *calls = fake_calls();

        assert_string_equal(calls, expected);
}

static void put_file(const char *directory, const char *name, const char *text)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, name);

        assert_int_equal(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600), 0);
}

static void import_sends_the_files_of_the_manifest(void **state)
{
        _cleanup_free_ char *one = NULL, *two = NULL, *three = NULL, *four = NULL;
        char directory[96];

        snprintf(directory, sizeof(directory), "%s/7", fake_dir);
        assert_int_equal(mkdir(directory, 0700), 0);
        assert_int_equal(OS(&plain, &one, W("import"), directory), CTL_USAGE); /* no manifest */
        put_file(directory, "manifest.json", "{\"files\":[{\"name\":\"a\"},{\"name\":\"b\"}]}");
        put_file(directory, "a", "first");
        assert_int_equal(OS(&plain, &two, W("import"), directory), CTL_USAGE); /* no b */
        assert_called("");
        put_file(directory, "b", "second");
        put_file(directory, "c", "third");
        assert_int_equal(OS(&plain, &three, W("import"), directory), CTL_DONE);
        assert_string_equal(three, "debian-13/7\n");
        assert_called("ImportGuestOs [{\"files\"] [first] [second]\n");
        put_file(directory, "manifest.json", "{\"files\":[{\"name\":\"../a\"}]}");
        assert_int_equal(OS(&plain, &four, W("import"), directory), CTL_USAGE);
        assert_called("");
}

static void import_of_an_address_is_hostds_to_fetch(void **state)
{
        _cleanup_free_ char *one = NULL, *two = NULL;

        assert_int_equal(OS(&plain, &one, W("import"), W("http://192.0.2.1/updates")), CTL_DONE);
        assert_string_equal(one, "debian-13/7\n");
        assert_called("FetchGuestOs http://192.0.2.1/updates \n");
        assert_int_equal(OS(&plain, &two, W("import"), W("https://192.0.2.1/"), W("debian-13/7")),
                         CTL_DONE);
        assert_called("FetchGuestOs https://192.0.2.1/ debian-13/7\n");
}

static void list_shows_where_they_are_from_and_who_has_them(void **state)
{
        _cleanup_free_ char *table = NULL, *text = NULL;

        assert_int_equal(OS(&plain, &table, W("list")), CTL_DONE);
        assert_non_null(strstr(table, "debian-13/7"));
        assert_non_null(strstr(table, "disabled"));
        assert_non_null(strstr(table, "imported"));
        assert_non_null(strstr(table, "3 MiB"));
        assert_int_equal(OS(&json, &text, W("list")), CTL_DONE);
        assert_string_equal(text, "[{\"family\":\"debian-13\",\"version\":\"7\",\"disabled\":true,"
                                  "\"imported\":true,\"bytes\":3145728,\"added_usec\":5,"
                                  "\"instances\":4,\"holders\":[\"h1\",\"h2\"]}]\n");
}

static void one_is_taken_out_of_use_and_back(void **state)
{
        _cleanup_free_ char *one = NULL, *two = NULL, *three = NULL, *four = NULL;

        assert_int_equal(OS(&plain, &one, W("disable"), W("debian-13/7")), CTL_DONE);
        assert_int_equal(OS(&plain, &two, W("enable"), W("debian-13/7")), CTL_DONE);
        assert_int_equal(OS(&plain, &three, W("remove"), W("debian-13/7")), CTL_DONE);
        assert_true(OS(&plain, &four, W("remove"), W("debian-13/8")) != CTL_DONE);
        assert_called("DisableGuestOs debian-13 7\nEnableGuestOs debian-13 7\n"
                      "RemoveGuestOs debian-13 7\nRemoveGuestOs debian-13 8\n");
}

static void anything_else_is_usage(void **state)
{
        _cleanup_free_ char *one = NULL, *two = NULL, *three = NULL;

        assert_int_equal(OS(&plain, &one, W("import")), CTL_USAGE);
        assert_int_equal(OS(&plain, &two, W("disable"), W("7")), CTL_USAGE);
        assert_int_equal(OS(&plain, &three, W("show")), CTL_USAGE);
        assert_called("");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(import_sends_the_files_of_the_manifest),
                cmocka_unit_test(import_of_an_address_is_hostds_to_fetch),
                cmocka_unit_test(list_shows_where_they_are_from_and_who_has_them),
                cmocka_unit_test(one_is_taken_out_of_use_and_back),
                cmocka_unit_test(anything_else_is_usage),
        };

        return cmocka_run_group_tests(tests, fake_start, fake_stop);
}
