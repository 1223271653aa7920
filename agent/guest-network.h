/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The guest's network: one device with the address it was given, nothing asked of the network.
 * Speaks rtnetlink on a plain socket; each request is answered by the kernel at once, so it may be
 * called on the event loop. */

#include "lib/api/agent-protocol.h"

/**
 * guest_network_apply() - Make the device as the configuration says
 * @network:  borrowed; an address that is there already is no error
 * @ret_what: on failure which step failed, static text for a message
 *
 * Finds the device (by its MAC, else the only Ethernet device there is), sets the MTU, brings it
 * up, adds the address, and makes the default route go over the gateway. An instance keeps its
 * address for life, so none is removed.
 *
 * Return: 0; -ENODEV when there is no such device, or no single one; -EINVAL when an address is not
 * one; the errno the kernel answered with.
 */
int guest_network_apply(const AgentNetwork *network, const char **ret_what);

/**
 * guest_network_resolv_conf() - The text of resolv.conf
 * @network:  borrowed
 * @ret_text: owned
 *
 * Return: 0; -ENOMEM.
 */
int guest_network_resolv_conf(const AgentNetwork *network, char **ret_text);
