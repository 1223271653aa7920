/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* This host's certificate is replaced long before it expires, and when this host's address is not
 * in it. Every host of the cluster has the CA's key at hand (docs/adr/0100), so it needs nobody for
 * that but the store, where it is written down first. */

#include "hostd/config.h"
#include "hostd/identity.h"
#include "hostd/store.h"
#include "lib/io/etcd.h"

typedef struct Renewal Renewal;

typedef struct RenewalConfig {
        Etcd *etcd; /* borrowed, like all that follows */
        const Store *store;
        const Config *config;
        Identity *identity;
        void (*renewed)(void *userdata); /* the files are others now */
        void *userdata;
} RenewalConfig;

/**
 * renewal_new() - Look at the certificate now and then
 * @config:      copied
 * @ret_renewal: owned
 *
 * Return: 0; negative errno.
 */
int renewal_new(const RenewalConfig *config, Renewal **ret_renewal);

/** renewal_free() - Free it */
Renewal *renewal_free(Renewal *renewal);
DEFINE_CLEANUP(Renewal *, renewal_free)

/**
 * renewal_is_due() - Whether a certificate is to be replaced
 * @facts:      of the certificate
 * @address:    of this host, or none
 * @now_us:     CLOCK_REALTIME
 * @lifetime_s: what a fresh one would have
 *
 * When a third of the lifetime is over, so that a host may be off for the other two.
 */
bool renewal_is_due(const PkiFacts *facts, const IpAddress *address, uint64_t now_us,
                    uint64_t lifetime_s);
