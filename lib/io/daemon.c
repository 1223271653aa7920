/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The frame of a daemon. */

#include "lib/io/daemon.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-daemon.h>

#include "lib/base/log.h"
#include "lib/base/macros.h"

int daemon_event_new(sd_event **ret_event)
{
        static const int ending[] = {SIGTERM, SIGINT};
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        int r;

        signal(SIGPIPE, SIG_IGN);
        r = sd_event_new(&event);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        for (size_t i = 0; i < ARRAY_SIZE(ending) && r >= 0; i++)
                r = sd_event_add_signal(event, NULL, ending[i] | SD_EVENT_SIGNAL_PROCMASK, NULL,
                                        NULL);
        if (r < 0)
                return r;
        *ret_event = TAKE_PTR(event);
        return 0;
}

int daemon_run(sd_event *event)
{
        int r;

        sd_notify(false, "READY=1");
        r = sd_event_loop(event);
        if (r < 0)
                log_error_errno(r, "the event loop failed");
        sd_notify(false, "STOPPING=1");
        return r;
}
