/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* This host's part in an update of hosts' own system (fabric/host-update.h): it finds in its host
 * record that its turn has come, has systemd run troupe-update.service, restarts into the new
 * version, and says in its alive record what came of it. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "lib/api/records.h"
#include "lib/io/etcd.h"

#define UPDATER_UNIT_MAX 255 /* characters that systemd takes for a unit's name */

/* What /usr/lib/troupe/update says when it has ended: `updated`, `current` or `failed`, and a text.
 */
#define UPDATER_OUTCOME "/run/troupe-update/outcome"

typedef char UpdaterUnit[UPDATER_UNIT_MAX + 1];

typedef struct Updater Updater;

typedef struct UpdaterConfig {
        sd_event *event;
        RecordName boot_id;       /* of this boot */
        const char *outcome_path; /* borrowed */
        void *userdata;
        /* what the alive record is to say from now on */
        void (*say)(void *userdata, const HostUpdateReport *report);
        /* how to reach this host's own member of etcd, borrowed until the next call; false: it has
         * none */
        bool (*own_etcd)(void *userdata, EtcdConfig *ret_config);
} UpdaterConfig;

/**
 * updater_new() - Nothing is to be done yet
 * @config:      copied
 * @ret_updater: owned
 *
 * Return: 0; negative errno.
 */
int updater_new(const UpdaterConfig *config, Updater **ret_updater);

/** updater_free() - Free it; what systemd was asked for goes on */
Updater *updater_free(Updater *updater);
DEFINE_CLEANUP(Updater *, updater_free)

/** updater_set_bus() - The system bus is there (again), or NULL */
void updater_set_bus(Updater *updater, sd_bus *bus);

/** updater_look() - What this host's record says of an update */
void updater_look(Updater *updater, const HostUpdate *update);

/**
 * updater_unit() - The unit that updates from an address
 * @url:      `http://...` or `https://...` of a directory, hostile; "" for where the machine was
 * told
 * @ret_unit: its name
 *
 * Return: 0; -EINVAL for what is not url_is_directory() of RECORD_URL_MAX; -E2BIG when its unit's
 * name would be too long.
 */
int updater_unit(const char *url, UpdaterUnit ret_unit);
