/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Whether this host belongs to a cluster, and how it comes to: it founds one, joins one with a
 * token, or is out. And its part in carrying etcd: it runs a member when the leader says so
 * (RECORD_MEMBERS), and knows where the others are, also after all of them were switched off. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "hostd/config.h"
#include "hostd/identity.h"
#include "hostd/store.h"
#include "lib/io/etcd.h"

typedef enum MembershipState {
        MEMBERSHIP_EXTERNAL, /* etcd is somebody else's affair: this host does what it is told */
        MEMBERSHIP_JOINING,
        MEMBERSHIP_IN,
        MEMBERSHIP_OUT, /* left, or was refused */
} MembershipState;

typedef struct Membership Membership;

typedef struct MembershipConfig {
        sd_event *event;
        const Config *config; /* borrowed */
        const char *state_dir;
        /* everything is another one now: hostd is to begin anew */
        void (*restart)(void *userdata);
        void *userdata;
} MembershipConfig;

/**
 * membership_new() - Find out what this host is, or make it the founder of a cluster
 * @config:         copied
 * @ret_membership: owned
 *
 * Return: 0; negative errno.
 */
int membership_new(const MembershipConfig *config, Membership **ret_membership);

/** membership_free() - Free it; etcd's member goes on */
Membership *membership_free(Membership *membership);
DEFINE_CLEANUP(Membership *, membership_free)

/** membership_etcd_config() - Where etcd is and what it is spoken to with; borrowed */
void membership_etcd_config(const Membership *membership, EtcdConfig *ret_config);

/** membership_set_etcd() - The client whose endpoints are to follow the members; borrowed */
void membership_set_etcd(Membership *membership, Etcd *etcd);

/** membership_set_bus() - The system bus is there (again), or NULL: to ask systemd */
void membership_set_bus(Membership *membership, sd_bus *bus);

/** membership_state() - What this host is */
MembershipState membership_state(const Membership *membership);

/** membership_detail() - For people: what it waits for, or why it is out; "" when all is well */
const char *membership_detail(const Membership *membership);

/** membership_identity() - Who this host is; borrowed */
const Identity *membership_identity(const Membership *membership);

/** membership_synced() - The copy of the cluster's state is complete: do what it says */
void membership_synced(Membership *membership, const Store *store);

/** membership_identity_change() - As membership_identity(), to put another certificate in */
Identity *membership_identity_change(Membership *membership);

/** membership_carries() - Whether this host has a member of etcd */
bool membership_carries(const Membership *membership);

/**
 * membership_stand_alone() - Have this host's member of etcd go on without all the others
 * @membership: carries a member
 *
 * The others are gone from the cluster when it has started again. Whoever calls this knows that
 * they are lost: where they are not, there are two clusters with the same name and the same
 * instances.
 *
 * Return: 0; negative errno.
 */
int membership_stand_alone(Membership *membership);

/**
 * membership_leave() - Be out of the cluster: forget who this host is
 * @membership: membership
 * @why:        for people, shown until it joins or founds one
 *
 * hostd begins anew. What the cluster knows of this host is not touched.
 *
 * Return: 0; negative errno.
 */
int membership_leave(Membership *membership, const char *why);

/** membership_found() - Make a cluster of this host, which is out; hostd begins anew. 0; -errno */
int membership_found(Membership *membership);

/** MembershipJoined - Whether it joined, or why not; hostd begins anew after it did */
typedef void (*MembershipJoined)(void *userdata, bool joined, const char *why);

/**
 * membership_join() - Join a cluster, leaving what this host is now
 * @membership: membership
 * @token:      text
 * @done:       called once; NULL: it is tried until the cluster says yes or no
 * @userdata:   for @done
 *
 * What this host is does not change before the cluster has taken it.
 *
 * Return: 0; TOKEN_BAD; negative errno.
 */
int membership_join(Membership *membership, const char *token, MembershipJoined done,
                    void *userdata);
