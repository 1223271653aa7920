/* SPDX-License-Identifier: GPL-3.0-or-later */

/* troupe-watchdog: kills this host's role VMs and closes its VIPs in time when the host has lost
 * its lease, and feeds the hardware watchdog only as long as that is sure to happen. hostd tells it
 * of renewals over the system bus; nobody else may. It runs as its own user with the capabilities
 * to do that (DAC_OVERRIDE, NET_ADMIN) and to be scheduled (SYS_NICE, IPC_LOCK). Once it is armed
 * it waits for nobody. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/str.h"
#include "watchdog/manager.h"

static int usage(int status)
{
        fprintf(status == 0 ? stdout : stderr,
                "troupe-watchdog [--config=FILE] [--SETTING=VALUE...]\n\n"
                "  --config=FILE       settings; default " SETTINGS_FILE "\n"
                "  --SETTING=VALUE     over those of the file: soft-ms, hard-ms, kill-ms, ask-ms,\n"
                "                      lease-ms, delay-ms, device, device-timeout-s, autonomous,\n"
                "                      realtime, qemu-user, directory, cgroups, proc, bus\n\n"
                "Self-fencing of a Troupe host, see troupe-watchdog(8).\n");
        return status;
}

static int parse_args(int argc, char *argv[], Settings *settings, char *ret_why)
{
        int r = 0;

        for (int i = 1; i < argc && r == 0; i++) {
                _cleanup_free_ char *name = NULL;
                const char *option = str_after(argv[i], "--"), *equals;

                equals = option ? strchr(option, '=') : NULL;
                if (!equals) {
                        snprintf(ret_why, SETTINGS_WHY_MAX, "%.64s: is not --SETTING=VALUE",
                                 argv[i]);
                        return SETTINGS_WRONG;
                }
                name = strndup(option, (size_t) (equals - option));
                if (!name)
                        return -ENOMEM;
                if (!str_equal(name, "config"))
                        r = settings_set(settings, name, equals + 1, "command line", ret_why);
        }
        return r;
}

int main(int argc, char *argv[])
{
        _cleanup_(manager_freep) Manager *manager = NULL;
        const char *path = SETTINGS_FILE;
        char why[SETTINGS_WHY_MAX] = "";
        Settings settings;
        int r;

        for (int i = 1; i < argc; i++) {
                if (str_equal(argv[i], "--help"))
                        return usage(EXIT_SUCCESS);
                path = str_after(argv[i], "--config=") ?: path;
        }
        settings_init(&settings);
        r = settings_load(&settings, path, getenv("CREDENTIALS_DIRECTORY"), why);
        if (r < 0) {
                log_error_errno(r, "cannot read %s", path);
                return EXIT_FAILURE;
        }
        if (r == 0)
                r = parse_args(argc, argv, &settings, why);
        if (r != 0) {
                log_error("%s", why);
                return 2;
        }
        if (manager_new(&settings, &manager) < 0)
                return EXIT_FAILURE;
        return manager_run(manager) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
