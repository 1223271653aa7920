/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The part of the ruleset that is there once for each class of endpoints (CLASS_SIZE and so on). */

#include "netd/nftables-internal.h"

/* Maps from class to chain that other rules ask. */
#define CLASS_MAP     "class"
#define CLASS_ACL_MAP "class_acl"
#define MUX_MAP       "mux_class"
#define AGAIN_MAP     "again_class"
#define ERROR_MAP     "error_class"

/** batch_classes() - Append all chains, maps and rules of classes; the maps' numbers in the batch
 * begin at @first_id. The chain "acl", which CLASS_MAP leads to, is to be there before */
void batch_classes(Batch *batch, uint32_t first_id);

/** nftables_class_rules() - How many rules that are, all of the family inet */
unsigned nftables_class_rules(void);
