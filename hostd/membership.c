/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is decided here is done by files, so that it outlives a power cut:
 *
 *   pki/       there and whole: this host is in a cluster
 *   etcd.env   there: it carries a member of etcd, which systemd runs from boot on
 *   members    where etcd was last known to be; read at start, written when that changes
 *   left       there: this host is out, and founds nothing by itself
 *
 *   no files --token--> JOINING --admitted--> hostd begins anew, IN
 *      |                   +------refused---> OUT
 *      +--no token: founds a cluster of one --> IN
 */

#include <fcntl.h>
#include <stdio.h>

#include "hostd/issue.h"
#include "hostd/membership-internal.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define MEMBERS_BYTES_MAX (16 * KIB)

char *membership_path(const Membership *membership, const char *name)
{
        return str_printf("%s/%s", membership->config.state_dir, name);
}

void membership_set_detail(Membership *membership, const char *text)
{
        snprintf(membership->detail, sizeof(membership->detail), "%s", text);
}

/* ---- endpoints */

static void clear_endpoints(Membership *membership)
{
        while (membership->n_endpoints > 0)
                free(membership->endpoints[--membership->n_endpoints]);
}

static int add_endpoint(Membership *membership, const char *url)
{
        char *copy;

        if (membership->n_endpoints == ETCD_ENDPOINTS_MAX)
                return 0;
        copy = strdup(url);
        if (!copy)
                return -ENOMEM;
        membership->endpoints[membership->n_endpoints++] = copy;
        return 0;
}

int membership_write_endpoints(const Membership *membership, const char *const *urls, size_t n)
{
        _cleanup_free_ char *path = membership_path(membership, "members"), *text = NULL;
        StrBuffer buffer = {};
        int r;

        for (size_t i = 0; i < n; i++)
                str_buffer_addf(&buffer, "%s\n", urls[i]);
        r = str_buffer_take(&buffer, &text);
        if (r < 0 || !path)
                return -ENOMEM;
        return file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644);
}

/* What was known last; a host that carries a member has it at hand. */
static int read_endpoints(Membership *membership)
{
        _cleanup_free_ char *path = membership_path(membership, "members"), *text = NULL;
        EtcdUrl own;
        char *save = NULL;
        int r;

        clear_endpoints(membership);
        if (!path)
                return -ENOMEM;
        r = file_read(AT_FDCWD, path, MEMBERS_BYTES_MAX, &text, NULL);
        if (r < 0 && r != -ENOENT)
                return r;
        r = 0;
        for (char *url = text ? strtok_r(text, "\n", &save) : NULL; url && r == 0;
             url = strtok_r(NULL, "\n", &save))
                r = add_endpoint(membership, url);
        if (r == 0 && membership->n_endpoints == 0)
                r = add_endpoint(membership, etcd_unit_client_url(&(IpAddress) {}, own));
        return r;
}

/* ---- what the cluster's state says */

/* @own is asked first, if it is to be asked at all: a host that was removed would not hear of its
 * member's end from that member. */
static void follow_members(Membership *membership, const MembersRecord *members,
                           const ClusterMember *own, bool removed)
{
        const char *urls[ETCD_ENDPOINTS_MAX];
        EtcdUrl texts[ETCD_ENDPOINTS_MAX];
        size_t n = 0, first = 0;
        bool same;

        if (own && !own->learner && !removed)
                urls[n++] = etcd_unit_client_url(&(IpAddress) {}, texts[0]);
        else if (members->n_members > 0) /* so that not all ask the same one */
                first = (size_t) (hash_text(membership->config.config->host, 0) %
                                  members->n_members);
        for (size_t i = 0; i < members->n_members && n < ETCD_ENDPOINTS_MAX; i++) {
                const ClusterMember *member = &members->members[(first + i) % members->n_members];

                if (member->learner || member == own)
                        continue;
                urls[n] = etcd_unit_client_url(&member->address, texts[n]);
                n++;
        }
        same = n == membership->n_endpoints;
        for (size_t i = 0; same && i < n; i++)
                same = str_equal(urls[i], membership->endpoints[i]);
        if (same || n == 0)
                return;
        clear_endpoints(membership);
        for (size_t i = 0; i < n; i++)
                if (add_endpoint(membership, urls[i]) < 0)
                        return;
        if (membership_write_endpoints(membership, urls, n) < 0)
                log_warning("cannot write down where etcd's members are");
        if (membership->etcd)
                etcd_set_endpoints(membership->etcd, urls, n);
}

static void follow_revocations(Membership *membership, const Store *store)
{
        _cleanup_free_ char *digest = NULL, *list = NULL;
        StrBuffer serials = {};

        str_buffer_add(&serials, "-");
        MAP_FOREACH (entry, store_records(store, RECORD_ISSUED)) {
                const IssuedRecord *issued = &((const Record *) entry->value)->issued;

                if (issued->revoked)
                        str_buffer_addf(&serials, "%s ", issued->serial);
        }
        if (str_buffer_take(&serials, &digest) < 0 || str_equal(digest, membership->crl))
                return;
        if (issue_revoked(store, clock_realtime_us(), &list) != 0 ||
            identity_write_crl(&membership->identity, list) < 0)
                return;
        free(membership->crl);
        membership->crl = TAKE_PTR(digest);
}

/* The record of a host goes when an operator removes it, and never otherwise. Its member of etcd
 * has gone before it takes leave, or the others would be short of a voter. */
static bool was_removed(Membership *membership, const Store *store)
{
        bool there = store_named(store, RECORD_HOST, membership->config.config->host) != NULL;

        membership->registered |= there;
        return membership->registered && !there;
}

void membership_synced(Membership *membership, const Store *store)
{
        const Record *cluster = store_named(store, RECORD_CLUSTER, "");
        const Record *record = store_named(store, RECORD_MEMBERS, "");
        const ClusterMember *own = NULL;
        bool removed;

        if (membership->state != MEMBERSHIP_IN || !cluster)
                return;
        if (membership->identity.ca_key && cluster->cluster.ca_key &&
            identity_forget_ca_key(&membership->identity) < 0)
                log_warning("cannot remove the file with the CA's key");
        membership_end_standing_alone(membership);
        follow_revocations(membership, store);
        if (!record)
                return;
        for (size_t i = 0; i < record->members.n_members; i++)
                if (str_equal(record->members.members[i].host, membership->config.config->host))
                        own = &record->members.members[i];
        removed = was_removed(membership, store);
        follow_members(membership, &record->members, own, removed);
        if (own)
                membership_carry(membership, &record->members, own);
        else
                membership_drop_unit(membership);
        if (!own && removed)
                membership_leave(membership, "this host was removed from its cluster");
}

static int add_sources(Membership *membership)
{
        int r = sd_event_add_defer(membership->config.event, &membership->give_up,
                                   membership_on_give_up, membership);

        if (r >= 0)
                r = sd_event_source_set_enabled(membership->give_up, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(membership->config.event, &membership->ask_again,
                                      CLOCK_BOOTTIME, 0, 0, membership_on_ask_again, membership);
        return r < 0 ? r : sd_event_source_set_enabled(membership->ask_again, SD_EVENT_OFF);
}

static int resume(Membership *membership)
{
        int r;

        membership->state = MEMBERSHIP_IN;
        r = etcd_unit_load(membership->config.state_dir, &membership->unit);
        if (r == ETCD_UNIT_NONE)
                return 0;
        return r < 0 ? r : membership_save_unit(membership);
}

int membership_new(const MembershipConfig *config, Membership **ret_membership)
{
        _cleanup_(membership_freep) Membership *membership = calloc(1, sizeof(*membership));
        int r;

        if (!membership)
                return -ENOMEM;
        membership->config = *config;
        if (config->config->n_etcd > 0) {
                /* the other hosts are known by the files that somebody has put here, if any */
                r = identity_load(&membership->identity, config->state_dir);
                if (r < 0)
                        return r;
                *ret_membership = TAKE_PTR(membership);
                return 0;
        }
        r = add_sources(membership);
        if (r == 0)
                r = identity_load(&membership->identity, config->state_dir);
        if (r >= 0) {
                int finished = membership_finish_join(membership);

                identity_deinit(&membership->identity);
                r = finished < 0 ? finished
                                 : identity_load(&membership->identity, config->state_dir);
        }
        if (r == IDENTITY_NONE)
                r = membership_begin(membership);
        else if (r == 0)
                r = resume(membership);
        if (r == 0)
                r = read_endpoints(membership);
        if (r < 0)
                return r;
        *ret_membership = TAKE_PTR(membership);
        return 0;
}

Membership *membership_free(Membership *membership)
{
        if (!membership)
                return NULL;
        join_client_free(membership->join);
        clear_endpoints(membership);
        etcd_unit_deinit(&membership->unit);
        identity_deinit(&membership->identity);
        identity_deinit(&membership->next);
        sd_event_source_disable_unref(membership->give_up);
        sd_event_source_disable_unref(membership->ask_again);
        sd_bus_slot_unref(membership->asked);
        free(membership->crl);
        free(membership);
        return NULL;
}

void membership_etcd_config(const Membership *membership, EtcdConfig *ret_config)
{
        const Config *config = membership->config.config;

        if (membership->state == MEMBERSHIP_EXTERNAL) {
                *ret_config = (EtcdConfig) {.endpoints = (const char *const *) config->etcd,
                                            .n_endpoints = config->n_etcd};
                return;
        }
        *ret_config = (EtcdConfig) {
                .endpoints = (const char *const *) membership->endpoints,
                .n_endpoints = membership->n_endpoints,
                .ca_path = membership->identity.ca_path,
                .certificate_path = membership->identity.certificate_path,
                .key_path = membership->identity.key_path,
        };
}

void membership_set_etcd(Membership *membership, Etcd *etcd)
{
        membership->etcd = etcd;
}

void membership_set_bus(Membership *membership, sd_bus *bus)
{
        membership->bus = bus;
        membership_tell_systemd(membership);
}

MembershipState membership_state(const Membership *membership)
{
        return membership->state;
}

const char *membership_detail(const Membership *membership)
{
        return membership->detail;
}

Identity *membership_identity_change(Membership *membership)
{
        return &membership->identity;
}

const Identity *membership_identity(const Membership *membership)
{
        return &membership->identity;
}
