/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Whether hardware virtualisation works here. A device node can exist and even run a few
 * instructions without a stock kernel ever getting through its boot; so the question is put to QEMU
 * with a guest OS's own kernel and early boot: if that says something within KVM_PROBE_NS, KVM
 * works. The answer is kept until the host's next boot. */

#include <stdbool.h>

#include "hostd/vm-job.h"

#define KVM_PROBE_NS (10 * NSEC_PER_SEC)
/* What the guest's early boot puts before all it says (initramfs/guest). */
#define KVM_PROBE_SIGN "troupe-init:"

typedef enum KvmProbe {
        KVM_UNKNOWN, /* there is no guest OS to try it with yet */
        KVM_WORKS,
        KVM_DOES_NOT_WORK,
} KvmProbe;

typedef struct KvmQuestion {
        const VmPlace *place; /* its type is not used */
        const char *device;   /* /dev/kvm */
        const char
                *answer; /* file that the answer is kept in, where a boot of the host empties it */
        uint64_t patience_ns; /* KVM_PROBE_NS */
} KvmQuestion;

/**
 * kvm_probe() - Find out, or look up what was found out; blocks: on a Worker's thread
 * @question:    borrowed for the call
 * @ret_message: when it does not work why, for people; VM_MESSAGE_MAX bytes
 * @ret_probe:   the answer
 *
 * Return: 0; -ENOTCONN when libvirt does not answer: try again; any other negative errno.
 */
int kvm_probe(const KvmQuestion *question, char ret_message[static VM_MESSAGE_MAX],
              KvmProbe *ret_probe);
