/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Any bytes as the configuration of a definition that has something of everything a configuration
 * can name. */

#include "tests/fuzz/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
        "<ServiceDefinition name='shop' "
        "xmlns='http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceDefinition'>"
        "<WebRole name='web'><Endpoints><InputEndpoint name='In' protocol='http' port='80'/>"
        "<InstanceInputEndpoint name='One' protocol='tcp' localPort='22'><AllocatePublicPortFrom>"
        "<FixedPortRange min='10100' "
        "max='10103'/></AllocatePublicPortFrom></InstanceInputEndpoint></Endpoints>"
        "<ConfigurationSettings><Setting name='Queue'/></ConfigurationSettings>"
        "<Certificates><Certificate name='c'/></Certificates></WebRole>"
        "<WorkerRole name='work'><Runtime><EntryPoint><ProgramEntryPoint "
        "commandLine='bin/work'/></EntryPoint></Runtime>"
        "</WorkerRole></ServiceDefinition>";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        ModelText definition = {"fuzz.csdef", text, sizeof(text) - 1};
        ModelText configuration = {"fuzz.cscfg", (const char *) data, size};

        fuzz_check(&definition, &configuration);
        return 0;
}
