/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What makes this process one that is scheduled when everything else on the host waits. */

/**
 * realtime_enter() - Lock all memory, be scheduled before everything else, never wait for a log
 *
 * Return: 0; the errno of what was refused, with @ret_what a static text that names it.
 */
int realtime_enter(const char **ret_what);
