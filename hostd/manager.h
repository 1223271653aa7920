/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The Manager owns everything in hostd: the event loop, the host half, the leader half and the bus,
 * and carries between them what each has to say. Its life is new, startup, run, free. */

#include <systemd/sd-event.h>

#include "hostd/config.h"
#include "hostd/content.h"
#include "hostd/controller.h"
#include "hostd/etcd-unit.h"
#include "hostd/events.h"
#include "hostd/fence.h"
#include "hostd/host-half.h"
#include "hostd/host1.h"
#include "hostd/join-server.h"
#include "hostd/membership.h"
#include "hostd/outbox.h"
#include "hostd/peers.h"
#include "hostd/presence.h"
#include "hostd/pulses.h"
#include "hostd/quorum.h"
#include "hostd/register-server.h"
#include "hostd/registrar.h"
#include "hostd/renewal.h"
#include "hostd/shells.h"
#include "hostd/store.h"
#include "hostd/updater.h"
#include "lib/base/macros.h"

typedef struct ManagerConfig {
        HostHalfConfig host_half;   /* its host and uplink come from @config */
        Config config;              /* borrowed for the manager's life */
        const char *bus_address;    /* NULL: the system bus */
        const char *update_keyring; /* keys that a source's list is signed with; NULL: the host's */
} ManagerConfig;

typedef struct Manager {
        sd_event *event;
        const Config *config;
        HostHalf *host_half;
        Fence *fence;
        Content *content;
        Membership *membership;
        Etcd *etcd;
        Peers *peers;
        JoinServer *join_server;
        RegisterServer *register_server;
        Quorum *quorum;
        Forward *forward;
        Renewal *renewal; /* NULL while this host is in no cluster */
        Store *store;
        Presence *presence; /* NULL until the store has been read once */
        Pulses *pulses;
        Controller *controller;
        Outbox *outbox;
        Registrar *registrar;
        Events *events;
        Shells *shells;
        Updater *updater;
        HostUpdateReport report; /* what it says */
        EtcdUrl own_etcd;
        const char *own_etcds[1]; /* that, as a list */
        Host1 *host1;
        StoreLeader leader; /* what the store said last; its text is leader_host */
        RecordName leader_host;
        int64_t alive_revision; /* at which this host said that it is alive; 0: not yet */
        bool synced;            /* the store has been read once */
        bool half_synced;       /* the host half was told that it has all records */
} Manager;

/**
 * manager_new() - Make the manager and both halves; nothing happens yet
 * @config:      borrowed for the manager's life
 * @ret_manager: owned
 *
 * Return: 0; a negative errno.
 */
int manager_new(const ManagerConfig *config, Manager **ret_manager);

/** manager_record_handlers() - What the store is to call for each record; the rest is not set */
StoreHandlers manager_record_handlers(Manager *manager);

/** manager_add_content() - Make its content, and serve it to other hosts. Return: 0; a negative
 * errno
 */
int manager_add_content(Manager *manager, const ManagerConfig *config);

/** manager_add_updater() - Make its updater. Return: 0; a negative errno */
int manager_add_updater(Manager *manager);

/**
 * manager_free() - Free everything; role VMs and the network go on as they are
 * @manager: manager, or NULL
 *
 * Return: NULL.
 */
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager *, manager_free)

/**
 * manager_startup() - Adopt what is there and begin to connect to libvirt, the bus and the store
 *
 * Return: 0; a negative errno, logged.
 */
int manager_startup(Manager *manager);

/**
 * manager_run() - Say READY=1 and run until SIGTERM or SIGINT
 *
 * Return: 0; a negative errno, logged.
 */
int manager_run(Manager *manager);
