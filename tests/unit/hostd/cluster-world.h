/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A cluster of one: a real etcd with its store, an identity that founded it, and the peer server on
 * a loopback address of its own. */

#include <sys/stat.h>

#include "hostd/issue.h"
#include "hostd/outbox.h"
#include "hostd/peers.h"
#include "tests/unit/lib/io/etcd-server.h"

typedef struct ClusterWorld {
        Server server;
        char dir[32];
        sd_event *event;
        Etcd *etcd;
        Store *store;
        Outbox *outbox;
        Identity identity;
        IpAddress address;
        Peers *peers;
        int64_t revision;
} ClusterWorld;

static inline void cluster_world_put(void *userdata, const Record *record, const Record *before)
{
}

static inline void cluster_world_deleted(void *userdata, const RecordKey *key, const Record *before)
{
}

static inline void cluster_world_leader(void *userdata, const StoreLeader *leader)
{
}

static inline void cluster_world_synced(void *userdata, int64_t revision, bool reloaded)
{
        ((ClusterWorld *) userdata)->revision = revision;
}

static inline void cluster_world_reachable(void *userdata, bool reachable, const char *detail)
{
}

/* Tests of several clones run on one machine at once. */
static inline void cluster_world_address(IpAddress *address)
{
        _cleanup_free_ char *text = str_printf("127.%d.%d.%d", 1 + (getpid() >> 14) % 254,
                                               getpid() >> 7 & 0x7f, 1 + (getpid() & 0x7f));

        assert_int_equal(ip_parse(text, address), 0);
}

static inline void cluster_world_write(ClusterWorld *world, const Record *record)
{
        RecordKey key = record_key_of(record);

        assert_int_equal(outbox_put(world->outbox, record), 0);
        RUN_UNTIL(world->event,
                  outbox_pending(world->outbox) == 0 && store_get(world->store, &key) != NULL);
}

static inline void cluster_world_found(ClusterWorld *world)
{
        IpAddress addresses[PKI_ADDRESSES_MAX];
        PkiSubject subject;
        Record record;

        issue_subject(&(IssueRequest) {.host = "h1",
                                       .address = world->address,
                                       .now_us = clock_realtime_us(),
                                       .lifetime_s = 3600},
                      addresses, &subject);
        assert_int_equal(identity_load(&world->identity, world->dir), IDENTITY_NONE);
        assert_int_equal(identity_found(&world->identity, &subject, clock_realtime_us()), 0);
        record_init(&record, RECORD_CLUSTER);
        strcpy(record.cluster.id, "c");
        record.cluster.ca = strdup(world->identity.ca);
        record.cluster.ca_key = strdup(world->identity.ca_key);
        cluster_world_write(world, &record);
        record_deinit(&record);
        record_init(&record, RECORD_HOST);
        strcpy(record.host.name, "h1");
        strcpy(record.host.fault_domain, "fd1");
        record.host.address = world->address;
        cluster_world_write(world, &record);
        record_init(&record, RECORD_MEMBERS);
        record.members.n_members = 1;
        strcpy(record.members.members[0].host, "h1");
        record.members.members[0].address = world->address;
        cluster_world_write(world, &record);
}

static inline int cluster_world_set_up(void **state)
{
        ClusterWorld *world = calloc(1, sizeof(*world));
        StoreHandlers handlers = {world,
                                  cluster_world_put,
                                  cluster_world_deleted,
                                  cluster_world_leader,
                                  cluster_world_synced,
                                  cluster_world_reachable};

        *state = world;
        strcpy(world->dir, "/tmp/troupe-cl-XXXXXX");
        assert_non_null(mkdtemp(world->dir));
        cluster_world_address(&world->address);
        server_start(&world->server);
        assert_int_equal(sd_event_new(&world->event), 0);
        world->etcd = server_client(&world->server, world->event, 0);
        assert_int_equal(store_new(world->etcd, &handlers, &world->store), 0);
        assert_int_equal(outbox_new(world->etcd, &world->outbox), 0);
        RUN_UNTIL(world->event, world->revision > 0);
        cluster_world_found(world);
        assert_int_equal(peers_new(world->event, &world->identity, world->store, &world->peers), 0);
        assert_int_equal(peers_serve(world->peers, &world->address), 0);
        return 0;
}

static inline int cluster_world_tear_down(void **state)
{
        ClusterWorld *world = *state;
        _cleanup_free_ char *command = str_printf("rm -rf %s", world->dir);

        peers_free(world->peers);
        outbox_free(world->outbox);
        store_free(world->store);
        etcd_free(world->etcd);
        sd_event_unref(world->event);
        identity_deinit(&world->identity);
        server_remove(&world->server);
        assert_int_equal(system(command), 0);
        free(world);
        return 0;
}

#define CLUSTER_TEST(function)                                                                     \
        cmocka_unit_test_setup_teardown(function, cluster_world_set_up, cluster_world_tear_down)
