/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/model/helper.h"

static void a_pair_becomes_a_model(void **state)
{
        Checked checked = check_texts(DEFINITION(WORKER("")), CONFIGURATION("", WORK_ROLE("")));

        assert_int_equal(checked.result, 0);
        assert_int_equal(checked.verdicts.n_refused, 0);
        assert_true(checked.model->configured);
        assert_int_equal(checked.model->n_roles, 1);
        assert_int_equal(checked.model->roles[0].count, 2);
        assert_string_equal(checked.model->roles[0].entry_point, "bin/work");
        assert_string_equal(checked.model->roles[0].size_name, "Small");
        assert_ptr_equal(model_role(checked.model, "work"), &checked.model->roles[0]);
        assert_null(model_role(checked.model, "Work"));
        checked_deinit(&checked);
}

static void a_definition_alone(void **state)
{
        Checked checked = check_texts(DEFINITION(WORKER("")), NULL);

        assert_int_equal(checked.result, 0);
        assert_false(checked.model->configured);
        assert_int_equal(checked.model->roles[0].count, 1);
        checked_deinit(&checked);
}

static void both_files_have_their_verdicts_whatever_is_wrong(void **state)
{
        /* the definition breaks the schema, the configuration is not well-formed */
        Checked checked =
                check_texts(DEFINITION("<WorkerRole/>"), "<ServiceConfiguration>\n<Role>");
        const VerdictEntry *last = &checked.verdicts.entries[checked.verdicts.n_entries - 1];

        assert_int_equal(checked.result, MODEL_BROKEN);
        assert_non_null(strstr(verdict_of(&checked, "WorkerRole", NULL)->reason,
                               "must have the attribute name"));
        assert_string_equal(last->file, "a.cscfg");
        assert_int_equal(last->line, 2);
        assert_non_null(strstr(last->reason, "not well-formed"));
        checked_deinit(&checked);
}

static void wrong_roots_are_broken(void **state)
{
        assert_refused(MODEL_BROKEN, "<ServiceDefinition name='x'/>", NULL, "ServiceDefinition",
                       NULL, "of the namespace");
        assert_refused(MODEL_BROKEN, CONFIGURATION("", ""), NULL, "ServiceConfiguration", NULL,
                       "must be ServiceDefinition");
        assert_refused(MODEL_BROKEN, DEFINITION(WORKER("")), DEFINITION(WORKER("")),
                       "ServiceDefinition", NULL, "must be ServiceConfiguration");
        assert_refused(MODEL_BROKEN, "", NULL, "ServiceDefinition", NULL, "not well-formed");
}

static void verdicts_need_not_be_wanted(void **state)
{
        static const char text[] = DEFINITION(WORKER(""));
        ModelText definition = {"a.csdef", text, strlen(text)};
        SizeCatalogue sizes = {};
        ServiceModel *model = NULL;

        assert_int_equal(model_check(&definition, NULL, &sizes, NULL, &model),
                         MODEL_REFUSED); /* no Small */
        assert_int_equal(sizes_load(&sizes, "model/sizes.conf", "/nonexistent", NULL, NULL), 0);
        assert_int_equal(model_check(&definition, NULL, &sizes, NULL, &model), 0);
        model_free(model);
        sizes_deinit(&sizes);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_pair_becomes_a_model),
                cmocka_unit_test(a_definition_alone),
                cmocka_unit_test(both_files_have_their_verdicts_whatever_is_wrong),
                cmocka_unit_test(wrong_roots_are_broken),
                cmocka_unit_test(verdicts_need_not_be_wanted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
