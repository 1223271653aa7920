/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What the manager carries to and from this host's part in an update of hosts. */

#include "hostd/image-version.h"
#include "hostd/manager.h"

static void on_say(void *userdata, const HostUpdateReport *report)
{
        Manager *manager = userdata;

        manager->report = *report;
        if (manager->presence)
                presence_report(manager->presence, report);
}

static bool on_own_etcd(void *userdata, EtcdConfig *ret_config)
{
        Manager *manager = userdata;

        if (membership_state(manager->membership) != MEMBERSHIP_IN ||
            !membership_carries(manager->membership))
                return false;
        membership_etcd_config(manager->membership, ret_config);
        etcd_unit_client_url(&(IpAddress) {}, manager->own_etcd);
        manager->own_etcds[0] = manager->own_etcd;
        ret_config->endpoints = manager->own_etcds;
        ret_config->n_endpoints = 1;
        return true;
}

int manager_add_updater(Manager *manager)
{
        UpdaterConfig config = {
                .event = manager->event,
                .outcome_path = UPDATER_OUTCOME,
                .userdata = manager,
                .say = on_say,
                .own_etcd = on_own_etcd,
        };

        boot_id_read(config.boot_id);
        return updater_new(&config, &manager->updater);
}
