/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Hosts with a membership each, beside a cluster that has a real etcd. */

#include "hostd/etcd-unit.h"
#include "hostd/join-server.h"
#include "hostd/membership.h"
#include "hostd/token.h"
#include "tests/unit/hostd/cluster-world.h"

typedef struct Host {
        char *dir;
        Config config;
        Membership *membership;
        bool restarted, answered, joined;
        char why[300];
} Host;

static _unused_ void on_restart(void *userdata)
{
        ((Host *) userdata)->restarted = true;
}

static _unused_ void on_joined(void *userdata, bool joined, const char *why)
{
        Host *host = userdata;

        host->answered = true;
        host->joined = joined;
        snprintf(host->why, sizeof(host->why), "%s", why);
}

static _unused_ void host_start(Host *host, ClusterWorld *world)
{
        host->restarted = false;
        host->membership = membership_free(host->membership);
        assert_int_equal(membership_new(&(MembershipConfig) {.event = world->event,
                                                             .config = &host->config,
                                                             .state_dir = host->dir,
                                                             .restart = on_restart,
                                                             .userdata = host},
                                        &host->membership),
                         0);
}

static _unused_ void host_init(Host *host, ClusterWorld *world, const char *name,
                               const char *address)
{
        *host = (Host) {.dir = str_printf("%s/%s", world->dir, name)};
        mkdir(host->dir, 0700);
        host->config.host = strdup(name);
        host->config.fault_domain = strdup(name);
        host->config.certificate_s = 3600;
        assert_int_equal(ip_parse(address, &host->config.address), 0);
}

static _unused_ void host_deinit(Host *host)
{
        membership_free(host->membership);
        config_deinit(&host->config);
        free(host->dir);
}

static _unused_ void make_token(ClusterWorld *world, char text[static TOKEN_TEXT_MAX])
{
        Record record;
        PkiFacts facts;
        Token token;

        record_init(&record, RECORD_TOKEN);
        assert_int_equal(pki_examine(world->identity.ca, &facts), 0);
        token_make(&world->address, facts.fingerprint, clock_realtime_us(), 60, &token,
                   &record.token);
        cluster_world_write(world, &record);
        token_format(&token, text);
}
