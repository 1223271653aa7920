/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The frame of a daemon: an event loop that ends as systemd asks it to, and tells systemd where it
 * is. */

#include <systemd/sd-event.h>

/**
 * daemon_event_new() - Make a daemon's event loop
 * @ret_event: owned
 *
 * SIGTERM and SIGINT end it with 0; the two are blocked from now on, also in threads that are
 * started later. A peer that hangs up is an error of a write and no signal. When the unit has
 * WatchdogSec=, a loop that stands still is noticed.
 *
 * Return: 0; -ENOMEM; a negative errno of sd-event.
 */
int daemon_event_new(sd_event **ret_event);

/**
 * daemon_run() - Say that the daemon is ready, and run until it is to end
 * @event: loop
 *
 * A loop that fails is logged.
 *
 * Return: 0; what sd_event_exit() was given; a negative errno of sd-event.
 */
int daemon_run(sd_event *event);
