/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the nftables-*.c files share: the buffer of a batch and the ruleset that fills it. */

#include "netd/nftables.h"

struct nlmsghdr;

#define NFTABLES_TABLE "troupe"

/* Netlink messages one after another. A failed growth marks it; check once at the end. */
typedef struct Batch {
        char *data;
        size_t length;
        size_t allocated;
        uint32_t seq;
        bool failed;
} Batch;

/** nftables_ruleset() - Append tables, sets, chains and rules to a batch, after deleting the tables
 * when they are there already */
void nftables_ruleset(Batch *batch, bool inet_exists, bool bridge_exists);

/** nftables_ruleset_digest() - A number that changes whenever the ruleset of this program does;
 * kept with each table. 0 when memory is short */
uint64_t nftables_ruleset_digest(void);

/** nftables_ruleset_rules() - How many rules the table of a family has */
unsigned nftables_ruleset_rules(uint8_t family);

/** batch_message() - Begin a message with room for LIMIT_MESSAGE bytes; NULL when the batch failed
 */
struct nlmsghdr *batch_message(Batch *batch, uint16_t type, uint8_t family, uint16_t flags);

/** batch_commit_message() - The message that batch_message() gave is complete */
void batch_commit_message(Batch *batch, const struct nlmsghdr *message);

/** batch_control() - Append NFNL_MSG_BATCH_BEGIN or _END */
void batch_control(Batch *batch, uint16_t type);

/** batch_elements() - Append messages that add or delete elements */
void batch_elements(Batch *batch, bool add, const Elements *elements);

/** nftables_parse_elements() - Append the elements of one answer to a dump. Return: 0; -ENOMEM */
int nftables_parse_elements(const struct nlmsghdr *message, ElementSet set, Elements *elements);
