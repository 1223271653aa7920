/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/unit/test.h"

#include "ctl/verbs.h"
#include "tests/unit/ctl/fake-host1.h"

static int host(const Options *options, const char *what, const char *name)
{
        char *words[] = {(char *) what, (char *) name, NULL};

        return verb_host(options, name ? 2 : 1, words);
}

static void each_form_calls_its_method(void **state)
{
        const Options options = {.quiet = true, .wait = true, .timeout_s = UINT64_MAX};
        const Options force = {.quiet = true, .force = true};
        _cleanup_free_ char *calls = NULL;

        assert_int_equal(host(&options, "cordon", "h1"), CTL_DONE);
        assert_int_equal(host(&options, "uncordon", "h1"), CTL_DONE);
        assert_int_equal(host(&options, "drain", "h2"), CTL_DONE);
        assert_int_equal(host(&options, "remove", "h3"), CTL_DONE);
        assert_int_equal(host(&force, "remove", "h3"), CTL_DONE);
        assert_int_equal(host(&options, "release-brake", NULL), CTL_DONE);
        calls = fake_calls();
        assert_string_equal(calls, "CordonHost h1\nUncordonHost h1\nDrainHost h2\n"
                                   "RemoveHost h3 0\nRemoveHost h3 1\nReleaseBrake\n");
}

static void hosts_are_updated_together(void **state)
{
        const Options options = {.quiet = true}, from = {.quiet = true, .url = "http://x/y"};
        char *words[] = {"update", "h1", "h2", NULL};
        _cleanup_free_ char *calls = NULL;

        assert_int_equal(verb_host(&from, 3, words), CTL_DONE);
        assert_int_equal(verb_host(&options, 1, words), CTL_DONE);
        calls = fake_calls();
        assert_string_equal(calls, "UpdateHosts h1 h2 http://x/y\nUpdateHosts \n");
}

static void a_refusal_is_told(void **state)
{
        const Options options = {.quiet = true};

        assert_int_equal(host(&options, "drain", "none"), CTL_NOT_FOUND);
}

static void another_form_is_usage(void **state)
{
        const Options options = {.quiet = true};

        assert_int_equal(host(&options, "cordon", NULL), CTL_USAGE);
        assert_int_equal(host(&options, "explode", "h1"), CTL_USAGE);
        assert_int_equal(host(&options, "release-brake", "h1"), CTL_USAGE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_form_calls_its_method),
                cmocka_unit_test(hosts_are_updated_together),
                cmocka_unit_test(a_refusal_is_told),
                cmocka_unit_test(another_form_is_usage),
        };

        return cmocka_run_group_tests(tests, fake_start, fake_stop);
}
