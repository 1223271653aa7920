/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the bus says, as JSON: one form for everything that troupectl shows. */

#include <systemd/sd-bus.h>
#include <systemd/sd-json.h>

#include "lib/base/macros.h"

#define HOST1_NAME      "org.troupe.Host1"
#define HOST1_PATH      "/org/troupe/Host1"
#define HOST1_MANAGER   "org.troupe.Host1.Manager"
#define HOST1_OPERATION "org.troupe.Host1.Operation"

static inline void json_unrefp(sd_json_variant **variant)
{
        sd_json_variant_unref(*variant);
}
#define _cleanup_json_ _cleanup_(json_unrefp)

/**
 * objects_value() - The value a message stands at
 * @message:   moved behind the value
 * @ret_value: owned; variants are looked through; dictionaries become objects, structs and arrays
 *             arrays
 *
 * The member names of a `a{sv}` (properties) are written as in JSON: InRotation is in_rotation.
 *
 * Return: 0; -EBADMSG when there is a type with no JSON form or the message is broken; -ENOMEM.
 */
int objects_value(sd_bus_message *message, sd_json_variant **ret_value);

/**
 * objects_read() - Everything Troupe has: the manager's properties and all objects below it
 * @bus:         connection
 * @error:       the bus's error
 * @ret_objects: owned; {"PATH": {"INTERFACE": {"property": value}}}
 *
 * Return: 0; a negative errno, with @error set where the other side said more.
 */
int objects_read(sd_bus *bus, sd_bus_error *error, sd_json_variant **ret_objects);

/**
 * objects_member_name() - The JSON name of a property
 * @property: as on the bus, FaultDomain
 *
 * Return: text to free(), fault_domain; NULL when memory is short.
 */
char *objects_member_name(const char *property);
