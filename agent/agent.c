/* SPDX-License-Identifier: GPL-3.0-or-later */

/* troupe-agent: runs and watches a role in its VM, and reports to hostd.
 *
 * Root in the guest. Speaks to hostd over the virtio-serial port org.troupe.agent.0, to the guest's
 * systemd over its private socket, and to the role as org.troupe.RoleEnvironment1 on the guest's
 * bus. It may be killed at any time: the role goes on, and the next agent takes over where it was.
 */

#include "agent/manager.h"
#include "lib/base/arguments.h"
#include "lib/base/log.h"

int main(int argc, char **argv)
{
        _cleanup_(manager_freep) Manager *manager = NULL;
        ManagerConfig config = {.runtime = "/run/troupe"};
        const Argument arguments[] = {
                {"port", .value = &config.port},
                {"runtime-dir", .value = &config.runtime},
                {},
        };
        int r;

        r = arguments_parse(argc, argv, arguments,
                            "troupe-agent [--port=PATH] [--runtime-dir=DIR]\n\n"
                            "The Troupe agent in a role VM, see troupe-agent(8).");
        if (r != 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        r = manager_new(&config, &manager);
        if (r < 0)
                log_error_errno(r, "cannot set up");
        else
                r = manager_startup(manager);
        if (r == 0)
                r = manager_run(manager);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
