/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Owns both halves and the loop they run on. Nothing called from the loop may block. */

#include "hostd/manager.h"

#include <signal.h>
#include <stdbool.h>
#include <systemd/sd-daemon.h>

#include "lib/base/log.h"

int manager_new(const ManagerConfig *config, Manager **ret_manager)
{
        _cleanup_(manager_freep) Manager *manager = NULL;
        int r;

        manager = calloc(1, sizeof(*manager));
        if (!manager)
                return -ENOMEM;
        r = sd_event_new(&manager->event);
        if (r < 0)
                return r;
        r = sd_event_set_watchdog(manager->event, true);
        if (r < 0)
                return r;
        r = sd_event_add_signal(manager->event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, NULL,
                                NULL);
        if (r < 0)
                return r;
        r = sd_event_add_signal(manager->event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, NULL,
                                NULL);
        if (r < 0)
                return r;
        r = host_half_new(manager->event, &config->host_half, &(HostHalfSink) {},
                          &manager->host_half);
        if (r < 0)
                return r;
        *ret_manager = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager)
{
        if (!manager)
                return NULL;
        host_half_free(manager->host_half);
        sd_event_unref(manager->event);
        free(manager);
        return NULL;
}

int manager_startup(Manager *manager)
{
        int r;

        r = host_half_start(manager->host_half);
        if (r < 0)
                return log_error_errno(r, "cannot read what runs on this host");
        return 0;
}

int manager_run(Manager *manager)
{
        int r;

        sd_notify(0, "READY=1");
        r = sd_event_loop(manager->event);
        if (r < 0)
                return log_error_errno(r, "the event loop failed");
        sd_notify(0, "STOPPING=1");
        return 0;
}
