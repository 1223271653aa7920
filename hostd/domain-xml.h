/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The libvirt definition of a role VM: q35, virtio only, direct kernel boot, nothing in it that a
 * role does not use. Text only; libvirt itself is behind hypervisor.h. */

#include <stdbool.h>

#include "lib/base/macros.h"

#define DOMAIN_CREDENTIALS_MAX 16

/* What a VM is made of. All texts are borrowed; a member that may be NULL says so. */
typedef struct DomainSpec {
        const char *name; /* of the domain, and the guest sees it nowhere */
        const char *type; /* "kvm" or "qemu" */
        unsigned n_vcpus;
        uint64_t memory_bytes;
        bool limits_cpu;    /* the host has the cpu controller */
        bool limits_memory; /* the host has the memory controller */
        const char *kernel;
        const char *initramfs;
        const char *command_line;
        const char *root;         /* qcow2 overlay, written by the VM */
        const char *image;        /* what @root lies over: the guest OS, read-only */
        const char *image_format; /* "raw" or "qcow2" */
        const char *payload;      /* EROFS image, read-only; NULL for none */
        const char *local;        /* local storage, raw, written by the VM; NULL for none */
        const char *agent_socket;
        const char *console_socket;                      /* NULL for no console */
        const char *tap;                                 /* NULL for no network */
        const char *mac;                                 /* NULL only when @tap is */
        unsigned mtu;                                    /* 0 for the tap's own */
        const char *credentials[DOMAIN_CREDENTIALS_MAX]; /* `io.systemd.credential:NAME=VALUE` for
                                                            the guest */
        unsigned n_credentials;
} DomainSpec;

/**
 * domain_xml() - Write the libvirt definition of a VM
 * @spec:    borrowed
 * @ret_xml: owned text
 *
 * Return: 0; -ENOMEM.
 */
int domain_xml(const DomainSpec *spec, char **ret_xml);

/* Beside the guest's memory: QEMU itself, its device emulation, and the translated code where there
 * is no KVM, whose cache is given this bound. */
#define DOMAIN_OVERHEAD_BYTES  (256 * MIB)
#define DOMAIN_TCG_CACHE_BYTES (256 * MIB)
