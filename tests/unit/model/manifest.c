/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "model/manifest.h"

#include "tests/unit/model/helper.h"

#define SHA            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CSDEF          "{\"name\":\"ServiceDefinition.csdef\",\"size\":5,\"sha256\":\"" SHA "\"}"
#define WEB            "{\"name\":\"roles/web.erofs\",\"role\":\"web\",\"size\":4096,\"sha256\":\"" SHA "\"}"
#define WHOLE(members) "{\"format\":1,\"service\":\"shop\",\"members\":[" members "]}"

static void a_manifest_is_read_and_written(void **state)
{
        _cleanup_free_ char *text = NULL;
        Manifest manifest = {}, again = {};
        PackageError error = {};

        assert_int_equal(manifest_read(WHOLE(CSDEF "," WEB), &manifest, &error), 0);
        assert_string_equal(manifest.service, "shop");
        assert_int_equal(manifest.n_members, 2);
        assert_null(manifest.members[0].role);
        assert_string_equal(manifest.members[1].role, "web");
        assert_int_equal(manifest.members[1].size, 4096);
        assert_int_equal(manifest_write(&manifest, &text), 0);
        assert_string_equal(text, WHOLE(CSDEF "," WEB) "\n");
        assert_int_equal(manifest_read(text, &again, &error), 0);
        manifest_deinit(&manifest);
        manifest_deinit(&again);
}

static void everything_else_is_refused(void **state)
{
        static const char *const bad[][2] = {
                {"", "not JSON"},
                {"{", "not JSON"},
                {"[]", "object"},
                {"{\"format\":2,\"service\":\"a\",\"members\":[]}", "format 2"},
                {"{\"format\":1,\"service\":\"a\",\"members\":[],\"more\":1}", "nothing else"},
                {"{\"format\":1,\"service\":7,\"members\":[]}", "nothing else"},
                {WHOLE(""), "2 to 32 members"},
                {WHOLE(WEB "," CSDEF), "first member"},
                {WHOLE(CSDEF "," CSDEF), "no proper role"},
                {WHOLE(CSDEF "," WEB "," WEB), "twice"},
                {WHOLE(CSDEF
                       ",{\"name\":\"roles/x.erofs\",\"role\":\"web\",\"size\":1,\"sha256\":\"" SHA
                       "\"}"),
                 "must be roles/web.erofs"},
                {WHOLE(CSDEF ",{\"name\":\"roles/../x.erofs\",\"role\":\"../"
                             "x\",\"size\":1,\"sha256\":\"" SHA "\"}"),
                 "proper role"},
                {WHOLE(CSDEF ",{\"name\":\"roles/"
                             "web.erofs\",\"role\":\"web\",\"size\":-1,\"sha256\":\"" SHA "\"}"),
                 "member 2"},
                {WHOLE(CSDEF ",{\"name\":\"roles/"
                             "web.erofs\",\"role\":\"web\",\"size\":1,\"sha256\":\"00\"}"),
                 "64"},
                {WHOLE(CSDEF ",7"), "member 2"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                Manifest manifest = {};
                PackageError error = {};
                int r = manifest_read(bad[i][0], &manifest, &error);

                if (r != PACKAGE_REFUSED || error.fault != PACKAGE_BAD_MANIFEST ||
                    !strstr(error.message, bad[i][1]))
                        fail_msg("%s: got %d %s", bad[i][0], r, error.message);
                assert_null(manifest.members);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_manifest_is_read_and_written),
                cmocka_unit_test(everything_else_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
