/* SPDX-License-Identifier: GPL-3.0-or-later */

/* troupe-hostd: the host daemon. Runs as user troupe, in the groups libvirt and libvirt-qemu.
 * Speaks to libvirt, etcd, netd and the watchdog on the system bus, the agents of the role VMs
 * through their sockets. May be asked things by anyone on the system bus; polkit decides. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "hostd/manager.h"
#include "lib/base/log.h"

static int parse_args(int argc, char **argv, ManagerConfig *config)
{
        static const struct option options[] = {
                {"host", required_argument, NULL, 'n'},
                {"state-dir", required_argument, NULL, 's'},
                {"runtime-dir", required_argument, NULL, 'r'},
                {"os-dir", required_argument, NULL, 'o'},
                {"libvirt-uri", required_argument, NULL, 'l'},
                {"uplink", required_argument, NULL, 'u'},
                {"console", no_argument, NULL, 'c'},
                {"help", no_argument, NULL, 'h'},
                {},
        };
        HostHalfConfig *half = &config->host_half;
        int option;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                switch (option) {
                case 'n':
                        half->host = optarg;
                        break;
                case 's':
                        half->state_dir = optarg;
                        break;
                case 'r':
                        half->runtime_dir = optarg;
                        break;
                case 'o':
                        half->os_dir = optarg;
                        break;
                case 'l':
                        half->libvirt_uri = optarg;
                        break;
                case 'u':
                        half->uplink = optarg;
                        break;
                case 'c':
                        half->console = true;
                        break;
                case 'h':
                        puts("troupe-hostd [--host=NAME] [--state-dir=DIR] [--runtime-dir=DIR] "
                             "[--os-dir=DIR]\n"
                             "             [--libvirt-uri=URI] [--uplink=INTERFACE] "
                             "[--console]\n\nThe Troupe host daemon, see "
                             "troupe-hostd(8).");
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
        struct utsname uts;
        ManagerConfig config = {
                .host_half =
                        {
                                .host = uts.nodename,
                                .state_dir = "/var/lib/troupe",
                                .runtime_dir = "/run/troupe",
                                .os_dir = "/usr/share/troupe/os",
                                .libvirt_uri = "qemu:///system",
                                .uplink = "",
                        },
        };
        int r;

        uname(&uts);
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
