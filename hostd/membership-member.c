/* SPDX-License-Identifier: GPL-3.0-or-later */

/* etcd's member on this host: systemd runs it as a file says, from boot on, and is told when the
 * file has changed. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hostd/membership-internal.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define ASK_AGAIN_NS (5 * NSEC_PER_SEC)

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

void membership_tell_systemd(Membership *membership)
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

int membership_on_ask_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        membership_tell_systemd(userdata);
        return 0;
}

int membership_save_unit(Membership *membership)
{
        int r = etcd_unit_save(membership->config.state_dir, &membership->unit,
                               &membership->identity, &membership->config.config->address);

        if (r < 0)
                return r;
        membership->carries = true;
        membership->unit_change |= r == ETCD_UNIT_CHANGED;
        return 0;
}

void membership_drop_unit(Membership *membership)
{
        if (!membership->carries)
                return;
        log_notice("this host does not carry a member of etcd any more");
        if (etcd_unit_remove(membership->config.state_dir) < 0)
                return;
        etcd_unit_deinit(&membership->unit);
        membership->unit = (EtcdUnit) {};
        membership->carries = false;
        membership_tell_systemd(membership);
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
        membership_save_unit(membership);
        membership->unit_change = change;
}

/* A member has its data in a directory of its own number, so that what an earlier one on this host
 * left is never taken for its own. The founder's began without a number: it gets it afterwards. */
void membership_carry(Membership *membership, const MembersRecord *members,
                      const ClusterMember *own)
{
        EtcdUnit *unit = &membership->unit;
        RecordName data;

        snprintf(data, sizeof(data), "%016" PRIx64, own->id);
        if (membership->carries && unit->id == 0) {
                unit->id = own->id;
                membership_save_unit(membership);
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
        if (!unit->members || membership_save_unit(membership) < 0) {
                log_error("cannot write how etcd is to run");
                return;
        }
        membership_tell_systemd(membership);
}

bool membership_carries(const Membership *membership)
{
        return membership->state == MEMBERSHIP_IN && membership->carries;
}

int membership_stand_alone(Membership *membership)
{
        int r;

        membership->unit.alone = true;
        r = membership_save_unit(membership);
        if (r < 0)
                return r;
        log_notice("this host's member of etcd goes on without the others");
        membership->unit_change = true;
        membership_tell_systemd(membership);
        return 0;
}

/* etcd answers: the others are forgotten. Were it told so again at a later start, it would forget
 * those that have come since. */
void membership_end_standing_alone(Membership *membership)
{
        bool change = membership->unit_change;

        if (!membership->unit.alone)
                return;
        membership->unit.alone = false;
        if (membership_save_unit(membership) < 0) {
                log_error("cannot write how etcd is to run");
                membership->unit.alone = true; /* once more, at the next change */
        }
        membership->unit_change = change;
}
