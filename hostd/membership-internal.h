/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the files of membership share. */

#include "hostd/etcd-unit.h"
#include "hostd/join-client.h"
#include "hostd/membership.h"

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

/** membership_path() - A file of the state directory; owned, NULL when memory is short */
char *membership_path(const Membership *membership, const char *name);

/** membership_set_detail() - What membership_detail() says from now on */
void membership_set_detail(Membership *membership, const char *text);

/** membership_write_endpoints() - Write down where etcd is, for the next start. 0; negative errno
 */
int membership_write_endpoints(const Membership *membership, const char *const *urls, size_t n);

/* membership-member.c: etcd's member on this host */

/** membership_tell_systemd() - Have it run, run anew, or not: as the file says */
void membership_tell_systemd(Membership *membership);

/** membership_on_ask_again() - It was asked, and did not do it: handler of ask_again */
int membership_on_ask_again(sd_event_source *source, uint64_t usec, void *userdata);

/** membership_save_unit() - Write how the member is to run. 0; negative errno */
int membership_save_unit(Membership *membership);

/** membership_carry() - The leader's list has this host: run the member it speaks of */
void membership_carry(Membership *membership, const MembersRecord *members,
                      const ClusterMember *own);

/** membership_drop_unit() - It does not have it: run none */
void membership_drop_unit(Membership *membership);

/** membership_end_standing_alone() - etcd answers: it has forgotten the others */
void membership_end_standing_alone(Membership *membership);

/* membership-join.c: founding, joining and leaving */

/** membership_begin() - A host with no files: it founds, joins, or is out. 0; negative errno */
int membership_begin(Membership *membership);

/** membership_finish_join() - Go on after a power cut between being taken and having changed over.
 * 0; negative errno */
int membership_finish_join(Membership *membership);

/** membership_on_give_up() - Joining has ended without success: handler of give_up */
int membership_on_give_up(sd_event_source *source, void *userdata);
