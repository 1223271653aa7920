/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/model/helper.h"

#define ENDPOINTS(inside) "<Endpoints>" inside "</Endpoints>"
#define TCP(name, port)   "<InputEndpoint name='" name "' protocol='tcp' port='" port "'/>"

static void endpoints_of_every_kind(void **state)
{
        Checked checked = check_texts(
                DEFINITION(
                        "<LoadBalancerProbes><LoadBalancerProbe name='p' protocol='http' "
                        "path='health' port='9000'/>"
                        "</LoadBalancerProbes>" WORKER(ENDPOINTS(
                                "<InputEndpoint name='a' protocol='TCP' port='80' localPort='8080' "
                                "loadBalancerProbe='p' "
                                "ignoreRoleInstanceStatus='true' "
                                "loadBalancerDistribution='sourceIP' idleTimeoutInMinutes='4'/>"
                                "<InputEndpoint name='b' protocol='udp' port='80' localPort='*'/>"
                                "<InternalEndpoint name='c' protocol='tcp'/>"
                                "<InternalEndpoint name='d' protocol='any'/>"
                                "<InternalEndpoint name='e' protocol='udp'><FixedPortRange "
                                "min='20000' max='20010'/></InternalEndpoint>"
                                "<InternalEndpoint name='f' protocol='http'><FixedPort "
                                "port='81'/></InternalEndpoint>"
                                "<InstanceInputEndpoint name='g' protocol='tcp' "
                                "localPort='22'><AllocatePublicPortFrom>"
                                "<FixedPortRange min='10100' "
                                "max='10109'/></AllocatePublicPortFrom></InstanceInputEndpoint>"))),
                NULL);
        const Role *role;
        const Endpoint *endpoint;

        assert_int_equal(checked.result, 0);
        assert_string_equal(checked.model->probes[0].path, "/health");
        assert_int_equal(checked.model->probes[0].interval_s, 15);
        assert_int_equal(checked.model->probes[0].timeout_s, 31);
        role = &checked.model->roles[0];
        assert_int_equal(role->n_endpoints, 7);
        endpoint = role_endpoint(role, "a");
        assert_int_equal(endpoint->protocol, PROTOCOL_TCP);
        assert_int_equal(endpoint->public_first, 80);
        assert_int_equal(endpoint->local_first, 8080);
        assert_int_equal(endpoint->probe, 0);
        assert_true(endpoint->ignore_role_instance_status);
        assert_int_equal(endpoint->distribution, DISTRIBUTION_SOURCE_IP);
        assert_int_equal(endpoint->idle_timeout_s, 240);
        endpoint = role_endpoint(role, "b");
        assert_true(endpoint->local_dynamic);
        assert_int_equal(endpoint->local_first, 20011); /* after the range of e */
        assert_int_equal(endpoint->probe, -1);
        assert_int_equal(role_endpoint(role, "c")->local_first, 20012);
        assert_int_equal(role_endpoint(role, "d")->local_first, 1);
        assert_int_equal(role_endpoint(role, "d")->local_last, 65535);
        assert_int_equal(role_endpoint(role, "e")->local_last, 20010);
        assert_int_equal(role_endpoint(role, "f")->local_first, 81);
        endpoint = role_endpoint(role, "g");
        assert_int_equal(endpoint->kind, ENDPOINT_INSTANCE_INPUT);
        assert_int_equal(endpoint->public_first, 10100);
        assert_int_equal(endpoint->public_last, 10109);
        assert_int_equal(endpoint->local_first, 22);
        checked_deinit(&checked);
}

static void what_does_not_fit_together(void **state)
{
        static const char *const refused[][4] = {
                {WORKER(ENDPOINTS(TCP("a", "80") TCP("b", "80"))), "InputEndpoint", NULL,
                 "that of a of role work"},
                {WORKER(ENDPOINTS(TCP("a", "80") TCP("a", "81"))), "InputEndpoint", "name",
                 "names must differ"},
                {WORKER(ENDPOINTS(
                         TCP("a",
                             "105") "<InstanceInputEndpoint name='g' protocol='tcp' localPort='22'>"
                                    "<AllocatePublicPortFrom><FixedPortRange min='100' max='110'/>"
                                    "</AllocatePublicPortFrom></InstanceInputEndpoint>")),
                 "InstanceInputEndpoint", NULL, "that of a"},
                {WORKER(ENDPOINTS("<InternalEndpoint name='e' protocol='udp'><FixedPortRange "
                                  "min='9' max='8'/></InternalEndpoint>")),
                 "FixedPortRange", NULL, "less than min"},
                {WORKER(ENDPOINTS("<InputEndpoint name='a' protocol='tcp' port='1' "
                                  "loadBalancerProbe='x'/>")),
                 "InputEndpoint", "loadBalancerProbe", "no LoadBalancerProbe"},
                {WORKER(ENDPOINTS(
                         "<InputEndpoint name='a' protocol='https' port='1' certificate='x'/>")),
                 "InputEndpoint", "certificate", "no certificate"},
                {WORKER(ENDPOINTS(
                         "<InputEndpoint name='a' protocol='http' port='1' certificate='x'/>")),
                 "InputEndpoint", "certificate", "only an https"},
                {"<LoadBalancerProbes><LoadBalancerProbe name='p' "
                 "protocol='http'/></LoadBalancerProbes>" WORKER(""),
                 "LoadBalancerProbe", NULL, "must have a path"},
                {"<LoadBalancerProbes><LoadBalancerProbe name='p' protocol='tcp' "
                 "path='/'/></LoadBalancerProbes>" WORKER(""),
                 "LoadBalancerProbe", "path", "has no path"},
                {"<WorkerRole name='w'/>", "WorkerRole", NULL, "must say what it runs"},
                {"<WorkerRole name='w' vmsize='Huge'>" RUNTIME "</WorkerRole>", "WorkerRole",
                 "vmsize", "catalogue has no Huge"},
                {WORKER("") WORKER(""), "WorkerRole", "name", "names must differ"},
                {"", "ServiceDefinition", NULL, "at least one"},
                {WORKER("<LocalResources><LocalStorage name='a' "
                        "sizeInMB='99999'/></LocalResources>"),
                 "LocalStorage", NULL, "larger vmsize"},
                {WORKER("<Startup><Task commandLine='a'><Environment><Variable "
                        "name='V'/></Environment></Task></Startup>"),
                 "Variable", NULL, "must have a value"},
                {WORKER("<Startup><Task commandLine='a'><Environment><Variable "
                        "name='V'><RoleInstanceValue "
                        "xpath=\"/RoleEnvironment/CurrentInstance/Endpoints/Endpoint[@name='Z']/"
                        "@port\"/></Variable></Environment></Task></Startup>"),
                 "RoleInstanceValue", "xpath", "the role has no Z"},
                {WORKER("") "<NetworkTrafficRules><OnlyAllowTrafficTo><Destinations><RoleEndpoint "
                            "endpointName='x' roleName='work'/>"
                            "</Destinations><AllowAllTraffic/></OnlyAllowTrafficTo></"
                            "NetworkTrafficRules>",
                 "RoleEndpoint", "endpointName", "no internal endpoint"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                _cleanup_free_ char *text = str_printf(DEFINITION("%s"), refused[i][0]);

                assert_refused(MODEL_REFUSED, text, NULL, refused[i][1], refused[i][2],
                               refused[i][3]);
        }
}

static void tcp_and_udp_share_a_port(void **state)
{
        Checked checked = check_texts(
                DEFINITION(WORKER(ENDPOINTS(
                        TCP("a", "53") "<InputEndpoint name='b' protocol='udp' port='53'/>"))),
                NULL);

        assert_int_equal(checked.result, 0);
        checked_deinit(&checked);
}

static void at_most_25_roles_and_25_endpoints(void **state)
{
        for (unsigned n = 25; n <= 26; n++) {
                StrBuffer roles = {}, endpoints = {};
                _cleanup_free_ char *many_roles = NULL, *many_endpoints = NULL;
                Checked checked;

                for (unsigned i = 0; i < n; i++) {
                        str_buffer_addf(&roles, "<WorkerRole name='r%u'>" RUNTIME "</WorkerRole>",
                                        i);
                        str_buffer_addf(&endpoints, "<InternalEndpoint name='e%u' protocol='tcp'/>",
                                        i);
                }
                many_roles = str_printf(DEFINITION("%s"), roles.data);
                many_endpoints = str_printf(DEFINITION(WORKER(ENDPOINTS("%s"))), endpoints.data);
                if (n == 25) {
                        checked = check_texts(many_roles, NULL);
                        assert_int_equal(checked.result, 0);
                        checked_deinit(&checked);
                        checked = check_texts(many_endpoints, NULL);
                        assert_int_equal(checked.result, 0);
                        checked_deinit(&checked);
                } else {
                        assert_refused(MODEL_REFUSED, many_roles, NULL, "WorkerRole", NULL,
                                       "at most 25 roles");
                        assert_refused(MODEL_REFUSED, many_endpoints, NULL, "InternalEndpoint",
                                       NULL, "at most 25 endpoints");
                }
                str_buffer_deinit(&roles);
                str_buffer_deinit(&endpoints);
        }
}

static void environment_tasks_and_resources(void **state)
{
        Checked checked = check_texts(
                DEFINITION("<WorkerRole name='work' vmsize='standard_d1_v2'><Startup priority='1'>"
                           "<Task commandLine='bin/a' executionContext='elevated' "
                           "taskType='background'><Environment>"
                           "<Variable name='E'><RoleInstanceValue "
                           "xpath='/RoleEnvironment/Deployment/@emulated'/></Variable>"
                           "<Variable name='F' value=''/></Environment></Task><Task "
                           "commandLine='bin/b'/></Startup>"
                           "<Runtime executionContext='elevated'><Environment><Variable name='G' "
                           "value='1'/></Environment><EntryPoint>"
                           "<ProgramEntryPoint commandLine='bin/work'/></EntryPoint></Runtime>"
                           "<LocalResources><LocalStorage name='l' "
                           "cleanOnRoleRecycle='false'/></LocalResources>"
                           "<LocalStorage name='old' sizeInMB='5'/>"
                           "<ConfigurationSettings><Setting name='Queue "
                           "Name'/></ConfigurationSettings>"
                           "<Certificates><Certificate name='c' storeLocation='LocalMachine' "
                           "storeName='My' permissionLevel='elevated'/></Certificates>"
                           "<Contents><Content destination='bin\\tools'><SourceDirectory "
                           "path='..\\tools'/></Content></Contents></WorkerRole>"),
                NULL);
        const Role *role;

        assert_int_equal(checked.result, 0);
        role = &checked.model->roles[0];
        assert_string_equal(role->size_name, "Standard_D1_v2");
        assert_true(role->memory_bytes == 3584 * MIB);
        assert_true(role->elevated);
        assert_int_equal(role->n_tasks, 2);
        assert_true(role->tasks[0].elevated);
        assert_int_equal(role->tasks[0].type, TASK_BACKGROUND);
        assert_string_equal(role->tasks[0].environment.variables[0].xpath,
                            "/RoleEnvironment/Deployment/@emulated");
        assert_null(role->tasks[0].environment.variables[0].value);
        assert_string_equal(role->tasks[0].environment.variables[1].value, "");
        assert_false(role->tasks[1].elevated);
        assert_int_equal(role->tasks[1].type, TASK_SIMPLE);
        assert_string_equal(role->environment.variables[0].name, "G");
        assert_int_equal(role->n_resources, 2);
        assert_int_equal(role->resources[0].size_mb, 100);
        assert_false(role->resources[0].clean_on_recycle);
        assert_true(role->resources[1].clean_on_recycle);
        assert_null(role->settings[0].value);
        assert_true(role->certificates[0].elevated_only);
        assert_string_equal(role->contents[0].source, "../tools");
        assert_string_equal(role->contents[0].destination, "bin/tools");
        checked_deinit(&checked);
}

static void traffic_rules_and_domains(void **state)
{
        Checked checked =
                check_texts("<ServiceDefinition name='x' upgradeDomainCount='20' "
                            "topologyChangeDiscovery='Blast' "
                            "xmlns='http://schemas.microsoft.com/ServiceHosting/2008/10/"
                            "ServiceDefinition'>"
                            "<WorkerRole name='front'>" RUNTIME "</WorkerRole>" WORKER(ENDPOINTS(
                                    "<InternalEndpoint name='db' protocol='tcp' "
                                    "port='5432'/>")) "<NetworkTrafficRules><"
                                                      "OnlyAllowTrafficTo><Destinations>"
                                                      "<RoleEndpoint endpointName='db' "
                                                      "roleName='work'/></"
                                                      "Destinations><WhenSource "
                                                      "matches='AnyRule'>"
                                                      "<FromRole roleName='front'/><FromRole "
                                                      "roleName='front'/></WhenSource></"
                                                      "OnlyAllowTrafficTo></"
                                                      "NetworkTrafficRules>"
                                                      "</ServiceDefinition>",
                            NULL);
        const TrafficRule *rule;

        assert_int_equal(checked.result, 0);
        assert_int_equal(checked.model->upgrade_domain_count, 20);
        assert_int_equal(checked.model->topology_change, TOPOLOGY_BLAST);
        assert_int_equal(checked.model->n_traffic_rules, 1);
        rule = &checked.model->traffic_rules[0];
        assert_int_equal(rule->role, 1);
        assert_int_equal(rule->endpoint, 0);
        assert_false(rule->all);
        assert_int_equal(rule->n_sources, 1);
        assert_int_equal(rule->sources[0], 0);
        checked_deinit(&checked);
}

static void what_nothing_is_lost_without(void **state)
{
        Checked checked = check_texts(
                DEFINITION("<WebRole name='w'>" ENDPOINTS(
                        "<InputEndpoint name='a' protocol='tcp' port='1' certificate='x'/>"
                        "<InputEndpoint name='b' protocol='http' port='80'/>") "</WebRole>"),
                NULL);

        assert_int_equal(checked.result, 0);
        assert_int_equal(verdict_of(&checked, "InputEndpoint", "certificate")->verdict,
                         VERDICT_IGNORED);
        assert_int_equal(verdict_of(&checked, "WebRole", NULL)->verdict, VERDICT_HONOURED);
        assert_non_null(strstr(verdict_of(&checked, "WebRole", NULL)->reason, "ProgramEntryPoint"));
        checked_deinit(&checked);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(endpoints_of_every_kind),
                cmocka_unit_test(what_does_not_fit_together),
                cmocka_unit_test(tcp_and_udp_share_a_port),
                cmocka_unit_test(at_most_25_roles_and_25_endpoints),
                cmocka_unit_test(environment_tasks_and_resources),
                cmocka_unit_test(traffic_rules_and_domains),
                cmocka_unit_test(what_nothing_is_lost_without),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
