/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Instances: where they are, placing them, moving them, removing them.
 *
 *   (none) --create--> running --stop--> stopping/stopped --gone--> (removed, or moved)
 *                         |                                              |
 *                         +------- host lost, lease + D passed ----------+--move--> running
 *
 * A move is a new incarnation. It happens only when the old one can never run again: its host has
 * said StoppedVM for it, or has been lost for longer than its fences take. */

#include "fabric/state.h"

/** instance_link() - Tie an instance record to its deployment and host; an orphan is dropped */
void instance_link(Fabric *fabric, Instance *instance);

/** instance_of() - The instance of an id, or NULL */
Instance *instance_of(const Fabric *fabric, const InstanceId *id);

/** instance_at() - A role's instance by number, or NULL */
Instance *instance_at(const Deployment *deployment, size_t role, uint32_t number);

/** instance_is_current() - Whether its observed record is about the wanted incarnation */
bool instance_is_current(const Instance *instance);

/** instance_is_ready() - Whether it runs and is Ready, as its host says, which is alive */
bool instance_is_ready(const Instance *instance);

/** instance_is_gone() - Whether its incarnation can never run again */
bool instance_is_gone(const Instance *instance);

/** instance_status() - Its status as people are to see it */
InstanceStatus instance_status(const Instance *instance);

/**
 * instance_create() - Make an instance on a host
 * @fabric:     state
 * @deployment: deployment
 * @role:       index of its role
 * @number:     number that is not in use
 * @host:       a host with room
 */
void instance_create(Fabric *fabric, Deployment *deployment, size_t role, uint32_t number,
                     Host *host);

/**
 * instance_move() - Place a new incarnation of an instance that is gone
 * @fabric:   state
 * @instance: instance_is_gone()
 *
 * After a replace by the healing ladder another host is tried first.
 *
 * Return: whether there was room; otherwise all is as before.
 */
bool instance_move(Fabric *fabric, Instance *instance);

/** instance_stop() - Ask the host to stop an instance, gracefully or at once */
void instance_stop(Fabric *fabric, Instance *instance, InstancePower power);

/** instance_remove() - Delete the record of an instance that is gone */
void instance_remove(Fabric *fabric, Instance *instance);

/** instance_observe() - What its host says has changed: look it up again */
void instance_observe(Fabric *fabric, Instance *instance);

/** instance_role() - The role that an instance is of */
DeploymentRole *instance_role(const Instance *instance);

/** role_size() - What an instance of a role needs of a host */
PlaceSize role_size(const DeploymentRole *role);

/**
 * role_spread() - Where the instances of a role are
 * @fabric:     state
 * @deployment: deployment
 * @role:       index of its role
 * @except:     an instance not to count, or NULL
 * @ret_spread: free with place_spread_deinit()
 *
 * What goes soon is not counted: surge instances, unless it is one of them that is to be placed
 * (@except), and those beyond them.
 */
void role_spread(Fabric *fabric, const Deployment *deployment, size_t role, const Instance *except,
                 PlaceSpread *ret_spread);

/** host_at() - The host of an index that place_pick() gave */
Host *host_at(const Fabric *fabric, uint32_t place);
