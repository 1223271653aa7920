/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A whole manager that reaches nothing: no etcd, no libvirt, no bus. */

#include <stdio.h>

#include "hostd/manager.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

typedef struct ManagerWorld {
        char dir[64];
        ManagerConfig config;
        Manager *manager;
} ManagerWorld;

static inline void manager_world_begin(ManagerWorld *world)
{
        ManagerConfig *config = &world->config;
        char *wrong;

        *world = (ManagerWorld) {.dir = "/tmp/troupe-manager-XXXXXX",
                                 .config = {.host_half = {.libvirt_uri = "test:///nonexistent"},
                                            .bus_address = "unix:path=/nonexistent"}};
        assert_non_null(mkdtemp(world->dir));
        config->host_half.state_dir = config->host_half.runtime_dir = config->host_half.os_dir =
                world->dir;
        assert_int_equal(config_load(&config->config, "/nonexistent", NULL, &wrong), 0);
        assert_int_equal(str_set(&config->config.etcd[0], "http://127.0.0.1:9"), 0);
        config->config.n_etcd = 1;
        assert_int_equal(manager_new(config, &world->manager), 0);
}

static inline void manager_world_end(ManagerWorld *world)
{
        char command[96];

        manager_free(world->manager);
        config_deinit(&world->config.config);
        snprintf(command, sizeof(command), "rm -rf %s", world->dir);
        assert_int_equal(system(command), 0);
}
