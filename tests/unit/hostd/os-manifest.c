/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/os-manifest.h"

#include <string.h>

#include "tests/unit/test.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FILE_  "{\"name\":\"root.raw\",\"size_bytes\":5,\"sha256\":\"" DIGEST "\"}"

static void what_a_manifest_says(void **state)
{
        char message[OS_MANIFEST_MESSAGE_MAX];
        OsRecord os;

        assert_int_equal(os_manifest_parse("{\"family\":\"debian-13\",\"version\":\"7\",\"files\":"
                                           "[" FILE_ "]}",
                                           &os, message),
                         0);
        assert_string_equal(os.family, "debian-13");
        assert_string_equal(os.version, "7");
        assert_int_equal(os.n_files, 1);
        assert_string_equal(os.files[0].name, "root.raw");
        assert_string_equal(os.digest, DIGEST);
        assert_int_equal(os.files[0].size_bytes, 5);
}

static void what_is_refused(void **state)
{
        static const char *const texts[][2] = {
                {"", "not a JSON object"},
                {"[]", "not a JSON object"},
                {"{}", "no family and version"},
                {"{\"family\":\"..\",\"version\":\"7\"}", "no family and version"},
                {"{\"family\":\"a\",\"version\":\"7\"}", "a list of 1 to 8"},
                {"{\"family\":\"a\",\"version\":\"7\",\"files\":[]}", "a list of 1 to 8"},
                {"{\"family\":\"a\",\"version\":\"7\",\"files\":[{\"name\":\"../x\"}]}",
                 "no name that may be used"},
                {"{\"family\":\"a\",\"version\":\"7\",\"files\":[{\"name\":\"x\"}]}", "no sha256"},
                {"{\"family\":\"a\",\"version\":\"7\",\"files\":[{\"name\":\"x\",\"sha256\":"
                 "\"" DIGEST "\",\"size_bytes\":-1}]}",
                 "no size_bytes"},
        };
        char message[OS_MANIFEST_MESSAGE_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                OsRecord os;

                assert_int_equal(os_manifest_parse(texts[i][0], &os, message), OS_MANIFEST_BAD);
                if (!strstr(message, texts[i][1]))
                        fail_msg("%s: %s", texts[i][0], message);
        }
}

static void the_same_files(void **state)
{
        OsRecord a = {.n_files = 1, .files = {{.name = "x", .digest = "1"}}}, b = a;

        assert_true(os_manifest_same(&a, &b));
        b.files[0].digest[0] = '2';
        assert_false(os_manifest_same(&a, &b));
        b = a;
        b.files[0].name[0] = 'y';
        assert_false(os_manifest_same(&a, &b));
        b.n_files = 0;
        assert_false(os_manifest_same(&a, &b));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_manifest_says),
                cmocka_unit_test(what_is_refused),
                cmocka_unit_test(the_same_files),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
