/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Where the elements of each set live, and what makes the sets. */

#include "netd/nftables-internal.h"

typedef struct SetPlace {
        const char *name;
        uint8_t family; /* NFPROTO_INET or NFPROTO_BRIDGE */
        uint8_t key_length;
        uint8_t data_length; /* 0: a set */
        bool interval;
        bool object;       /* elements name an object, which is their data */
        bool rate;         /* elements carry a limit, whose rate is their data */
        uint32_t key_type; /* what `nft list` shows it as */
        uint32_t data_type;
} SetPlace;

/** nftables_set() - Where the elements of a set live; static */
const SetPlace *nftables_set(ElementSet set);

/** batch_set() - Append a new set or map; @id is its own in this batch, @verdicts: a map to
 * verdicts */
void batch_set(Batch *batch, const SetPlace *place, uint32_t id, bool verdicts);

/** batch_verdicts() - Append a new map from class to chain and begin the message with its elements,
 * for batch_commit_message(); NULL when the batch failed */
struct nlmsghdr *batch_verdicts(Batch *batch, const char *name, uint32_t id);

/** put_verdict() - Add an element, within the nest NFTA_SET_ELEM_LIST_ELEMENTS: @code is NFT_GOTO
 * or NFT_JUMP */
void put_verdict(struct nlmsghdr *message, uint32_t class, uint32_t code, const char *chain);
