/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A cluster on virtual time around the real fabric/: etcd with revisions, leases and guarded
 * transactions; hosts with leases, fences and VMs; one leader and whoever still believes to be it.
 * Everything is decided by the seed: the same configuration and calls give the same run.
 *
 * What always has to hold is checked as it happens; the first thing that does not is kept in
 * World.violation and the run is over. */

#include <stdbool.h>
#include <stdio.h>

#include "fabric/fabric.h"

/* Deliberate mistakes, each of which the checks have to find. */
typedef enum Mutation {
        MUTATE_NOTHING,
        MUTATE_LATE_FENCE,    /* a cut-off host kills its VMs only after the leader's delay */
        MUTATE_NO_ELECTION,   /* transactions are not guarded by the election's revision */
        MUTATE_NO_ABSENT,     /* transactions do not demand that a lost host is still lost */
        MUTATE_NO_RENEWAL,    /* nor which of its losses was counted from */
        MUTATE_EARLY_WORD,    /* hosts say StoppedVM before the VM has stopped */
        MUTATE_NO_DELAY,      /* the leader takes a host for gone when it misses one renewal */
        MUTATE_LATE_WATCHDOG, /* the hardware watchdog counts from the freeze, not the renewal */
        MUTATE_ONE_RACK,      /* a new leader takes all hosts to be in one fault domain */
        MUTATE_ONE_DOMAIN,    /* and all instances to be in one upgrade domain */
        MUTATE_DEAF,          /* leaders do not hear of leases that end */
        MUTATE_NO_REREAD,     /* a host whose watch broke goes on without reading what it missed */
        MUTATE_WALL_CLOCK,    /* the core is given the time of a clock that can be set */
        MUTATIONS,
} Mutation;

/** mutation_to_string() - Its name on the command line */
const char *mutation_to_string(Mutation mutation);

typedef struct WorldConfig {
        uint64_t seed;
        unsigned n_hosts;
        unsigned n_domains;
        uint32_t vcpus;
        uint64_t memory_bytes;
        uint64_t latency_ns; /* messages take up to this */
        uint64_t boot_ns;    /* a VM's start until Ready, about */
        uint64_t stop_ns;    /* a graceful stop, about */
        bool exact;          /* all of these exactly, no chance anywhere: for scenarios */
        Mutation mutation;
        uint64_t
                kill_at; /* the leader dies when so many transactions have been written; 0: never */
        bool still;      /* clocks that are stepped stay as they are: to compare with */
        bool brief;      /* leave out of the log how VMs and operations come along */
        FILE *log;       /* a line for each decision and each event, or NULL */
} WorldConfig;

typedef struct World World;

/** world_new() - A cluster whose hosts are all alive, with one package and one guest OS */
World *world_new(const WorldConfig *config);

/** world_free() - Free a world; NULL is fine */
void world_free(World *world);

/** world_run() - Let time pass until @until_ns, or until something that has to hold does not */
void world_run(World *world, uint64_t until_ns);

/** world_now_ns() - Virtual time */
uint64_t world_now_ns(const World *world);

/** world_violation() - What did not hold, or NULL */
const char *world_violation(const World *world);

/** world_violation_kind() - Its text without what it is about: equal pointers, the same rule; or
 * NULL */
const char *world_violation_kind(const World *world);

/** world_fabric() - The present leader's core, or NULL */
Fabric *world_fabric(const World *world);

/** world_request() - Ask the leader, as soon as there is one; @request is copied */
void world_request(World *world, const FabricRequest *request);

/** world_crash() - Power cut: all on the host is dead at once */
void world_crash(World *world, unsigned host);

/** world_boot() - Power on */
void world_boot(World *world, unsigned host);

/** world_cut() - Unplug the host's cable; VMs and hostd run on */
void world_cut(World *world, unsigned host);

/** world_mend() - Plug it in again */
void world_mend(World *world, unsigned host);

/** world_freeze() - Stop hostd (@whole: the whole machine, until its watchdog resets it) */
void world_freeze(World *world, unsigned host, bool whole);

/** world_thaw() - Let it go on */
void world_thaw(World *world, unsigned host);

/** world_lossy() - A fourth of the host's messages gets lost from now on, or no more */
void world_lossy(World *world, unsigned host, bool lossy);

/** world_slow() - The host's messages take up to two seconds from now on, or no more */
void world_slow(World *world, unsigned host, bool slow);

/** world_clock() - The host's CLOCK_REALTIME is stepped, forward or back */
void world_clock(World *world, unsigned host, int64_t step_us);

/** world_etcd() - etcd has a quorum, or not */
void world_etcd(World *world, bool quorum);

/** world_status() - An instance's VM comes to this status by itself, and stays there */
void world_status(World *world, const char *instance, InstanceStatus status);

/** world_probe() - An instance answers its probe from now on, or not */
void world_probe(World *world, const char *instance, bool good);

/** world_status_nth() - The same for the @n-th instance of all, whichever that is */
void world_status_nth(World *world, uint64_t n, InstanceStatus status);

/** world_release_host_version() - There is a newer version of the hosts' own system */
void world_release_host_version(World *world);

/** world_break_update() - The next version does not become healthy on a host */
void world_break_update(World *world, unsigned host);

/** world_bad_host() - VMs that are created on this host from now on fail to start, or no more */
void world_bad_host(World *world, unsigned host, bool bad);

/** world_mend_all() - Every fault ends */
void world_mend_all(World *world);

/** world_check_quiet() - Long after the last fault: all that is wanted runs, and nothing else */
void world_check_quiet(World *world);

typedef struct WorldStatistics {
        uint64_t steps;        /* of the leaders' cores */
        uint64_t transactions; /* written */
        uint64_t refused;      /* transactions that a guard stopped */
        uint64_t elections;
        uint64_t placements;
        uint64_t walks;       /* guest OS walks that came to their end */
        uint64_t reverts;     /* and that did not */
        uint64_t recovery_ns; /* and to their VMs, where nothing but the lease was in the way */
        uint64_t failover_ns; /* worst time from the loss of a host to its replacements' records */
} WorldStatistics;

/** world_statistics() - What has happened so far */
WorldStatistics world_statistics(const World *world);
