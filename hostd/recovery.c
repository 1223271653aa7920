/* SPDX-License-Identifier: GPL-3.0-or-later */
/* etcd tells its version also while it has no leader: who answers that is there. */

#include "hostd/recovery.h"

#include <stdio.h>
#include <string.h>

#include "hostd/etcd-unit.h"
#include "lib/base/str.h"
#include "lib/io/http.h"

#define TIMEOUT_NS (10 * NSEC_PER_SEC)

typedef struct Asked {
        Recovery *recovery;
        EtcdUrl url;
} Asked;

struct Recovery {
        Membership *membership;
        Http *http;
        sd_event_source *end; /* the answer is given from the loop, in any case */
        Asked asked[ETCD_ENDPOINTS_MAX];
        size_t n_asked, n_open, n_there;
        EtcdUrl there; /* one of those */
        RecoveryDone done;
        void *userdata;
};

static void give_up(Recovery *recovery)
{
        char why[300];

        snprintf(why, sizeof(why),
                 "%zu of the other %zu members of etcd are there, %s for one: with this host they "
                 "are "
                 "a majority, and go on by themselves when they reach each other",
                 recovery->n_there, recovery->n_asked, recovery->there);
        recovery->done(recovery->userdata, false, why);
}

static int on_end(sd_event_source *source, void *userdata)
{
        Recovery *recovery = userdata;
        size_t n_members = recovery->n_asked + 1;
        int r;

        if (recovery->n_there + 1 > n_members / 2) {
                give_up(recovery);
                return 0;
        }
        r = membership_stand_alone(recovery->membership);
        recovery->done(recovery->userdata, r == 0, r < 0 ? strerror(-r) : "");
        return 0;
}

static void check_end(Recovery *recovery)
{
        if (recovery->n_open == 0)
                sd_event_source_set_enabled(recovery->end, SD_EVENT_ONESHOT);
}

static void on_answer(void *userdata, const HttpResult *result)
{
        Asked *asked = userdata;
        Recovery *recovery = asked->recovery;

        recovery->n_open--;
        if (result->error == 0 || result->error == -EKEYREJECTED) {
                recovery->n_there++;
                memcpy(recovery->there, asked->url, sizeof(recovery->there));
        }
        check_end(recovery);
}

static int ask(Recovery *recovery, const EtcdConfig *etcd, const char *url)
{
        _cleanup_free_ char *version = str_printf("%s/version", url);
        Asked *asked = &recovery->asked[recovery->n_asked++];
        const HttpTls tls = {.ca_path = etcd->ca_path,
                             .certificate_path = etcd->certificate_path,
                             .key_path = etcd->key_path};
        const HttpOptions options = {
                .url = version,
                .tls = &tls,
                .timeout_ns = TIMEOUT_NS,
                .connect_timeout_ns = TIMEOUT_NS,
                .done = on_answer,
                .userdata = asked,
        };
        int r;

        if (!version)
                return -ENOMEM;
        asked->recovery = recovery;
        snprintf(asked->url, sizeof(asked->url), "%s", url);
        r = http_start(recovery->http, &options, NULL);
        recovery->n_open += r == 0;
        return r;
}

static int ask_all(Recovery *recovery)
{
        EtcdConfig etcd;
        EtcdUrl own;
        int r = 0;

        membership_etcd_config(recovery->membership, &etcd);
        etcd_unit_client_url(&(IpAddress) {}, own);
        for (size_t i = 0; i < etcd.n_endpoints && r == 0; i++)
                if (!str_equal(etcd.endpoints[i], own))
                        r = ask(recovery, &etcd, etcd.endpoints[i]);
        return r;
}

int recovery_new(sd_event *event, Membership *membership, RecoveryDone done, void *userdata,
                 Recovery **ret_recovery)
{
        _cleanup_(recovery_freep) Recovery *recovery = calloc(1, sizeof(*recovery));
        int r;

        if (!recovery)
                return -ENOMEM;
        recovery->membership = membership;
        recovery->done = done;
        recovery->userdata = userdata;
        r = http_new(event, &recovery->http);
        if (r == 0)
                r = sd_event_add_defer(event, &recovery->end, on_end, recovery);
        if (r >= 0)
                r = sd_event_source_set_enabled(recovery->end, SD_EVENT_OFF);
        if (r >= 0)
                r = ask_all(recovery);
        if (r < 0)
                return r;
        check_end(recovery);
        *ret_recovery = TAKE_PTR(recovery);
        return 0;
}

Recovery *recovery_free(Recovery *recovery)
{
        if (!recovery)
                return NULL;
        http_free(recovery->http);
        sd_event_source_disable_unref(recovery->end);
        free(recovery);
        return NULL;
}
