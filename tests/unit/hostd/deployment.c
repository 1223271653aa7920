/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/deployment.h"

#include "tests/unit/hostd/service.h"
#include "tests/unit/test.h"

static SizeCatalogue sizes;

static int setup(void **state)
{
        return sizes_load(&sizes, "/nonexistent", "/nonexistent", NULL, NULL);
}

static int teardown(void **state)
{
        sizes_deinit(&sizes);
        return 0;
}

static void a_record_becomes_a_model(void **state)
{
        DeploymentRecord record = test_deployment("d00000001");
        Deployment *deployment;

        assert_int_equal(deployment_new(&record, &sizes, &deployment), 0);
        if (!deployment_model(deployment))
                fail_msg("%s", deployment_problem(deployment));
        assert_int_equal(deployment_model(deployment)->n_roles, 2);
        assert_ptr_not_equal(deployment_record(deployment)->definition, record.definition);
        assert_string_equal(deployment_record(deployment)->definition, record.definition);
        deployment_free(deployment);
}

static void a_broken_definition_is_told_with_its_place(void **state)
{
        DeploymentRecord record = test_deployment("d00000001");
        Deployment *deployment;

        record.definition = (char *) "<ServiceDefinition>\n<";
        assert_int_equal(deployment_new(&record, &sizes, &deployment), 0);
        assert_null(deployment_model(deployment));
        assert_memory_equal(deployment_problem(deployment), "ServiceDefinition.csdef:", 24);
        deployment_free(deployment);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_record_becomes_a_model),
                cmocka_unit_test(a_broken_definition_is_told_with_its_place),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
