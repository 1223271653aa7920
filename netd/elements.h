/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the declared state comes to in the kernel's sets and maps: a pure function of an object and
 * of what it refers to. netd's ruleset is constant; everything that changes is elements, so the
 * difference of two lists of elements is all that a change writes. */

#include "netd/state.h"

#define ELEMENT_KEY_MAX  28
#define ELEMENT_DATA_MAX 8

typedef enum ElementSet {
        /* table inet troupe */
        SET_BRIDGE,   /* interface: the bridges of deployments */
        SET_OVERLAY,  /* interval: guests' addresses */
        SET_PEER,     /* address: hosts */
        SET_VIP,      /* address */
        SET_RATE,     /* address, with a limit of new connections; data: its rate */
        SET_ENDPOINT, /* vip . protocol . port : class */
        SET_BUCKET,   /* vip . protocol . port . bucket : address . port */
        SET_DENIED,   /* interval: vip . protocol . port . client */
        SET_IDLE,     /* vip . protocol . port : name of the object with its idle timeout */
        SET_OWN,      /* address: this host's own */
        SET_SELF,     /* interface: what leaves through it has this address as its source */
        SET_SHARE,    /* vip . protocol . port : class of the table of hosts */
        SET_HOST,  /* vip . protocol . port . bucket : mark of the host that has it, not this one */
        SET_AGAIN, /* vip . protocol . port . bucket . hop : mark of the host to be asked next */
        SET_SERVED, /* as SET_SHARE, if any host has an instance in rotation */
        SET_FENCED, /* NFPROTO_IPV4, while all VIPs are closed */
        /* table bridge troupe */
        SET_TAP,     /* interface */
        SET_GUEST,   /* interface . MAC . address */
        SET_GROUP,   /* address : group, where the network has reach rules */
        SET_GUARDED, /* interval: address . protocol . port */
        SET_REACH,   /* interval: from group . address . protocol . port */
        SETS,
} ElementSet;

/* An endpoint's class: which chain of the ruleset picks its bucket. */
#define CLASS_SIZE   0x0f /* index of lb_size() */
#define CLASS_STICKY 0x10 /* by client address alone */
#define CLASS_ACL    0x20 /* SET_DENIED is to be asked first */
#define CLASS_VALID  0x40 /* in every class: the connection's mark, which it becomes, is not 0 */

/* A mark names a host to hand the packet to, and how many have been asked on the way. The overlay
 * carries the second (as VXLAN's group policy), so that asking ends. */
#define MARK_HOST_SHIFT 16
#define MARK_HOST       0xffff0000
#define MARK_HOP        0x0000ffff

#define FABRIC_LINK "tx0" /* the overlay between hosts */
/* What leads to hosts on the same segment without it. The ruleset knows both by the first three
 * bytes of their names. */
#define FABRIC_DIRECT FABRIC_LINK "d"

/* Idle timeouts come in whole minutes, each an object of the ruleset. */
#define IDLE_MINUTES_MAX 30
#define IDLE_NAME        "idle%u"

typedef struct Element {
        uint8_t set;
        bool end; /* the end of an interval, exclusive */
        uint8_t key_length;
        uint8_t data_length;
        uint8_t key[ELEMENT_KEY_MAX];
        uint8_t data[ELEMENT_DATA_MAX];
} Element;

typedef struct Elements {
        Element *items;
        size_t n_items;
        bool sorted;
} Elements;

/** elements_deinit() - Free a list; empty afterwards */
void elements_deinit(Elements *elements);

/** elements_add() - Append one element. Return: 0; -ENOMEM */
int elements_add(Elements *elements, const Element *element);

/**
 * elements_of() - Append what an object comes to
 * @elements: list
 * @state:    what the object refers to
 * @object:   any; of an endpoint the backends' in_rotation decides; an instance includes the reach
 *            rules for it
 *
 * Return: 0; -ENOMEM.
 */
int elements_of(Elements *elements, const State *state, const Object *object);

/** elements_sort() - Sort, and drop doubles; elements_diff() needs it */
void elements_sort(Elements *elements);

/**
 * elements_diff() - What to delete and what to add to get from one list to another
 * @before: sorted
 * @after:  sorted
 * @gone:   appended to; a key whose data changes is in both
 * @new:    appended to
 *
 * Return: 0; -ENOMEM.
 */
int elements_diff(const Elements *before, const Elements *after, Elements *gone, Elements *new);

/** element_fenced() - The element that closes all VIPs */
Element element_fenced(void);

/**
 * elements_recall() - The chains that an endpoint's elements were made of
 * @elements:   sorted, as the kernel had them
 * @state:      numbers of hosts are those that the elements were made with
 * @endpoint:   whose
 * @ret_chains: owned; empty when there are no elements
 *
 * This host itself is remembered only where it has the bucket. Return: 0; -ENOMEM.
 */
int elements_recall(const Elements *elements, const State *state, const Endpoint *endpoint,
                    LbChains *ret_chains);

/** elements_find() - Index of the first element of a set whose key begins with these bytes, or of
 * what would follow it; @elements is sorted */
size_t elements_find(const Elements *elements, ElementSet set, const uint8_t *key, size_t length);

/** element_endpoint_key() - The first words of an endpoint's keys: vip . protocol . port */
void element_endpoint_key(const Endpoint *endpoint, uint8_t key[static 12]);
