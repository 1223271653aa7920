/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/role-spec.h"

#include "hostd/deployment.h"
#include "tests/unit/hostd/service.h"
#include "tests/unit/test.h"

typedef struct Fixture {
        SizeCatalogue sizes;
        Deployment *deployment;
        InstanceRecord records[3];
        const InstanceRecord *all[3];
        RoleSpecInput input;
} Fixture;

static int setup(void **state)
{
        static Fixture fixture;
        DeploymentRecord record = test_deployment("d00000001");

        fixture = (Fixture) {};
        assert_int_equal(sizes_load(&fixture.sizes, "/nonexistent", "/nonexistent", NULL, NULL), 0);
        assert_int_equal(deployment_new(&record, &fixture.sizes, &fixture.deployment), 0);
        for (int i = 0; i < 3; i++) {
                fixture.records[i] =
                        test_instance("d00000001", i < 2 ? "web" : "work", i % 2, "h1");
                fixture.all[i] = &fixture.records[i];
        }
        fixture.input = (RoleSpecInput) {
                .deployment = deployment_record(fixture.deployment),
                .model = deployment_model(fixture.deployment),
                .slot = SLOT_PRODUCTION,
                .instance = fixture.all[1],
                .instances = fixture.all,
                .n_instances = 3,
                .mac = "02:74:00:00:00:01",
                .mtu_bytes = 1450,
        };
        *state = &fixture;
        return 0;
}

static int teardown(void **state)
{
        Fixture *fixture = *state;

        deployment_free(fixture->deployment);
        sizes_deinit(&fixture->sizes);
        return 0;
}

static void an_instance_is_told_who_it_is(void **state)
{
        Fixture *fixture = *state;
        AgentConfig config;

        assert_int_equal(role_spec_build(&fixture->input, &config), 0);
        assert_string_equal(config.service, "shop");
        assert_string_equal(config.slot, "production");
        assert_string_equal(config.instance, "web_IN_1");
        assert_string_equal(config.entry_point, "bin/web");
        assert_string_equal(config.network.address, "10.64.1.5");
        assert_string_equal(config.network.gateway, "10.64.1.1");
        assert_int_equal(config.n_environment, 1);
        assert_string_equal(config.environment[0].value, "web_IN_1");
        assert_string_equal(config.settings[0].value, "blue");
        assert_int_equal(config.n_endpoints, 2);
        assert_int_equal(config.endpoints[1].public_port, 10101);
        agent_config_deinit(&config);
}

static void the_topology_has_all_that_are_to_run(void **state)
{
        Fixture *fixture = *state;
        AgentConfig config;

        fixture->records[0].power = POWER_STOPPING;
        assert_int_equal(role_spec_build(&fixture->input, &config), 0);
        assert_int_equal(config.n_topology, 2);
        assert_int_equal(config.topology[0].n_instances, 1);
        assert_string_equal(config.topology[0].instances[0].id, "web_IN_1");
        assert_string_equal(config.topology[1].instances[0].address, "10.64.1.104");
        assert_int_equal(config.topology[1].instances[0].endpoints[0].port, 7000);
        agent_config_deinit(&config);
}

static void it_can_be_said_to_an_agent(void **state)
{
        AgentMessage message = {.type = AGENT_CONFIG}, back;
        Fixture *fixture = *state;
        char *text;
        size_t length;

        assert_int_equal(role_spec_build(&fixture->input, &message.config), 0);
        message.config.serial = 7;
        assert_int_equal(agent_message_encode(&message, AGENT_FROM_HOST, &text, &length), 0);
        text[length - 1] = '\0';
        assert_int_equal(agent_message_decode(text + 1, AGENT_FROM_HOST, &back, NULL), 0);
        assert_string_equal(back.config.instance, "web_IN_1");
        agent_message_deinit(&back);
        agent_message_deinit(&message);
        free(text);
}

#define SHA1  "0123456789ABCDEF0123456789ABCDEF01234567"
#define SPACE "xmlns=\"http://schemas.microsoft.com/ServiceHosting/2008/10/Service"
#define TLS   "<Certificate name=\"Tls\""
#define SEALED                                                                                     \
        "<ServiceDefinition name=\"s\" " SPACE "Definition\"><WorkerRole name=\"web\"><Runtime>"   \
        "<EntryPoint><ProgramEntryPoint commandLine=\"a\"/></EntryPoint></Runtime>"                \
        "<Certificates>" TLS " permissionLevel=\"elevated\"/></Certificates></WorkerRole>"         \
        "</ServiceDefinition>"
#define SEALED_CONFIGURATION                                                                       \
        "<ServiceConfiguration serviceName=\"s\" " SPACE "Configuration\"><Role name=\"web\">"     \
        "<Instances count=\"1\"/><Certificates>" TLS " thumbprint=\"" SHA1 "\" "                   \
        "thumbprintAlgorithm=\"sha1\"/></Certificates></Role></ServiceConfiguration>"

static void a_role_gets_the_certificates_it_names(void **state)
{
        Fixture *fixture = *state;
        RoleSpecInput input = fixture->input;
        DeploymentRecord record = test_deployment("d00000001");
        Record certificate;
        Map certificates = {};
        Deployment *deployment;
        AgentConfig config;

        record.definition = (char *) SEALED;
        record.configuration = (char *) SEALED_CONFIGURATION;
        assert_int_equal(deployment_new(&record, &fixture->sizes, &deployment), 0);
        input.deployment = deployment_record(deployment);
        input.model = deployment_model(deployment);
        assert_non_null(input.model);
        assert_int_equal(role_spec_build(&input, &config), ROLE_SPEC_NO_CERTIFICATE);

        record_init(&certificate, RECORD_CERTIFICATE);
        memcpy(certificate.certificate.sha1, SHA1, sizeof(SHA1));
        certificate.certificate.chain = strdup("chain");
        assert_int_equal(map_put(&certificates, "x", &certificate), 0);
        input.certificates = &certificates;
        assert_int_equal(role_spec_build(&input, &config), ROLE_SPEC_NO_CERTIFICATE);
        certificate.certificate.key = strdup("key");
        assert_int_equal(role_spec_build(&input, &config), 0);
        assert_int_equal(config.n_certificates, 1);
        assert_string_equal(config.certificates[0].name, "Tls");
        assert_string_equal(config.certificates[0].certificate, "chain");
        assert_string_equal(config.certificates[0].key, "key");
        assert_true(config.certificates[0].elevated_only);
        agent_config_deinit(&config);
        map_deinit(&certificates);
        record_deinit(&certificate);
        deployment_free(deployment);
}

static void a_role_that_is_not_in_the_model_is_told(void **state)
{
        Fixture *fixture = *state;
        AgentConfig config;

        strcpy(fixture->records[1].id.role, "other");
        assert_int_equal(role_spec_build(&fixture->input, &config), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_instance_is_told_who_it_is, setup, teardown),
                cmocka_unit_test_setup_teardown(the_topology_has_all_that_are_to_run, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(it_can_be_said_to_an_agent, setup, teardown),
                cmocka_unit_test_setup_teardown(a_role_gets_the_certificates_it_names, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_role_that_is_not_in_the_model_is_told, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
