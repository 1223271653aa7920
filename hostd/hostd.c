/* SPDX-License-Identifier: GPL-3.0-or-later */

/* troupe-hostd: the host daemon. Runs as user troupe, in the groups libvirt and libvirt-qemu.
 * Speaks to libvirt, etcd, netd and the watchdog on the system bus, the agents of the role VMs
 * through their sockets. May be asked things by anyone on the system bus; polkit decides. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "hostd/manager.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

/* What the command line says over the configuration. */
typedef struct Arguments {
        const char *path, *host, *uplink;
} Arguments;

static int parse_args(int argc, char **argv, ManagerConfig *config, Arguments *arguments)
{
        static const struct option options[] = {
                {"host", required_argument, NULL, 'n'},
                {"state-dir", required_argument, NULL, 's'},
                {"runtime-dir", required_argument, NULL, 'r'},
                {"os-dir", required_argument, NULL, 'o'},
                {"libvirt-uri", required_argument, NULL, 'l'},
                {"uplink", required_argument, NULL, 'u'},
                {"console", no_argument, NULL, 'C'},
                {"config", required_argument, NULL, 'c'},
                {"help", no_argument, NULL, 'h'},
                {},
        };
        HostHalfConfig *half = &config->host_half;
        int option;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                switch (option) {
                case 'n':
                        arguments->host = optarg;
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
                        arguments->uplink = optarg;
                        break;
                case 'C':
                        half->console = true;
                        break;
                case 'c':
                        arguments->path = optarg;
                        break;
                case 'h':
                        puts("troupe-hostd [--host=NAME] [--state-dir=DIR] [--runtime-dir=DIR] "
                             "[--os-dir=DIR]\n"
                             "             [--libvirt-uri=URI] [--uplink=INTERFACE] "
                             "[--config=FILE] [--console]\n\nThe Troupe host daemon, see "
                             "troupe-hostd(8).");
                        return 1;
                default:
                        return -EINVAL;
                }
        }
        return optind == argc ? 0 : -EINVAL;
}

static int load_config(Config *config, const Arguments *arguments)
{
        _cleanup_free_ char *wrong = NULL;
        int r;

        r = config_load(config, arguments->path, getenv("CREDENTIALS_DIRECTORY"), &wrong);
        if (r == 0 && arguments->host)
                r = str_set(&config->host, arguments->host);
        if (r == 0 && arguments->uplink)
                r = str_set(&config->uplink, arguments->uplink);
        if (r < 0)
                log_error_errno(r, "cannot read the configuration: %s", wrong ?: arguments->path);
        return r;
}

int main(int argc, char **argv)
{
        _cleanup_(manager_freep) Manager *manager = NULL;
        Arguments arguments = {.path = CONFIG_FILE};
        ManagerConfig config = {
                .host_half =
                        {
                                .state_dir = "/var/lib/troupe",
                                .runtime_dir = "/run/troupe",
                                .os_dir = "/usr/share/troupe/os",
                                .libvirt_uri = "qemu:///system",
                        },
        };
        int r;

        r = parse_args(argc, argv, &config, &arguments);
        if (r != 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        r = load_config(&config.config, &arguments);
        if (r == 0)
                r = manager_new(&config, &manager);
        if (r < 0)
                log_error_errno(r, "cannot set up");
        else
                r = manager_startup(manager);
        if (r == 0)
                r = manager_run(manager);
        manager = manager_free(manager);
        config_deinit(&config.config);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
