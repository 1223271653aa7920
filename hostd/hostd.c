/* SPDX-License-Identifier: GPL-3.0-or-later */

/* troupe-hostd: the host daemon. Runs as user troupe, in the groups libvirt and libvirt-qemu.
 * Speaks to libvirt, etcd, netd and the watchdog on the system bus, the agents of the role VMs
 * through their sockets. May be asked things by anyone on the system bus; polkit decides. */

#include "hostd/manager.h"
#include "lib/base/arguments.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

/* What the command line says over the configuration. */
typedef struct Arguments {
        const char *path, *host, *uplink, *keyring;
} Arguments;

static int parse_args(int argc, char **argv, HostHalfConfig *half, Arguments *arguments)
{
        const Argument table[] = {
                {"host", .value = &arguments->host},
                {"state-dir", .value = &half->state_dir},
                {"runtime-dir", .value = &half->runtime_dir},
                {"os-dir", .value = &half->os_dir},
                {"libvirt-uri", .value = &half->libvirt_uri},
                {"uplink", .value = &arguments->uplink},
                {"console", .flag = &half->console},
                {"update-keyring", .value = &arguments->keyring},
                {"config", .value = &arguments->path},
                {},
        };

        return arguments_parse(
                argc, argv, table,
                "troupe-hostd [--host=NAME] [--state-dir=DIR] [--runtime-dir=DIR] [--os-dir=DIR]\n"
                "             [--libvirt-uri=URI] [--uplink=INTERFACE] [--config=FILE]\n"
                "             [--update-keyring=FILE] [--console]\n\nThe Troupe host daemon, see "
                "troupe-hostd(8).");
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

        r = parse_args(argc, argv, &config.host_half, &arguments);
        if (r != 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        r = load_config(&config.config, &arguments);
        config.update_keyring = arguments.keyring;
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
