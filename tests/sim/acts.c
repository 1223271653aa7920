/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Acts out of a seed, and what each begins and ends. */

#include "tests/sim/acts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "tests/sim/samples.h"

#define SECOND         NSEC_PER_SEC
#define ACTS_EACH_HOUR 60

static const char *const act_names[ACTS] = {
        "crash",    "cut",    "freeze", "freeze-whole", "etcd",      "domain",
        "bad-host", "sick",   "deploy", "scale",        "configure", "swap",
        "delete",   "reboot", "drain",  "release",      "import",    "switch",
        "clock",    "lossy",  "slow",   "partition",    "update",
};

/* Of each thousand. */
static const unsigned act_weights[ACTS] = {115, 100, 80, 60, 10, 10, 30, 110, 120, 90, 30, 30,
                                           30,  40,  20, 10, 15, 5,  40, 20,  20,  10, 5};

/* What strikes a whole cluster is no more frequent when that is large. */
static bool strikes_all(ActKind kind)
{
        return kind == ACT_ETCD || kind == ACT_DOMAIN || kind == ACT_PARTITION;
}

static int compare_acts(const void *a, const void *b)
{
        const Act *left = a, *right = b;

        return left->start_ns < right->start_ns ? -1 : left->start_ns > right->start_ns;
}

Act *acts_make(const Options *options, size_t *ret_n)
{
        /* some faults in each minute whatever the size, more on large clusters */
        size_t n = (size_t) (options->hours * (ACTS_EACH_HOUR + options->n_hosts / 2)) + 1;
        uint64_t random = hash_mix(options->seed);
        Act *acts = calloc(n, sizeof(*acts));

        if (!acts)
                abort();
        for (size_t i = 0; i < n; i++) {
                bool follows = i > 4 && random_below(&random, 5) == 0;
                uint64_t draw, span_ns = (uint64_t) (options->hours * 3600 * (double) SECOND);
                unsigned kind = 0;

                /* one fault on the heels of another, on the same host, is what breaks protocols */
                acts[i].start_ns =
                        follows ? acts[i - 1].start_ns + random_below(&random, 8 * SECOND)
                                : random_below(&random, span_ns);
                acts[i].end_ns = acts[i].start_ns + (random_below(&random, 3) > 0
                                                             ? random_below(&random, 15 * SECOND)
                                                             : random_below(&random, 600 * SECOND));
                draw = random_below(&random, 1000);
                while (draw >= act_weights[kind])
                        draw -= act_weights[kind++];
                if (i > options->hours * ACTS_EACH_HOUR && strikes_all(kind))
                        kind = ACT_CRASH;
                acts[i].kind = i < 4 ? ACT_DEPLOY : kind;
                acts[i].a = follows ? acts[i - 1].a : random_next(&random);
                acts[i].b = random_next(&random);
                if (i < 4) /* something to be hit from the beginning */
                        acts[i].start_ns = i * SECOND;
        }
        qsort(acts, n, sizeof(*acts), compare_acts);
        *ret_n = n;
        return acts;
}

static void deploy(World *world, const Act *act, unsigned serial, const char *service)
{
        DeploymentRecord deployment;
        char id[16];

        snprintf(id, sizeof(id), "d%u", serial);
        sample_deployment(id, 1 + (uint32_t) (act->b % 12), (uint32_t) (act->b >> 8) % 6, 80,
                          &deployment);
        if ((act->b >> 20) % 8 == 0)
                snprintf(deployment.os_version, sizeof(deployment.os_version), "1");
        world_request(world, &(FabricRequest) {.kind = FABRIC_DEPLOY,
                                               .service = service,
                                               .slot = (Slot) (act->b >> 16 & 1),
                                               .deployment = &deployment});
}

static void reboot(World *world, const Act *act)
{
        const Map *instances;
        Fabric *fabric = world_fabric(world);
        size_t n;

        if (!fabric)
                return;
        instances = fabric_records(fabric, RECORD_INSTANCE);
        n = map_size(instances) == 0 ? 0 : act->a % map_size(instances);
        MAP_FOREACH (entry, instances)
                if (n-- == 0) {
                        InstanceId id = ((const Record *) entry->value)->instance.id;

                        world_request(world, &(FabricRequest) {.kind = FABRIC_REBOOT + act->b % 3,
                                                               .instance = id});
                        return;
                }
}

static void import_os(World *world, const Act *act, unsigned serial)
{
        char version[16];
        Record record;

        snprintf(version, sizeof(version), "%u%s", 2 + serial, act->b % 3 == 0 ? "-bad" : "");
        sample_os(version, &record);
        world_request(world, &(FabricRequest) {.kind = FABRIC_REGISTER, .record = &record});
}

static void switch_os(World *world, const Act *act)
{
        Fabric *fabric = world_fabric(world);
        const Map *systems = fabric ? fabric_records(fabric, RECORD_OS) : NULL;
        size_t n = systems && map_size(systems) > 0 ? act->a % map_size(systems) : 0;

        if (!systems)
                return;
        MAP_FOREACH (entry, systems)
                if (n-- == 0) {
                        const Record *os = entry->value;

                        world_request(world,
                                      &(FabricRequest) {.kind = os->os.disabled ? FABRIC_ENABLE_OS
                                                                                : FABRIC_DISABLE_OS,
                                                        .record = os});
                        return;
                }
}

/* Another configuration, half the times with a guest OS: any that there is, or the newest. */
static void configure(World *world, const Act *act, FabricRequest *ask)
{
        Fabric *fabric = world_fabric(world);
        const Map *systems = fabric ? fabric_records(fabric, RECORD_OS) : NULL;
        size_t n = systems && map_size(systems) > 0 ? (act->b >> 20) % map_size(systems) : 0;
        DeploymentRecord asked = {.os_family = "debian-13", .os_version = "*"};

        if (systems && act->b >> 18 & 1)
                MAP_FOREACH (entry, systems)
                        if (n-- == 0)
                                memcpy(asked.os_version,
                                       ((const Record *) entry->value)->os.version,
                                       sizeof(asked.os_version));
        ask->kind = FABRIC_CONFIGURE;
        ask->configuration = "<new/>";
        ask->deployment = act->b >> 17 & 1 ? &asked : NULL;
        world_request(world, ask);
}

static void update_hosts(World *world, const Options *options, const Act *act)
{
        world_release_host_version(world);
        if (act->b % 4 == 0)
                world_break_update(world, (unsigned) (act->a % options->n_hosts));
        world_request(world, &(FabricRequest) {.kind = FABRIC_UPDATE_HOSTS, .hosts = ""});
}

static void request(World *world, const Act *act, unsigned serial, const char *service)
{
        FabricCount counts[] = {{"web", 1 + (uint32_t) (act->b % 14)},
                                {"worker", (uint32_t) (act->b >> 8) % 6}};
        FabricRequest ask = {.service = service, .slot = (Slot) (act->b >> 16 & 1)};

        switch (act->kind) {
        case ACT_DEPLOY:
                deploy(world, act, serial, service);
                return;
        case ACT_REBOOT:
                reboot(world, act);
                return;
        case ACT_IMPORT:
                import_os(world, act, serial);
                return;
        case ACT_SWITCH:
                switch_os(world, act);
                return;
        case ACT_SCALE:
                ask.kind = FABRIC_SCALE;
                ask.counts = counts;
                ask.n_counts = 2;
                break;
        case ACT_CONFIGURE:
                configure(world, act, &ask);
                return;
        case ACT_SWAP:
                ask.kind = FABRIC_SWAP;
                ask.force = act->b >> 17 & 1;
                break;
        case ACT_DELETE:
                ask.kind = act->b >> 17 & 1 ? FABRIC_DELETE : FABRIC_DELETE_SERVICE;
                break;
        default:
                ask.kind = FABRIC_RELEASE_BRAKE;
                break;
        }
        world_request(world, &ask);
}

static void domain_power(World *world, const Options *options, const Act *act, bool on)
{
        unsigned n_domains = MIN(options->n_hosts, 5u);

        for (unsigned i = (unsigned) (act->a % n_domains); i < options->n_hosts; i += n_domains)
                if (on)
                        world_boot(world, i);
                else
                        world_crash(world, i);
}

static void partition(World *world, const Options *options, const Act *act, bool cut)
{
        for (unsigned i = 0; i < options->n_hosts; i++)
                if (hash_mix(act->b + i) & 1) {
                        if (cut)
                                world_cut(world, i);
                        else
                                world_mend(world, i);
                }
}

/* By an hour, or by anything up to a month, either way. */
static int64_t clock_step_us(const Act *act)
{
        int64_t step_us = act->b & 1 ? 3600 * (int64_t) USEC_PER_SEC
                                     : (int64_t) (act->b % (30 * 24 * 3600 * USEC_PER_SEC));

        return act->b >> 40 & 1 ? step_us : -step_us;
}

void act_begin(World *world, const Options *options, const Act *act, unsigned serial)
{
        static const InstanceStatus sick[] = {STATUS_UNRESPONSIVE_ROLE, STATUS_UNRESPONSIVE_ROLE,
                                              STATUS_CYCLING_ROLE, STATUS_BUSY_ROLE};
        unsigned host = (unsigned) (act->a % options->n_hosts);
        char service[16], name[16];

        snprintf(service, sizeof(service), "s%u", (unsigned) (act->a % (1 + options->n_hosts / 4)));
        snprintf(name, sizeof(name), "h%u", host);
        switch (act->kind) {
        case ACT_CRASH:
                world_crash(world, host);
                break;
        case ACT_CUT:
                world_cut(world, host);
                break;
        case ACT_FREEZE:
        case ACT_FREEZE_WHOLE:
                world_freeze(world, host, act->kind == ACT_FREEZE_WHOLE);
                break;
        case ACT_ETCD:
                world_etcd(world, false);
                break;
        case ACT_DOMAIN:
                domain_power(world, options, act, false);
                break;
        case ACT_BAD_HOST:
                world_bad_host(world, host, true);
                break;
        case ACT_SICK:
                world_status_nth(world, act->a, sick[act->b % ARRAY_SIZE(sick)]);
                break;
        case ACT_UPDATE:
                update_hosts(world, options, act);
                break;
        case ACT_DRAIN:
                world_request(world, &(FabricRequest) {.kind = FABRIC_DRAIN, .host = name});
                break;
        case ACT_CLOCK:
                world_clock(world, host, clock_step_us(act));
                break;
        case ACT_LOSSY:
                world_lossy(world, host, true);
                break;
        case ACT_SLOW:
                world_slow(world, host, true);
                break;
        case ACT_PARTITION:
                partition(world, options, act, true);
                break;
        default:
                request(world, act, serial, service);
                break;
        }
}

void act_end(World *world, const Options *options, const Act *act)
{
        unsigned host = (unsigned) (act->a % options->n_hosts);
        char name[16];

        snprintf(name, sizeof(name), "h%u", host);
        switch (act->kind) {
        case ACT_CRASH:
                world_boot(world, host);
                break;
        case ACT_CUT:
                world_mend(world, host);
                break;
        case ACT_FREEZE:
        case ACT_FREEZE_WHOLE:
                world_thaw(world, host);
                break;
        case ACT_ETCD:
                world_etcd(world, true);
                break;
        case ACT_DOMAIN:
                domain_power(world, options, act, true);
                break;
        case ACT_BAD_HOST:
                world_bad_host(world, host, false);
                break;
        case ACT_DRAIN:
                world_request(world, &(FabricRequest) {.kind = FABRIC_UNCORDON, .host = name});
                break;
        case ACT_LOSSY:
                world_lossy(world, host, false);
                break;
        case ACT_SLOW:
                world_slow(world, host, false);
                break;
        case ACT_PARTITION:
                partition(world, options, act, false);
                break;
        default:
                break;
        }
}

const char *act_to_string(ActKind kind)
{
        return act_names[kind];
}
