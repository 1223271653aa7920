/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The hardware watchdog, through the kernel's interface. Anything else that can be written to, a
 * pipe above all, is taken as well and fed by the byte: that is how tests see when it is fed.
 * Source: Linux, Documentation/watchdog/watchdog-api.rst */

#include <stdbool.h>

#include "lib/base/macros.h"

#define DEVICE_NAME_MAX 64

typedef struct Device Device;

enum {
        DEVICE_REFUSED = 1, /* it cannot be set to that timeout; the text says to which */
};

/**
 * device_arm() - Open it, set its timeout and feed it once
 * @path:       /dev/watchdog0
 * @timeout_s:  it resets the host so long after the last feeding
 * @ret_why:    on DEVICE_REFUSED, for people
 * @ret_device: owned
 *
 * From the opening on the hardware counts, whatever becomes of this process.
 *
 * Return: 0; DEVICE_REFUSED, and then it does not count; the errno of open(): -EBUSY when somebody
 * else feeds it, -ENOENT, -ENXIO for a pipe that nobody reads; -ENOMEM.
 */
int device_arm(const char *path, unsigned timeout_s, char ret_why[static DEVICE_NAME_MAX * 2],
               Device **ret_device);

/** device_feed() - It does not reset the host for another timeout. Return: 0; the errno of write()
 */
int device_feed(Device *device);

/** device_name() - What it calls itself */
const char *device_name(const Device *device);

/**
 * device_close() - Let go of it
 * @device:  device, or NULL
 * @disarm:  tell it to stop counting first; else it resets the host unless it is armed again in
 * time
 *
 * Return: NULL.
 */
Device *device_close(Device *device, bool disarm);
