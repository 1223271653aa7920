/* SPDX-License-Identifier: GPL-3.0-or-later */

/* troupe-netd: the network of one host: bridges and taps, VIPs, load balancing, isolation, probes.
 * hostd tells it what there is to be over the system bus; nobody else may. It runs as its own user
 * with CAP_NET_ADMIN and CAP_NET_RAW, speaks netlink to the kernel, TCP to the guests that it
 * probes, and reads and writes one file of its own. When it dies packets go on. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"
#include "netd/manager.h"

static int usage(int status)
{
        fprintf(status == 0 ? stdout : stderr,
                "troupe-netd [--state=DIRECTORY] [--uplink=INTERFACE] [--bus=ADDRESS]\n\n"
                "  --state=DIRECTORY   where the declared state is kept over restarts;\n"
                "                      default $RUNTIME_DIRECTORY, or /run/troupe-netd\n"
                "  --uplink=INTERFACE  for VIPs that name none; default that of the default route\n"
                "  --bus=ADDRESS       D-Bus address; default the system bus\n");
        return status;
}

int main(int argc, char *argv[])
{
        ManagerOptions options = {
                .directory = getenv("RUNTIME_DIRECTORY") ?: "/run/troupe-netd",
                .uplink = "",
        };
        _cleanup_(manager_freep) Manager *manager = NULL;

        for (int i = 1; i < argc; i++) {
                if (str_equal(argv[i], "--help"))
                        return usage(0);
                if (str_after(argv[i], "--state="))
                        options.directory = str_after(argv[i], "--state=");
                else if (str_after(argv[i], "--uplink="))
                        options.uplink = str_after(argv[i], "--uplink=");
                else if (str_after(argv[i], "--bus="))
                        options.bus = str_after(argv[i], "--bus=");
                else
                        return usage(2);
        }
        if (manager_new(&options, &manager) < 0)
                return 1;
        return manager_run(manager) < 0 ? 1 : 0;
}
