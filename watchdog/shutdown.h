/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Whether this host is on its last steps. */

#include <stdbool.h>

/**
 * shutdown_begun() - Whether process 1 manages no services any more
 * @proc: where the kernel shows processes, /proc
 *
 * It has ended all units then, starts none again, and is about to end every process and switch the
 * host off, or restart it.
 *
 * Return: true; false, also where that cannot be told.
 * Source: systemd, src/core/main.c, become_shutdown()
 */
bool shutdown_begun(const char *proc);
