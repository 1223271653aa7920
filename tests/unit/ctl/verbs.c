/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/verbs.h"

#include <string.h>

#include "tests/unit/test.h"

#include "lib/base/str.h"

#define RUN(...)                                                                                   \
        ({                                                                                         \
                char *words[] = {__VA_ARGS__, NULL};                                               \
                Options options = {.legend = true};                                                \
                verb_run(&options, words);                                                         \
        })

static void the_table_is_sound(void **state)
{
        size_t count;
        const Verb *verbs = verbs_table(&count);

        for (size_t i = 0; i < count; i++) {
                assert_ptr_equal(verb_find(verbs[i].name), &verbs[i]);
                assert_non_null(verbs[i].run);
                assert_true(verbs[i].min_arguments <= verbs[i].max_arguments);
                assert_true((verbs[i].max_arguments == 0) == (verbs[i].arguments[0] == '\0'));
        }
}

static void unknown_verbs_and_wrong_numbers_of_words_are_usage(void **state)
{
        assert_int_equal(RUN((char *) "frobnicate"), CTL_USAGE);
        assert_int_equal(RUN((char *) "list", (char *) "a"), CTL_USAGE);
        assert_null(verb_find("lis"));
}

static void help_names_every_verb_and_option(void **state)
{
        _cleanup_free_ char *text = NULL;
        size_t size, count;
        FILE *file = open_memstream(&text, &size);
        const Verb *verbs = verbs_table(&count);
        const OptionRow *rows;

        verbs_help(file, NULL);
        fclose(file);
        for (size_t i = 0; i < count; i++) {
                _cleanup_free_ char *line = str_printf("\n  %s ", verbs[i].name);

                assert_non_null(strstr(text, line));
        }
        rows = options_table(&count);
        for (size_t i = 0; i < count; i++) {
                _cleanup_free_ char *name = str_printf(" --%s", rows[i].name);

                assert_non_null(strstr(text, name));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_table_is_sound),
                cmocka_unit_test(unknown_verbs_and_wrong_numbers_of_words_are_usage),
                cmocka_unit_test(help_names_every_verb_and_option),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
