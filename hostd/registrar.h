/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Tells the cluster what this host has: itself with its room, and the guest operating systems on
 * its disk; makes the cluster when there is none; and removes packages from this host's disk that
 * the cluster does not know any more. */

#include "hostd/config.h"
#include "hostd/controller.h"
#include "hostd/host-half.h"
#include "hostd/membership.h"
#include "hostd/peers.h"
#include "hostd/store.h"

typedef struct Registrar Registrar;

typedef struct RegistrarConfig {
        Etcd *etcd; /* all borrowed */
        Store *store;
        Controller *controller;
        HostHalf *host_half;
        const Config *config;
        const Membership *membership;
        Peers *peers;
        const char *os_dir;
        const char *state_dir;
} RegistrarConfig;

/**
 * registrar_new() - Make it; it looks at what there is now and then
 * @config:        copied
 * @ret_registrar: owned
 *
 * Return: 0; negative errno.
 */
int registrar_new(const RegistrarConfig *config, Registrar **ret_registrar);

/** registrar_free() - Wait for what is being read, and free it */
Registrar *registrar_free(Registrar *registrar);
DEFINE_CLEANUP(Registrar *, registrar_free)

/** registrar_synced() - The store is complete: make the cluster if there is none */
void registrar_synced(Registrar *registrar);

/** registrar_look() - Somebody leads now, this host or another: register what this one has */
void registrar_look(Registrar *registrar);
