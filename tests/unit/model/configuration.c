/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/model/helper.h"

#include <arpa/inet.h>

#define SHA1 "0123456789abcdef0123456789abcdef01234567"
#define DECLARED                                                                                   \
        DEFINITION(WORKER("<ConfigurationSettings><Setting name='Queue'/></ConfigurationSettings>" \
                          "<Certificates><Certificate name='c' storeName='My'/></Certificates>"    \
                          "<Endpoints><InputEndpoint name='In' protocol='tcp' port='80'/>"         \
                          "<InternalEndpoint name='Int' protocol='tcp'/></Endpoints>"))
#define SETTING                                                                                    \
        "<ConfigurationSettings><Setting name='Queue' value='q &amp; r'/></ConfigurationSettings>"
#define CERTIFICATE                                                                                \
        "<Certificates><Certificate name='c' thumbprint='" SHA1                                    \
        "' thumbprintAlgorithm='SHA1'/></Certificates>"
#define ACL(rules, role, endpoint, list)                                                           \
        CONFIGURATION("",                                                                          \
                      WORK_ROLE(SETTING CERTIFICATE) "<NetworkConfiguration><AccessControls><"     \
                                                     "AccessControl name='l'>" rules               \
                                                     "</AccessControl></"                          \
                                                     "AccessControls><EndpointAcls><EndpointAcl "  \
                                                     "role='" role "' endpoint='" endpoint         \
                                                     "' accessControl='" list                      \
                                                     "'/></EndpointAcls></NetworkConfiguration>")

static void everything_is_filled_in(void **state)
{
        Checked checked = check_texts(
                DECLARED,
                CONFIGURATION(
                        "troupe:osFamily='debian-13' osFamily='4' osVersion='20260101'",
                        WORK_ROLE(
                                SETTING CERTIFICATE) "<NetworkConfiguration><Dns><DnsServers><"
                                                     "DnsServer name='a' IPAddress='10.1.2.3'/>"
                                                     "</DnsServers></Dns></NetworkConfiguration>"));
        const Role *role;

        assert_int_equal(checked.result, 0);
        role = &checked.model->roles[0];
        assert_int_equal(role->count, 2);
        assert_string_equal(role->settings[0].value, "q & r");
        assert_string_equal(role->certificates[0].thumbprint,
                            "0123456789ABCDEF0123456789ABCDEF01234567");
        assert_false(role->certificates[0].sha256);
        assert_string_equal(checked.model->os_family, "debian-13");
        assert_string_equal(checked.model->os_version, "20260101");
        assert_int_equal(checked.model->n_dns_servers, 1);
        assert_int_equal(checked.model->dns_servers[0], htonl(0x0a010203));
        checked_deinit(&checked);
}

static void access_rules_come_in_order(void **state)
{
        Checked checked = check_texts(
                DECLARED, ACL("<Rule order='200' action='deny' remoteSubnet='0.0.0.0/0'/>"
                              "<Rule order='100' action='permit' remoteSubnet='203.0.113.9/24' "
                              "description='us'/>",
                              "work", "In", "l"));
        const Endpoint *endpoint;

        assert_int_equal(checked.result, 0);
        endpoint = role_endpoint(&checked.model->roles[0], "In");
        assert_int_equal(endpoint->n_rules, 2);
        assert_true(endpoint->rules[0].permit);
        assert_int_equal(endpoint->rules[0].address, htonl(0xcb007100));
        assert_int_equal(endpoint->rules[0].prefix, 24);
        assert_false(endpoint->rules[1].permit);
        checked_deinit(&checked);
}

static void what_does_not_fit_the_definition(void **state)
{
        assert_refused(MODEL_REFUSED, DECLARED, CONFIGURATION("", WORK_ROLE(CERTIFICATE)), "Role",
                       NULL, "no value to Queue: add");
        assert_refused(MODEL_REFUSED, DECLARED, CONFIGURATION("", WORK_ROLE(SETTING)), "Role", NULL,
                       "no thumbprint to c: add");
        assert_refused(MODEL_REFUSED,
                       DEFINITION(WORKER("<ConfigurationSettings><Setting name='a'/><Setting "
                                         "name='b'/></ConfigurationSettings>")),
                       CONFIGURATION("", WORK_ROLE("")), "Role", NULL, "no value to a, b: add");
        assert_refused(MODEL_REFUSED, DEFINITION(WORKER("")), CONFIGURATION("", WORK_ROLE(SETTING)),
                       "Setting", "name", "no setting of this name");
        assert_refused(MODEL_REFUSED, DEFINITION(WORKER("")),
                       CONFIGURATION("", WORK_ROLE(CERTIFICATE)), "Certificate", "name",
                       "no certificate of this name");
        assert_refused(
                MODEL_REFUSED, DEFINITION(WORKER("")),
                CONFIGURATION("", WORK_ROLE("") "<Role name='other'><Instances count='1'/></Role>"),
                "Role", "name", "no role of this name");
        assert_refused(MODEL_REFUSED, DEFINITION(WORKER("")),
                       CONFIGURATION("", WORK_ROLE("") WORK_ROLE("")), "Role", "name",
                       "there already");
        assert_refused(MODEL_REFUSED,
                       DEFINITION(WORKER("") "<WorkerRole name='two'>" RUNTIME "</WorkerRole>"),
                       CONFIGURATION("", WORK_ROLE("")), "WorkerRole", NULL, "says nothing of it");
        assert_refused(
                MODEL_REFUSED,
                DEFINITION(WORKER(
                        "<Endpoints><InstanceInputEndpoint name='g' protocol='tcp' localPort='22'>"
                        "<AllocatePublicPortFrom><FixedPort port='100'/></AllocatePublicPortFrom>"
                        "</InstanceInputEndpoint></Endpoints>")),
                CONFIGURATION("", WORK_ROLE("")), "Instances", "count", "for 1 instances");
        assert_refused(MODEL_REFUSED, DECLARED, ACL("", "nobody", "In", "l"), "EndpointAcl", "role",
                       "no role");
        assert_refused(MODEL_REFUSED, DECLARED, ACL("", "work", "Int", "l"), "EndpointAcl",
                       "endpoint", "no public endpoint");
        assert_refused(MODEL_REFUSED, DECLARED, ACL("", "work", "In", "x"), "EndpointAcl",
                       "accessControl", "no AccessControl");
        assert_refused(MODEL_REFUSED, DECLARED,
                       ACL("<Rule order='1' action='deny' remoteSubnet='10.0.0.1'/><Rule order='1' "
                           "action='deny' remoteSubnet='10.0.0.2'/>",
                           "work", "In", "l"),
                       "Rule", "order", "must differ");
        assert_refused(MODEL_REFUSED, DEFINITION(WORKER("")),
                       "<ServiceConfiguration serviceName='else' "
                       "xmlns='http://schemas.microsoft.com/ServiceHosting/2008/10/"
                       "ServiceConfiguration'>" WORK_ROLE("") "</ServiceConfiguration>",
                       "ServiceConfiguration", "serviceName", "must be the same");
}

static void what_imports_brought_along_is_ignored(void **state)
{
        Checked checked = check_texts(
                DEFINITION(WORKER("<Imports><Import moduleName='Diagnostics'/></Imports>")),
                CONFIGURATION("", WORK_ROLE("<ConfigurationSettings><Setting "
                                            "name='Microsoft.WindowsAzure.Plugins.Diagnostics."
                                            "ConnectionString' value='x'/>"
                                            "</ConfigurationSettings><Certificates><Certificate "
                                            "name='Microsoft.WindowsAzure.Plugins.RemoteAccess."
                                            "PasswordEncryption' thumbprint='" SHA1
                                            "' thumbprintAlgorithm='sha1'/></Certificates>")));

        assert_int_equal(checked.result, 0);
        assert_int_equal(verdict_of(&checked, "Setting", NULL)->verdict, VERDICT_IGNORED);
        assert_int_equal(verdict_of(&checked, "Certificate", "thumbprint")->verdict,
                         VERDICT_IGNORED);
        assert_int_equal(checked.model->roles[0].n_settings, 0);
        checked_deinit(&checked);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(everything_is_filled_in),
                cmocka_unit_test(access_rules_come_in_order),
                cmocka_unit_test(what_does_not_fit_the_definition),
                cmocka_unit_test(what_imports_brought_along_is_ignored),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
