/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* When the majority of etcd's members is lost for good, an operator has one that is left go on by
 * itself, with the state that it has. Whether the others are gone cannot be known from here: what
 * can be seen is seen, and the rest is the operator's word. */

#include "hostd/membership.h"

typedef struct Recovery Recovery;

/** RecoveryDone - This host's member goes on alone, or why not; may free the recovery */
typedef void (*RecoveryDone)(void *userdata, bool recovers, const char *why);

/**
 * recovery_new() - Ask the other members if they are there, and go on without them if too few are
 * @event:        loop
 * @membership:   borrowed; carries a member whose cluster's state cannot be reached
 * @done:         called once, after 10 s at the latest
 * @userdata:     for @done
 * @ret_recovery: owned; to be freed when @done was called, or before
 *
 * A member that answers in any way, or refuses to speak to this host, is there. As long as those
 * that are there make a majority with this one, nothing is lost, and nothing is done.
 *
 * Return: 0; negative errno.
 */
int recovery_new(sd_event *event, Membership *membership, RecoveryDone done, void *userdata,
                 Recovery **ret_recovery);

/** recovery_free() - Stop asking */
Recovery *recovery_free(Recovery *recovery);
DEFINE_CLEANUP(Recovery *, recovery_free)
