/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Giving hosts their certificates, and knowing which of them count no more. */

#include "hostd/openssl-pki.h"
#include "hostd/store.h"

/* Who is to get a certificate. */
typedef struct IssueRequest {
        const char *host;
        IpAddress address;
        const char *request; /* PEM text from outside */
        uint64_t now_us;     /* CLOCK_REALTIME */
        uint64_t lifetime_s;
} IssueRequest;

/**
 * issue_subject() - What a host's certificate says: its name and address, and the loopback's
 * @request:     its host, address and times count
 * @addresses:   room for them
 * @ret_subject: borrows from both
 */
void issue_subject(const IssueRequest *request, IpAddress addresses[static PKI_ADDRESSES_MAX],
                   PkiSubject *ret_subject);

/**
 * issue_certificate() - Sign
 * @cluster:         has CA and key
 * @request:         who
 * @ret_certificate: owned PEM text
 * @ret_issued:      to be stored before the certificate is given away
 *
 * Return: 0; PKI_BAD when the request is not one, or the cluster has no CA; -ENOMEM.
 */
int issue_certificate(const ClusterRecord *cluster, const IssueRequest *request,
                      char **ret_certificate, IssuedRecord *ret_issued);

/**
 * issue_revoked() - The list of all that are revoked and have not expired
 * @store:    the cluster's state
 * @now_us:   CLOCK_REALTIME
 * @ret_list: owned PEM text
 *
 * Return: 0; PKI_BAD when the cluster has no CA; -ENOMEM.
 */
int issue_revoked(const Store *store, uint64_t now_us, char **ret_list);

/** issue_is_revoked() - Whether a certificate was revoked, or is none that the cluster gave */
bool issue_is_revoked(const Store *store, const char *serial);
