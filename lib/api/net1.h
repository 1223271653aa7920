/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* org.troupe.Net1 on the wire: the declared state of a host's network as plain structs, and their
 * encoding into and decoding out of bus messages. lib/api/org.troupe.Net1.xml is the contract and
 * says what each field means. Text is borrowed everywhere: by an encoder from its caller, by a
 * decoder from the message, so a decoded state is valid as long as its message. */

#include <stdbool.h>

#include <systemd/sd-bus.h>

#include "lib/base/macros.h"

#define NET1_NAME      "org.troupe.Net1"
#define NET1_PATH      "/org/troupe/Net1"
#define NET1_INTERFACE "org.troupe.Net1"

#define NET1_NETWORKS_MAX  4096
#define NET1_INSTANCES_MAX 16384
#define NET1_VIPS_MAX      4096
#define NET1_ENDPOINTS_MAX 65536
#define NET1_BACKENDS_MAX  1024
#define NET1_ACL_MAX       256
#define NET1_REACHES_MAX   4096
#define NET1_FROM_MAX      64
#define NET1_PEERS_MAX     1024
#define NET1_SHARES_MAX    65536
#define NET1_REMOTES_MAX   65536
#define NET1_GONE_MAX      131072
#define NET1_TEXT_MAX      128
#define NET1_PATH_MAX      1024

#define NET1_OWNER_NONE UINT32_MAX /* a tap that only root may open */

#define NET1_NETWORK_TYPE  "(ssusu)"
#define NET1_INSTANCE_TYPE "(ssssssu)"
#define NET1_VIP_TYPE      "(ssbu)"
#define NET1_ENDPOINT_TYPE "(ssyqybu(yqsuu)a(bs)a(sqb))"
#define NET1_REACH_TYPE    "(ssyqqas)"
#define NET1_PEER_TYPE     "(ssbb)"
#define NET1_SHARE_TYPE    "(sa(su))"
#define NET1_REMOTE_TYPE   "(ssssss)"
#define NET1_STATE_TYPE                                                                            \
        "a" NET1_NETWORK_TYPE "a" NET1_INSTANCE_TYPE "a" NET1_VIP_TYPE "a" NET1_ENDPOINT_TYPE      \
        "a" NET1_REACH_TYPE "a" NET1_PEER_TYPE "a" NET1_SHARE_TYPE "a" NET1_REMOTE_TYPE

typedef enum Net1Protocol {
        NET1_TCP = 6,
        NET1_UDP = 17,
} Net1Protocol;

typedef enum Net1Balancing {
        NET1_BY_TUPLE,
        NET1_BY_SOURCE,
} Net1Balancing;

typedef enum Net1ProbeKind {
        NET1_PROBE_NONE,
        NET1_PROBE_HTTP,
        NET1_PROBE_TCP,
} Net1ProbeKind;

typedef struct Net1Network {
        const char *id;
        const char *bridge;
        uint32_t vni;
        const char *gateway; /* ADDRESS/PREFIX */
        uint32_t mtu_bytes;
} Net1Network;

typedef struct Net1Instance {
        const char *id;
        const char *network;
        const char *group; /* the role */
        const char *tap;
        const char *mac;
        const char *address;
        uint32_t owner; /* user id, or NET1_OWNER_NONE */
} Net1Instance;

typedef struct Net1Vip {
        const char *address;
        const char *uplink; /* "": the default route's */
        bool owned;
        uint32_t new_per_second; /* 0: the default */
} Net1Vip;

typedef struct Net1Probe {
        uint8_t kind;  /* Net1ProbeKind */
        uint16_t port; /* 0: the backend's own */
        const char *path;
        uint32_t interval_ms;
        uint32_t timeout_ms;
} Net1Probe;

typedef struct Net1Rule {
        bool permit;
        const char *network; /* ADDRESS/PREFIX */
} Net1Rule;

typedef struct Net1Backend {
        const char *instance;
        uint16_t port;
        bool ready;
} Net1Backend;

typedef struct Net1Endpoint {
        const char *id;
        const char *vip;
        uint8_t protocol; /* Net1Protocol */
        uint16_t port;
        uint8_t balancing; /* Net1Balancing */
        bool ignore_status;
        uint32_t idle_timeout_s; /* UDP; 0: the kernel's own */
        Net1Probe probe;
        Net1Rule *acl; /* in rule order */
        size_t n_acl;
        Net1Backend *backends;
        size_t n_backends;
} Net1Endpoint;

typedef struct Net1Reach {
        const char *network;
        const char *group;
        uint8_t protocol;
        uint16_t first;
        uint16_t last;
        const char **from;
        size_t n_from;
} Net1Reach;

typedef struct Net1Peer {
        const char *id;
        const char *address;
        bool self;
        bool alive; /* packets may be handed to it */
} Net1Peer;

typedef struct Net1Weight {
        const char *peer;
        uint32_t weight;
} Net1Weight;

typedef struct Net1Share {
        const char *endpoint;
        Net1Weight *weights;
        size_t n_weights;
} Net1Share;

typedef struct Net1Remote {
        const char *id;
        const char *network;
        const char *group;
        const char *mac;
        const char *address;
        const char *peer; /* the host that has it */
} Net1Remote;

typedef struct Net1Gone {
        const char *kind;
        const char *key;
} Net1Gone;

/* All zeroes is an empty state. The arrays are owned and grow with ARRAY_APPEND(); what they point
 * to as text is borrowed. gone is used by Update only. */
typedef struct Net1State {
        Net1Network *networks;
        size_t n_networks;
        Net1Instance *instances;
        size_t n_instances;
        Net1Vip *vips;
        size_t n_vips;
        Net1Endpoint *endpoints;
        size_t n_endpoints;
        Net1Reach *reaches;
        size_t n_reaches;
        Net1Peer *peers;
        size_t n_peers;
        Net1Share *shares;
        size_t n_shares;
        Net1Remote *remotes;
        size_t n_remotes;
        Net1Gone *gone;
        size_t n_gone;
} Net1State;

/** net1_state_deinit() - Free the arrays, those of endpoints, reaches and shares too; empty after
 */
void net1_state_deinit(Net1State *state);

/**
 * net1_append_state() - Append the eight arrays of a state to a message: all arguments of Replace
 * @message: message being built
 * @state:   only its gone is not used
 *
 * Return: 0; a negative errno of sd-bus.
 */
int net1_append_state(sd_bus_message *message, const Net1State *state);

/**
 * net1_append_update() - Append all arguments of Update to a message
 * @message: message being built
 * @state:   its gone is what is deleted, the rest what is added or put in place
 *
 * Return: 0; a negative errno of sd-bus.
 */
int net1_append_update(sd_bus_message *message, const Net1State *state);

/* net1_read_*: outcomes besides 0 and a negative errno */
enum {
        NET1_TOO_LARGE = 1, /* more of something than its maximum */
};

/**
 * net1_read_state() - Read the eight arrays of a state out of a message
 * @message:   from anyone; types that are not the contract's are -ENXIO or -EBADMSG
 * @ret_state: owned arrays whose text lives as long as @message; values are as they came, only
 *             numbers of elements and lengths of text are checked
 * @ret_what:  on NET1_TOO_LARGE what there was too much of, static text
 *
 * Return: 0; NET1_TOO_LARGE; -ENOMEM; a negative errno of sd-bus. @ret_state is untouched on
 * anything but 0.
 */
int net1_read_state(sd_bus_message *message, Net1State *ret_state, const char **ret_what);

/** net1_read_update() - Read the arguments of Update, gone first; all else as net1_read_state() */
int net1_read_update(sd_bus_message *message, Net1State *ret_state, const char **ret_what);
