/* SPDX-License-Identifier: GPL-3.0-or-later */

/* How a host comes to be in a cluster, and out of it. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "hostd/issue.h"
#include "hostd/membership-internal.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define FOUNDER_PREFIX "founder-"
#define BUSY_NS        (30 * NSEC_PER_SEC) /* within this a cluster closes its fence, or elects */

/* A file that says why this host is in no cluster, until it is in one. */
static int set_left(const Membership *membership, const char *why)
{
        _cleanup_free_ char *path = membership_path(membership, "left");

        if (!path)
                return -ENOMEM;
        if (why)
                return file_write_atomic(AT_FDCWD, path, why, strlen(why), 0644);
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static bool has_left(Membership *membership)
{
        _cleanup_free_ char *path = membership_path(membership, "left"), *text = NULL;

        if (!path || file_read(AT_FDCWD, path, sizeof(membership->detail) - 1, &text, NULL) < 0)
                return false;
        membership_set_detail(membership, text);
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
        r = unit->members ? membership_write_endpoints(membership, urls, 1) : -ENOMEM;
        if (r == 0)
                r = membership_save_unit(membership);
        if (r == 0)
                log_notice("this host makes a cluster of its own");
        membership->state = MEMBERSHIP_IN;
        return r;
}

/* The place where a new identity is made while the old one is in use: inside of `pki`, so that its
 * files have the same group. */
static char *staging(const Membership *membership)
{
        return membership_path(membership, "pki/next");
}

/* This host has been taken: from the moment on when the certificate is written there is no way
 * back, and after a power cut the next hostd goes on from here. */
static int accept(Membership *membership, const JoinResult *result)
{
        int r;

        r = membership_write_endpoints(membership, result->members, result->n_members);
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
        membership_set_detail(membership, joined ? "" : why);
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
        membership_set_detail(membership, result->message);
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
int membership_on_give_up(sd_event_source *source, void *userdata)
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
int membership_begin(Membership *membership)
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
        membership_set_detail(membership,
                              "the join token is not a token of `troupectl cluster token`");
        return 0;
}

/* A power cut between being taken and having changed over. */
int membership_finish_join(Membership *membership)
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
