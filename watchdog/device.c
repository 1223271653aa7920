/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A driver that can be told to stop wants a 'V' before the close; one that cannot (nowayout) goes
 * on counting, and there is nothing to be done about it. */

#include "watchdog/device.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

struct Device {
        int fd;
        char name[DEVICE_NAME_MAX];
};

static int set_timeout(Device *device, unsigned timeout_s, char *ret_why)
{
        int wanted = (int) timeout_s, takes = 0;

        /* a driver may take the nearest that it can, or not be settable at all */
        if (ioctl(device->fd, WDIOC_SETTIMEOUT, &wanted) < 0 && errno != EINVAL &&
            errno != EOPNOTSUPP)
                return -errno;
        if (ioctl(device->fd, WDIOC_GETTIMEOUT, &takes) < 0)
                return -errno;
        if (takes >= 1 && takes <= (int) timeout_s)
                return 0;
        snprintf(ret_why, DEVICE_NAME_MAX * 2, "%s takes a timeout of %d s, not %u s", device->name,
                 takes, timeout_s);
        return DEVICE_REFUSED;
}

static int set_up(Device *device, const char *path, unsigned timeout_s, char *ret_why)
{
        struct watchdog_info info = {};

        if (ioctl(device->fd, WDIOC_GETSUPPORT, &info) < 0) {
                if (errno != ENOTTY && errno != EINVAL)
                        return -errno;
                snprintf(device->name, sizeof(device->name), "%.40s, no watchdog", path);
                return 0;
        }
        snprintf(device->name, sizeof(device->name), "%.31s", (const char *) info.identity);
        return set_timeout(device, timeout_s, ret_why);
}

int device_arm(const char *path, unsigned timeout_s, char ret_why[static DEVICE_NAME_MAX * 2],
               Device **ret_device)
{
        Device *device = calloc(1, sizeof(*device));
        int r;

        if (!device)
                return -ENOMEM;
        device->fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
        if (device->fd < 0) {
                r = -errno;
                free(device);
                return r;
        }
        r = set_up(device, path, timeout_s, ret_why);
        if (r == 0)
                r = device_feed(device);
        if (r != 0) {
                device_close(device, true);
                return r;
        }
        *ret_device = device;
        return 0;
}

int device_feed(Device *device)
{
        return write(device->fd, "", 1) == 1 ? 0 : -errno;
}

const char *device_name(const Device *device)
{
        return device->name;
}

Device *device_close(Device *device, bool disarm)
{
        if (!device)
                return NULL;
        if (disarm && write(device->fd, "V", 1) < 0)
                errno = 0; /* then it goes on counting, which errs on the safe side */
        fd_close(device->fd);
        free(device);
        return NULL;
}
