/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <errno.h>

#include "tests/unit/failing.h"
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

static const char full_definition[] = DEFINITION(
        "<LoadBalancerProbes><LoadBalancerProbe name='p' protocol='http' "
        "path='/x'/></LoadBalancerProbes>"
        "<WebRole name='web'>" HTTP_IN
        "<Sites><Site name='s' physicalDirectory='..\\x'><Bindings><Binding name='b' "
        "endpointName='In' hostHeader='h'/></Bindings></Site></Sites></WebRole>" WORKER(
                "<ConfigurationSettings><Setting "
                "name='q'/></ConfigurationSettings><Certificates><Certificate name='c'/>"
                "</Certificates><LocalResources><LocalStorage "
                "name='l'/></LocalResources><Startup><Task commandLine='a'>"
                "<Environment><Variable name='V' "
                "value='1'/></Environment></Task></Startup><Contents><Content destination='d'>"
                "<SourceDirectory path='p'/></Content></Contents>"));
static const char full_configuration[] =
        CONFIGURATION("troupe:osVersion='1'",
                      "<Role name='web'><Instances count='1'/></Role>" WORK_ROLE(
                              "<ConfigurationSettings><Setting name='q' "
                              "value='v'/></ConfigurationSettings><Certificates><Certificate "
                              "name='c' "
                              "thumbprint='0123456789012345678901234567890123456789'/></"
                              "Certificates>") "<NetworkConfiguration><AccessControls><"
                                               "AccessControl name='a'><Rule order='1' "
                                               "action='permit' "
                                               "remoteSubnet='10.0.0.0/8'/></AccessControl></"
                                               "AccessControls><EndpointAcls><EndpointAcl "
                                               "role='web' "
                                               "endpoint='In' "
                                               "accessControl='a'/></"
                                               "EndpointAcls><Dns><DnsServers><DnsServer name='d' "
                                               "IPAddress='10.0.0.1'/>"
                                               "</DnsServers></Dns></NetworkConfiguration>");

static int check_once(const SizeCatalogue *sizes, size_t *n_entries)
{
        ModelText definition = {"a.csdef", full_definition, strlen(full_definition)};
        ModelText configuration = {"a.cscfg", full_configuration, strlen(full_configuration)};
        VerdictList verdicts = {};
        ServiceModel *model = NULL;
        int r = model_check(&definition, &configuration, sizes, &verdicts, &model);

        *n_entries = verdicts.n_entries;
        model_free(model);
        verdict_list_deinit(&verdicts);
        return r;
}

/* Not FAILING_EACH: libxml2 gets by without some of its own tables, and then the outcome must be
 * whole. */
static void short_memory_is_an_error_and_nothing_else(void **state)
{
        SizeCatalogue sizes = {};
        size_t wanted, n_entries;
        unsigned n_errors = 0;
        bool failed = true;

        assert_int_equal(sizes_load(&sizes, "model/sizes.conf", "/nonexistent", NULL, NULL), 0);
        assert_int_equal(check_once(&sizes, &wanted), 0); /* also lets libxml2 set itself up */
        for (unsigned nth = 0; failed; nth++) {
                int r;

                failing_begin(nth);
                r = check_once(&sizes, &n_entries);
                failed = failing_end();
                if (r == -ENOMEM)
                        n_errors++;
                else if (r != 0 || n_entries != wanted)
                        fail_msg("allocation %u: %d with %zu verdicts of %zu", nth, r, n_entries,
                                 wanted);
                assert_true(failed || r == 0);
        }
        assert_true(n_errors > 200);
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
                cmocka_unit_test(short_memory_is_an_error_and_nothing_else),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
