/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What D-Bus services of Troupe share: errors named by tables, and asking polkit without waiting.
 */

#include <systemd/sd-bus.h>

#include "lib/base/macros.h"

#define BUS_ERROR_PREFIX  "org.troupe.Error."
#define BUS_POLKIT_ASKING 256 /* questions that may be open at once */

/**
 * bus_error() - Set a named error of Troupe's
 * @error:  set
 * @name:   what follows org.troupe.Error., `NoSuchService`
 * @format: as printf: what, which object, and what to do
 *
 * Return: a negative errno, for a method handler to return.
 */
int bus_error(sd_bus_error *error, const char *name, const char *format, ...) _printf_(3, 4);

/**
 * bus_answer_error() - Answer a call that was kept for later with a named error of Troupe's
 * @message: the call
 * @name:    as for bus_error()
 * @text:    what, which object, and what to do
 */
void bus_answer_error(sd_bus_message *message, const char *name, const char *text);

/**
 * bus_error_invalid() - Set org.freedesktop.DBus.Error.InvalidArgs
 *
 * Return: -EINVAL.
 */
int bus_error_invalid(sd_bus_error *error, const char *format, ...) _printf_(2, 3);

typedef struct BusPolkit BusPolkit;

/** bus_polkit_new() - Make a memory of open questions; NULL when memory is short */
BusPolkit *bus_polkit_new(void);

/** bus_polkit_free() - Drop all open questions; the calls they are about stay unanswered */
BusPolkit *bus_polkit_free(BusPolkit *polkit);
DEFINE_CLEANUP(BusPolkit *, bus_polkit_free)

/**
 * bus_polkit_check() - May the caller do this?
 * @polkit:  memory of open questions
 * @message: method call; put back into its connection's queue when the answer is there, so that
 *           its handler runs a second time
 * @action:  polkit action
 * @error:   set when the answer is no
 *
 * A caller with all privileges (root), or of the service's own user, may do everything, also when
 * there is no polkit. To be called first in a handler: what comes before it happens twice.
 *
 * Return: 1: yes; 0: not known yet, return 1 from the handler and do nothing; negative errno: no,
 * @error is set.
 */
int bus_polkit_check(BusPolkit *polkit, sd_bus_message *message, const char *action,
                     sd_bus_error *error);
