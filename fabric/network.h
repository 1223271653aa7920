/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Addresses that the fabric gives out, always the lowest that is free: a VIP for a slot, a network
 * with its VNI for a deployment, an address in it for an instance. Network number 0 of the overlay
 * range is the fabric's own. */

#include "fabric/state.h"

#define NETWORK_FIRST_ADDRESS 4     /* .1 is the gateway, .2 and .3 are kept */
#define NETWORK_ADDRESSES_MAX 65536 /* given out in one network, also when it has more */

/**
 * network_pick_vip() - A public address that no slot has
 * @fabric:  state
 * @ret_vip: address
 *
 * Return: whether there was one.
 */
bool network_pick_vip(const Fabric *fabric, IpAddress *ret_vip);

/**
 * network_pick() - Give a deployment a VNI and a network that no other has
 * @fabric:     state
 * @deployment: its vni, network and network_prefix are set
 *
 * Return: whether there was one.
 */
bool network_pick(Fabric *fabric, DeploymentRecord *deployment);

/** network_capacity() - How many instances a network with this prefix length has addresses for */
uint32_t network_capacity(const IpAddress *network, unsigned prefix);

/** network_open() - Make the deployment's table of addresses, all free */
void network_open(Fabric *fabric, Deployment *deployment);

/** network_mark() - An address of the deployment's network is in use, or no more */
void network_mark(Deployment *deployment, const IpAddress *address, bool used);

/**
 * network_pick_address() - The lowest free address of a deployment's network
 * @deployment:  deployment
 * @ret_address: address, not yet marked
 *
 * Return: whether there was one.
 */
bool network_pick_address(Deployment *deployment, IpAddress *ret_address);
