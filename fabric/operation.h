/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Operations: records of what operators asked for, or a guest OS walk does, and how far it has
 * come. They drive nothing but a drain: what is wanted is in the records of services, deployments,
 * instances and hosts, and an operation ends when what is there has become that. So a new leader
 * goes on where the last one stopped by looking. */

#include "fabric/state.h"

/** operation_link() - Set the timer of an operation that was loaded or made */
void operation_link(Fabric *fabric, Operation *operation);

/**
 * operation_start() - Make the record of an operation
 * @fabric:     state
 * @id:         name that was never used before
 * @kind:       kind
 * @deployment: what it works on, or NULL
 *
 * Return: the operation, running; NULL when memory is short.
 */
Operation *operation_start(Fabric *fabric, const char *id, OperationKind kind,
                           Deployment *deployment);

/**
 * operation_end() - An operation has come to its end
 * @fabric:    state
 * @operation: running
 * @state:     OPERATION_SUCCEEDED or _FAILED
 * @error:     name of the error it failed by, "" otherwise
 * @message:   for people
 */
void operation_end(Fabric *fabric, Operation *operation, OperationState state, const char *error,
                   const char *message);

/** operation_check() - Progress, success or failure of one operation */
void operation_check(Fabric *fabric, Operation *operation);

/** operations_check() - operation_check() for all that run */
void operations_check(Fabric *fabric);

/** operation_timer() - Its deadline has passed, or it has been kept for long enough */
void operation_timer(Fabric *fabric, Operation *operation);

/**
 * operation_running() - An operation that stands in the way of another
 * @fabric:     state
 * @deployment: that works on this deployment
 * @instance:   or, when not NULL, only one on the whole deployment or on this instance
 *
 * Return: NULL when there is none.
 */
Operation *operation_running(const Fabric *fabric, const char *deployment,
                             const InstanceId *instance);

/** operation_draining() - The running drain of a host, or NULL */
Operation *operation_draining(const Fabric *fabric, const char *host);

/** operation_updating_hosts() - The running update of hosts, or NULL */
Operation *operation_updating_hosts(const Fabric *fabric);

/** operations_deployment_removed() - End what works on a deployment that is no more */
void operations_deployment_removed(Fabric *fabric, const char *deployment);

/** operations_service_removed() - End the deletion of a service that is no more */
void operations_service_removed(Fabric *fabric, const char *service);
