/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/target.h"

#include <string.h>

#include "tests/unit/test.h"

#include "ctl/options.h"

static void both_forms_name_an_instance(void **state)
{
        Target target;

        assert_int_equal(target_parse("guestbook/web/0", &target), 0);
        assert_string_equal(target.service, "guestbook");
        assert_string_equal(target.instance, "web_IN_0");
        assert_int_equal(target_parse("my-app/Web.Role_IN_12", &target), 0);
        assert_string_equal(target.instance, "Web.Role_IN_12");
        assert_int_equal(target_parse("a/b/007", &target), 0);
        assert_string_equal(target.instance, "b_IN_7");
}

static void other_forms_are_refused(void **state)
{
        static const char *const wrong[] = {"",       "guestbook", "guestbook/web", "a/b/c",
                                            "a/b/-1", "/b/0",      "a//0",          "a/b/0/1",
                                            "a/../0", "a b/c/0",   "a/b/",          "a/b/1000000"};
        Target target;

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                if (target_parse(wrong[i], &target) != -EINVAL)
                        fail_msg("'%s' was taken for an instance", wrong[i]);
        assert_int_equal(target_read("guestbook", &target), CTL_USAGE);
}

static void long_names_are_refused(void **state)
{
        char text[3 * TARGET_NAME_MAX];
        Target target;

        memset(text, 'a', sizeof(text));
        memcpy(text + TARGET_NAME_MAX + 10, "/b/0", 5);
        assert_int_equal(target_parse(text, &target), -EINVAL);
        memset(text, 'a', sizeof(text));
        text[1] = '/';
        memcpy(text + 2 + TARGET_NAME_MAX - 3, "/0", 3);
        assert_int_equal(target_parse(text, &target), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(both_forms_name_an_instance),
                cmocka_unit_test(other_forms_are_refused),
                cmocka_unit_test(long_names_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
