/* SPDX-License-Identifier: GPL-3.0-or-later */
/* etcd's Cluster service on the JSON gateway.
 *
 * Source: etcd v3.5 rpc.proto, service Cluster */

#include "lib/io/etcd-members.h"

#include <inttypes.h>

#include "lib/base/str.h"
#include "lib/io/etcd-internal.h"

static const char *const paths[] = {
        [ETCD_MEMBERS_LIST] = "/v3/cluster/member/list",
        [ETCD_MEMBERS_ADD] = "/v3/cluster/member/add",
        [ETCD_MEMBERS_PROMOTE] = "/v3/cluster/member/promote",
        [ETCD_MEMBERS_REMOVE] = "/v3/cluster/member/remove",
        [ETCD_MEMBERS_MOVE] = "/v3/cluster/member/update",
};

/* URLs are made of addresses: nothing in them needs escaping. */
static char *body_of(EtcdMembersVerb verb, uint64_t id, const char *url)
{
        switch (verb) {
        case ETCD_MEMBERS_LIST:
                return str_printf("{\"linearizable\":true}");
        case ETCD_MEMBERS_ADD:
                return str_printf("{\"peerURLs\":[\"%s\"],\"isLearner\":true}", url);
        case ETCD_MEMBERS_MOVE:
                return str_printf("{\"ID\":\"%" PRIu64 "\",\"peerURLs\":[\"%s\"]}", id, url);
        case ETCD_MEMBERS_PROMOTE:
        case ETCD_MEMBERS_REMOVE:
                return str_printf("{\"ID\":\"%" PRIu64 "\"}", id);
        }
        return NULL;
}

int etcd_members(Etcd *etcd, EtcdMembersVerb verb, uint64_t id, const char *url,
                 EtcdHandler handler, void *userdata, EtcdRequest **ret_request)
{
        return etcd_post(etcd, paths[verb], body_of(verb, id, url), handler, userdata, ret_request);
}
