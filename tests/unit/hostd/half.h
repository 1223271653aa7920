/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A host half with a world of its own: libvirt's test driver, a netd on a socket pair that does as
 * it is told, and a guest's agent that the test speaks for at the socket that QEMU would have made.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "hostd/host-half-internal.h"
#include "hostd/shells.h"
#include "lib/api/agent-stream.h"
#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/hostd/service.h"
#include "tests/unit/loop.h"
#include "tests/unit/test.h"

#define HALF_DEPLOYMENT "d00000001"
#define HALF_PACKAGE    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

typedef struct World {
        char dir[32];
        sd_event *event;
        Hypervisor *keeper; /* keeps the test driver's domains while the half is not there */
        HostHalf *half;
        /* the netd */
        sd_bus *netd_bus, *half_bus;
        unsigned n_replace, n_update;
        size_t n_instances;   /* declared by the last Replace, changed by Updates */
        char vip[64];         /* of the first endpoint in the last call */
        bool ready;           /* its first backend's */
        unsigned n_unready;   /* how often it was declared not ready */
        unsigned connections; /* what Connections answers */
        size_t n_weights;     /* hosts in the first share of the last call that had one */
        unsigned n_cut;       /* how often Cut was called */
        bool deaf;            /* refuses all calls */
        /* what was told */
        ObservedRecord observed; /* the last */
        unsigned n_observed;
        unsigned n_gone;
        /* the agent */
        int listener, agent;
        Shells *shells; /* hear what it says of shells; or NULL */
} World;

static inline int world_netd(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        bool update = sd_bus_message_is_method_call(message, NET1_INTERFACE, "Update");
        World *world = userdata;
        Net1State state = {};
        const char *what;

        if (sd_bus_message_is_method_call(message, NET1_INTERFACE, "Connections"))
                return sd_bus_reply_method_return(message, "u", world->connections);
        if (sd_bus_message_is_method_call(message, NET1_INTERFACE, "Cut")) {
                world->n_cut++;
                return sd_bus_reply_method_return(message, "u", world->connections);
        }
        if (world->deaf ||
            (!update && !sd_bus_message_is_method_call(message, NET1_INTERFACE, "Replace")))
                return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_FAILED, "no");
        assert_int_equal((update ? net1_read_update : net1_read_state)(message, &state, &what), 0);
        world->n_update += update;
        world->n_replace += !update;
        world->n_instances = (update ? world->n_instances : 0) + state.n_instances;
        for (size_t i = 0; i < state.n_gone; i++)
                world->n_instances -= str_equal(state.gone[i].kind, "instance");
        if (state.n_endpoints > 0) {
                snprintf(world->vip, sizeof(world->vip), "%s", state.endpoints[0].vip);
                world->ready =
                        state.endpoints[0].n_backends > 0 && state.endpoints[0].backends[0].ready;
                world->n_unready += !world->ready;
        }
        if (state.n_shares > 0)
                world->n_weights = state.shares[0].n_weights;
        net1_state_deinit(&state);
        return sd_bus_reply_method_return(message, "");
}

static inline void world_observed(void *userdata, const ObservedRecord *observed)
{
        World *world = userdata;

        world->observed = *observed;
        world->n_observed++;
}

static inline void world_gone(void *userdata, const InstanceId *instance)
{
        ((World *) userdata)->n_gone++;
}

static inline void world_shell(void *userdata, const InstanceId *instance,
                               const AgentMessage *message)
{
        World *world = userdata;

        if (world->shells)
                shells_message(world->shells, instance, message);
}

static inline void world_ignore(void *userdata)
{
}

static inline char *world_path(World *world, const char *name)
{
        char *path = str_printf("%s/%s", world->dir, name);

        assert_non_null(path);
        return path;
}

static inline void world_write(World *world, const char *name, const char *text)
{
        _cleanup_free_ char *path = world_path(world, name);

        assert_int_equal(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static inline void world_start_half(World *world)
{
        _cleanup_free_ char *os = world_path(world, "os");
        HostHalfConfig config = {.host = "h1",
                                 .state_dir = world->dir,
                                 .runtime_dir = world->dir,
                                 .os_dir = os,
                                 .libvirt_uri = "test:///default",
                                 .uplink = ""};

        assert_int_equal(host_half_new(world->event, &config,
                                       &(HostHalfSink) {.userdata = world,
                                                        .observed = world_observed,
                                                        .gone = world_gone,
                                                        .shell = world_shell},
                                       &world->half),
                         0);
        assert_int_equal(host_half_start(world->half), 0);
        host_half_set_bus(world->half, world->half_bus);
}

static inline void world_make_buses(World *world)
{
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
                         0);
        sd_bus_new(&world->netd_bus);
        sd_bus_set_fd(world->netd_bus, fds[0], fds[0]);
        sd_bus_set_server(
                world->netd_bus, 1,
                SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 01, 02, 03, 04, 05, 06, 07, 01, 02));
        sd_bus_set_anonymous(world->netd_bus, 1);
        assert_true(sd_bus_start(world->netd_bus) >= 0);
        assert_true(sd_bus_attach_event(world->netd_bus, world->event, 0) >= 0);
        assert_true(sd_bus_add_filter(world->netd_bus, NULL, world_netd, world) >= 0);
        sd_bus_new(&world->half_bus);
        sd_bus_set_fd(world->half_bus, fds[1], fds[1]);
        sd_bus_set_anonymous(world->half_bus, 1);
        assert_true(sd_bus_start(world->half_bus) >= 0);
        assert_true(sd_bus_attach_event(world->half_bus, world->event, 0) >= 0);
}

static inline DomainState world_domain(World *world, const char *name)
{
        DomainList list = {};
        DomainState state;
        char *message = NULL;

        assert_int_equal(hypervisor_list(world->keeper, "troupe-", &list, &message), 0);
        state = domain_list_state(&list, name);
        domain_list_deinit(&list);
        return state;
}

static inline int world_setup(void **state)
{
        static const char *const files[] = {"vmlinuz", "initrd", "root.raw", "cmdline"};
        static World world;
        char command[128];

        world = (World) {.dir = "/tmp/troupe-half-XXXXXX", .listener = -1, .agent = -1};
        assert_non_null(mkdtemp(world.dir));
        snprintf(command, sizeof(command), "mkdir -p %s/os/debian-13/1 %s/blobs", world.dir,
                 world.dir);
        assert_int_equal(system(command), 0);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                snprintf(command, sizeof(command), "os/debian-13/1/%s", files[i]);
                world_write(&world, command, "x\n");
        }
        world_write(&world, "blobs/payload-" HALF_PACKAGE "-web.erofs", "payload");
        world_write(&world, "kvm", "there is none in this world");
        assert_int_equal(sd_event_new(&world.event), 0);
        assert_int_equal(
                hypervisor_new(world.event, "test:///default", world_ignore, NULL, &world.keeper),
                0);
        assert_int_equal(world_domain(&world, ""), DOMAIN_ABSENT); /* connects it */
        world_make_buses(&world);
        world_start_half(&world);
        *state = &world;
        return 0;
}

static inline int world_teardown(void **state)
{
        World *world = *state;
        DomainList list = {};
        char command[128], *message = NULL;

        fd_close(world->agent);
        fd_close(world->listener);
        host_half_free(world->half);
        assert_int_equal(hypervisor_list(world->keeper, "troupe-", &list, &message), 0);
        for (size_t i = 0; i < list.n_entries; i++)
                hypervisor_destroy(world->keeper, list.entries[i].name, &message);
        domain_list_deinit(&list);
        hypervisor_free(world->keeper);
        sd_bus_close_unref(world->half_bus);
        sd_bus_close_unref(world->netd_bus);
        sd_event_unref(world->event);
        snprintf(command, sizeof(command), "rm -r %s", world->dir);
        return system(command);
}

#define WORLD_UNTIL(world, condition) RUN_UNTIL((world)->event, condition)

/* The records of a deployment in production with one web instance on this host. */
static inline InstanceRecord world_put_records(World *world, uint64_t incarnation)
{
        DeploymentRecord deployment = test_deployment(HALF_DEPLOYMENT);
        InstanceRecord instance = test_instance(HALF_DEPLOYMENT, "web", 0, "h1");
        ServiceRecord service = {.name = "shop"};

        strcpy(service.slots[SLOT_PRODUCTION].deployment, HALF_DEPLOYMENT);
        ip_parse("198.18.100.1", &service.slots[SLOT_PRODUCTION].vip);
        strcpy(instance.package, HALF_PACKAGE);
        strcpy(deployment.package, HALF_PACKAGE);
        instance.incarnation = incarnation;
        assert_int_equal(host_half_deployment_put(world->half, &deployment), 0);
        assert_int_equal(host_half_service_put(world->half, &service), 0);
        assert_int_equal(host_half_instance_put(world->half, &instance), 0);
        host_half_synced(world->half);
        return instance;
}

/* The only Instance, or the one of an incarnation. */
static inline Instance *world_instance(World *world, uint64_t incarnation)
{
        MAP_FOREACH (entry, &world->half->instances) {
                Instance *instance = entry->value;

                if (instance->incarnation == incarnation)
                        return instance;
        }
        return NULL;
}

static inline VmState world_state(World *world, uint64_t incarnation)
{
        Instance *instance = world_instance(world, incarnation);

        return instance ? vm_state(&instance->vm) : VM_GONE;
}

/* Takes QEMU's place at the agent's socket, and waits for the half to come. */
static inline void world_be_agent(World *world, uint64_t incarnation)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        Instance *instance = world_instance(world, incarnation);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", instance->names.agent_socket);
        unlink(address.sun_path);
        world->listener = fd_close(world->listener);
        world->agent = fd_close(world->agent);
        world->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(world->listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(world->listener, 1), 0);
        WORLD_UNTIL(world, instance->link && agent_link_is_connected(instance->link));
        world->agent = accept(world->listener, NULL, NULL);
        assert_true(world->agent >= 0);
}

static inline void world_agent_says(World *world, const AgentMessage *message)
{
        char *data;
        size_t length;

        assert_int_equal(agent_message_encode(message, AGENT_FROM_GUEST, &data, &length), 0);
        assert_int_equal(send(world->agent, data, length, MSG_NOSIGNAL), length);
        free(data);
}

/* A message of a type that the agent was sent; those before it are passed over. */
static inline AgentMessage world_agent_hears(World *world, AgentMessageType type)
{
        AgentStream stream = {.from = AGENT_FROM_HOST};
        uint64_t end = clock_boottime_ns() + LOOP_PATIENCE_NS;
        AgentMessage message = {};

        for (;;) {
                char byte;
                const char *data = &byte;
                size_t length = 1;

                assert_true(clock_boottime_ns() < end);
                if (recv(world->agent, &byte, 1, MSG_DONTWAIT) != 1) {
                        assert_true(sd_event_run(world->event, 20000) >= 0);
                        continue;
                }
                if (agent_stream_next(&stream, &data, &length, &message) != AGENT_STREAM_MESSAGE)
                        continue;
                if (message.type == type)
                        break;
                agent_message_deinit(&message);
        }
        agent_stream_deinit(&stream);
        return message;
}

static inline void world_agent_is(World *world, AgentStatus status, uint64_t serial)
{
        world_agent_says(world,
                         &(AgentMessage) {.type = AGENT_HEARTBEAT,
                                          .heartbeat = {.status = status, .serial = serial}});
}

/* Brings an instance from its record to Ready. */
static inline void world_make_ready(World *world, uint64_t incarnation)
{
        AgentMessage hello, config;

        WORLD_UNTIL(world, world_state(world, incarnation) == VM_RUNNING);
        world_be_agent(world, incarnation);
        hello = world_agent_hears(world, AGENT_HELLO);
        assert_int_equal(hello.hello.protocol, AGENT_PROTOCOL_VERSION);
        agent_message_deinit(&hello);
        world_agent_says(world, &(AgentMessage) {.type = AGENT_HELLO,
                                                 .hello = {.protocol = 1,
                                                           .agent_version = (char *) "1",
                                                           .os_version = (char *) "1",
                                                           .boot_id = (char *) "b1"}});
        config = world_agent_hears(world, AGENT_CONFIG);
        world_agent_is(world, AGENT_READY_ROLE, config.config.serial);
        agent_message_deinit(&config);
        WORLD_UNTIL(world, world->observed.status == STATUS_READY_ROLE && world->ready);
}
