/* SPDX-License-Identifier: GPL-3.0-or-later */

/* troupe-agent: runs and watches a role in its VM, and reports to hostd.
 *
 * Root in the guest. Speaks to hostd over the virtio-serial port org.troupe.agent.0, to the guest's
 * systemd over its private socket, and to the role as org.troupe.RoleEnvironment1 on the guest's
 * bus. It may be killed at any time: the role goes on, and the next agent takes over where it was.
 */

#include <getopt.h>
#include <stdio.h>

#include "agent/manager.h"
#include "lib/base/log.h"

static int parse_args(int argc, char **argv, ManagerConfig *config)
{
        static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                                {"runtime-dir", required_argument, NULL, 'r'},
                                                {"help", no_argument, NULL, 'h'},
                                                {}};
        int option;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                switch (option) {
                case 'p':
                        config->port = optarg;
                        break;
                case 'r':
                        config->runtime = optarg;
                        break;
                case 'h':
                        puts("troupe-agent [--port=PATH] [--runtime-dir=DIR]\n\n"
                             "The Troupe agent in a role VM, see troupe-agent(8).");
                        return 1;
                default:
                        return -EINVAL;
                }
        }
        return optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
        _cleanup_(manager_freep) Manager *manager = NULL;
        ManagerConfig config = {.runtime = "/run/troupe"};
        int r;

        r = parse_args(argc, argv, &config);
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
