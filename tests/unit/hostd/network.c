/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/network.h"

#include "hostd/deployment.h"
#include "tests/unit/hostd/service.h"
#include "tests/unit/test.h"

typedef struct Fixture {
        SizeCatalogue sizes;
        Deployment *deployment;
        InstanceRecord records[3];
        VmNames names[3];
        NetworkInstance instances[3];
        NetworkDeployment network;
        NetworkInput input;
} Fixture;

static int setup(void **state)
{
        static Fixture fixture;
        static const VmDirs dirs = {"/i", "/e", "/s"};
        DeploymentRecord record = test_deployment("d00000001");

        fixture = (Fixture) {};
        assert_int_equal(sizes_load(&fixture.sizes, "/nonexistent", "/nonexistent", NULL, NULL), 0);
        assert_int_equal(deployment_new(&record, &fixture.sizes, &fixture.deployment), 0);
        for (int i = 0; i < 3; i++) {
                char name[VM_NAME_MAX + 1], tag[VM_TAG_MAX + 1];

                fixture.records[i] =
                        test_instance("d00000001", i < 2 ? "web" : "work", i % 2, "h1");
                vm_name_format(&fixture.records[i].id, 1, name);
                vm_tag_make(name, 0, tag);
                assert_int_equal(vm_names_init(&fixture.names[i], &dirs, name, tag), 0);
                fixture.instances[i] =
                        (NetworkInstance) {&fixture.records[i], &fixture.names[i], i != 1};
        }
        fixture.network = (NetworkDeployment) {
                .record = deployment_record(fixture.deployment),
                .model = deployment_model(fixture.deployment),
                .instances = fixture.instances,
                .n_instances = 3,
        };
        fixture.input = (NetworkInput) {
                .deployments = &fixture.network, .n_deployments = 1, .self = "h1", .uplink = ""};
        *state = &fixture;
        return 0;
}

static int teardown(void **state)
{
        Fixture *fixture = *state;

        for (int i = 0; i < 3; i++)
                vm_names_deinit(&fixture->names[i]);
        deployment_free(fixture->deployment);
        sizes_deinit(&fixture->sizes);
        return 0;
}

static const Net1Endpoint *endpoint(const NetPlan *plan, const char *id)
{
        for (size_t i = 0; i < plan->state.n_endpoints; i++)
                if (strcmp(plan->state.endpoints[i].id, id) == 0)
                        return &plan->state.endpoints[i];
        return NULL;
}

static void without_a_vip_there_is_a_network_but_no_way_in(void **state)
{
        Fixture *fixture = *state;
        NetPlan plan = {};

        assert_int_equal(network_plan(&fixture->input, &plan), 0);
        assert_int_equal(plan.state.n_networks, 1);
        assert_string_equal(plan.state.networks[0].gateway, "10.64.1.1/24");
        assert_int_equal(plan.state.n_instances, 3);
        assert_string_equal(plan.state.instances[1].address, "10.64.1.5");
        assert_int_equal(plan.state.n_endpoints, 0);
        assert_int_equal(plan.state.n_reaches, 1);
        assert_string_equal(plan.state.reaches[0].group, "work");
        assert_string_equal(plan.state.reaches[0].from[0], "web");
        net_plan_deinit(&plan);
}

static void endpoints_have_their_roles_instances_behind_them(void **state)
{
        Fixture *fixture = *state;
        const Net1Endpoint *http, *debug;
        NetPlan plan = {};

        ip_parse("198.18.100.1", &fixture->network.vip);
        assert_int_equal(network_plan(&fixture->input, &plan), 0);
        assert_int_equal(plan.state.n_endpoints, 3);
        http = endpoint(&plan, "d00000001/web/Http");
        assert_non_null(http);
        assert_int_equal(http->port, 80);
        assert_int_equal(http->n_backends, 2);
        assert_string_equal(http->backends[0].instance, "d00000001/web_IN_0");
        assert_int_equal(http->backends[0].port, 8080);
        assert_true(http->backends[0].ready);
        assert_false(http->backends[1].ready);
        debug = endpoint(&plan, "d00000001/web/Debug/1");
        assert_non_null(debug);
        assert_int_equal(debug->port, 10101);
        assert_int_equal(debug->n_backends, 1);
        assert_true(debug->ignore_status);
        net_plan_deinit(&plan);
}

static void a_swap_is_one_difference_of_the_endpoints_vip(void **state)
{
        Fixture *fixture = *state;
        NetPlan before = {}, after = {}, update = {};

        ip_parse("198.18.100.1", &fixture->network.vip);
        assert_int_equal(network_plan(&fixture->input, &before), 0);
        ip_parse("198.18.100.2", &fixture->network.vip);
        assert_int_equal(network_plan(&fixture->input, &after), 0);
        assert_int_equal(net_plan_diff(&before, &after, &update), 0);
        assert_int_equal(update.state.n_endpoints, 3);
        assert_string_equal(update.state.endpoints[0].vip, "198.18.100.2");
        assert_int_equal(update.state.n_instances, 0);
        net_plan_diff_deinit(&update);
        net_plan_deinit(&before);
        net_plan_deinit(&after);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(without_a_vip_there_is_a_network_but_no_way_in,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(endpoints_have_their_roles_instances_behind_them,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(a_swap_is_one_difference_of_the_endpoints_vip,
                                                setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
