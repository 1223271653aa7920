/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/unit/test.h"

#include "ctl/verbs.h"
#include "ctl/view.h"
#include "tests/unit/ctl/fake-host1.h"

static const Options plain = {.legend = true};
static const Options json = {.json = SD_JSON_FORMAT_NEWLINE};
static char *nothing[] = {NULL};

static void status_for_people(void **state)
{
        _cleanup_free_ char *text = NULL;

        assert_int_equal(FAKE_CAPTURE(verb_status(&plain, 0, nothing), text), CTL_DONE);
        assert_non_null(strstr(text, "Troupe 1 on h1: running, leader h1\n"));
        assert_non_null(strstr(text, "guestbook production d00000001, running, VIP 198.18.1.1"));
        assert_non_null(strstr(text, "web (web) 1 of 1 ready"));
        assert_non_null(strstr(text, "web_IN_0  ReadyRole  in        h1    rack1"));
        assert_null(strchr(text, '\033'));
}

static void status_for_scripts(void **state)
{
        _cleanup_json_ sd_json_variant *status = NULL;
        sd_json_variant *deployment, *instance;
        _cleanup_free_ char *text = NULL;

        assert_int_equal(FAKE_CAPTURE(verb_status(&json, 0, nothing), text), CTL_DONE);
        assert_int_equal(sd_json_parse(text, 0, &status, NULL, NULL), 0);
        deployment = sd_json_variant_by_index(sd_json_variant_by_key(status, "deployments"), 0);
        assert_string_equal(view_text(deployment, "slot"), "production");
        instance = sd_json_variant_by_index(sd_json_variant_by_key(deployment, "instances"), 0);
        assert_string_equal(view_text(instance, "name"), "web_IN_0");
        assert_true(view_truth(instance, "in_rotation"));
        assert_int_equal(view_number(instance, "incarnation"), 3);
}

static void an_unknown_service_is_not_found(void **state)
{
        char *services[] = {(char *) "guestbok", NULL};

        assert_int_equal(verb_status(&plain, 1, services), CTL_NOT_FOUND);
}

static void lists(void **state)
{
        _cleanup_free_ char *text = NULL, *hosts = NULL;

        assert_int_equal(FAKE_CAPTURE(verb_list(&plain, 0, nothing), text), CTL_DONE);
        assert_non_null(strstr(text, "guestbook  198.18.1.1  d00000001   -        -"));
        assert_int_equal(FAKE_CAPTURE(verb_hosts(&json, 0, nothing), hosts), CTL_DONE);
        assert_string_equal(hosts, "[]\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(status_for_people),
                cmocka_unit_test(status_for_scripts),
                cmocka_unit_test(an_unknown_service_is_not_found),
                cmocka_unit_test(lists),
        };

        return cmocka_run_group_tests(tests, fake_start, fake_stop);
}
