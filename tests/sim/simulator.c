/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The simulator: faults and requests out of a seed against a world.
 *
 *   simulator [--seed=N] [--runs=N] [--hosts=N] [--hours=H] [--mutate=NAME] [--log]
 *
 * Without arguments it is a test: a fixed set of seeds on clusters of several sizes must hold,
 * every mutation must be found, and the speed must be at least 1,000 host-hours a second. When
 * something does not hold, the faults are reduced to those that it takes, and that run is printed.
 */

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/str.h"
#include "tests/sim/world.h"

#define SECOND          NSEC_PER_SEC
#define HOUR            (3600 * SECOND)
#define QUIET_NS        (3 * HOUR) /* after the last fault: several rounds of the healing ladder */
#define SPEED_HOSTHOURS 1000.0

typedef enum ActKind {
        ACT_CRASH,
        ACT_CUT,
        ACT_FREEZE,
        ACT_FREEZE_WHOLE,
        ACT_ETCD,
        ACT_DOMAIN, /* power cut of a whole fault domain */
        ACT_BAD_HOST,
        ACT_SICK,
        ACT_DEPLOY,
        ACT_SCALE,
        ACT_CONFIGURE,
        ACT_SWAP,
        ACT_DELETE,
        ACT_REBOOT,
        ACT_DRAIN,
        ACT_RELEASE,
        ACTS,
} ActKind;

static const char *const act_names[ACTS] = {
        "crash",  "cut",   "freeze",    "freeze-whole", "etcd",   "domain", "bad-host", "sick",
        "deploy", "scale", "configure", "swap",         "delete", "reboot", "drain",    "release",
};

/* Of each thousand. */
static const unsigned act_weights[ACTS] = {120, 120, 80, 60, 10, 10, 30, 200,
                                           120, 90,  30, 30, 30, 40, 20, 10};

typedef struct Act {
        uint64_t start_ns, end_ns; /* faults last for a while */
        ActKind kind;
        uint64_t a, b;
} Act;

typedef struct Options {
        uint64_t seed;
        unsigned runs, n_hosts;
        double hours;
        Mutation mutation;
        bool log;
} Options;

typedef struct Result {
        char violation[256];
        WorldStatistics statistics;
} Result;

static int compare_acts(const void *a, const void *b)
{
        const Act *left = a, *right = b;

        return left->start_ns < right->start_ns ? -1 : left->start_ns > right->start_ns;
}

static Act *make_acts(const Options *options, size_t *ret_n)
{
        /* some faults in each minute whatever the size, more on large clusters */
        size_t n = (size_t) (options->hours * (60 + options->n_hosts / 2)) + 1;
        uint64_t random = hash_mix(options->seed);
        Act *acts = calloc(n, sizeof(*acts));

        if (!acts)
                abort();
        for (size_t i = 0; i < n; i++) {
                bool follows = i > 4 && random_below(&random, 5) == 0;
                uint64_t draw, span_ns = (uint64_t) (options->hours * (double) HOUR);
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
        world_deployment(id, 1 + (uint32_t) (act->b % 12), (uint32_t) (act->b >> 8) % 6, 80,
                         &deployment);
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
        case ACT_SCALE:
                ask.kind = FABRIC_SCALE;
                ask.counts = counts;
                ask.n_counts = 2;
                break;
        case ACT_CONFIGURE:
                ask.kind = FABRIC_CONFIGURE;
                ask.configuration = "<new/>";
                break;
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

static void begin(World *world, const Options *options, const Act *act, unsigned serial)
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
        case ACT_DRAIN:
                world_request(world, &(FabricRequest) {.kind = FABRIC_DRAIN, .host = name});
                break;
        default:
                request(world, act, serial, service);
                break;
        }
}

static void end(World *world, const Options *options, const Act *act)
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
        default:
                break;
        }
}

/* The next end of a fault that has begun; -1 when none is left before @limit_ns. */
static ssize_t next_end(const Act *acts, size_t n_begun, const bool *ended, uint64_t limit_ns)
{
        ssize_t next = -1;

        for (size_t i = 0; i < n_begun; i++)
                if (!ended[i] && acts[i].end_ns <= limit_ns &&
                    (next < 0 || acts[i].end_ns < acts[next].end_ns))
                        next = (ssize_t) i;
        return next;
}

static Result run(const Options *options, const Act *acts, size_t n, FILE *log)
{
        WorldConfig config = {
                .seed = options->seed,
                .n_hosts = options->n_hosts,
                .n_domains = MIN(options->n_hosts, 5u),
                .vcpus = 16,
                .memory_bytes = 16 * GIB,
                .latency_ns = (options->seed % 4 == 0 ? 2000 : 200) * NSEC_PER_MSEC,
                .boot_ns = 15 * SECOND,
                .stop_ns = 20 * SECOND,
                .mutation = options->mutation,
                .log = log,
        };
        World *world = world_new(&config);
        bool *ended = calloc(n + 1, 1);
        Result result = {};
        size_t begun = 0, first = 0;
        double last_ns = options->hours * (double) HOUR;

        if (!ended)
                abort();
        for (;;) {
                uint64_t limit_ns = begun < n ? acts[begun].start_ns : UINT64_MAX;
                ssize_t over;

                while (first < begun && ended[first])
                        first++;
                over = next_end(acts + first, begun - first, ended + first, limit_ns);
                if (over < 0 && begun == n)
                        break;
                if (over >= 0) {
                        over += (ssize_t) first;
                        world_run(world, acts[over].end_ns);
                        end(world, options, &acts[over]);
                        ended[over] = true;
                } else {
                        world_run(world, acts[begun].start_ns);
                        begin(world, options, &acts[begun], (unsigned) begun);
                        begun++;
                }
                if (world_violation(world))
                        break;
        }
        world_run(world, MAX(world_now_ns(world), (uint64_t) last_ns));
        world_mend_all(world);
        for (unsigned i = 0; i < options->n_hosts; i++) {
                char name[16];

                snprintf(name, sizeof(name), "h%u", i);
                world_request(world, &(FabricRequest) {.kind = FABRIC_UNCORDON, .host = name});
        }
        world_run(world, world_now_ns(world) + 600 * SECOND);
        world_mend_all(world); /* roles that began to cycle while they were starting */
        world_run(world, world_now_ns(world) + QUIET_NS);
        world_check_quiet(world);
        if (world_violation(world))
                snprintf(result.violation, sizeof(result.violation), "%s", world_violation(world));
        result.statistics = world_statistics(world);
        world_free(world);
        free(ended);
        return result;
}

/* Leaves out what it does not take, first large parts, then single acts. */
static size_t shrink(const Options *options, Act *acts, size_t n)
{
        for (size_t part = n / 2; part > 0; part /= 2)
                for (size_t at = 0; at + part <= n;) {
                        Act *fewer = calloc(n, sizeof(*fewer));

                        if (!fewer)
                                abort();
                        memcpy(fewer, acts, at * sizeof(*acts));
                        memcpy(fewer + at, acts + at + part, (n - at - part) * sizeof(*acts));
                        if (run(options, fewer, n - part, NULL).violation[0]) {
                                n -= part;
                                memcpy(acts, fewer, n * sizeof(*acts));
                        } else {
                                at += part;
                        }
                        free(fewer);
                }
        return n;
}

static void explain(const Options *options, Act *acts, size_t n, const char *violation)
{
        printf("seed %llu, %u hosts, %.2f hours: %s\n", (unsigned long long) options->seed,
               options->n_hosts, options->hours, violation);
        n = shrink(options, acts, n);
        printf("the %zu acts that it takes:\n", n);
        for (size_t i = 0; i < n; i++)
                printf("  %10.3f to %10.3f  %s %llu\n", (double) acts[i].start_ns / 1e9,
                       (double) acts[i].end_ns / 1e9, act_names[acts[i].kind],
                       (unsigned long long) (acts[i].a % options->n_hosts));
        printf("and what happens:\n");
        run(options, acts, n, stdout);
}

/* Runs some seeds; true when all held. @quiet: a violation is expected and not explained. */
static bool run_seeds(const Options *options, bool quiet, WorldStatistics *total)
{
        for (unsigned i = 0; i < options->runs; i++) {
                Options one = *options;
                Result result;
                size_t n;
                Act *acts;

                one.seed = options->seed + i;
                acts = make_acts(&one, &n);
                result = run(&one, acts, n, options->log ? stdout : NULL);
                total->steps += result.statistics.steps;
                total->transactions += result.statistics.transactions;
                total->refused += result.statistics.refused;
                total->elections += result.statistics.elections;
                total->placements += result.statistics.placements;
                total->failover_ns = MAX(total->failover_ns, result.statistics.failover_ns);
                if (result.violation[0] && !quiet)
                        explain(&one, acts, n, result.violation);
                else if (result.violation[0])
                        printf("  seed %llu: %s\n", (unsigned long long) one.seed,
                               result.violation);
                free(acts);
                if (result.violation[0])
                        return false;
        }
        return true;
}

static bool report(const Options *options)
{
        uint64_t start_ns = clock_boottime_ns(), spent_ns;
        WorldStatistics total = {};
        bool held = run_seeds(options, false, &total);
        double host_hours = (options->hours + (double) QUIET_NS / (double) HOUR) *
                            options->n_hosts * options->runs;

        spent_ns = clock_boottime_ns() - start_ns;
        printf("%u seeds from %llu, %u hosts, %.2f hours: %s; %llu steps, %llu transactions, %llu "
               "refused, %llu elections, %llu placements; %.0f host-hours, %.0f a second\n",
               options->runs, (unsigned long long) options->seed, options->n_hosts, options->hours,
               held ? "held" : "FAILED", (unsigned long long) total.steps,
               (unsigned long long) total.transactions, (unsigned long long) total.refused,
               (unsigned long long) total.elections, (unsigned long long) total.placements,
               host_hours, host_hours * 1e9 / (double) spent_ns);
        fflush(stdout);
        /* the faults are per hour, not per host: on a few hosts their cost is all there is */
        return held &&
               (options->n_hosts < 50 || host_hours * 1e9 / (double) spent_ns >= SPEED_HOSTHOURS);
}

/* The checks must be able to fail: each mistake is found within some seeds. */
static bool find_mutations(void)
{
        bool all = true;

        for (unsigned mutation = 1; mutation < MUTATIONS; mutation++) {
                Options options = {
                        .seed = 1, .runs = 1000, .n_hosts = 6, .hours = 2, .mutation = mutation};
                WorldStatistics total = {};
                bool found;

                printf("mutation %s:\n", mutation_to_string(mutation));
                found = !run_seeds(&options, true, &total);
                printf("  %s\n", found ? "found" : "NOT FOUND");
                all &= found;
        }
        return all;
}

/* ---- the leader dies after each transaction of each operation */

typedef struct Deed {
        const char *name;
        FabricRequest request;
} Deed;

/* Runs a cluster in which an operation is asked for at 60 s; the transactions that took. */
static uint64_t run_deed(const Deed *deed, uint64_t kill_at, char *violation, size_t size)
{
        WorldConfig config = {.seed = 1,
                              .n_hosts = 6,
                              .n_domains = 6,
                              .vcpus = 64,
                              .memory_bytes = 64 * GIB,
                              .latency_ns = 10 * NSEC_PER_MSEC,
                              .boot_ns = 10 * SECOND,
                              .stop_ns = 5 * SECOND,
                              .exact = true,
                              .kill_at = kill_at};
        World *world = world_new(&config);
        DeploymentRecord deployment;
        FabricRequest request = deed->request;
        uint64_t n;

        for (unsigned i = 0; i < 2; i++) {
                world_deployment(i == 0 ? "d1" : "d2", 12, 3, 80, &deployment);
                world_request(world, &(FabricRequest) {.kind = FABRIC_DEPLOY,
                                                       .service = "shop",
                                                       .slot = (Slot) i,
                                                       .deployment = &deployment});
        }
        world_run(world, 60 * SECOND);
        if (request.kind == FABRIC_DEPLOY) {
                world_deployment("d3", 140, 0, 80, &deployment); /* more than one transaction */
                request.deployment = &deployment;
        }
        world_request(world, &request);
        world_run(world, 3 * HOUR);
        world_check_quiet(world);
        snprintf(violation, size, "%s", world_violation(world) ?: "");
        n = world_statistics(world).transactions;
        world_free(world);
        return n;
}

static bool leaders_die(void)
{
        static const FabricCount counts[] = {{"web", 130}, {"worker", 1}};
        static const Deed deeds[] = {
                {"deploy", {.kind = FABRIC_DEPLOY, .service = "blog"}},
                {"scale",
                 {.kind = FABRIC_SCALE, .service = "shop", .counts = counts, .n_counts = 2}},
                {"configure",
                 {.kind = FABRIC_CONFIGURE, .service = "shop", .configuration = "<new/>"}},
                {"swap", {.kind = FABRIC_SWAP, .service = "shop"}},
                {"delete", {.kind = FABRIC_DELETE_SERVICE, .service = "shop"}},
                {"drain", {.kind = FABRIC_DRAIN, .host = "h0"}},
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

static bool test(void)
{
        static const Options sets[] = {
                {.seed = 1, .runs = 40, .n_hosts = 1, .hours = 3},
                {.seed = 100, .runs = 60, .n_hosts = 3, .hours = 4},
                {.seed = 200, .runs = 40, .n_hosts = 7, .hours = 4},
                {.seed = 300, .runs = 6, .n_hosts = 60, .hours = 2},
                {.seed = 400, .runs = 1, .n_hosts = 1000, .hours = 0.5},
        };
        Options fresh = {.seed = clock_realtime_us(), .runs = 10, .n_hosts = 5, .hours = 3};
        bool held = true;

        for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
                held &= report(&sets[i]);
        held &= report(&fresh);
        held &= leaders_die();
        return held & find_mutations();
}

static Mutation parse_mutation(const char *name)
{
        for (unsigned mutation = 0; mutation < MUTATIONS; mutation++)
                if (str_equal(mutation_to_string(mutation), name))
                        return mutation;
        fprintf(stderr, "simulator: there is no mutation '%s'\n", name);
        exit(EXIT_FAILURE);
}

int main(int argc, char *argv[])
{
        static const struct option long_options[] = {
                {"seed", required_argument, NULL, 's'},
                {"runs", required_argument, NULL, 'r'},
                {"hosts", required_argument, NULL, 'n'},
                {"hours", required_argument, NULL, 't'},
                {"mutate", required_argument, NULL, 'm'},
                {"log", no_argument, NULL, 'l'},
                {},
        };
        Options options = {.seed = 1, .runs = 1, .n_hosts = 5, .hours = 4};
        int c;

        if (argc == 1)
                return test() ? EXIT_SUCCESS : EXIT_FAILURE;
        while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
                if (c == 's')
                        options.seed = strtoull(optarg, NULL, 10);
                else if (c == 'r')
                        options.runs = (unsigned) strtoul(optarg, NULL, 10);
                else if (c == 'n')
                        options.n_hosts = (unsigned) strtoul(optarg, NULL, 10);
                else if (c == 't')
                        options.hours = strtod(optarg, NULL);
                else if (c == 'm')
                        options.mutation = parse_mutation(optarg);
                else if (c == 'l')
                        options.log = true;
                else
                        return EXIT_FAILURE;
        }
        if (options.n_hosts == 0 || options.n_hosts > 10000 || options.hours <= 0)
                return EXIT_FAILURE;
        return report(&options) ? EXIT_SUCCESS : EXIT_FAILURE;
}
