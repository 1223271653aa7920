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

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "hostd/blob.h"
#include "hostd/content.h"
#include "lib/api/agent-protocol.h"
#include "lib/api/records.h"
#include "lib/base/macros.h"

typedef struct HostHalf HostHalf;

typedef struct HostHalfConfig {
        const char *host;        /* this host's name in the records */
        const char *state_dir;   /* /var/lib/troupe: instances/, blobs/, ephemeral/ */
        const char *runtime_dir; /* /run/troupe: agents/ holds the agents' sockets */
        const char *os_dir; /* /usr/share/troupe/os: guest images that came with the host image */
        const char *libvirt_uri; /* qemu:///system */
        const char *uplink;      /* interface that VIPs are on; "" for that of the default route */
        bool console;            /* keep VMs' consoles readable, for debugging */
} HostHalfConfig;

/* What the host half tells its owner. Members that are NULL are not called. */
typedef struct HostHalfSink {
        void *userdata;
        /* something about an instance changed; @observed is borrowed for the call */
        void (*observed)(void *userdata, const ObservedRecord *observed);
        /* nothing of the instance is left on this host, and no record wants it here */
        void (*gone)(void *userdata, const InstanceId *instance);
        /* an agent's message about a shell session (host_half_shell_send()) */
        void (*shell)(void *userdata, const InstanceId *instance, const AgentMessage *message);
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

/** host_half_instance_deleted() - An instance record is gone */
void host_half_instance_deleted(HostHalf *half, const InstanceId *instance);

/**
 * host_half_observed_found() - The store holds an observed record of this host
 *
 * Once nothing backs it, it is told as gone, also when it was an earlier hostd that wrote it.
 *
 * Return: 0; -ENOMEM.
 */
int host_half_observed_found(HostHalf *half, const InstanceId *instance);

/**
 * host_half_deployment_put() - A deployment record was written
 *
 * Return: 0; -ENOMEM. A deployment whose definition cannot be read has instances, but no endpoints
 * and roles.
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

/**
 * host_half_certificate_put() - A certificate was given to the cluster: roles that name it get it
 *
 * Return: 0; -ENOMEM.
 */
int host_half_certificate_put(HostHalf *half, const Record *certificate);

/** host_half_certificate_deleted() - A certificate was taken back; who has it keeps it */
void host_half_certificate_deleted(HostHalf *half, const char *digest);

/**
 * host_half_host_put() - A host record was written, of this host or another
 *
 * Return: 0; -ENOMEM.
 */
int host_half_host_put(HostHalf *half, const HostRecord *host);

/** host_half_host_deleted() - A host record is gone */
void host_half_host_deleted(HostHalf *half, const char *host);

/**
 * host_half_alive_put() - A host holds its lease
 *
 * Return: 0; -ENOMEM.
 */
int host_half_alive_put(HostHalf *half, const char *host);

/** host_half_alive_deleted() - A host lost its lease: no new connection goes to it any more */
void host_half_alive_deleted(HostHalf *half, const char *host);

/**
 * host_half_observed_put() - A host said what it observes of an instance, this host or another
 *
 * Return: 0; -ENOMEM.
 */
int host_half_observed_put(HostHalf *half, const ObservedRecord *observed);

/** host_half_observed_deleted() - A host has nothing of an instance any more */
void host_half_observed_deleted(HostHalf *half, const char *host, const InstanceId *instance);

/** host_half_cluster_put() - The cluster record was written: how long drain, stop and silence may
 * last */
void host_half_cluster_put(HostHalf *half, const ClusterRecord *cluster);

/** host_half_blobs() - The store of packages: its functions block, so call them on a Worker's
 * thread */
BlobStore *host_half_blobs(HostHalf *half);

/**
 * host_half_set_content() - Tell what there is to make VMs of
 * @half:    half
 * @content: borrowed until it is set to NULL; a VM is not begun before content_ready()
 */
void host_half_set_content(HostHalf *half, const Content *content);

/** host_half_content_arrived() - Something has come that a VM may be waiting for */
void host_half_content_arrived(HostHalf *half);

/**
 * host_half_shell_send() - Send a shell message to an instance's agent
 * @half:     half
 * @instance: instance
 * @message:  one of AGENT_SHELL_; the session's number is the caller's to choose
 *
 * Answers come through HostHalfSink.shell, in order. Windows and credits are the caller's to keep.
 *
 * Return: 0; -ENOENT when the instance has no VM here; -ENOTCONN; -ENOBUFS; -ENOMEM.
 */
int host_half_shell_send(HostHalf *half, const InstanceId *instance, const AgentMessage *message);

/* What is to be said about this host. */
typedef struct HostHalfState {
        bool kvm;                /* VMs run on hardware virtualisation */
        bool kvm_known;          /* it has been tried out */
        const char *kvm_message; /* why it does not work; "" when it does or is not known */
        bool libvirt;            /* libvirt answers */
        bool netd;               /* netd has carried out all that was declared */
        size_t n_vms;            /* VMs that are here, in whatever state */
        const char *problem; /* the last that went wrong and still is, for people; NULL when all is
                                well */
} HostHalfState;

/**
 * host_half_allow() - Until when role VMs may be started
 * @half:     half; without this call always
 * @until_ns: CLOCK_BOOTTIME; 0 for not at all, UINT64_MAX for without an end
 *
 * VMs that run are not touched, and what ended by itself waits.
 */
void host_half_allow(HostHalf *half, uint64_t until_ns);

/** host_half_is_starting() - Whether a VM is being started or reset at this moment */
bool host_half_is_starting(const HostHalf *half);

/** host_half_state() - What is to be said about this host; texts are borrowed until the next call
 */
void host_half_state(const HostHalf *half, HostHalfState *ret_state);
