/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What an HTTP source of guest operating systems offers: its SHA256SUMS, SHA256SUMS.gpg and the
 * manifest of one version. Nothing is believed but what the list says, and the list only when it
 * was signed with this host's update key. */

#include <stdbool.h>

#include "hostd/os-manifest.h"
#include "hostd/worker.h"
#include "lib/io/http.h"

#define OS_OFFER_URL_MAX     512
#define OS_OFFER_NAME_MAX    (2 * RECORD_VERSION_MAX + 1)
#define OS_OFFER_MESSAGE_MAX 1024

typedef struct OsOffer OsOffer;

typedef struct OsOfferResult {
        const char *error; /* NULL: all is well; else what follows org.troupe.Error. */
        char message[OS_OFFER_MESSAGE_MAX];
        OsRecord os;          /* family, version and files, as its manifest says */
        bool known;           /* the cluster has it, with these files */
        const char *manifest; /* its text; borrowed for the call */
} OsOfferResult;

typedef struct OsOfferConfig {
        Worker *worker;            /* borrowed */
        Http *http;                /* borrowed */
        const char *gpg_directory; /* os_signature_verify()'s; what was left there goes */
        const char *keyring;       /* NULL: the host's */
        void *userdata;
        void (*done)(void *userdata, const OsOfferResult *result);
} OsOfferConfig;

/** os_offer_new() - Make it: 0 or a negative errno */
int os_offer_new(const OsOfferConfig *config, OsOffer **ret_offer);

/** os_offer_stop() - Ask nobody any more, and call no one: before the worker is freed */
void os_offer_stop(OsOffer *offer);

/** os_offer_free() - Free it, after its worker */
OsOffer *os_offer_free(OsOffer *offer);
DEFINE_CLEANUP(OsOffer *, os_offer_free)

/**
 * os_offer_ask() - Ask a source
 * @offer:   idle: not asked yet, or done
 * @url:     url_is_directory() of OS_OFFER_URL_MAX, without a slash at its end
 * @name:    `FAMILY/VERSION`; "": the newest, which is refused when the cluster has a newer one
 * @known:   versions that the cluster has; copied
 * @n_known: how many
 *
 * Return: 0, and done() will be called, not from within; -EINVAL; -ENOMEM.
 */
int os_offer_ask(OsOffer *offer, const char *url, const char *name, const OsRecord *known,
                 size_t n_known);

/**
 * os_offer_cancel() - Nobody wants to know any more
 *
 * Return: true when its job still runs: done() is called when that has ended. False: it is idle.
 */
bool os_offer_cancel(OsOffer *offer);
