/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which hosts carry etcd, and what is the next step there. Beside the core, because who votes is
 * etcd's own state, not a record: the leader lists the members, asks here, takes one step, and
 * lists again. */

#include <stdbool.h>

#include "lib/api/records.h"

#define VOTERS_HOSTS_MAX 10000

typedef enum VoterRole {
        VOTER_NONE,      /* carries no member */
        VOTER_ADDED,     /* a learner that has not caught up yet, as far as is known */
        VOTER_CAUGHT_UP, /* a learner that could vote */
        VOTER_VOTES,
} VoterRole;

/* A host, or a member of etcd whose host is unknown: then it is not @wanted and has no name. */
typedef struct VoterHost {
        const char *name; /* borrowed; distinct, "" for an unknown one */
        const char *fault_domain;
        VoterRole role;
        bool alive;
        bool wanted;      /* a host of the cluster: it may carry one */
        bool draining;    /* it keeps its vote until another host has one in its place */
        uint64_t lost_ns; /* when it was seen lost, if it is not alive */
} VoterHost;

typedef enum VoterStep {
        VOTER_REST,    /* all is as it should be, or nothing can be done */
        VOTER_ADD,     /* make it a learner */
        VOTER_PROMOTE, /* let the learner vote */
        VOTER_REMOVE,  /* take the member out */
} VoterStep;

typedef struct VoterSettings {
        uint64_t patience_ns; /* a lost voter is replaced after this */
} VoterSettings;

/**
 * voters_target() - How many voters there should be
 * @hosts:   all
 * @n_hosts: at most VOTERS_HOSTS_MAX
 *
 * 5 for five wanted hosts or more in at least three fault domains, else 3 for three or more, else
 * 1: two voters survive less than one does, for either's loss stops both.
 */
unsigned voters_target(const VoterHost *hosts, size_t n_hosts);

/**
 * voters_step() - The next step towards that many voters, spread over fault domains
 * @hosts:     all hosts, and all members of etcd
 * @n_hosts:   at most VOTERS_HOSTS_MAX
 * @settings:  settings
 * @now_ns:    on the clock of lost_ns
 * @ret_index: host that the step is about; unless VOTER_REST
 *
 * Where five are wanted and no more than three hosts live, it is three: three voters that live
 * survive a loss, and five of which two are dead do not.
 *
 * Never takes a step after which the voters that are alive are no majority, nor one that brings
 * their number to an even count unless there is a host for the next step. A lost voter is taken out
 * before its successor is added, for etcd adds nobody while one is away: the living voters then
 * tolerate as many losses as before.
 *
 * Return: the step. Same input, same output.
 */
VoterStep voters_step(const VoterHost *hosts, size_t n_hosts, const VoterSettings *settings,
                      uint64_t now_ns, size_t *ret_index);

/**
 * voters_in_haste() - Whether a learner is waited for whose vote makes their number odd again
 * @hosts:   all hosts, and all members of etcd
 * @n_hosts: at most VOTERS_HOSTS_MAX
 *
 * Of two voters neither may be lost, of four only one as of three: the leader looks again at once.
 */
bool voters_in_haste(const VoterHost *hosts, size_t n_hosts);

/** voter_step_to_string() - `rest`, `add`, `promote`, `remove` */
const char *voter_step_to_string(VoterStep step);
