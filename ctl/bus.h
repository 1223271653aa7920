/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The connection to hostd, and what its errors mean to the caller: which object, what next. */

#include <systemd/sd-bus.h>

#include "ctl/objects.h"
#include "ctl/options.h"

static inline void bus_unrefp(sd_bus **bus)
{
        sd_bus_flush_close_unref(*bus);
}
static inline void bus_message_unrefp(sd_bus_message **message)
{
        sd_bus_message_unref(*message);
}
#define _cleanup_bus_     _cleanup_(bus_unrefp)
#define _cleanup_message_ _cleanup_(bus_message_unrefp)
#define _cleanup_error_   _cleanup_(sd_bus_error_free)

/**
 * bus_open() - Connect to the system bus of this machine or of --host
 * @options: options
 * @ret_bus: owned
 *
 * Says on standard error what went wrong.
 *
 * Return: CTL_DONE; CTL_UNREACHABLE.
 */
int bus_open(const Options *options, sd_bus **ret_bus);

/**
 * bus_failed() - Say why a call failed, and what to do next
 * @result: what sd_bus_call() returned
 * @error:  what the other side said; may be unset
 * @format: what was tried, "Scaling guestbook"
 *
 * Return: the exit code that fits.
 */
int bus_failed(int result, const sd_bus_error *error, const char *format, ...) _printf_(3, 4);

/**
 * bus_exit_code() - The exit code that fits the name of a D-Bus error
 * @error_name: name, or NULL
 * @ret_hint:   what the caller can do next, or NULL; may be NULL
 *
 * Return: a CtlExit other than CTL_DONE.
 */
int bus_exit_code(const char *error_name, const char **ret_hint);

/**
 * bus_objects() - objects_read() with a message when it fails
 * @bus:         connection
 * @ret_objects: owned
 *
 * Return: CTL_DONE or another exit code.
 */
int bus_objects(sd_bus *bus, sd_json_variant **ret_objects);
