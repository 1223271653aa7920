/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/network.h"

#include <stdio.h>

#include "hostd/deployment.h"
#include "tests/unit/hostd/service.h"
#include "tests/unit/test.h"

typedef struct Fixture {
        SizeCatalogue sizes;
        Deployment *deployment;
        InstanceRecord records[4];
        VmNames names[3];
        NetworkInstance instances[3];
        NetworkMember members[4];
        HostRecord hosts[2];
        NetworkHost known[2];
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
                fixture.members[i] = (NetworkMember) {&fixture.records[i], true, i != 1, i != 1};
        }
        /* another host, and a web role there, which is in rotation */
        fixture.records[3] = test_instance("d00000001", "web", 2, "h2");
        ip_parse("10.64.1.9", &fixture.records[3].address);
        fixture.members[3] = (NetworkMember) {&fixture.records[3], false, true, true};
        for (int i = 0; i < 2; i++) {
                snprintf(fixture.hosts[i].name, sizeof(fixture.hosts[i].name), "h%d", i + 1);
                ip_parse(i == 0 ? "192.0.2.1" : "192.0.2.2", &fixture.hosts[i].address);
                fixture.known[i] = (NetworkHost) {&fixture.hosts[i], true};
        }
        fixture.network = (NetworkDeployment) {
                .record = deployment_record(fixture.deployment),
                .model = deployment_model(fixture.deployment),
                .instances = fixture.instances,
                .n_instances = 3,
                .members = fixture.members,
                .n_members = 3,
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

static void join_h2(Fixture *fixture)
{
        ip_parse("198.18.100.1", &fixture->network.vip);
        fixture->network.n_members = 4;
        fixture->input.hosts = fixture->known;
        fixture->input.n_hosts = 2;
}

static const Net1Share *share(const NetPlan *plan, const char *endpoint)
{
        for (size_t i = 0; i < plan->state.n_shares; i++)
                if (strcmp(plan->state.shares[i].endpoint, endpoint) == 0)
                        return &plan->state.shares[i];
        return NULL;
}

static void alone_nothing_is_shared(void **state)
{
        Fixture *fixture = *state;
        NetPlan plan = {};

        ip_parse("198.18.100.1", &fixture->network.vip);
        fixture->input.hosts = fixture->known;
        fixture->input.n_hosts = 1;
        assert_int_equal(network_plan(&fixture->input, &plan), 0);
        assert_int_equal(plan.state.n_shares + plan.state.n_remotes, 0);
        assert_true(plan.state.peers[0].self && plan.state.peers[0].alive);
        net_plan_deinit(&plan);
}

static void other_hosts_instances_are_remotes_and_have_shares(void **state)
{
        Fixture *fixture = *state;
        const Net1Share *http;
        NetPlan plan = {};
        char mac[VM_MAC_MAX + 1];

        join_h2(fixture);
        assert_int_equal(network_plan(&fixture->input, &plan), 0);
        assert_int_equal(plan.state.n_remotes, 1);
        vm_mac_make("troupe-d00000001-web_IN_2-1", mac);
        assert_string_equal(plan.state.remotes[0].mac, mac);
        assert_string_equal(plan.state.remotes[0].peer, "h2");
        assert_string_equal(plan.state.remotes[0].address, "10.64.1.9");
        http = share(&plan, "d00000001/web/Http");
        assert_int_equal(http->n_weights, 2);
        assert_string_equal(http->weights[1].peer, "h2");
        assert_int_equal(http->weights[0].weight, 1); /* web_IN_1 is not in rotation */
        assert_int_equal(http->weights[1].weight, 1);
        http = share(&plan, "d00000001/web/Debug/2"); /* whose instance is on h2 alone */
        assert_int_equal(http->n_weights, 1);
        assert_string_equal(http->weights[0].peer, "h2");
        assert_int_equal(endpoint(&plan, "d00000001/web/Debug/2")->n_backends, 0);
        assert_int_equal(endpoint(&plan, "d00000001/web/Debug/2")->port, 10102);
        net_plan_deinit(&plan);
}

static void a_host_without_its_lease_has_no_share(void **state)
{
        Fixture *fixture = *state;
        const Net1Share *http;
        NetPlan plan = {};

        join_h2(fixture);
        fixture->known[1].alive = false;
        assert_int_equal(network_plan(&fixture->input, &plan), 0);
        http = share(&plan, "d00000001/web/Http");
        assert_int_equal(http->n_weights, 1);
        assert_string_equal(http->weights[0].peer, "h1");
        assert_int_equal(share(&plan, "d00000001/web/Debug/2")->n_weights, 0);
        assert_false(plan.state.peers[1].alive);
        net_plan_deinit(&plan);
}

/* While what is left of it here goes, its address is this host's. */
static void an_instance_that_moves_is_no_remote_yet(void **state)
{
        Fixture *fixture = *state;
        NetPlan plan = {};

        join_h2(fixture);
        fixture->members[3].here = true;
        assert_int_equal(network_plan(&fixture->input, &plan), 0);
        assert_int_equal(plan.state.n_remotes, 0);
        net_plan_deinit(&plan);
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
                cmocka_unit_test_setup_teardown(alone_nothing_is_shared, setup, teardown),
                cmocka_unit_test_setup_teardown(other_hosts_instances_are_remotes_and_have_shares,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(a_host_without_its_lease_has_no_share, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(an_instance_that_moves_is_no_remote_yet, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
