/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The bus side of hostd on a private bus, its store mirrored from a real etcd that the test writes
 * to, and busctl as the caller. */

#include <sys/stat.h>

#include "hostd/host1.h"
#include "hostd/outbox.h"
#include "tests/unit/lib/io/etcd-server.h"
#include "tests/unit/private-bus.h"

#define BUS_DEPLOYMENT "d00000001"

typedef struct BusWorld {
        Server server;
        PrivateBus bus;
        char dir[32];
        sd_event *event;
        Etcd *etcd;
        Store *store;
        Outbox *outbox;
        Pulses *pulses;
        Controller *controller;
        HostHalf *half;
        Shells *shells;
        Events *events;
        Host1 *host1;
        int64_t revision;
} BusWorld;

static inline void bus_world_put(void *userdata, const Record *record, const Record *before)
{
        host1_record_put(((BusWorld *) userdata)->host1, record, before);
}

static inline void bus_world_deleted(void *userdata, const RecordKey *key, const Record *before)
{
        host1_record_deleted(((BusWorld *) userdata)->host1, key, before);
}

static inline void bus_world_leader(void *userdata, const StoreLeader *leader)
{
        host1_leader_changed(((BusWorld *) userdata)->host1);
}

static inline void bus_world_synced(void *userdata, int64_t revision, bool reloaded)
{
        ((BusWorld *) userdata)->revision = revision;
        host1_flush(((BusWorld *) userdata)->host1);
}

static inline void bus_world_reachable(void *userdata, bool reachable, const char *detail)
{
        host1_reachable(((BusWorld *) userdata)->host1, reachable, detail);
}

static inline void bus_world_noop(void *userdata)
{
}

static inline int bus_world_set_up(void **state)
{
        BusWorld *world = calloc(1, sizeof(*world));
        _cleanup_free_ char *events = NULL;

        *state = world;
        strcpy(world->dir, "/tmp/troupe-bus-XXXXXX");
        assert_non_null(mkdtemp(world->dir));
        server_start(&world->server);
        private_bus_start(&world->bus, world->dir);
        events = str_printf("%s/events", world->dir);
        assert_int_equal(sd_event_new(&world->event), 0);
        assert_int_equal(shells_new(world->event, &world->shells), 0);
        assert_int_equal(host_half_new(world->event,
                                       &(HostHalfConfig) {.host = "h1",
                                                          .state_dir = world->dir,
                                                          .runtime_dir = world->dir,
                                                          .os_dir = world->dir,
                                                          .libvirt_uri = "test:///default"},
                                       &(HostHalfSink) {}, &world->half),
                         0);
        shells_set_half(world->shells, world->half);
        world->etcd = server_client(&world->server, world->event, 0);
        assert_int_equal(store_new(world->etcd,
                                   &(StoreHandlers) {.userdata = world,
                                                     .put = bus_world_put,
                                                     .deleted = bus_world_deleted,
                                                     .leader = bus_world_leader,
                                                     .synced = bus_world_synced,
                                                     .reachable = bus_world_reachable},
                                   &world->store),
                         0);
        assert_int_equal(outbox_new(world->etcd, &world->outbox), 0);
        assert_int_equal(pulses_new(world->etcd, &(PulsesHandlers) {}, &world->pulses), 0);
        assert_int_equal(controller_new(world->etcd, world->store, world->pulses, "h1",
                                        &(ControllerHandlers) {.renew = bus_world_noop,
                                                               .leading = bus_world_noop},
                                        &world->controller),
                         0);
        assert_int_equal(events_new(world->event, events, &world->events), 0);
        assert_int_equal(host1_new(&(Host1Config) {.event = world->event,
                                                   .address = world->bus.address,
                                                   .host = "h1",
                                                   .store = world->store,
                                                   .controller = world->controller,
                                                   .host_half = world->half,
                                                   .state_dir = world->dir,
                                                   .shells = world->shells,
                                                   .events = world->events},
                                   &world->host1),
                         0);
        host1_connect(world->host1);
        RUN_UNTIL(world->event, world->revision > 0);
        return 0;
}

static inline int bus_world_tear_down(void **state)
{
        BusWorld *world = *state;
        _cleanup_free_ char *command = str_printf("rm -rf %s", world->dir);

        controller_free(world->controller);
        pulses_free(world->pulses);
        host1_free(world->host1);
        shells_free(world->shells);
        host_half_free(world->half);
        events_free(world->events);
        outbox_free(world->outbox);
        store_free(world->store);
        etcd_free(world->etcd);
        sd_event_unref(world->event);
        private_bus_end(&world->bus);
        server_remove(&world->server);
        assert_int_equal(system(command), 0);
        free(world);
        return 0;
}

/* Writes a record as its owner would and waits until the store has it. */
static inline void bus_world_write(BusWorld *world, const Record *record)
{
        RecordKey key = record_key_of(record);

        assert_int_equal(outbox_put(world->outbox, record), 0);
        RUN_UNTIL(world->event,
                  outbox_pending(world->outbox) == 0 && store_get(world->store, &key) != NULL);
}

/* A host with one processor, and its alive key when it is @alive. @address: text */
static inline void bus_world_write_host(BusWorld *world, const char *name, const char *domain,
                                        const char *address, bool alive)
{
        Record record;

        record_init(&record, RECORD_HOST);
        snprintf(record.host.name, sizeof(record.host.name), "%s", name);
        snprintf(record.host.fault_domain, sizeof(record.host.fault_domain), "%s", domain);
        assert_int_equal(ip_parse(address, &record.host.address), 0);
        record.host.vcpus = 1;
        bus_world_write(world, &record);
        if (!alive)
                return;
        record_init(&record, RECORD_ALIVE);
        snprintf(record.alive.host, sizeof(record.alive.host), "%s", name);
        strcpy(record.alive.boot_id, "b");
        strcpy(record.alive.version, "1");
        bus_world_write(world, &record);
}

/* A service `shop` with a deployment of one role and its first instance, Ready on h1. */
static inline void bus_world_write_service(BusWorld *world)
{
        Record record;

        record_init(&record, RECORD_HOST);
        strcpy(record.host.name, "h1");
        strcpy(record.host.fault_domain, "fd1");
        record.host.vcpus = 8;
        bus_world_write(world, &record);
        record_init(&record, RECORD_DEPLOYMENT);
        strcpy(record.deployment.id, BUS_DEPLOYMENT);
        strcpy(record.deployment.service, "shop");
        strcpy(record.deployment.label, "first");
        memset(record.deployment.package, 'a', RECORD_DIGEST_MAX);
        record.deployment.definition = strdup("<a/>");
        record.deployment.configuration = strdup("<b/>");
        strcpy(record.deployment.roles[0].name, "web");
        record.deployment.roles[0].count = 2;
        record.deployment.roles[0].upgrade_domains = 5;
        record.deployment.n_roles = 1;
        strcpy(record.deployment.os_family, "debian-13");
        strcpy(record.deployment.os_version, "*");
        ip_parse("10.64.1.0", &record.deployment.network);
        record.deployment.network_prefix = 24;
        bus_world_write(world, &record);
        record_deinit(&record);
        record_init(&record, RECORD_SERVICE);
        strcpy(record.service.name, "shop");
        strcpy(record.service.slots[SLOT_PRODUCTION].deployment, BUS_DEPLOYMENT);
        ip_parse("198.18.100.1", &record.service.slots[SLOT_PRODUCTION].vip);
        bus_world_write(world, &record);
        record_init(&record, RECORD_INSTANCE);
        strcpy(record.instance.id.deployment, BUS_DEPLOYMENT);
        strcpy(record.instance.id.role, "web");
        record.instance.incarnation = 3;
        record.instance.vcpus = 2;
        strcpy(record.instance.host, "h1");
        strcpy(record.instance.fault_domain, "fd1");
        memset(record.instance.package, 'a', RECORD_DIGEST_MAX);
        strcpy(record.instance.os_family, "debian-13");
        strcpy(record.instance.os_version, "1");
        ip_parse("10.64.1.4", &record.instance.address);
        bus_world_write(world, &record);
        record_init(&record, RECORD_OBSERVED);
        strcpy(record.observed.host, "h1");
        strcpy(record.observed.id.deployment, BUS_DEPLOYMENT);
        strcpy(record.observed.id.role, "web");
        record.observed.incarnation = 3;
        record.observed.status = STATUS_READY_ROLE;
        record.observed.in_rotation = true;
        bus_world_write(world, &record);
}

/* What busctl prints, on either output, while the loop runs. */
static inline char *bus_world_ask(BusWorld *world, const char *arguments)
{
        _cleanup_free_ char *command = str_printf("busctl --address=%s --timeout=20 %s 2>&1",
                                                  world->bus.address, arguments);
        FILE *pipe = popen(command, "re");
        StrBuffer out = {};
        char buffer[4096];
        char *text;

        assert_non_null(pipe);
        assert_int_equal(fcntl(fileno(pipe), F_SETFL, O_NONBLOCK), 0);
        for (;;) {
                ssize_t n = read(fileno(pipe), buffer, sizeof(buffer));

                if (n == 0)
                        break;
                if (n > 0)
                        str_buffer_append(&out, buffer, (size_t) n);
                else
                        assert_true(sd_event_run(world->event, 20000) >= 0);
        }
        pclose(pipe);
        assert_int_equal(str_buffer_take(&out, &text), 0);
        return text;
}

/* Asserts that busctl prints something that has @expected in it. */
static inline void bus_world_expect(BusWorld *world, const char *arguments, const char *expected)
{
        _cleanup_free_ char *said = bus_world_ask(world, arguments);

        if (!strstr(said, expected))
                fail_msg("%s: expected %s, got %s", arguments, expected, said);
}

#define BUS_CALL "call org.troupe.Host1 /org/troupe/Host1 org.troupe.Host1.Manager "
#define BUS_GET  "get-property org.troupe.Host1 /org/troupe/Host1"
#define BUS_TEST(function)                                                                         \
        cmocka_unit_test_setup_teardown(function, bus_world_set_up, bus_world_tear_down)
