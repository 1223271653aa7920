/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The verdicts on what Windows had and Linux has not: each is refused or ignored with the next
 * step. */

#include "tests/unit/model/helper.h"

static void windows_programs(void **state)
{
        assert_refused(
                MODEL_REFUSED,
                DEFINITION("<WorkerRole name='w'><Runtime><EntryPoint><NetFxEntryPoint "
                           "assemblyName='a.dll' "
                           "targetFrameworkVersion='v4.0'/></EntryPoint></Runtime></WorkerRole>"),
                NULL, "NetFxEntryPoint", NULL, "write <ProgramEntryPoint");
        assert_refused(
                MODEL_REFUSED,
                DEFINITION("<WorkerRole name='w'><Runtime><EntryPoint><ProgramEntryPoint "
                           "commandLine='node.cmd .\\server.js' "
                           "setReadyOnProcessStart='true'/></EntryPoint></Runtime></WorkerRole>"),
                NULL, "ProgramEntryPoint", NULL, "troupe:commandLine");
        assert_refused(
                MODEL_REFUSED,
                DEFINITION(WORKER("<Startup><Task commandLine='bin\\ps.cmd x.ps1'/></Startup>")),
                NULL, "Task", NULL, "Linux command");
        assert_refused(MODEL_REFUSED, DEFINITION(WORKER("") "<VirtualMachineRole name='v'/>"), NULL,
                       "VirtualMachineRole", NULL, "WorkerRole");
}

static void imports(void **state)
{
        Checked checked = check_texts(
                DEFINITION(WORKER("<Imports><Import moduleName='RemoteAccess'/></Imports>")), NULL);

        assert_int_equal(checked.result, 0);
        assert_int_equal(verdict_of(&checked, "Import", NULL)->verdict, VERDICT_IGNORED);
        assert_non_null(
                strstr(verdict_of(&checked, "Import", "moduleName")->reason, "troupectl shell"));
        checked_deinit(&checked);
        assert_refused(MODEL_REFUSED,
                       DEFINITION(WORKER("<Imports><Import moduleName='Connect'/></Imports>")),
                       NULL, "Import", NULL, "input endpoint");
        assert_refused(MODEL_REFUSED,
                       DEFINITION(WORKER("<Imports><Import moduleName='Frobnicate'/></Imports>")),
                       NULL, "Import", NULL, "remove it");
}

static void partial_trust(void **state)
{
        assert_refused(MODEL_REFUSED,
                       DEFINITION("<WorkerRole name='w' enableNativeCodeExecution='False'>" RUNTIME
                                  "</WorkerRole>"),
                       NULL, "WorkerRole", "enableNativeCodeExecution", "limited");
}

static void internal_load_balancers(void **state)
{
        assert_refused(MODEL_REFUSED,
                       DEFINITION(WORKER("<Endpoints><InputEndpoint name='a' protocol='tcp' "
                                         "port='1' loadBalancer='lb'/></Endpoints>")),
                       NULL, "InputEndpoint", "loadBalancer", "InternalEndpoint");
}

static void limits_are_the_published_ones(void **state)
{
        static const char *const broken[][3] = {
                {"<LoadBalancerProbes><LoadBalancerProbe name='p' protocol='tcp' "
                 "intervalInSeconds='4'/></LoadBalancerProbes>",
                 "LoadBalancerProbe", "intervalInSeconds"},
                {"<LoadBalancerProbes><LoadBalancerProbe name='p' protocol='tcp' "
                 "timeoutInSeconds='10'/></LoadBalancerProbes>",
                 "LoadBalancerProbe", "timeoutInSeconds"},
                {WORKER("<LocalResources><LocalStorage name='a' sizeInMB='0'/></LocalResources>"),
                 "LocalStorage", "sizeInMB"},
                {WORKER("<Endpoints><InputEndpoint name='a' protocol='tcp' "
                        "port='65536'/></Endpoints>"),
                 "InputEndpoint", "port"},
                {WORKER("<Endpoints><InputEndpoint name='a' protocol='ftp' "
                        "port='21'/></Endpoints>"),
                 "InputEndpoint", "protocol"},
                {WORKER("<Endpoints><InputEndpoint name='a' protocol='tcp' port='1' "
                        "idleTimeoutInMinutes='31'/></Endpoints>"),
                 "InputEndpoint", "idleTimeoutInMinutes"},
                {WORKER("<Startup><Task commandLine='a' taskType='lazy'/></Startup>"), "Task",
                 "taskType"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
                _cleanup_free_ char *text = str_printf(DEFINITION("%s"), broken[i][0]);

                assert_refused(MODEL_BROKEN, text, NULL, broken[i][1], broken[i][2], "must be");
        }
        assert_refused(
                MODEL_BROKEN,
                "<ServiceDefinition name='x' upgradeDomainCount='21' "
                "xmlns='http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceDefinition'/>",
                NULL, "ServiceDefinition", "upgradeDomainCount", "from 1 to 20");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(windows_programs),
                cmocka_unit_test(imports),
                cmocka_unit_test(partial_trust),
                cmocka_unit_test(internal_load_balancers),
                cmocka_unit_test(limits_are_the_published_ones),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
