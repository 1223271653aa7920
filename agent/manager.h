/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The agent's owner of everything: what the host says comes in through the channel, what the role
 * does through its units; both go to the RoleRun, and what that decides goes out here. */

#include "lib/base/macros.h"

typedef struct ManagerConfig {
        const char *port; /* device or socket of the channel; NULL: find the virtio-serial port */
        const char *runtime; /* "/run/troupe": what must survive a restart of the agent, no more */
} ManagerConfig;

typedef struct Manager Manager;

/**
 * manager_new() - Make it; nothing happens before manager_startup()
 * @config:      borrowed for its life
 * @ret_manager: owned
 *
 * Return: 0; -ENOMEM; the errno of what failed.
 */
int manager_new(const ManagerConfig *config, Manager **ret_manager);

/** manager_free() - Let go of everything; units go on running. Return: NULL */
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager *, manager_free)

/**
 * manager_startup() - Open the channel, find what an earlier agent left, say hello
 *
 * Return: 0; a negative errno, said in the log.
 */
int manager_startup(Manager *manager);

/**
 * manager_run() - Run until SIGTERM
 *
 * Return: 0; a negative errno of the event loop.
 */
int manager_run(Manager *manager);
