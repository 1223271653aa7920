/* SPDX-License-Identifier: GPL-3.0-or-later */
/* systemd executes another program as process 1 for this; its name is asked of the kernel, as
 * nobody else is there to ask any more. */

#include "watchdog/shutdown.h"

#include <fcntl.h>

#include "lib/base/file.h"
#include "lib/base/str.h"

/* systemd-shutdown, in the 15 characters that the kernel keeps of a name */
#define SHUTDOWN_NAME "systemd-shutdow\n"

bool shutdown_begun(const char *proc)
{
        _cleanup_free_ char *path = str_printf("%s/1/comm", proc);
        _cleanup_free_ char *name = NULL;

        return path && file_read(AT_FDCWD, path, 64, &name, NULL) == 0 &&
               str_equal(name, SHUTDOWN_NAME);
}
