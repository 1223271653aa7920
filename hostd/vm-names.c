/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Names of VMs and of what is made for them. A socket's path has room for 107 characters, an
 * interface's name for 15: hence the tag. */

#include "hostd/vm-names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/str.h"

#define INTENT_SUFFIX ".json"

void vm_name_format(const InstanceId *id, uint64_t incarnation, char name[static VM_NAME_MAX + 1])
{
        snprintf(name, VM_NAME_MAX + 1, VM_PREFIX "%s-%s_IN_%" PRIu32 "-%" PRIu64, id->deployment,
                 id->role, id->number, incarnation);
}

int vm_name_parse(const char *name, InstanceId *ret_id, uint64_t *ret_incarnation)
{
        const char *rest = str_after(name, VM_PREFIX), *last, *dash;
        char text[VM_NAME_MAX + 1];
        uint64_t incarnation;
        InstanceId id;

        if (!rest || strlen(rest) > VM_NAME_MAX)
                return -EINVAL;
        dash = strchr(rest, '-');
        last = strrchr(rest, '-');
        if (!dash || last == dash || str_to_u64(last + 1, UINT64_MAX, &incarnation) < 0)
                return -EINVAL;
        snprintf(text, sizeof(text), "%.*s/%.*s", (int) (dash - rest), rest,
                 (int) (last - dash - 1), dash + 1);
        if (instance_id_parse(text, &id) < 0)
                return -EINVAL;
        *ret_id = id;
        *ret_incarnation = incarnation;
        return 0;
}

void vm_tag_make(const char *name, uint64_t salt, char tag[static VM_TAG_MAX + 1])
{
        snprintf(tag, VM_TAG_MAX + 1, "%08" PRIx32, (uint32_t) hash_text(name, salt));
}

void vm_mac_make(const char *name, char mac[static VM_MAC_MAX + 1])
{
        uint32_t hash = (uint32_t) hash_text(name, 0);

        snprintf(mac, VM_MAC_MAX + 1, "02:74:%02x:%02x:%02x:%02x", hash >> 24, hash >> 16 & 0xff,
                 hash >> 8 & 0xff, hash & 0xff);
}

int vm_names_init(VmNames *names, const VmDirs *dirs, const char *name, const char *tag)
{
        *names = (VmNames) {};
        snprintf(names->name, sizeof(names->name), "%s", name);
        snprintf(names->tag, sizeof(names->tag), "%s", tag);
        snprintf(names->tap, sizeof(names->tap), "tv%s", names->tag);
        vm_mac_make(name, names->mac);
        names->intent = str_printf("%s/%s" INTENT_SUFFIX, dirs->intents, name);
        names->root = str_printf("%s/%s.root.qcow2", dirs->ephemeral, name);
        names->local = str_printf("%s/%s.local.raw", dirs->ephemeral, name);
        names->agent_socket = str_printf("%s/%s.agent", dirs->sockets, names->tag);
        names->console_socket = str_printf("%s/%s.console", dirs->sockets, names->tag);
        if (names->intent && names->root && names->local && names->agent_socket &&
            names->console_socket)
                return 0;
        vm_names_deinit(names);
        return -ENOMEM;
}

void vm_names_deinit(VmNames *names)
{
        free(names->intent);
        free(names->root);
        free(names->local);
        free(names->agent_socket);
        free(names->console_socket);
        *names = (VmNames) {};
}
