/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The Manager owns everything in hostd: the event loop, the host half and the leader half. Its life
 * is new, startup, run, free. */

#include <systemd/sd-event.h>

#include "hostd/host-half.h"
#include "lib/base/macros.h"

typedef struct ManagerConfig {
        HostHalfConfig host_half;
} ManagerConfig;

typedef struct Manager {
        sd_event *event;
        HostHalf *host_half;
} Manager;

/**
 * manager_new() - Make the manager and both halves; nothing happens yet
 * @config:      copied
 * @ret_manager: owned
 *
 * Return: 0; a negative errno.
 */
int manager_new(const ManagerConfig *config, Manager **ret_manager);

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
