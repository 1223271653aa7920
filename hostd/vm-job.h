/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The blocking part of a VM's actions: files and libvirt. Each is written so that doing it again
 * after a crash, whole or from the middle, comes to the same end. Runs on a Worker's thread. */

#include "hostd/blob.h"
#include "hostd/hypervisor.h"
#include "hostd/intent.h"
#include "hostd/vm-names.h"
#include "hostd/vm.h"
#include "lib/api/records.h"

#define VM_MESSAGE_MAX (BLOB_MESSAGE_MAX + 256U)

/* What is the same for all VMs of a host; borrowed for as long as any job runs. */
typedef struct VmPlace {
        VmDirs dirs;
        const char *incarnations; /* directory of notes about the highest incarnations */
        const char *os_dir;
        const char *fetched_os_dir; /* goes over it: what was fetched or imported here; or NULL */
        const char *type;           /* domain type: "kvm" or "qemu" */
        bool limits_cpu;
        bool limits_memory;
        bool console; /* give VMs a console socket */
        unsigned mtu; /* of the guests' network; 0 for the default */
        Hypervisor *hypervisor;
        BlobStore *blobs;
        const uint64_t *start_until_ns; /* CLOCK_BOOTTIME, written by the loop: no VM is started
                                           from then on; NULL for no limit */
} VmPlace;

/* One action to carry out. Plain values; the rest is borrowed until it is done. */
typedef struct VmJob {
        VmAction action; /* PREPARE, START, RESET, DESTROY or CLEAN */
        const VmPlace *place;
        const VmNames *names;
        InstanceRecord instance;
        Intent intent;                /* as it is to be when the action is done */
        bool fresh_local;             /* PREPARE: replace local storage, too */
        char message[VM_MESSAGE_MAX]; /* why it failed */
} VmJob;

/**
 * vm_job_run() - Carry the action out
 *
 * Return: 0; -ENOTCONN when libvirt could not be reached and it is not known what it did; any other
 * negative value when it failed. On anything but 0 @job->message says why.
 */
int vm_job_run(VmJob *job);
