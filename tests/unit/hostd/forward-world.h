/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A cluster of one that thinks that another host leads, which is itself: what is carried to the
 * leader comes back in at its own server. Its hostd is an object on a private bus that reads files
 * aloud. */

#include "hostd/forward.h"
#include "lib/base/file.h"
#include "lib/io/bus.h"
#include "tests/unit/hostd/cluster-world.h"
#include "tests/unit/private-bus.h"

#define FORWARD_OBJECT    "/org/troupe/Host1"
#define FORWARD_INTERFACE "org.troupe.Host1.Manager"

typedef struct ForwardWorld {
        ClusterWorld *cluster;
        PrivateBus daemon;
        sd_bus *bus, *caller;
        Worker *worker;
        Forward *forward;
        unsigned n_made; /* calls that the leader was asked for */
        bool silent;     /* it does not answer */
        sd_bus_message *unanswered, *reply;
} ForwardWorld;

/* The leader's part of a call: both descriptors, one behind the other, are its answer. */
static inline int forward_world_make(ForwardWorld *world, sd_bus_message *message)
{
        _cleanup_free_ char *first = NULL, *second = NULL;
        int a, b;

        world->n_made++;
        if (world->silent) {
                world->unanswered = sd_bus_message_ref(message);
                return 1;
        }
        assert_true(sd_bus_message_read(message, "hh", &a, &b) >= 0);
        assert_int_equal(lseek(a, 0, SEEK_SET), 0);
        assert_int_equal(lseek(b, 0, SEEK_SET), 0);
        assert_int_equal(file_read_fd(a, MIB, &first, NULL), 0);
        assert_int_equal(file_read_fd(b, MIB, &second, NULL), 0);
        if (str_equal(first, "bad"))
                return sd_bus_reply_method_errorf(message, BUS_ERROR_PREFIX "PackageInvalid",
                                                  "it is bad");
        return sd_bus_reply_method_return(message, "ss", first, second);
}

static inline int forward_world_on_call(sd_bus_message *message, void *userdata,
                                        sd_bus_error *error)
{
        static const uint64_t limits[] = {100, 100};
        ForwardWorld *world = userdata;
        const char *own;

        assert_true(sd_bus_get_unique_name(world->bus, &own) >= 0);
        if (str_equal(sd_bus_message_get_sender(message), own))
                return forward_world_make(world, message);
        return forward_call_with_files(world->forward, message, world->worker, limits, error);
}

static const sd_bus_vtable forward_world_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Deploy", "hh", "ss", forward_world_on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("SetHome", "hh", "ss", forward_world_on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static inline sd_bus *forward_world_connect(ForwardWorld *world)
{
        sd_bus *bus;

        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_address(bus, world->daemon.address) >= 0);
        assert_true(sd_bus_set_bus_client(bus, true) >= 0);
        assert_true(sd_bus_negotiate_fds(bus, true) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        assert_true(sd_bus_attach_event(bus, world->cluster->event, 0) >= 0);
        return bus;
}

static inline void forward_world_begin(ForwardWorld *world, void **state)
{
        Record record;

        *world = (ForwardWorld) {.cluster = *state};
        record_init(&record, RECORD_HOST);
        strcpy(record.host.name, "h2");
        record.host.address = world->cluster->address;
        cluster_world_write(world->cluster, &record);
        server_ctl_at(&world->cluster->server, world->cluster->server.port,
                      "put /troupe/1/leader h2");
        RUN_UNTIL(world->cluster->event, store_leader(world->cluster->store) != NULL);
        private_bus_start(&world->daemon, world->cluster->dir);
        world->bus = forward_world_connect(world);
        world->caller = forward_world_connect(world);
        assert_true(sd_bus_add_object_vtable(world->bus, NULL, FORWARD_OBJECT, FORWARD_INTERFACE,
                                             forward_world_vtable, world) >= 0);
        assert_int_equal(worker_new(world->cluster->event, 2, &world->worker), 0);
        assert_int_equal(forward_new(&(ForwardConfig) {world->cluster->event, world->cluster->peers,
                                                       world->cluster->store, world->cluster->dir},
                                     &world->forward),
                         0);
        forward_set_bus(world->forward, world->bus);
        assert_true(forward_wanted(world->forward));
}

static inline void forward_world_end(ForwardWorld *world)
{
        sd_bus_message_unref(world->unanswered);
        sd_bus_message_unref(world->reply);
        worker_free(world->worker);
        world->cluster->peers = peers_free(world->cluster->peers);
        forward_free(world->forward);
        sd_bus_flush_close_unref(world->caller);
        sd_bus_flush_close_unref(world->bus);
        private_bus_end(&world->daemon);
}

static inline int forward_world_on_reply(sd_bus_message *message, void *userdata,
                                         sd_bus_error *error)
{
        ((ForwardWorld *) userdata)->reply = sd_bus_message_ref(message);
        return 1;
}

/* A caller's call with two files; the loop must go on for its reply. */
static inline void forward_world_call(ForwardWorld *world, const char *member, int a, int b)
{
        const char *own;

        world->reply = sd_bus_message_unref(world->reply);
        assert_true(sd_bus_get_unique_name(world->bus, &own) >= 0);
        assert_true(sd_bus_call_method_async(world->caller, NULL, own, FORWARD_OBJECT,
                                             FORWARD_INTERFACE, member, forward_world_on_reply,
                                             world, "hh", a, b) >= 0);
}
