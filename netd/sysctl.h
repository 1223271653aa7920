/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The kernel's settings that netd depends on, of its own network namespace. They can be written
 * with CAP_NET_ADMIN alone. */

/** sysctl_for_host() - Settings of the whole namespace: forwarding, conntrack. Return: 0; -errno
 * when one that must be so could not be set (the reason is logged) */
int sysctl_for_host(void);

/** sysctl_for_bridge() - Settings of a deployment's bridge that was just made */
void sysctl_for_bridge(const char *name);

/** sysctl_for_fabric() - An overlay: what comes out of it is not judged by its source */
void sysctl_for_fabric(const char *name);

/** sysctl_for_direct() - And of what leads to hosts over the uplink: it answers no ARP */
void sysctl_for_direct(const char *name);

/** sysctl_for_uplink() - Where there are other hosts */
void sysctl_for_uplink(const char *name);

/** sysctl_for_tap() - Settings of a tap that was just made: the host has no addresses on it */
void sysctl_for_tap(const char *name);
