/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What of the hypervisor needs no libvirt: the list of domains. */

#include "hostd/hypervisor.h"

#include "lib/base/str.h"

void domain_list_deinit(DomainList *list)
{
        for (size_t i = 0; i < list->n_entries; i++)
                free(list->entries[i].name);
        free(list->entries);
        *list = (DomainList) {};
}

DomainState domain_list_state(const DomainList *list, const char *name)
{
        for (size_t i = 0; i < list->n_entries; i++)
                if (str_equal(list->entries[i].name, name))
                        return list->entries[i].state;
        return DOMAIN_ABSENT;
}

const char *domain_state_to_string(DomainState state)
{
        static const char *const names[] = {
                [DOMAIN_ABSENT] = "absent",
                [DOMAIN_RUNNING] = "running",
                [DOMAIN_PAUSED] = "paused",
                [DOMAIN_ENDING] = "ending",
        };

        return names[state];
}
