/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looked at LOOKS times in a lifetime. The key stays. */

#include "hostd/renewal.h"

#include <stdio.h>

#include "hostd/issue.h"
#include "lib/api/records-json.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define LOOKS      30
#define LOOK_MAX_S UINT64_C(3600)

struct Renewal {
        RenewalConfig config;
        sd_event_source *timer;
        EtcdRequest *request;
        char *certificate; /* being written down */
};

bool renewal_is_due(const PkiFacts *facts, const IpAddress *address, uint64_t now_us,
                    uint64_t lifetime_s)
{
        bool there = address->family == 0;

        for (size_t i = 0; i < facts->n_addresses; i++)
                there |= ip_compare(&facts->addresses[i], address) == 0;
        return !there || facts->not_after_us < now_us + lifetime_s * USEC_PER_SEC / 3 * 2;
}

static void on_written(void *userdata, const EtcdReply *reply)
{
        Renewal *renewal = userdata;
        Identity *identity = renewal->config.identity;
        _cleanup_free_ char *certificate = TAKE_PTR(renewal->certificate), *ca = NULL;

        renewal->request = NULL;
        if (reply->outcome != ETCD_OK) {
                log_warning("this host's certificate cannot be renewed now: %s", reply->message);
                return;
        }
        ca = strdup(identity->ca);
        if (!ca || identity_accept(identity, ca, certificate) != 0) {
                log_error("this host's new certificate cannot be written");
                return;
        }
        log_info("this host has a new certificate");
        renewal->config.renewed(renewal->config.userdata);
}

static int write_down(Renewal *renewal, const IssuedRecord *issued)
{
        _cleanup_(etcd_txn_freep) EtcdTxn *txn = etcd_txn_new();
        Record record = {.type = RECORD_ISSUED, .issued = *issued};
        RecordKey key = record_key_of(&record);
        _cleanup_free_ char *json = NULL;
        char text[RECORD_KEY_MAX + 1];
        int r = txn ? record_encode(&record, &json) : -ENOMEM;

        if (r < 0)
                return r;
        etcd_txn_put(txn, record_key_format(&key, text), json, strlen(json), 0);
        return etcd_txn_commit(renewal->config.etcd, TAKE_PTR(txn), on_written, renewal,
                               &renewal->request);
}

static int renew(Renewal *renewal, const ClusterRecord *cluster)
{
        _cleanup_free_ char *request = NULL;
        IssueRequest issue = {
                .host = renewal->config.config->host,
                .address = renewal->config.config->address,
                .now_us = clock_realtime_us(),
                .lifetime_s = renewal->config.config->certificate_s,
        };
        IssuedRecord issued;
        int r;

        r = identity_request(renewal->config.identity, &request);
        if (r < 0)
                return r;
        issue.request = request;
        free(TAKE_PTR(renewal->certificate));
        r = issue_certificate(cluster, &issue, &renewal->certificate, &issued);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        return write_down(renewal, &issued);
}

static void look_later(Renewal *renewal)
{
        uint64_t seconds = MIN(renewal->config.config->certificate_s / LOOKS + 1, LOOK_MAX_S);

        sd_event_source_set_time_relative(renewal->timer, seconds * USEC_PER_SEC);
        sd_event_source_set_enabled(renewal->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Renewal *renewal = userdata;
        const Config *config = renewal->config.config;
        const Record *cluster = store_named(renewal->config.store, RECORD_CLUSTER, "");
        int r;

        look_later(renewal);
        if (renewal->request || !cluster || !cluster->cluster.ca_key ||
            !str_equal(cluster->cluster.ca, renewal->config.identity->ca) ||
            !renewal_is_due(&renewal->config.identity->facts, &config->address, clock_realtime_us(),
                            config->certificate_s))
                return 0;
        r = renew(renewal, &cluster->cluster);
        if (r < 0)
                log_error_errno(r, "cannot make a new certificate for this host");
        return 0;
}

int renewal_new(const RenewalConfig *config, Renewal **ret_renewal)
{
        _cleanup_(renewal_freep) Renewal *renewal = calloc(1, sizeof(*renewal));
        int r;

        if (!renewal)
                return -ENOMEM;
        renewal->config = *config;
        r = sd_event_add_time(etcd_loop(config->etcd), &renewal->timer, CLOCK_BOOTTIME, 0, 0,
                              on_timer, renewal);
        if (r < 0)
                return r;
        look_later(renewal);
        *ret_renewal = TAKE_PTR(renewal);
        return 0;
}

Renewal *renewal_free(Renewal *renewal)
{
        if (!renewal)
                return NULL;
        etcd_cancel(renewal->request);
        sd_event_source_disable_unref(renewal->timer);
        free(renewal->certificate);
        free(renewal);
        return NULL;
}
