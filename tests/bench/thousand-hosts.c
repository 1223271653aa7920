/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The leases and watches of 1,000 hosts on one real etcd: each host here is hostd's own presence
 * and store on a client of its own, so it renews a lease, writes each renewal down, and follows all
 * records. They share one process and the machine with etcd, so what it costs them is in the
 * figures.
 *
 *     thousand-hosts [HOSTS [SECONDS]] */

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostd/presence.h"
#include "hostd/store.h"
#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"

#define LEASE_S   10
#define SOFT_MS   7000.0 /* the fence closes when no renewal has been answered for so long */
#define CHANGE_NS NSEC_PER_SEC
#define START_NS  (25 * NSEC_PER_MSEC)  /* between the starts of two hosts */
#define WATCH_NS  (100 * NSEC_PER_MSEC) /* and of two watches: each reads who is alive */
#define PATIENCE  (180 * NSEC_PER_SEC)

typedef struct World World;

typedef struct Host {
        World *world;
        RecordName name;
        Etcd *etcd;
        Store *store;
        Presence *presence;
        uint64_t sent_ns; /* its last renewal */
        bool held;
        int64_t revision;
} Host;

struct World {
        sd_event *event;
        Etcd *etcd; /* makes changes */
        Host *hosts;
        size_t n_hosts, n_held, n_lost;
        bool measures;
        double *renewals_ms, *changes_ms; /* how long they took */
        size_t n_renewals, n_changes;
        uint64_t changed_ns; /* when the last change was sent */
        int64_t change;      /* its revision; 0: not known yet */
        size_t n_saw;        /* hosts that have seen it */
        size_t n_refused;    /* changes that etcd did not make in time */
};

static void must(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "thousand-hosts: %s\n", what);
        exit(1);
}

static double ms_since(uint64_t then_ns)
{
        return (double) (clock_boottime_ns() - then_ns) / NSEC_PER_MSEC;
}

/* ---- etcd */

static unsigned free_port(void)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        must(fd >= 0 && bind(fd, (struct sockaddr *) &address, length) == 0 &&
                     getsockname(fd, (struct sockaddr *) &address, &length) == 0,
             "no free port");
        close(fd);
        return ntohs(address.sin_port);
}

static pid_t start_etcd(const char *dir, const char *url)
{
        _cleanup_free_ char *peer = str_printf("http://127.0.0.1:%u", free_port());
        _cleanup_free_ char *cluster = str_printf("m=%s", peer);
        pid_t pid = fork();

        must(pid >= 0 && peer && cluster, "etcd cannot be started");
        if (pid > 0)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
        dup2(STDOUT_FILENO, STDERR_FILENO);
        execlp("etcd", "etcd", "--name=m", "--data-dir", dir, "--listen-client-urls", url,
               "--advertise-client-urls", url, "--listen-peer-urls", peer,
               "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster, NULL);
        _exit(127);
}

/* Seconds of processor time, and MB of memory. */
static double cpu_s(pid_t pid)
{
        unsigned long user = 0, system = 0;
        char path[64];
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
        file = fopen(path, "re");
        if (file && fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                           &user, &system) != 2)
                user = system = 0;
        if (file)
                fclose(file);
        return (double) (user + system) / (double) sysconf(_SC_CLK_TCK);
}

static double memory_mb(pid_t pid)
{
        unsigned long resident = 0;
        char path[64];
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/statm", (int) pid);
        file = fopen(path, "re");
        if (file && fscanf(file, "%*u %lu", &resident) != 1)
                resident = 0;
        if (file)
                fclose(file);
        return (double) resident * (double) sysconf(_SC_PAGESIZE) / MIB;
}

/* ---- hosts */

static void saw(World *world)
{
        if (world->change == 0 || ++world->n_saw < world->n_hosts)
                return;
        world->change = 0;
        if (world->measures)
                must(ARRAY_APPEND(world->changes_ms, world->n_changes,
                                  ms_since(world->changed_ns)) == 0,
                     "memory is short");
}

static void on_put(void *userdata, const Record *record, const Record *before)
{
}

static void on_deleted(void *userdata, const RecordKey *key, const Record *before)
{
}

static void on_leader(void *userdata, const StoreLeader *leader)
{
}

static void on_reachable(void *userdata, bool reachable, const char *detail)
{
}

static void on_synced(void *userdata, int64_t revision, bool reloaded)
{
        Host *host = userdata;
        World *world = host->world;
        bool before = world->change > 0 && host->revision < world->change;

        host->revision = revision;
        if (before && revision >= world->change)
                saw(world);
}

static void on_held(void *userdata, uint64_t sent_ns)
{
        Host *host = userdata;
        World *world = host->world;

        if (!host->held)
                world->n_held++;
        host->held = true;
        if (sent_ns == host->sent_ns)
                return;
        host->sent_ns = sent_ns;
        if (world->measures)
                must(ARRAY_APPEND(world->renewals_ms, world->n_renewals, ms_since(sent_ns)) == 0,
                     "memory is short");
}

static void on_lost(void *userdata, const char *why)
{
        Host *host = userdata;

        host->world->n_lost += host->world->measures;
        host->world->n_held -= host->held;
        host->held = false;
}

static void on_elected(void *userdata, int64_t revision)
{
}

static void on_deposed(void *userdata)
{
}

static void on_alive(void *userdata, int64_t revision)
{
}

static void start_host(World *world, Host *host, size_t number, const char *url)
{
        EtcdConfig config = {.endpoints = (const char *[]) {url}, .n_endpoints = 1};
        PresenceHandlers presence = {
                .userdata = host,
                .elected = on_elected,
                .deposed = on_deposed,
                .alive = on_alive,
                .held = on_held,
                .lost = on_lost,
        };
        AliveRecord alive = {.epoch = 1};

        host->world = world;
        snprintf(host->name, sizeof(host->name), "h%zu", number);
        memcpy(alive.host, host->name, sizeof(host->name));
        must(etcd_new(world->event, &config, &host->etcd) == 0 &&
                     presence_new(host->etcd, host->name, &alive, LEASE_S, &presence,
                                  &host->presence) == 0,
             "memory is short");
}

static void start_watch(Host *host)
{
        StoreHandlers store = {
                .userdata = host,
                .put = on_put,
                .deleted = on_deleted,
                .leader = on_leader,
                .synced = on_synced,
                .reachable = on_reachable,
        };

        must(store_new(host->etcd, &store, &host->store) == 0, "memory is short");
}

static void run_until(World *world, uint64_t end_ns)
{
        while (clock_boottime_ns() < end_ns)
                must(sd_event_run(world->event, 1000) >= 0, "the loop failed");
}

static void run_till_held(World *world)
{
        uint64_t end_ns = clock_boottime_ns() + PATIENCE;

        while (world->n_held < world->n_hosts && clock_boottime_ns() < end_ns)
                must(sd_event_run(world->event, 10000) >= 0, "the loop failed");
        must(world->n_held == world->n_hosts, "not all hosts came to be alive");
}

/* ---- changes */

static void on_changed(void *userdata, const EtcdReply *reply)
{
        World *world = userdata;

        if (reply->outcome != ETCD_OK) { /* it is made again */
                world->n_refused++;
                return;
        }
        world->change = reply->revision;
        world->n_saw = 0;
        for (size_t i = 0; i < world->n_hosts; i++)
                if (world->hosts[i].revision >= world->change)
                        saw(world);
}

static void change(World *world, unsigned serial)
{
        _cleanup_free_ char *value = str_printf("{\"added_us\":%u}", serial);
        EtcdTxn *txn = etcd_txn_new();
        char digest[RECORD_DIGEST_MAX + 1], key[RECORD_KEY_MAX];

        must(txn && value, "memory is short");
        snprintf(digest, sizeof(digest), "%064x", 1u);
        snprintf(key, sizeof(key), RECORD_PREFIX "packages/%s", digest);
        etcd_txn_put(txn, key, value, strlen(value), 0);
        world->changed_ns = clock_boottime_ns();
        must(etcd_txn_commit(world->etcd, txn, on_changed, world, NULL) == 0, "memory is short");
}

/* ---- */

static int compare(const void *a, const void *b)
{
        const double *left = a, *right = b;

        return *left < *right ? -1 : *left > *right;
}

static double quantile(const double *sorted, size_t n, double part)
{
        return n > 0 ? sorted[MIN((size_t) (part * (double) n), n - 1)] : 0;
}

static void report(World *world, double seconds, double etcd_cpu_s, double etcd_mb)
{
        double worst, seen;

        qsort(world->renewals_ms, world->n_renewals, sizeof(double), compare);
        qsort(world->changes_ms, world->n_changes, sizeof(double), compare);
        worst = quantile(world->renewals_ms, world->n_renewals, 1);
        seen = quantile(world->changes_ms, world->n_changes, 1);
        printf("%zu hosts on one etcd: renewals | %.0f/s, each written down | - | - | - | -\n",
               world->n_hosts, (double) world->n_renewals / seconds);
        printf("%zu hosts on one etcd: a renewal is answered, p50 / p99 / worst | %.0f / %.0f / "
               "%.0f ms | soft fence %.0f ms | %.2f | < 1 | %s\n",
               world->n_hosts, quantile(world->renewals_ms, world->n_renewals, 0.5),
               quantile(world->renewals_ms, world->n_renewals, 0.99), worst, SOFT_MS,
               worst / SOFT_MS, worst < SOFT_MS ? "met" : "NOT MET");
        printf("%zu hosts on one etcd: leases lost in %.0f s | %zu | - | - | 0 | %s\n",
               world->n_hosts, seconds, world->n_lost, world->n_lost == 0 ? "met" : "NOT MET");
        printf("%zu hosts on one etcd: a change is seen by all watches, p50 / p99 / worst of %zu | "
               "%.0f / %.0f / %.0f ms | - | - | - | -\n",
               world->n_hosts, world->n_changes, quantile(world->changes_ms, world->n_changes, 0.5),
               quantile(world->changes_ms, world->n_changes, 0.99), seen);
        printf("%zu hosts on one etcd: changes that were not made in time | %zu of %zu | - | - | 0 "
               "| %s\n",
               world->n_hosts, world->n_refused, world->n_refused + world->n_changes,
               world->n_refused == 0 ? "met" : "NOT MET");
        printf("%zu hosts on one etcd: etcd's processor and memory | %.0f %% of a core, %.0f MB | "
               "- "
               "| - | - | -\n",
               world->n_hosts, 100 * etcd_cpu_s / seconds, etcd_mb);
}

int main(int argc, char *argv[])
{
        size_t n_hosts = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
        double seconds = argc > 2 ? strtod(argv[2], NULL) : 60;
        struct rlimit files = {};
        char dir[] = "/tmp/troupe-hosts-XXXXXX";
        _cleanup_free_ char *url = str_printf("http://127.0.0.1:%u", free_port()), *remove = NULL;
        World world = {.n_hosts = n_hosts};
        uint64_t began_ns, end_ns;
        double cpu;
        pid_t pid;

        must(n_hosts > 0 && n_hosts <= 10000 && seconds > 0, "HOSTS up to 10000, SECONDS");
        must(getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max > 4 * n_hosts,
             "more open files are needed: ulimit -Hn");
        files.rlim_cur = files.rlim_max;
        must(setrlimit(RLIMIT_NOFILE, &files) == 0, "more open files are needed: ulimit -Hn");
        must(mkdtemp(dir) && url && sd_event_new(&world.event) >= 0, "memory is short");
        pid = start_etcd(dir, url);
        world.hosts = calloc(n_hosts, sizeof(*world.hosts));
        must(world.hosts, "memory is short");
        must(etcd_new(world.event,
                      &(EtcdConfig) {.endpoints = (const char *[]) {url}, .n_endpoints = 1},
                      &world.etcd) == 0,
             "memory is short");
        run_until(&world, clock_boottime_ns() + NSEC_PER_SEC);
        began_ns = clock_boottime_ns();
        for (size_t i = 0; i < n_hosts; i++) {
                start_host(&world, &world.hosts[i], i, url);
                run_until(&world, began_ns + (i + 1) * START_NS);
        }
        run_till_held(&world);
        /* apart: a million records that say who is alive come to one process here, not to 1,000 */
        for (size_t i = 0; i < n_hosts; i++) {
                start_watch(&world.hosts[i]);
                run_until(&world, clock_boottime_ns() + WATCH_NS);
        }
        printf("%zu hosts on one etcd: all are alive and watch, begun one each %llu ms and %llu ms "
               "| %.1f s | "
               "- | - | - "
               "| "
               "-\n",
               n_hosts, (unsigned long long) (START_NS / NSEC_PER_MSEC),
               (unsigned long long) (WATCH_NS / NSEC_PER_MSEC), ms_since(began_ns) / 1000);
        run_until(&world, clock_boottime_ns() + LEASE_S * NSEC_PER_SEC);
        world.measures = true;
        cpu = cpu_s(pid);
        end_ns = clock_boottime_ns() + (uint64_t) (seconds * NSEC_PER_SEC);
        for (unsigned serial = 1; clock_boottime_ns() < end_ns; serial++) {
                if (world.change == 0)
                        change(&world, serial);
                run_until(&world, clock_boottime_ns() + CHANGE_NS);
        }
        report(&world, seconds, cpu_s(pid) - cpu, memory_mb(pid));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        remove = str_printf("rm -rf %s", dir);
        return remove && system(remove) == 0 ? 0 : 1;
}
