/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What a VM and everything made for it is called. All names come from the instance, the incarnation
 * and, where a name must be short, from a tag that the intent records; so whatever is found on a
 * host tells whose it is. */

#include "lib/api/records.h"
#include "lib/base/macros.h"

#define VM_PREFIX   "troupe-"
#define VM_NAME_MAX 127
#define VM_TAG_MAX  8 /* hexadecimal digits */
#define VM_MAC_MAX  17

/* Directories that hold what VMs are made of. */
typedef struct VmDirs {
        const char *intents;   /* one file for each VM, written first and removed last */
        const char *ephemeral; /* overlays and local storage */
        const char *sockets;   /* agents' and consoles' */
} VmDirs;

/* All names of one VM; free with vm_names_deinit(). */
typedef struct VmNames {
        char name[VM_NAME_MAX + 1]; /* of the domain: `troupe-d0a1b2c3d-web_IN_0-3` */
        char tag[VM_TAG_MAX + 1];
        char tap[VM_TAG_MAX + 3]; /* `tv` and the tag */
        char mac[VM_MAC_MAX + 1]; /* locally administered, from the name: other hosts know it */
        char *intent;             /* paths from here on */
        char *root;
        char *local;
        char *agent_socket;
        char *console_socket;
} VmNames;

/**
 * vm_name_format() - The domain name of an incarnation of an instance
 * @id:          instance
 * @incarnation: incarnation
 * @name:        room for VM_NAME_MAX + 1 bytes
 */
void vm_name_format(const InstanceId *id, uint64_t incarnation, char name[static VM_NAME_MAX + 1]);

/**
 * vm_name_parse() - Take a domain name apart
 * @name:            `troupe-d0a1b2c3d-web_IN_0-3`
 * @ret_id:          instance
 * @ret_incarnation: incarnation
 *
 * Return: 0; -EINVAL when it is not of that form.
 */
int vm_name_parse(const char *name, InstanceId *ret_id, uint64_t *ret_incarnation);

/**
 * vm_tag_make() - A short name for a VM
 * @name: domain name
 * @salt: 0 at first; the next number when the tag is taken by another VM of this host
 * @tag:  room for VM_TAG_MAX + 1 bytes
 */
void vm_tag_make(const char *name, uint64_t salt, char tag[static VM_TAG_MAX + 1]);

/**
 * vm_mac_make() - The MAC of an incarnation of an instance, the same wherever it is asked
 * @name: domain name
 * @mac:  room for VM_MAC_MAX + 1 bytes
 */
void vm_mac_make(const char *name, char mac[static VM_MAC_MAX + 1]);

/**
 * vm_names_init() - All names of a VM
 * @names: overwritten
 * @dirs:  borrowed for the call
 * @name:  domain name
 * @tag:   from vm_tag_make(), or from the intent
 *
 * Return: 0; -ENOMEM.
 */
int vm_names_init(VmNames *names, const VmDirs *dirs, const char *name, const char *tag);

/** vm_names_deinit() - Free the paths */
void vm_names_deinit(VmNames *names);
