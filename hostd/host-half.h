/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The host half of hostd: makes this host equal to the instance records that are placed on it (role
 * VMs through libvirt, the network through netd, what the guests are told through their agents),
 * and says what it sees as observed records.
 *
 * The other half, the leader's, is in controller.h. Both are owned by the Manager and meet only in
 * etcd's records: the controller's watch calls the _put() and _deleted() functions here for every
 * record, on any host; what this half observes goes out through the HostHalfSink and is written by
 * the watch's owner.
 *
 * All calls are made on the event loop, return at once and borrow their arguments for the call.
 * Nothing here waits: libvirt and files are a Worker's, netd's answers come asynchronously. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "lib/base/macros.h"

typedef struct DeploymentRecord DeploymentRecord;
typedef struct InstanceRecord InstanceRecord;
typedef struct ObservedRecord ObservedRecord;
typedef struct ServiceRecord ServiceRecord;

typedef struct HostHalf HostHalf;

typedef struct HostHalfConfig {
        const char *host;        /* this host's name in the records */
        const char *state_dir;   /* /var/lib/troupe: instances/, blobs/, ephemeral/ */
        const char *runtime_dir; /* /run/troupe: agents/ holds the agents' sockets */
        const char *os_dir; /* /usr/share/troupe/os: guest images that came with the host image */
        const char *libvirt_uri; /* qemu:///system */
} HostHalfConfig;

/* What the host half tells its owner. */
typedef struct HostHalfSink {
        void *userdata;
        /* something about an instance changed; @observed is borrowed for the call */
        void (*observed)(void *userdata, const ObservedRecord *observed);
        /* nothing of the instance is left on this host; @instance is its id, `DEPLOYMENT/ROLE_IN_N`
         */
        void (*gone)(void *userdata, const char *instance);
} HostHalfSink;

/**
 * host_half_new() - Make the host half; nothing happens before host_half_start()
 * @event:    loop
 * @config:   copied
 * @sink:     copied
 * @ret_half: owned
 *
 * Return: 0; a negative errno.
 */
int host_half_new(sd_event *event, const HostHalfConfig *config, const HostHalfSink *sink,
                  HostHalf **ret_half);

/**
 * host_half_free() - Let go of everything; role VMs go on running
 * @half: half, or NULL
 *
 * Waits for a libvirt call or image copy that is under way.
 *
 * Return: NULL.
 */
HostHalf *host_half_free(HostHalf *half);
DEFINE_CLEANUP(HostHalf *, host_half_free)

/**
 * host_half_start() - Read back what an earlier hostd left here and begin to connect to libvirt
 *
 * VMs found here are watched over from now on and are neither started, stopped nor removed before
 * host_half_synced().
 *
 * Return: 0; the errno of reading the state directory.
 */
int host_half_start(HostHalf *half);

/**
 * host_half_set_bus() - Tell over which bus connection netd is reached
 * @half: half
 * @bus:  referenced; NULL when the connection is lost
 */
void host_half_set_bus(HostHalf *half, sd_bus *bus);

/**
 * host_half_synced() - All records that exist have been given: from now on what no record wants is
 * removed
 *
 * To be called again after each full reading of the store (a watch that fell behind).
 */
void host_half_synced(HostHalf *half);

/**
 * host_half_instance_put() - An instance record was written, for whichever host it is
 *
 * A record with a lower incarnation than the highest seen for the instance is ignored.
 *
 * Return: 0; -ENOMEM.
 */
int host_half_instance_put(HostHalf *half, const InstanceRecord *instance);

/**
 * host_half_instance_deleted() - An instance record is gone
 * @half:     half
 * @instance: `DEPLOYMENT/ROLE_IN_N`
 */
void host_half_instance_deleted(HostHalf *half, const char *instance);

/**
 * host_half_deployment_put() - A deployment record was written
 *
 * Return: 0; -ENOMEM. A deployment whose definition cannot be read shows as FailedStartingVM on its
 * instances.
 */
int host_half_deployment_put(HostHalf *half, const DeploymentRecord *deployment);

/** host_half_deployment_deleted() - A deployment record is gone; its instances' records go before
 * it or with it */
void host_half_deployment_deleted(HostHalf *half, const char *deployment);

/**
 * host_half_service_put() - A service record was written: which deployment has which VIP
 *
 * Return: 0; -ENOMEM.
 */
int host_half_service_put(HostHalf *half, const ServiceRecord *service);

/** host_half_service_deleted() - A service record is gone */
void host_half_service_deleted(HostHalf *half, const char *service);
