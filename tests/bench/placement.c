/* SPDX-License-Identifier: GPL-3.0-or-later */

/* How fast instances are placed: 100,000 of them on 10,000 hosts, through whole steps of the core
 * (request to plan) and by the search alone, and whether the time of one grows with the hosts. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fabric/fabric.h"
#include "fabric/place.h"
#include "lib/base/hash.h"

#define DIGEST        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BUDGET_RATE   50000.0
#define BUDGET_P99_MS 1.0

/* The core waits for nothing, so its own CPU time is what it takes; other load on the machine is
 * not its doing. */
static uint64_t cpu_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (uint64_t) now.tv_sec * NSEC_PER_SEC + (uint64_t) now.tv_nsec;
}

static int compare_times(const void *a, const void *b)
{
        const uint64_t *left = a, *right = b;

        return *left < *right ? -1 : *left > *right;
}

/* ---- whole steps */

static int step(Fabric *fabric, FabricEvent event)
{
        static uint64_t time_ns = 1;
        const FabricPlan *plan;
        int r;

        event.time_ns = time_ns++;
        r = fabric_step(fabric, &event, &plan);
        if (r < 0)
                abort();
        return r;
}

static void add_host(Fabric *fabric, unsigned i, unsigned n_domains)
{
        Record record;

        record_init(&record, RECORD_HOST);
        snprintf(record.host.name, sizeof(RecordName), "host-%u", i);
        snprintf(record.host.fault_domain, sizeof(RecordName), "rack-%u", i % n_domains);
        record.host.vcpus = 64;
        record.host.memory_bytes = 64 * GIB;
        record.host.disk_bytes = 4096 * GIB;
        step(fabric, (FabricEvent) {.type = FABRIC_RECORD_PUT, .record = &record});
        record_init(&record, RECORD_ALIVE);
        snprintf(record.alive.host, sizeof(RecordName), "host-%u", i);
        step(fabric, (FabricEvent) {.type = FABRIC_RECORD_PUT, .record = &record});
}

static Fabric *make_cluster(unsigned n_hosts, unsigned n_domains)
{
        Fabric *fabric;
        Record record;

        if (fabric_new(&fabric) < 0)
                abort();
        record_init(&record, RECORD_CLUSTER);
        if (ip_parse("10.0.0.1", &record.cluster.vip_pools[0].first) < 0 ||
            ip_parse("10.0.255.255", &record.cluster.vip_pools[0].last) < 0)
                abort();
        record.cluster.n_vip_pools = 1;
        step(fabric, (FabricEvent) {.type = FABRIC_RECORD_PUT, .record = &record});
        for (unsigned i = 0; i < n_hosts; i++)
                add_host(fabric, i, n_domains);
        record_init(&record, RECORD_PACKAGE);
        snprintf(record.package.digest, sizeof(RecordDigest), "%s", DIGEST);
        step(fabric, (FabricEvent) {.type = FABRIC_RECORD_PUT, .record = &record});
        record_init(&record, RECORD_OS);
        snprintf(record.os.family, sizeof(RecordVersion), "debian-13");
        snprintf(record.os.version, sizeof(RecordVersion), "1");
        step(fabric, (FabricEvent) {.type = FABRIC_RECORD_PUT, .record = &record});
        step(fabric, (FabricEvent) {.type = FABRIC_SYNCED});
        return fabric;
}

/* Deploys a service of @count instances of one role; the time it takes. */
static uint64_t deploy(Fabric *fabric, unsigned serial, uint32_t count)
{
        DeploymentRecord d = {.n_roles = 1};
        char operation[32], service[32];
        FabricRequest request = {.kind = FABRIC_DEPLOY,
                                 .operation = operation,
                                 .service = service,
                                 .deployment = &d};
        uint64_t start_ns;

        snprintf(d.id, sizeof(RecordId), "d%08x", serial);
        snprintf(operation, sizeof(operation), "op%u", serial);
        snprintf(service, sizeof(service), "service-%u", serial);
        snprintf(d.package, sizeof(RecordDigest), "%s", DIGEST);
        snprintf(d.os_family, sizeof(RecordVersion), "debian-13");
        snprintf(d.os_version, sizeof(RecordVersion), "*");
        d.roles[0] = (DeploymentRole) {.name = "web",
                                       .count = count,
                                       .vcpus = 1 + serial % 4,
                                       .memory_bytes = (1 + serial % 8) * GIB,
                                       .disk_bytes = 8 * GIB,
                                       .upgrade_domains = 5};
        start_ns = cpu_ns();
        if (step(fabric, (FabricEvent) {.type = FABRIC_REQUEST, .request = &request}) != 0)
                return 0;
        return cpu_ns() - start_ns;
}

static void bench_steps(void)
{
        enum { COUNT = 250, SERVICES = 400 };
        Fabric *fabric = make_cluster(10000, 250);
        uint64_t total_ns = 0;
        size_t placed;
        double rate;

        for (unsigned i = 0; i < SERVICES; i++) {
                uint64_t spent_ns = deploy(fabric, i, COUNT);

                if (spent_ns == 0)
                        abort();
                total_ns += spent_ns;
        }
        placed = map_size(fabric_records(fabric, RECORD_INSTANCE));
        rate = (double) placed * 1e9 / (double) total_ns;
        printf("placement, request to plan: 10,000 hosts, %zu instances | %.0f/s | Kubernetes CI "
               "floor 810/s, Nomad 3,750/s | %.0f x Nomad | >= 50,000/s | %s\n",
               placed, rate, rate / 3750, rate >= BUDGET_RATE ? "met" : "NOT MET");
        fabric_free(fabric);
}

/* ---- the search alone */

typedef struct Times {
        double rate, median_us, p99_us;
} Times;

static Times bench_search(uint32_t n_hosts, uint32_t n_domains, uint32_t per_host)
{
        static const uint64_t gib[] = {1, 1, 2, 2, 4, 8};
        uint32_t n = n_hosts * per_host, role_size = 100;
        uint64_t *times = calloc(n, sizeof(*times)), total_ns = 0, seed = 5;
        PlaceSpread spread = {};
        Times result;
        Place place;

        if (!times)
                abort();
        place_init(&place);
        for (uint32_t d = 0; d < n_domains; d++)
                place_domain_add(&place, hash_mix(d), &(uint32_t) {0});
        for (uint32_t h = 0; h < n_hosts; h++) {
                PlaceSize capacity = {64 * 4, 64 * GIB, 4096 * GIB};

                place_host_add(&place, hash_mix(h), &(uint32_t) {0});
                place_host_set(&place, h, h % n_domains, &capacity, true);
        }
        for (uint32_t i = 0; i < n; i++) {
                PlaceSize size = {1, gib[random_below(&seed, ARRAY_SIZE(gib))] * GIB, 8 * GIB};
                uint64_t start_ns;
                uint32_t host;

                if (i % role_size == 0)
                        place_spread_deinit(&spread);
                start_ns = cpu_ns();
                if (place_pick(&place, &spread, &size, PLACE_NONE, &host) == 0) {
                        place_take(&place, host, &size);
                        if (place_spread_add(&spread, &place, host) < 0)
                                abort();
                }
                times[i] = cpu_ns() - start_ns;
                total_ns += times[i];
        }
        qsort(times, n, sizeof(*times), compare_times);
        result = (Times) {.rate = n * 1e9 / (double) total_ns,
                          .median_us = (double) times[n / 2] / 1e3,
                          .p99_us = (double) times[(size_t) n * 99 / 100] / 1e3};
        place_spread_deinit(&spread);
        place_deinit(&place);
        free(times);
        return result;
}

int main(void)
{
        Times small = bench_search(100, 10, 10), large = bench_search(10000, 250, 10);
        Times flat = bench_search(10000, 1, 10), single = bench_search(10000, 10000, 10);

        bench_steps();
        printf("placement, the search: 10,000 hosts in 250 racks | %.0f/s, p50 %.1f us, p99 %.1f "
               "us | budget | %.1f x | >= 50,000/s, p99 <= 1 ms | %s\n",
               large.rate, large.median_us, large.p99_us, large.rate / BUDGET_RATE,
               large.rate >= BUDGET_RATE && large.p99_us <= BUDGET_P99_MS * 1e3 ? "met"
                                                                                : "NOT MET");
        printf("placement, growth: p50 at 10,000 hosts | %.1f us | at 100 hosts %.1f us | %.1f x | "
               "sub-linear: < 100 x | %s\n",
               large.median_us, small.median_us, large.median_us / small.median_us,
               large.median_us < 100 * small.median_us ? "met" : "NOT MET");
        printf("placement, shapes: 10,000 hosts in one rack, in 10,000 racks | %.0f/s p99 %.1f us, "
               "%.0f/s p99 %.1f us | - | - | >= 50,000/s, p99 <= 1 ms | %s\n",
               flat.rate, flat.p99_us, single.rate, single.p99_us,
               MIN(flat.rate, single.rate) >= BUDGET_RATE &&
                               MAX(flat.p99_us, single.p99_us) <= BUDGET_P99_MS * 1e3
                       ? "met"
                       : "NOT MET");
        return 0;
}
