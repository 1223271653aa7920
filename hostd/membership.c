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

#include "hostd/membership.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "hostd/etcd-unit.h"
#include "hostd/issue.h"
#include "hostd/join-client.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define MEMBERS_BYTES_MAX (16 * KIB)
#define FOUNDER_PREFIX    "founder-"
#define ASK_AGAIN_NS      (5 * NSEC_PER_SEC)
#define BUSY_NS           (30 * NSEC_PER_SEC) /* within this a cluster closes its fence, or elects */

struct Membership {
        MembershipConfig config;
        MembershipState state;
        Identity identity;
        EtcdUnit unit;
        bool carries;     /* there is a unit */
        bool registered;  /* the cluster has known this host since hostd began */
        bool unit_change; /* systemd is to be told to restart it */
        char *endpoints[ETCD_ENDPOINTS_MAX];
        size_t n_endpoints;
        char *crl;
        Etcd *etcd;
        sd_bus *bus;
        JoinClient *join;
        Identity next;          /* of the cluster that is being joined */
        MembershipState before; /* what it is again when joining fails */
        MembershipJoined joined;
        void *joined_userdata;
        uint64_t joined_by_ns; /* so long a busy cluster is waited for */
        sd_event_source *give_up;
        sd_bus_slot *asked; /* systemd, about etcd */
        bool asked_change;  /* to restart it */
        sd_event_source *ask_again;
        RecordDetail detail;
};

static char *path_of(const Membership *membership, const char *name)
{
        return str_printf("%s/%s", membership->config.state_dir, name);
}

static void set_detail(Membership *membership, const char *text)
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

static int write_endpoints(const Membership *membership, const char *const *urls, size_t n)
{
        _cleanup_free_ char *path = path_of(membership, "members"), *text = NULL;
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
        _cleanup_free_ char *path = path_of(membership, "members"), *text = NULL;
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

/* ---- etcd's member on this host */

/* systemd asks polkit, which may have to be started first: on a machine that is slow or busy that
 * can take longer than anybody waits. */
static int on_asked(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
        const sd_bus_error *error = sd_bus_message_get_error(message);
        Membership *membership = userdata;

        membership->asked = sd_bus_slot_unref(membership->asked);
        if (!error)
                return 1;
        log_warning("systemd does not start or stop etcd, and is asked again: %s", error->message);
        membership->unit_change |= membership->asked_change;
        sd_event_source_set_time_relative(membership->ask_again, ASK_AGAIN_NS / NSEC_PER_USEC);
        sd_event_source_set_enabled(membership->ask_again, SD_EVENT_ONESHOT);
        return 1;
}

static void tell_systemd(Membership *membership)
{
        const char *verb = !membership->carries      ? "StopUnit"
                           : membership->unit_change ? "RestartUnit"
                                                     : "StartUnit";

        membership->asked = sd_bus_slot_unref(membership->asked);
        if (!membership->bus || membership->state != MEMBERSHIP_IN)
                return;
        etcd_unit_ask(membership->bus, verb, on_asked, membership, &membership->asked);
        membership->asked_change = membership->unit_change;
        membership->unit_change = false;
}

static int on_ask_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        tell_systemd(userdata);
        return 0;
}

static int save_unit(Membership *membership)
{
        int r = etcd_unit_save(membership->config.state_dir, &membership->unit,
                               &membership->identity, &membership->config.config->address);

        if (r < 0)
                return r;
        membership->carries = true;
        membership->unit_change |= r == ETCD_UNIT_CHANGED;
        return 0;
}

static void drop_unit(Membership *membership)
{
        if (!membership->carries)
                return;
        log_notice("this host does not carry a member of etcd any more");
        if (etcd_unit_remove(membership->config.state_dir) < 0)
                return;
        etcd_unit_deinit(&membership->unit);
        membership->unit = (EtcdUnit) {};
        membership->carries = false;
        tell_systemd(membership);
}

static char *list_members(const MembersRecord *members)
{
        StrBuffer text = {};
        char *taken;

        for (size_t i = 0; i < members->n_members; i++) {
                EtcdUrl url;

                str_buffer_addf(&text, "%s%s=%s", i > 0 ? "," : "", members->members[i].host,
                                etcd_unit_peer_url(&members->members[i].address, url));
        }
        return str_buffer_take(&text, &taken) == 0 ? taken : NULL;
}

/* A new member starts only when it knows all that are there: one that went meanwhile would keep it
 * from ever starting. systemd starts it again and again, and it reads what is written then. */
static void keep_members(Membership *membership, const MembersRecord *members)
{
        _cleanup_free_ char *now = list_members(members);
        bool change = membership->unit_change;

        if (!now || !membership->unit.joins || str_equal(now, membership->unit.members))
                return;
        free(membership->unit.members);
        membership->unit.members = TAKE_PTR(now);
        save_unit(membership);
        membership->unit_change = change;
}

/* A member has its data in a directory of its own number, so that what an earlier one on this host
 * left is never taken for its own. The founder's began without a number: it gets it afterwards. */
static void carry(Membership *membership, const MembersRecord *members, const ClusterMember *own)
{
        EtcdUnit *unit = &membership->unit;
        RecordName data;

        snprintf(data, sizeof(data), "%016" PRIx64, own->id);
        if (membership->carries && unit->id == 0) {
                unit->id = own->id;
                save_unit(membership);
                membership->unit_change = false;
                return;
        }
        if (membership->carries && unit->id == own->id) {
                keep_members(membership, members);
                return;
        }
        log_notice("this host carries a member of etcd from now on");
        etcd_unit_deinit(unit);
        *unit = (EtcdUnit) {.joins = true, .id = own->id, .members = list_members(members)};
        memcpy(unit->data, data, sizeof(unit->data));
        if (!unit->members || save_unit(membership) < 0) {
                log_error("cannot write how etcd is to run");
                return;
        }
        tell_systemd(membership);
}

bool membership_carries(const Membership *membership)
{
        return membership->state == MEMBERSHIP_IN && membership->carries;
}

int membership_stand_alone(Membership *membership)
{
        int r;

        membership->unit.alone = true;
        r = save_unit(membership);
        if (r < 0)
                return r;
        log_notice("this host's member of etcd goes on without the others");
        membership->unit_change = true;
        tell_systemd(membership);
        return 0;
}

/* etcd answers: the others are forgotten. Were it told so again at a later start, it would forget
 * those that have come since. */
static void end_standing_alone(Membership *membership)
{
        bool change = membership->unit_change;

        if (!membership->unit.alone)
                return;
        membership->unit.alone = false;
        if (save_unit(membership) < 0) {
                log_error("cannot write how etcd is to run");
                membership->unit.alone = true; /* once more, at the next change */
        }
        membership->unit_change = change;
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
        if (write_endpoints(membership, urls, n) < 0)
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
        end_standing_alone(membership);
        follow_revocations(membership, store);
        if (!record)
                return;
        for (size_t i = 0; i < record->members.n_members; i++)
                if (str_equal(record->members.members[i].host, membership->config.config->host))
                        own = &record->members.members[i];
        removed = was_removed(membership, store);
        follow_members(membership, &record->members, own, removed);
        if (own)
                carry(membership, &record->members, own);
        else
                drop_unit(membership);
        if (!own && removed)
                membership_leave(membership, "this host was removed from its cluster");
}

/* ---- founding and joining */

/* A file that says why this host is in no cluster, until it is in one. */
static int set_left(const Membership *membership, const char *why)
{
        _cleanup_free_ char *path = path_of(membership, "left");

        if (!path)
                return -ENOMEM;
        if (why)
                return file_write_atomic(AT_FDCWD, path, why, strlen(why), 0644);
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static bool has_left(Membership *membership)
{
        _cleanup_free_ char *path = path_of(membership, "left"), *text = NULL;

        if (!path || file_read(AT_FDCWD, path, sizeof(membership->detail) - 1, &text, NULL) < 0)
                return false;
        set_detail(membership, text);
        return true;
}

int membership_leave(Membership *membership, const char *why)
{
        int r;

        if (membership->state != MEMBERSHIP_IN)
                return -EBUSY;
        r = set_left(membership, why);
        if (r == 0)
                r = etcd_unit_remove(membership->config.state_dir);
        if (r == 0)
                r = identity_forget(&membership->identity);
        if (r < 0)
                return r;
        log_notice("%s", why);
        membership->state = MEMBERSHIP_OUT;
        if (membership->bus)
                etcd_unit_ask(membership->bus, "StopUnit", NULL, NULL, NULL);
        membership->config.restart(membership->config.userdata);
        return 0;
}

static int found(Membership *membership)
{
        const Config *config = membership->config.config;
        IpAddress addresses[PKI_ADDRESSES_MAX];
        EtcdUnit *unit = &membership->unit;
        PkiSubject subject;
        EtcdUrl peer, client;
        const char *urls[] = {etcd_unit_client_url(&(IpAddress) {}, client)};
        uint64_t number;
        int r;

        issue_subject(&(IssueRequest) {.host = config->host,
                                       .address = config->address,
                                       .now_us = clock_realtime_us(),
                                       .lifetime_s = config->certificate_s},
                      addresses, &subject);
        r = identity_found(&membership->identity, &subject, clock_realtime_us());
        if (r < 0)
                return r;
        while (getrandom(&number, sizeof(number), 0) != sizeof(number))
                ;
        snprintf(unit->data, sizeof(unit->data), FOUNDER_PREFIX "%016" PRIx64, number);
        unit->members =
                str_printf("%s=%s", config->host, etcd_unit_peer_url(&config->address, peer));
        r = unit->members ? write_endpoints(membership, urls, 1) : -ENOMEM;
        if (r == 0)
                r = save_unit(membership);
        if (r == 0)
                log_notice("this host makes a cluster of its own");
        membership->state = MEMBERSHIP_IN;
        return r;
}

/* The place where a new identity is made while the old one is in use: inside of `pki`, so that its
 * files have the same group. */
static char *staging(const Membership *membership)
{
        return path_of(membership, "pki/next");
}

/* This host has been taken: from the moment on when the certificate is written there is no way
 * back, and after a power cut the next hostd goes on from here. */
static int accept(Membership *membership, const JoinResult *result)
{
        int r;

        r = write_endpoints(membership, result->members, result->n_members);
        if (r == 0)
                r = identity_write_crl(&membership->next, result->revoked);
        if (r == 0)
                r = identity_accept(&membership->next, result->ca, result->certificate);
        return r > 0 ? -EBADMSG : r;
}

/* Makes the next identity the present one. What an own cluster had in etcd is gone with its unit.
 */
static int change_over(Membership *membership)
{
        _cleanup_free_ char *text = strdup(membership->next.certificate);
        Identity *next = &membership->next;
        int r;

        r = text ? etcd_unit_remove(membership->config.state_dir) : -ENOMEM;
        if (r == 0)
                r = identity_forget(&membership->identity);
        if (r == 0 && (rename(next->crl_path, membership->identity.crl_path) < 0 ||
                       rename(next->ca_path, membership->identity.ca_path) < 0 ||
                       rename(next->key_path, membership->identity.key_path) < 0 ||
                       rename(next->certificate_path, membership->identity.certificate_path) < 0))
                r = -errno;
        if (r == 0)
                r = set_left(membership, NULL);
        if (r == 0)
                log_notice("this host has joined a cluster");
        return r;
}

static void end_join(Membership *membership, bool joined, const char *why)
{
        MembershipJoined done = membership->joined;

        membership->joined = NULL;
        membership->state = membership->before;
        set_detail(membership, joined ? "" : why);
        if (done)
                done(membership->joined_userdata, joined, why);
}

/* The client tries again. Who waits for an answer waits for a cluster that is busy, but not for one
 * that is not there. */
static void not_yet(Membership *membership, const JoinResult *result)
{
        bool waits = result->outcome == JOIN_BUSY && clock_boottime_ns() < membership->joined_by_ns;

        if (!str_equal(membership->detail, result->message))
                log_warning("cannot join yet: %s", result->message);
        set_detail(membership, result->message);
        if (!membership->joined || waits)
                return;
        sd_event_source_set_enabled(membership->give_up, SD_EVENT_ONESHOT);
        end_join(membership, false, result->message);
}

static void on_joined(void *userdata, const JoinResult *result)
{
        Membership *membership = userdata;
        int r;

        switch (result->outcome) {
        case JOIN_DONE:
                r = accept(membership, result);
                if (r == 0)
                        r = change_over(membership);
                if (r < 0)
                        log_error_errno(r, "cannot write down that this host has joined");
                if (membership->bus)
                        etcd_unit_ask(membership->bus, "StopUnit", NULL, NULL, NULL);
                end_join(membership, r == 0, r == 0 ? "" : strerror(-r));
                membership->config.restart(membership->config.userdata);
                break;
        case JOIN_REFUSED:
                log_error("the cluster does not take this host: %s", result->message);
                end_join(membership, false, result->message);
                break;
        case JOIN_BUSY:
        case JOIN_LATER:
                not_yet(membership, result);
                break;
        }
}

/* Not from within the client's own call. */
static int on_give_up(sd_event_source *source, void *userdata)
{
        Membership *membership = userdata;

        membership->join = join_client_free(membership->join);
        return 0;
}

int membership_join(Membership *membership, const char *text, MembershipJoined done, void *userdata)
{
        const MembershipConfig *config = &membership->config;
        _cleanup_free_ char *directory = staging(membership);
        Token token;
        int r = directory ? token_parse(text, &token) : -ENOMEM;

        if (r != 0)
                return r;
        if (membership->joined)
                return -EBUSY;
        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                return -errno;
        membership->join = join_client_free(membership->join);
        identity_deinit(&membership->next);
        r = identity_load(&membership->next, directory);
        if (r >= 0)
                r = join_client_new(config->event, &membership->next, config->config, &token,
                                    on_joined, membership, &membership->join);
        explicit_bzero(&token, sizeof(token));
        if (r < 0)
                return r;
        membership->before = membership->state;
        membership->state = MEMBERSHIP_JOINING;
        membership->joined = done;
        membership->joined_userdata = userdata;
        membership->joined_by_ns = clock_boottime_ns() + BUSY_NS;
        return 0;
}

int membership_found(Membership *membership)
{
        int r;

        if (membership->state != MEMBERSHIP_OUT)
                return -EBUSY;
        r = found(membership);
        if (r == 0)
                r = set_left(membership, NULL);
        if (r == 0)
                membership->config.restart(membership->config.userdata);
        return r;
}

/* The first time ever, or after a power cut in the middle of it. */
static int begin(Membership *membership)
{
        const char *token = membership->config.config->join_token;
        int r;

        membership->state = MEMBERSHIP_OUT;
        if (has_left(membership))
                return 0;
        if (str_empty(token))
                return found(membership);
        r = membership_join(membership, token, NULL, NULL);
        if (r != TOKEN_BAD)
                return r;
        log_error("join-token: this is not a token of `troupectl cluster token`");
        set_detail(membership, "the join token is not a token of `troupectl cluster token`");
        return 0;
}

/* A power cut between being taken and having changed over. */
static int finish_join(Membership *membership)
{
        _cleanup_free_ char *directory = staging(membership);
        int r;

        if (!directory)
                return -ENOMEM;
        if (access(directory, F_OK) < 0)
                return 0;
        r = identity_load(&membership->next, directory);
        if (r == 0)
                r = change_over(membership);
        return MIN(r, 0);
}

static int add_sources(Membership *membership)
{
        int r = sd_event_add_defer(membership->config.event, &membership->give_up, on_give_up,
                                   membership);

        if (r >= 0)
                r = sd_event_source_set_enabled(membership->give_up, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(membership->config.event, &membership->ask_again,
                                      CLOCK_BOOTTIME, 0, 0, on_ask_again, membership);
        return r < 0 ? r : sd_event_source_set_enabled(membership->ask_again, SD_EVENT_OFF);
}

static int resume(Membership *membership)
{
        int r;

        membership->state = MEMBERSHIP_IN;
        r = etcd_unit_load(membership->config.state_dir, &membership->unit);
        if (r == ETCD_UNIT_NONE)
                return 0;
        return r < 0 ? r : save_unit(membership);
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
                int finished = finish_join(membership);

                identity_deinit(&membership->identity);
                r = finished < 0 ? finished
                                 : identity_load(&membership->identity, config->state_dir);
        }
        if (r == IDENTITY_NONE)
                r = begin(membership);
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
        tell_systemd(membership);
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
