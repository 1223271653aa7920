/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What a configuration makes of the guest before anything of the role runs, and again when it
 * changes: network, host name, disks, certificates, nginx.conf, the role environment's file. */

#include <sys/types.h>

#include "lib/api/agent-protocol.h"

#define GUEST_SETUP_USER "troupe-role"

typedef struct GuestSetup {
        const char *runtime; /* "/run/troupe" */
        uid_t uid;           /* the role's user */
        gid_t gid;
        bool nginx_stale;    /* a file was changed that it has read: for who tells it to clear */
        char local_disk[64]; /* on GUEST_SETUP_FORMAT */
        char problem[512];   /* on failure, which step failed */
} GuestSetup;

enum { GUEST_SETUP_FORMAT = 1 };

/**
 * guest_setup_init() - Find the role's user
 * @setup:   filled in
 * @runtime: borrowed
 *
 * Return: 0; -ESRCH when there is no GUEST_SETUP_USER.
 */
int guest_setup_init(GuestSetup *setup, const char *runtime);

/**
 * guest_setup_network() - Host name, network device and resolver
 *
 * Return: 0; a negative errno, setup->problem says of what.
 */
int guest_setup_network(GuestSetup *setup, const AgentConfig *config);

/**
 * guest_setup_disks() - Payload and local storage
 * @clean: empty what is to be empty after a recycle
 *
 * Return: 0; GUEST_SETUP_FORMAT when setup->local_disk is to be formatted first; a negative errno,
 * setup->problem says of what.
 */
int guest_setup_disks(GuestSetup *setup, const AgentConfig *config, bool clean);

/**
 * guest_setup_files() - Certificates, nginx.conf and the role environment's file
 *
 * Return: 0; a negative errno, setup->problem says of what.
 */
int guest_setup_files(GuestSetup *setup, const AgentConfig *config);
