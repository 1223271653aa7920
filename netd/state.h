/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The declared state: objects by kind and key, checked, with the references between them. A change
 * is prepared as a whole, applied as a whole, and can be taken back until it is finished.
 *
 * Beside what was declared a backend carries what netd found out about it: whether it is good, and
 * so whether it is in rotation. */

#include <net/if.h>
#include <stdbool.h>

#include "lb/chain.h"
#include "lib/api/net1.h"
#include "lib/base/ip.h"
#include "lib/base/map.h"

struct Probe;

typedef enum ObjectKind {
        OBJECT_NETWORK,
        OBJECT_INSTANCE,
        OBJECT_VIP,
        OBJECT_ENDPOINT,
        OBJECT_REACH,
        OBJECT_PEER,
        OBJECT_SHARE,
        OBJECT_REMOTE,
        OBJECT_KINDS,
} ObjectKind;

/* What every object begins with. */
typedef struct Object {
        ObjectKind kind;
        char *key;
} Object;

typedef struct Network {
        Object object;
        char bridge[IFNAMSIZ];
        uint32_t vni;
        IpAddress gateway;
        unsigned prefix;
        uint32_t mtu_bytes;
} Network;

typedef struct Instance {
        Object object;
        char *network;
        char *group;
        char tap[IFNAMSIZ];
        uint8_t mac[6];
        IpAddress address;
        uint32_t owner;
} Instance;

typedef struct Vip {
        Object object;
        IpAddress address;
        char uplink[IFNAMSIZ];
        bool owned;
        uint32_t new_per_second;
} Vip;

typedef struct AclRule {
        bool permit;
        IpAddress network;
        unsigned prefix;
} AclRule;

typedef struct Endpoint Endpoint;

typedef struct Backend {
        char *instance;
        uint16_t port;
        bool ready;
        /* found out: */
        bool good;            /* its probe says so; always false without a probe */
        bool in_rotation;     /* as the kernel has it, or is about to have it */
        bool was_in_rotation; /* before the change that is being carried out */
        bool told;            /* what RotationChanged said last */
        struct Probe *probe;
        IpAddress probed; /* the address that probe asks */
        Endpoint *endpoint;
} Backend;

struct Endpoint {
        Object object;
        IpAddress vip;
        uint8_t protocol;
        uint16_t port;
        uint8_t balancing;
        bool ignore_status;
        uint32_t idle_timeout_s;
        uint8_t probe_kind;
        uint16_t probe_port;
        char *probe_path;
        uint32_t interval_ms;
        uint32_t timeout_ms;
        AclRule *acl;
        size_t n_acl;
        Backend *backends;
        size_t n_backends;
        /* found out: */
        LbChains chains;        /* of hosts' numbers; empty: all is carried here */
        LbChains chains_before; /* as long as a change is being carried out */
        bool served;            /* some host has an instance in rotation */
        bool served_before;
        bool stepped; /* what was before is to be kept */
};

typedef struct Reach {
        Object object;
        char *network;
        char *group;
        uint8_t protocol;
        uint16_t first;
        uint16_t last;
        char **from;
        size_t n_from;
} Reach;

typedef struct Peer {
        Object object;
        IpAddress address;
        bool self;
        bool alive;
        /* found out: */
        uint16_t number; /* 1 to PEER_NUMBERS - 1: what this host calls it in marks and tables */
} Peer;

typedef struct Weight {
        char *peer;
        uint32_t weight;
} Weight;

typedef struct Share {
        Object object;
        Weight *weights;
        size_t n_weights;
} Share;

typedef struct Remote {
        Object object;
        char *network;
        char *group;
        uint8_t mac[6];
        IpAddress address;
        char *peer;
} Remote;

#define PEER_NUMBERS 2048

/* All zeroes is the empty state. */
typedef struct State {
        Map objects[OBJECT_KINDS]; /* key to Object, owned */
        Map claims;                /* what only one object may have, to that Object */
        Peer *numbers[PEER_NUMBERS];
        uint16_t last_number; /* numbers are given in turn: one that is free again stays so a while
                               */
} State;

typedef struct ObjectChange {
        Object *before; /* NULL: it is new. Borrowed while planned, owned once applied */
        Object *after;  /* NULL: it goes. Owned while planned, borrowed once applied */
} ObjectChange;

/* All zeroes is no change. */
typedef struct StateChange {
        ObjectChange *objects;
        size_t n_objects;
        bool applied;
} StateChange;

/* Why a change was refused: a name of org.troupe.Net1's errors, and what to tell. */
typedef struct StateError {
        const char *name;
        char text[256];
} StateError;

enum {
        STATE_REFUSED = 1, /* the StateError says why */
};

/** state_deinit() - Free all objects; their probes must be gone */
void state_deinit(State *state);

/** state_kind_name() - "network", "instance" and so on: the kinds of the contract */
const char *state_kind_name(ObjectKind kind);

/**
 * state_plan() - Check each declared object by itself, and find what differs
 * @state:     borrowed by @ret_change
 * @wanted:    as it came from the bus; hostile
 * @replace:   what is not wanted goes; otherwise only what @wanted names as gone
 * @ret_change: to state_apply() or to state_change_deinit()
 * @error:     filled in on STATE_REFUSED
 *
 * Equal objects are no difference. Return: 0; STATE_REFUSED; -ENOMEM.
 */
int state_plan(const State *state, const Net1State *wanted, bool replace, StateChange *ret_change,
               StateError *error);

/**
 * state_apply() - Put a planned change in place, if the result holds together
 * @state:  changed
 * @change: planned on this very state; afterwards it holds what was replaced, for state_revert()
 * @error:  filled in on STATE_REFUSED
 *
 * Return: 0; STATE_REFUSED: a claim or reference is broken; -ENOMEM. On anything but 0 @state is as
 * it was.
 */
int state_apply(State *state, StateChange *change, StateError *error);

/** state_revert() - Take an applied change back; it is a planned one again. Cannot fail */
void state_revert(State *state, StateChange *change);

/** state_change_deinit() - Free what a change owns: the new objects of a planned one, the old of an
 * applied one */
void state_change_deinit(StateChange *change);

/** state_network(), state_instance(), state_endpoint() - An object by its key, or NULL */
const Network *state_network(const State *state, const char *key);
/** state_instance() - see state_network() */
const Instance *state_instance(const State *state, const char *key);
/** state_endpoint() - see state_network() */
Endpoint *state_endpoint(const State *state, const char *key);

/** state_peer() - see state_network() */
const Peer *state_peer(const State *state, const char *key);
/** state_share() - see state_network() */
const Share *state_share(const State *state, const char *key);
/** state_self() - The peer that is this host, or NULL */
const Peer *state_self(const State *state);
/** state_has_hosts() - Whether there are hosts to hand packets to */
bool state_has_hosts(const State *state);
/** state_has_remotes() - Whether a network has instances on other hosts */
bool state_has_remotes(const State *state, const char *network);
/** state_endpoint_at() - The endpoint at the VIP, protocol and port of another, or NULL */
Endpoint *state_endpoint_at(const State *state, const Endpoint *endpoint);

/**
 * state_number_peer() - Give the peer of an address the number it had when netd last ran
 * @state:   no change is under way
 * @address: from the kernel's routes
 * @number:  1 to PEER_NUMBERS - 1
 *
 * Whoever has the number now changes with it. An address that is no peer's is nothing.
 */
void state_number_peer(State *state, const IpAddress *address, uint16_t number);

/** endpoint_in_rotation() - Whether a backend should be in rotation; *ret_why is static text */
bool endpoint_in_rotation(const State *state, const Backend *backend, const char **ret_why);
