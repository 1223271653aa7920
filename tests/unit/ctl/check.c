/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <systemd/sd-json.h>

#include "tests/unit/ctl/capture.h"

static const Options plain = {.legend = true};
static const Options json = {.json = SD_JSON_FORMAT_NEWLINE};

static char csdef[] = "tests/model/both-platforms/ServiceDefinition.csdef";
static char cscfg[] = "tests/model/both-platforms/ServiceConfiguration.cscfg";

static void a_table_for_people(void **state)
{
        _cleanup_free_ char *text = NULL;

        assert_int_equal(verb_capture(verb_check, &plain, (char *[]) {csdef, cscfg, NULL}, &text),
                         0);
        assert_non_null(strstr(text, "ServiceDefinition.csdef:9"));
        assert_non_null(strstr(text, "takes its place"));
        assert_non_null(strstr(text, "honoured, 5 ignored, 0 refused."));
}

static void a_list_for_scripts(void **state)
{
        static const char *const members[] = {"file", "element", "verdict", "reason"};
        _cleanup_free_ char *text = NULL;
        sd_json_variant *list = NULL, *attribute;

        assert_int_equal(verb_capture(verb_check, &json, (char *[]) {csdef, cscfg, NULL}, &text),
                         0);
        assert_int_equal(sd_json_parse(text, 0, &list, NULL, NULL), 0);
        assert_true(sd_json_variant_elements(list) > 10);
        for (size_t i = 0; i < sd_json_variant_elements(list); i++) {
                sd_json_variant *entry = sd_json_variant_by_index(list, i);

                assert_int_equal(sd_json_variant_elements(entry), 12);
                for (size_t j = 0; j < ARRAY_SIZE(members); j++)
                        assert_true(sd_json_variant_is_string(
                                sd_json_variant_by_key(entry, members[j])));
                assert_true(sd_json_variant_unsigned(sd_json_variant_by_key(entry, "line")) > 0);
                attribute = sd_json_variant_by_key(entry, "attribute");
                assert_true(i > 0 ? sd_json_variant_is_null(attribute) ||
                                            sd_json_variant_is_string(attribute)
                                  : sd_json_variant_is_null(attribute));
        }
        sd_json_variant_unref(list);
}

static void exit_codes(void **state)
{
        static char refused[] = "tests/model/scripted-workers",
                    broken[] = "tests/model/against-the-schema";
        static char none[] = "/nonexistent";
        _cleanup_free_ char *a = NULL, *b = NULL, *c = NULL;

        assert_int_equal(verb_capture(verb_check, &plain, (char *[]) {refused, NULL}, &a), 1);
        assert_non_null(strstr(a, "Windows only"));
        assert_int_equal(verb_capture(verb_check, &plain, (char *[]) {broken, NULL}, &b), 2);
        assert_non_null(strstr(b, "from 1 to 20"));
        assert_int_equal(verb_capture(verb_check, &plain, (char *[]) {none, NULL}, &c), 2);
        assert_string_equal(c, "");
}

static void a_damaged_package_has_a_verdict(void **state)
{
        char path[] = "/tmp/troupe-check-XXXXXX";
        _cleanup_close_ int fd = mkstemp(path);
        _cleanup_free_ char *text = NULL;

        assert_int_equal(file_write_all(fd, "PK\3\4 and then nothing of a package", 34), 0);
        assert_int_equal(verb_capture(verb_check, &json, (char *[]) {path, NULL}, &text), 2);
        assert_non_null(strstr(text, "cut off"));
        unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_table_for_people),
                cmocka_unit_test(a_list_for_scripts),
                cmocka_unit_test(exit_codes),
                cmocka_unit_test(a_damaged_package_has_a_verdict),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
