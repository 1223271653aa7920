/* SPDX-License-Identifier: GPL-3.0-or-later */

/* troupe-netd: the network of one host: bridges and taps, VIPs, load balancing, isolation, probes.
 * hostd tells it what there is to be over the system bus; nobody else may. It runs as its own user
 * with CAP_NET_ADMIN and CAP_NET_RAW, speaks netlink to the kernel, TCP to the guests that it
 * probes, and reads and writes one file of its own. When it dies packets go on. */

#include <stdlib.h>

#include "lib/base/arguments.h"
#include "netd/manager.h"

static const char usage[] =
        "troupe-netd [--state=DIRECTORY] [--uplink=INTERFACE] [--bus=ADDRESS]\n\n"
        "  --state=DIRECTORY   where the declared state is kept over restarts;\n"
        "                      default $RUNTIME_DIRECTORY, or /run/troupe-netd\n"
        "  --uplink=INTERFACE  for VIPs that name none; default that of the default route\n"
        "  --bus=ADDRESS       D-Bus address; default the system bus";

int main(int argc, char *argv[])
{
        ManagerOptions options = {
                .directory = getenv("RUNTIME_DIRECTORY") ?: "/run/troupe-netd",
                .uplink = "",
        };
        const Argument arguments[] = {
                {"state", .value = &options.directory},
                {"uplink", .value = &options.uplink},
                {"bus", .value = &options.bus},
                {},
        };
        _cleanup_(manager_freep) Manager *manager = NULL;
        int r;

        r = arguments_parse(argc, argv, arguments, usage);
        if (r != 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        if (manager_new(&options, &manager) < 0)
                return EXIT_FAILURE;
        return manager_run(manager) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
