/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What is done to a simulated cluster: faults that last for a while, and what operators ask. */

#include <stddef.h>

#include "tests/sim/world.h"

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
        ACT_IMPORT, /* a newer guest OS, good or bad */
        ACT_SWITCH, /* one of them is disabled, or enabled again */
        ACT_CLOCK,  /* CLOCK_REALTIME of a host is set */
        ACT_LOSSY,
        ACT_SLOW,
        ACT_PARTITION, /* half of the hosts is cut off */
        ACT_UPDATE,    /* of the hosts' own system; it is broken for one of them now and then */
        ACTS,
} ActKind;

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
        bool still; /* clocks that are set stay as they are */
} Options;

/** act_to_string() - The name of a kind of act */
const char *act_to_string(ActKind kind);

/** acts_make() - The acts of a run, in the order of their beginning; the caller frees them */
Act *acts_make(const Options *options, size_t *ret_n);

/** act_begin() - Do it; @serial is unlike that of any other act of this run */
void act_begin(World *world, const Options *options, const Act *act, unsigned serial);

/** act_end() - A fault is over; nothing for what is no fault */
void act_end(World *world, const Options *options, const Act *act);
