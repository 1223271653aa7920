/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Every type of field, good and bad, is in tests/unit/lib/api/records-json.c, through the records'
 * tables; here is what no record has. */

#include "lib/api/fields-json.h"

#include "lib/base/str.h"
#include "tests/unit/failing.h"
#include "tests/unit/test.h"

typedef struct Thing {
        char *text;
        uint16_t number;
        bool flag;
        RecordName names[2];
        size_t n_names;
} Thing;

static const Field fields[] = {
        {.name = "text", .type = FIELD_OWNED, .offset = offsetof(Thing, text), .size = 8},
        {.name = "number", .type = FIELD_UNSIGNED, .offset = offsetof(Thing, number), .size = 2},
        {.name = "flag", .type = FIELD_BOOL, .offset = offsetof(Thing, flag), .size = 1},
        {.name = "names",
         .type = FIELD_NAMES,
         .offset = offsetof(Thing, names),
         .size = sizeof(RecordName),
         .other = offsetof(Thing, n_names),
         .max = 2},
        {},
};

static char *encode(const Thing *thing, bool all)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        char *text = NULL;

        assert_int_equal(fields_encode(fields, thing, all, &value), 0);
        assert_true(sd_json_variant_format(value, 0, &text) > 0);
        return text;
}

static void what_is_empty_is_left_out_unless_all_is_wanted(void **state)
{
        _cleanup_free_ char *little = encode(&(Thing) {}, false), *all = encode(&(Thing) {}, true);

        assert_string_equal(little, "{}");
        assert_string_equal(all, "{\"number\":0,\"flag\":false}");
}

/* A number is bounded by its member where the table says nothing else. */
static void a_complaint_says_where(void **state)
{
        static const struct {
                const char *json, *path, *why;
        } wrong[] = {
                {"{\"number\":65536}", "number", "is too large"},
                {"{\"names\":[\"a\",\"b c\"]}", "names[1]", "is not a name"},
                {"{\"names\":[\"a\",\"b\",\"c\"]}", "names", "has too many elements"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                _cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
                Complaint complaint = {};
                Thing thing = {};

                assert_true(sd_json_parse(wrong[i].json, 0, &value, NULL, NULL) >= 0);
                assert_int_equal(fields_decode(fields, value, &thing, &complaint), -EBADMSG);
                assert_string_equal(complaint.path, wrong[i].path);
                assert_string_equal(complaint.why, wrong[i].why);
                free(complaint.path);
                free(thing.text);
        }
}

static void what_a_value_does_not_name_stays(void **state)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        Thing thing = {.number = 7};
        Complaint complaint = {};

        assert_true(sd_json_parse("{\"text\":\"t\",\"later\":[]}", 0, &value, NULL, NULL) >= 0);
        assert_int_equal(fields_decode(fields, value, &thing, &complaint), 0);
        assert_int_equal(thing.number, 7);
        assert_string_equal(thing.text, "t");
        free(thing.text);
}

static int decode_once(sd_json_variant *value)
{
        Complaint complaint = {};
        Thing thing = {};
        int r = fields_decode(fields, value, &thing, &complaint);

        free(complaint.path);
        free(thing.text);
        return r;
}

static void short_memory_is_told(void **state)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;

        assert_true(sd_json_parse("{\"text\":\"t\"}", 0, &value, NULL, NULL) >= 0);
        FAILING_EACH(decode_once(value));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_empty_is_left_out_unless_all_is_wanted),
                cmocka_unit_test(a_complaint_says_where),
                cmocka_unit_test(what_a_value_does_not_name_stays),
                cmocka_unit_test(short_memory_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
