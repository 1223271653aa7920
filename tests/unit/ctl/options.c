/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/options.h"

#include <string.h>

#include "tests/unit/test.h"

#include "ctl/verbs.h"

#define PARSE(options, first, ...)                                                                 \
        ({                                                                                         \
                char *words[] = {(char *) "troupectl", __VA_ARGS__, NULL};                         \
                options_parse((int) ARRAY_SIZE(words) - 1, words, (options), (first));             \
        })

static void options_may_stand_anywhere(void **state)
{
        Options options;
        int first;

        assert_int_equal(
                PARSE(&options, &first, (char *) "status", (char *) "a", (char *) "--json=short"),
                0);
        assert_int_equal(first, 2);
        assert_int_equal(options.json, SD_JSON_FORMAT_NEWLINE);
        assert_int_equal(PARSE(&options, &first, (char *) "-Hroot@h1", (char *) "list"), 0);
        assert_string_equal(options.host, "root@h1");
        assert_true(options.legend);
        assert_int_equal(PARSE(&options, &first, (char *) "--json", (char *) "list"), 0);
        assert_true(options.json & SD_JSON_FORMAT_PRETTY);
        assert_int_equal(PARSE(&options, &first, (char *) "logs", (char *) "a", (char *) "-fn7"),
                         0);
        assert_true(options.follow);
        assert_int_equal(options.lines, 7);
        assert_int_equal(PARSE(&options, &first, (char *) "logs", (char *) "-n", (char *) "all"),
                         0);
        assert_true(options.lines == UINT64_MAX);
}

static void words_behind_two_dashes_are_no_options(void **state)
{
        Options options;
        int first;

        assert_int_equal(PARSE(&options, &first, (char *) "list", (char *) "--",
                               (char *) "--no-such-option"),
                         0);
}

static void wrong_values_are_refused(void **state)
{
        Options options;
        int first;

        assert_int_equal(PARSE(&options, &first, (char *) "deploy", (char *) "--slot=prod"),
                         -EINVAL);
        assert_int_equal(PARSE(&options, &first, (char *) "list", (char *) "--json=xml"), -EINVAL);
        assert_int_equal(PARSE(&options, &first, (char *) "logs", (char *) "-n-1"), -EINVAL);
        assert_int_equal(PARSE(&options, &first, (char *) "list", (char *) "--no-such"), -EINVAL);
        /* ssh would run it */
        assert_int_equal(PARSE(&options, &first, (char *) "list", (char *) "-H-oProxyCommand=id"),
                         -EINVAL);
}

static void options_without_meaning_for_the_verb_are_refused(void **state)
{
        Options options;
        int first;

        assert_int_equal(PARSE(&options, &first, (char *) "list", (char *) "--slot=staging"),
                         -EINVAL);
        assert_int_equal(PARSE(&options, &first, (char *) "list", (char *) "--wait"), -EINVAL);
}

static void every_verb_of_the_options_exists(void **state)
{
        size_t n_options, n_verbs;
        const OptionRow *rows = options_table(&n_options);
        const Verb *verbs = verbs_table(&n_verbs);

        for (size_t i = 0; i < n_options; i++) {
                size_t applies = 0, words = 0;

                if (!rows[i].verbs)
                        continue;
                for (size_t v = 0; v < n_verbs; v++)
                        applies += option_applies(&rows[i], verbs[v].name);
                for (const char *c = rows[i].verbs; c; c = strchr(c + 1, ' '))
                        words++;
                assert_int_equal(applies, words);
        }
        assert_false(option_applies(&rows[3], "lis"));
        assert_false(option_applies(&rows[3], "ist"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(options_may_stand_anywhere),
                cmocka_unit_test(words_behind_two_dashes_are_no_options),
                cmocka_unit_test(wrong_values_are_refused),
                cmocka_unit_test(options_without_meaning_for_the_verb_are_refused),
                cmocka_unit_test(every_verb_of_the_options_exists),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
