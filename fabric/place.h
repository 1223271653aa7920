/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Placement: which host an instance goes to. An index over all hosts that may be used, kept current
 * as room is taken and given back, answers in a time that grows with the size of the role and only
 * with the logarithm of the number of hosts. */

#include <stdbool.h>

#include "fabric/tree.h"

#define PLACE_NONE UINT32_MAX

/* What an instance needs of a host, or a host has. */
typedef struct PlaceSize {
        uint64_t vcpus;
        uint64_t memory_bytes;
        uint64_t disk_bytes;
} PlaceSize;

typedef struct PlaceHost {
        TreeNode node; /* in its domain's tree while usable; the key is its free memory */
        PlaceSize capacity;
        PlaceSize used;
        uint32_t domain;
        bool usable;
} PlaceHost;

typedef struct PlaceDomain {
        TreeNode node;       /* in the tree of domains; the key falls as free memory grows */
        uint32_t root;       /* of its usable hosts' tree */
        uint64_t free_bytes; /* of its usable hosts together */
} PlaceDomain;

typedef struct Place {
        PlaceHost *hosts;
        uint32_t n_hosts;
        PlaceDomain *domains;
        uint32_t n_domains;
        uint32_t root; /* of the domains' tree */
} Place;

/* How often something occurs, by its index; all zero is empty. */
typedef struct PlaceCounts {
        struct PlaceCount {
                uint32_t index, count;
        } *slots;
        uint32_t n_slots, n_used;
} PlaceCounts;

/* Where the instances of one role are. All zero is nowhere. */
typedef struct PlaceSpread {
        PlaceCounts hosts;
        PlaceCounts domains;
} PlaceSpread;

enum {
        PLACE_NO_ROOM = 1,
};

/** place_init() - An index without hosts */
void place_init(Place *place);

/** place_deinit() - Free the index's memory */
void place_deinit(Place *place);

/**
 * place_domain_add() - Add a fault domain
 * @place: index
 * @tie:   stable hash of its name
 * @ret:   its index
 *
 * Return: 0; -ENOMEM.
 */
int place_domain_add(Place *place, uint64_t tie, uint32_t *ret);

/**
 * place_host_add() - Add a host, without capacity and not usable
 * @place: index
 * @tie:   stable hash of its name
 * @ret:   its index
 *
 * Return: 0; -ENOMEM.
 */
int place_host_add(Place *place, uint64_t tie, uint32_t *ret);

/**
 * place_host_set() - Say what a host has, where it is and whether it may be used
 * @place:    index
 * @host:     host
 * @domain:   its fault domain
 * @capacity: what instances may use of it
 * @usable:   new instances may go there
 */
void place_host_set(Place *place, uint32_t host, uint32_t domain, const PlaceSize *capacity,
                    bool usable);

/** place_take() - An instance is on a host now: also when there is no room, or it is not usable */
void place_take(Place *place, uint32_t host, const PlaceSize *size);

/** place_give() - An instance is on a host no more */
void place_give(Place *place, uint32_t host, const PlaceSize *size);

/**
 * place_pick() - Choose a host for one more instance of a role; takes nothing
 * @place:    index
 * @spread:   where the role's instances are
 * @size:     what the instance needs
 * @avoid:    a host that is not to be chosen, or PLACE_NONE
 * @ret_host: host
 *
 * The fault domain with the fewest instances of the role, then the one with the most free memory;
 * in it the host with the fewest instances of the role, then the one where the least memory stays
 * free (best fit: big sizes go on finding room); ties by the stable hash.
 *
 * Return: 0; PLACE_NO_ROOM.
 */
int place_pick(const Place *place, const PlaceSpread *spread, const PlaceSize *size, uint32_t avoid,
               uint32_t *ret_host);

/**
 * place_spread_add() - One more instance of the role is on a host
 *
 * Return: 0; -ENOMEM, and then nothing has changed.
 */
int place_spread_add(PlaceSpread *spread, const Place *place, uint32_t host);

/** place_spread_deinit() - Free a spread's memory; it is empty afterwards */
void place_spread_deinit(PlaceSpread *spread);
