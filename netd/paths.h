/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Which hosts are reached directly, on the uplink's own segment: each is asked every few seconds by
 * a frame to the MAC address that it has for this, which its netd answers. A network that does not
 * carry such frames (another segment, a switch that knows who may send), and a host without them,
 * are found out like this, and reached by the overlay. */

#include <systemd/sd-event.h>

#include "netd/links.h"

#define PATHS_ASK_NS     (5 * NSEC_PER_SEC)
#define PATHS_UNANSWERED 3      /* in a row: not reached */
#define PATHS_ETHERTYPE  0x88b5 /* IEEE 802, local experimental */

typedef struct Paths Paths;

/**
 * PathsHandler - Whether a host is reached directly has been found out, or has changed
 *
 * Return: whether it could be carried out; else it is told again with the next answer.
 */
typedef bool (*PathsHandler)(void *userdata, const LinkPeer *peer, bool directly);

/** paths_new() - Make it on a borrowed event loop; nobody is asked yet. Return: 0; -ENOMEM; the
 * errno of sd-event */
int paths_new(sd_event *event, PathsHandler handler, void *userdata, Paths **ret_paths);

/** paths_free() - Ask nobody any more; what was found out stays in the kernel */
void paths_free(Paths *paths);
DEFINE_CLEANUP(Paths *, paths_free)

/** paths_use() - The device to ask by; "": there is none. The same again costs nothing. Return: 0;
 * -errno */
int paths_use(Paths *paths, const char *device);

/** paths_add() - Ask this host, at once and from now on; one that is asked already is no error.
 * Return: 0; -ENOMEM */
int paths_add(Paths *paths, const LinkPeer *peer);

/** paths_remove() - Ask it no more */
void paths_remove(Paths *paths, const LinkPeer *peer);
