/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/listing.h"

#include <string.h>

#include "tests/unit/test.h"

#include "tests/unit/ctl/capture.h"
#include "tests/unit/ctl/fake-host1.h"

static int read_nothing(sd_bus_message *reply, sd_json_variant **list)
{
        return sd_json_variant_new_array(list, NULL, 0);
}

static int read_badly(sd_bus_message *reply, sd_json_variant **list)
{
        return -EBADMSG;
}

static int print(sd_json_variant *list, const Options *options)
{
        return printf("a table of %zu\n", sd_json_variant_elements(list));
}

static Listing listing = {"ListCertificates", "Listing", read_nothing, print};

static int show(const Options *options, size_t n_arguments, char **arguments)
{
        return listing_show(options, &listing);
}

static void as_the_options_say(void **state)
{
        _cleanup_free_ char *table = NULL, *json = NULL;
        char *none[] = {NULL};

        listing.read = read_nothing;
        assert_int_equal(verb_capture(show, &(Options) {.legend = true}, none, &table), CTL_DONE);
        assert_string_equal(table, "a table of 0\n");
        assert_int_equal(
                verb_capture(show, &(Options) {.json = SD_JSON_FORMAT_NEWLINE}, none, &json),
                CTL_DONE);
        assert_string_equal(json, "[]\n");
}

static void what_is_no_such_list_is_not_shown(void **state)
{
        _cleanup_free_ char *out = NULL, *nothing = NULL;
        char *none[] = {NULL};

        listing.read = read_badly;
        assert_int_equal(verb_capture(show, &(Options) {.legend = true}, none, &out), -EBADMSG);
        assert_string_equal(out, "");
        listing.member = "ListNothing";
        assert_int_not_equal(verb_capture(show, &(Options) {}, none, &nothing), CTL_DONE);
        assert_string_equal(nothing, "");
        listing.member = "ListCertificates";
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(as_the_options_say),
                cmocka_unit_test(what_is_no_such_list_is_not_shown),
        };

        return cmocka_run_group_tests(tests, fake_start, fake_stop);
}
