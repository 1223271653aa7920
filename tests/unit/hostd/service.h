/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A small service for tests of the host half: a web role with an input and an instance input
 * endpoint, a worker that only the web role may reach. */

#include <string.h>

#include "lib/api/records.h"

#define TEST_DEFINITION                                                                            \
        "<?xml version=\"1.0\"?>\n"                                                                \
        "<ServiceDefinition name=\"shop\" "                                                        \
        "xmlns=\"http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceDefinition\">\n"       \
        "<WorkerRole name=\"web\" vmsize=\"Small\"><Runtime><Environment>"                         \
        "<Variable name=\"ME\"><RoleInstanceValue "                                                \
        "xpath=\"/RoleEnvironment/CurrentInstance/@id\"/></Variable>"                              \
        "</Environment><EntryPoint><ProgramEntryPoint commandLine=\"bin/web\" "                    \
        "setReadyOnProcessStart=\"true\"/></EntryPoint></Runtime>"                                 \
        "<ConfigurationSettings><Setting name=\"Colour\"/></ConfigurationSettings>"                \
        "<Endpoints><InputEndpoint name=\"Http\" protocol=\"tcp\" port=\"80\" "                    \
        "localPort=\"8080\"/>"                                                                     \
        "<InstanceInputEndpoint name=\"Debug\" protocol=\"tcp\" "                                  \
        "localPort=\"9000\"><AllocatePublicPortFrom>"                                              \
        "<FixedPortRange min=\"10100\" "                                                           \
        "max=\"10109\"/></AllocatePublicPortFrom></InstanceInputEndpoint>"                         \
        "</Endpoints></WorkerRole>\n"                                                              \
        "<WorkerRole name=\"work\" vmsize=\"Small\"><Runtime><EntryPoint><ProgramEntryPoint "      \
        "commandLine=\"bin/work\" setReadyOnProcessStart=\"true\"/></EntryPoint></Runtime>"        \
        "<Endpoints><InternalEndpoint name=\"Jobs\" protocol=\"tcp\" "                             \
        "port=\"7000\"/></Endpoints></WorkerRole>\n"                                               \
        "<NetworkTrafficRules><OnlyAllowTrafficTo><Destinations><RoleEndpoint "                    \
        "endpointName=\"Jobs\" "                                                                   \
        "roleName=\"work\"/></Destinations><WhenSource matches=\"AnyRule\"><FromRole "             \
        "roleName=\"web\"/>"                                                                       \
        "</WhenSource></OnlyAllowTrafficTo></NetworkTrafficRules>\n"                               \
        "</ServiceDefinition>\n"

#define TEST_CONFIGURATION                                                                         \
        "<?xml version=\"1.0\"?>\n"                                                                \
        "<ServiceConfiguration serviceName=\"shop\" osFamily=\"debian-13\" osVersion=\"*\" "       \
        "xmlns=\"http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration\">\n"    \
        "<Role name=\"web\"><Instances count=\"2\"/><ConfigurationSettings>"                       \
        "<Setting name=\"Colour\" value=\"blue\"/></ConfigurationSettings></Role>\n"               \
        "<Role name=\"work\"><Instances count=\"1\"/></Role>\n"                                    \
        "</ServiceConfiguration>\n"

static inline DeploymentRecord test_deployment(const char *id)
{
        DeploymentRecord record = {
                .service = "shop",
                .definition = (char *) TEST_DEFINITION,
                .configuration = (char *) TEST_CONFIGURATION,
                .configuration_generation = 1,
                .vni = 4097,
                .network_prefix = 24,
        };

        strcpy(record.id, id);
        ip_parse("10.64.1.0", &record.network);
        return record;
}

static inline InstanceRecord test_instance(const char *deployment, const char *role,
                                           uint32_t number, const char *host)
{
        InstanceRecord record = {
                .id.number = number,
                .incarnation = 1,
                .os_family = "debian-13",
                .os_version = "1",
                .vcpus = 1,
                .memory_bytes = 512 * MIB,
                .disk_bytes = GIB,
        };

        strcpy(record.id.deployment, deployment);
        strcpy(record.id.role, role);
        strcpy(record.host, host);
        ip_parse("10.64.1.4", &record.address);
        record.address.bytes[3] = (uint8_t) (4 + number + (role[1] == 'o' ? 100 : 0));
        return record;
}
