/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/unit/test.h"

#include "ctl/verbs.h"
#include "tests/unit/ctl/fake-host1.h"

static void each_verb_calls_its_method(void **state)
{
        const Options options = {.quiet = true, .wait = true, .timeout_s = UINT64_MAX};
        const Options staging = {.quiet = true, .slot = "staging"};
        char *words[] = {(char *) "guestbook/web/0", NULL};
        char *name[] = {(char *) "guestbook/web_IN_3", NULL};
        _cleanup_free_ char *calls = NULL;

        assert_int_equal(verb_reboot(&options, 1, words), CTL_DONE);
        assert_int_equal(verb_reimage(&options, 1, name), CTL_DONE);
        assert_int_equal(verb_rebuild(&staging, 1, words), CTL_DONE);
        calls = fake_calls();
        assert_string_equal(calls, "Reboot guestbook production web_IN_0\n"
                                   "Reimage guestbook production web_IN_3\n"
                                   "Rebuild guestbook staging web_IN_0\n");
}

static void another_form_is_usage(void **state)
{
        const Options options = {.quiet = true};
        char *words[] = {(char *) "guestbook", NULL};

        assert_int_equal(verb_reboot(&options, 1, words), CTL_USAGE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_verb_calls_its_method),
                cmocka_unit_test(another_form_is_usage),
        };

        return cmocka_run_group_tests(tests, fake_start, fake_stop);
}
