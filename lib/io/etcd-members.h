/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Who carries etcd: listing its members and changing them, one at a time. */

#include "lib/io/etcd.h"

typedef enum EtcdMembersVerb {
        ETCD_MEMBERS_LIST,    /* linearisable */
        ETCD_MEMBERS_ADD,     /* @url, as a learner */
        ETCD_MEMBERS_PROMOTE, /* @id, from learner to voter */
        ETCD_MEMBERS_REMOVE,  /* @id */
        ETCD_MEMBERS_MOVE,    /* @id has its peer URL changed to @url */
} EtcdMembersVerb;

/**
 * etcd_members() - List or change the members
 * @etcd:        client
 * @verb:        what
 * @id:          of the member it is about, or 0
 * @url:         peer URL, or NULL
 * @handler:     gets the outcome (besides those of a range, MEMBER_UNKNOWN and NOT_IN_SYNC) and
 *               all members that there are now
 * @userdata:    for @handler
 * @ret_request: for etcd_cancel(); may be NULL
 *
 * Return: 0; -ENOMEM.
 */
int etcd_members(Etcd *etcd, EtcdMembersVerb verb, uint64_t id, const char *url,
                 EtcdHandler handler, void *userdata, EtcdRequest **ret_request);
