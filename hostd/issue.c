/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A certificate begins two days before it is made, so that the clocks of hosts need not agree. */

#include "hostd/issue.h"

#include <stdio.h>

#include "lib/base/array.h"
#include "lib/base/str.h"

#define BACKDATE_US (2 * UINT64_C(86400) * USEC_PER_SEC)

void issue_subject(const IssueRequest *request, IpAddress addresses[static PKI_ADDRESSES_MAX],
                   PkiSubject *ret_subject)
{
        size_t n = 0;

        ip_parse("127.0.0.1", &addresses[n++]);
        ip_parse("::1", &addresses[n++]);
        if (request->address.family != 0)
                addresses[n++] = request->address;
        *ret_subject = (PkiSubject) {
                .name = request->host,
                .addresses = addresses,
                .n_addresses = n,
                .not_before_us = request->now_us - BACKDATE_US,
                .not_after_us = request->now_us + request->lifetime_s * USEC_PER_SEC,
        };
}

int issue_certificate(const ClusterRecord *cluster, const IssueRequest *request,
                      char **ret_certificate, IssuedRecord *ret_issued)
{
        IpAddress addresses[PKI_ADDRESSES_MAX];
        IssuedRecord issued = {.issued_us = request->now_us};
        PkiSubject subject;
        int r;

        if (!cluster->ca || !cluster->ca_key)
                return PKI_BAD;
        issue_subject(request, addresses, &subject);
        r = pki_sign(&(PkiAuthority) {cluster->ca, cluster->ca_key}, request->request, &subject,
                     ret_certificate, issued.serial);
        if (r != 0)
                return r;
        snprintf(issued.host, sizeof(issued.host), "%s", request->host);
        issued.expires_us = subject.not_after_us;
        *ret_issued = issued;
        return 0;
}

int issue_revoked(const Store *store, uint64_t now_us, char **ret_list)
{
        const Record *cluster = store_named(store, RECORD_CLUSTER, "");
        _cleanup_free_ const char **serials = NULL;
        size_t n = 0;

        if (!cluster || !cluster->cluster.ca || !cluster->cluster.ca_key)
                return PKI_BAD;
        MAP_FOREACH (entry, store_records(store, RECORD_ISSUED)) {
                const IssuedRecord *issued = &((const Record *) entry->value)->issued;

                if (issued->revoked && issued->expires_us > now_us && n < PKI_SERIALS_MAX &&
                    ARRAY_APPEND(serials, n, issued->serial) < 0)
                        return -ENOMEM;
        }
        return pki_revoke(&(PkiAuthority) {cluster->cluster.ca, cluster->cluster.ca_key}, serials,
                          n, now_us, ret_list);
}

bool issue_is_revoked(const Store *store, const char *serial)
{
        const Record *issued = store_named(store, RECORD_ISSUED, serial);

        return !issued || issued->issued.revoked;
}
