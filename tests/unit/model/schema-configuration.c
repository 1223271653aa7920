/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/model/helper.h"

#define NETWORK(inside)                                                                            \
        CONFIGURATION("", WORK_ROLE("") "<NetworkConfiguration>" inside "</NetworkConfiguration>")

static void windows_guests_become_ours(void **state)
{
        Checked checked =
                check_texts(DEFINITION(WORKER("")),
                            CONFIGURATION("osFamily='4' osVersion='WA-GUEST-OS-4.31_201604-01' "
                                          "schemaVersion='2015-04.2.6'",
                                          WORK_ROLE("")));

        assert_int_equal(checked.result, 0);
        assert_int_equal(verdict_of(&checked, "ServiceConfiguration", "osFamily")->verdict,
                         VERDICT_IGNORED);
        assert_int_equal(verdict_of(&checked, "ServiceConfiguration", "osVersion")->verdict,
                         VERDICT_IGNORED);
        assert_int_equal(verdict_of(&checked, "ServiceConfiguration", "schemaVersion")->verdict,
                         VERDICT_IGNORED);
        assert_string_equal(checked.model->os_family, "debian-13");
        assert_null(checked.model->os_version);
        checked_deinit(&checked);
        assert_refused(MODEL_REFUSED, DEFINITION(WORKER("")),
                       CONFIGURATION("osFamily='8'", WORK_ROLE("")), "ServiceConfiguration",
                       "osFamily", "write \"debian-13\"");
}

static void networks_that_are_not_there(void **state)
{
        Checked checked = check_texts(
                DEFINITION(WORKER("")),
                NETWORK("<VirtualNetworkSite name='v'/><AddressAssignments><InstanceAddress "
                        "roleName='work'>"
                        "<Subnets><Subnet name='s'/></Subnets></InstanceAddress><ReservedIPs>"
                        "<ReservedIP name='r'/></ReservedIPs></AddressAssignments>"));

        assert_int_equal(checked.result, 0);
        assert_int_equal(verdict_of(&checked, "VirtualNetworkSite", NULL)->verdict,
                         VERDICT_IGNORED);
        assert_int_equal(verdict_of(&checked, "Subnet", "name")->verdict, VERDICT_IGNORED);
        assert_int_equal(verdict_of(&checked, "ReservedIP", NULL)->verdict, VERDICT_IGNORED);
        checked_deinit(&checked);
        assert_refused(
                MODEL_REFUSED, DEFINITION(WORKER("")),
                NETWORK("<AddressAssignments><InstanceAddress roleName='work'><PublicIPs><PublicIP "
                        "name='p' "
                        "idleTimeoutInMinutes='15' "
                        "domainNameLabel='d'/></PublicIPs></InstanceAddress></AddressAssignments>"),
                "PublicIPs", NULL, "InstanceInputEndpoint");
        assert_refused(MODEL_REFUSED, DEFINITION(WORKER("")),
                       NETWORK("<AddressAssignments><VirtualIPs><VirtualIPGroup "
                               "name='g'><VirtualIP name='v'/></VirtualIPGroup>"
                               "</VirtualIPs></AddressAssignments>"),
                       "VirtualIPs", NULL, "one VIP");
        assert_refused(MODEL_REFUSED, DEFINITION(WORKER("")),
                       NETWORK("<LoadBalancers><LoadBalancer name='l'><FrontendIPConfiguration "
                               "type='private' subnet='s' "
                               "staticVirtualNetworkIPAddress='10.0.0.4'/></LoadBalancer></"
                               "LoadBalancers>"),
                       "LoadBalancers", NULL, "InternalEndpoint");
}

static void limits(void **state)
{
        assert_refused(MODEL_BROKEN, DEFINITION(WORKER("")),
                       CONFIGURATION("", "<Role name='work'><Instances count='0'/></Role>"),
                       "Instances", "count", "from 1 to 1000");
        assert_refused(MODEL_BROKEN, DEFINITION(WORKER("")),
                       CONFIGURATION("", "<Role name='work'/>"), "Role", NULL,
                       "must have the element Instances");
        assert_refused(MODEL_BROKEN, DEFINITION(WORKER("")), CONFIGURATION("", ""),
                       "ServiceConfiguration", NULL, "must have the element Role");
        assert_refused(
                MODEL_BROKEN, DEFINITION(WORKER("")),
                NETWORK("<AccessControls><AccessControl name='a'><Rule order='1' action='permit' "
                        "remoteSubnet='10.0.0.0/40'/></AccessControl></AccessControls>"),
                "Rule", "remoteSubnet", "IPv4 network");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(windows_guests_become_ours),
                cmocka_unit_test(networks_that_are_not_there),
                cmocka_unit_test(limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
