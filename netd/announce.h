/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Announcing owned VIPs: gratuitous ARP in a burst when one is taken over, because any one packet
 * may be lost, and again from time to time for neighbours that missed the burst. */

#include <net/if.h>

#include <systemd/sd-event.h>

#include "lib/base/ip.h"

typedef struct Announcer Announcer;

/** announcer_new() - Make an announcer on a borrowed event loop. Return: 0; -ENOMEM; the errno of
 * sd-event */
int announcer_new(sd_event *event, Announcer **ret_announcer);

/** announcer_free() - Stop announcing everything */
void announcer_free(Announcer *announcer);
DEFINE_CLEANUP(Announcer *, announcer_free)

/** announcer_add() - Begin to announce a VIP on an interface, with a burst. Return: 0; -ENOMEM; the
 * errno of sd-event */
int announcer_add(Announcer *announcer, const IpAddress *vip, const char *uplink);

/** announcer_remove() - Stop announcing a VIP; one that is not announced is no error */
void announcer_remove(Announcer *announcer, const IpAddress *vip);
