/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The leader dies after each transaction of each operation. */

#include "tests/sim/deeds.h"

#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "tests/sim/samples.h"
#include "tests/sim/world.h"

#define SECOND NSEC_PER_SEC
#define HOUR   (3600 * SECOND)

typedef struct Deed {
        const char *name;
        FabricRequest request;
        const char *os; /* to be imported */
} Deed;

/* Runs a cluster in which an operation is asked for at 60 s; the transactions that took. */
static uint64_t run_deed(const Deed *deed, uint64_t kill_at, char *violation, size_t size)
{
        WorldConfig config = {.seed = 1,
                              .n_hosts = 6,
                              .n_domains = 6,
                              .vcpus = 64,
                              .memory_bytes = 64 * GIB,
                              .latency_ns = 100 * NSEC_PER_MSEC,
                              .boot_ns = 10 * SECOND,
                              .stop_ns = 5 * SECOND,
                              .kill_at = kill_at};
        World *world = world_new(&config);
        DeploymentRecord deployment;
        FabricRequest request = deed->request;
        Record os;
        uint64_t n;

        for (unsigned i = 0; i < 2; i++) {
                sample_deployment(i == 0 ? "d1" : "d2", 12, 3, 80, &deployment);
                world_request(world, &(FabricRequest) {.kind = FABRIC_DEPLOY,
                                                       .service = "shop",
                                                       .slot = (Slot) i,
                                                       .deployment = &deployment});
        }
        world_run(world, 60 * SECOND);
        world_release_host_version(world);
        if (request.kind == FABRIC_DEPLOY) {
                sample_deployment("d3", 140, 0, 80, &deployment); /* more than one transaction */
                request.deployment = &deployment;
        }
        if (deed->os) {
                sample_os(deed->os, &os);
                request.record = &os;
        }
        if (request.kind == FABRIC_CONFIGURE && deed->os) {
                world_request(world, &(FabricRequest) {.kind = FABRIC_REGISTER, .record = &os});
                world_run(world, SECOND);
        }
        world_request(world, &request);
        world_run(world, 3 * HOUR);
        world_check_quiet(world);
        snprintf(violation, size, "%s", world_violation(world) ?: "");
        n = world_statistics(world).transactions;
        world_free(world);
        return n;
}

bool deeds_leaders_die(void)
{
        static const FabricCount counts[] = {{"web", 130}, {"worker", 1}};
        static const DeploymentRecord older = {.os_family = "debian-13", .os_version = "0"};
        static const Deed deeds[] = {
                {"deploy", {.kind = FABRIC_DEPLOY, .service = "blog"}},
                {"scale",
                 {.kind = FABRIC_SCALE, .service = "shop", .counts = counts, .n_counts = 2}},
                {"configure",
                 {.kind = FABRIC_CONFIGURE, .service = "shop", .configuration = "<new/>"}},
                {"configure the guest OS",
                 {.kind = FABRIC_CONFIGURE,
                  .service = "shop",
                  .configuration = "<new/>",
                  .deployment = &older},
                 "0"},
                {"swap", {.kind = FABRIC_SWAP, .service = "shop"}},
                {"delete", {.kind = FABRIC_DELETE_SERVICE, .service = "shop"}},
                {"drain", {.kind = FABRIC_DRAIN, .host = "h0"}},
                {"update of hosts", {.kind = FABRIC_UPDATE_HOSTS, .hosts = ""}, NULL},
                {"walk", {.kind = FABRIC_REGISTER}, "2"},
                {"walk and revert", {.kind = FABRIC_REGISTER}, "2-bad"},
        };
        bool all = true;

        for (size_t i = 0; i < ARRAY_SIZE(deeds); i++) {
                char violation[256];
                uint64_t n = run_deed(&deeds[i], 0, violation, sizeof(violation));
                bool held = !violation[0];

                if (!held)
                        printf("  undisturbed: %s\n", violation);
                for (uint64_t at = 1; at <= n && held; at++) {
                        run_deed(&deeds[i], at, violation, sizeof(violation));
                        held = !violation[0];
                        if (!held)
                                printf("  leader dies after transaction %llu: %s\n",
                                       (unsigned long long) at, violation);
                }
                printf("%s, the leader dies after each of %llu transactions: %s\n", deeds[i].name,
                       (unsigned long long) n, held ? "held" : "DID NOT HOLD");
                all &= held;
        }
        return all;
}
