/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods about the cluster itself: its tokens, init, join, leave, recover, ListMembers. A
 * token's secret is in its answer and nowhere else: neither in the cluster's state nor in a log. */

#include <stdio.h>

#include "hostd/host1.h"
#include "hostd/token.h"
#include "lib/api/records-json.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"

#define TOKENS_MAX     1000
#define LIFETIME_S     3600
#define LIFETIME_S_MAX (UINT64_C(30) * 86400)

/* A token that is being written. */
typedef struct Making {
        sd_bus_message *message;
        char text[TOKEN_TEXT_MAX];
        uint64_t expires_us;
} Making;

static void making_free(Making *making)
{
        sd_bus_message_unref(making->message);
        explicit_bzero(making, sizeof(*making));
        free(making);
}

static void on_written(void *userdata, const EtcdReply *reply)
{
        Making *making = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;

        if (reply->outcome != ETCD_OK) {
                bus_error(&error, reply->outcome == ETCD_NO_SPACE ? "StorageFull" : "Unavailable",
                          "the token cannot be stored: %s", reply->message);
                sd_bus_reply_method_error(making->message, &error);
        } else if (sd_bus_message_new_method_return(making->message, &answer) >= 0 &&
                   sd_bus_message_sensitive(answer) >= 0 &&
                   sd_bus_message_append(answer, "st", making->text, making->expires_us) >= 0) {
                sd_bus_send(NULL, answer, NULL);
        }
        making_free(making);
}

/* Tokens that nobody used in time go when the next one is made. */
static int add_token(Host1 *host1, const TokenRecord *token, EtcdTxn *txn)
{
        Record record = {.type = RECORD_TOKEN, .token = *token};
        RecordKey key = record_key_of(&record);
        _cleanup_free_ char *json = NULL;
        char text[RECORD_KEY_MAX + 1];
        int r = record_encode(&record, &json);

        if (r < 0)
                return r;
        etcd_txn_put(txn, record_key_format(&key, text), json, strlen(json), 0);
        MAP_FOREACH (entry, store_records(host1->store, RECORD_TOKEN)) {
                const TokenRecord *old = &((const Record *) entry->value)->token;

                if (old->expires_us <= clock_realtime_us() && etcd_txn_size(txn) < ETCD_TXN_MAX)
                        etcd_txn_delete(txn, entry->key, false);
        }
        return 0;
}

static int write_token(Host1 *host1, const TokenRecord *token, Making *making)
{
        _cleanup_(etcd_txn_freep) EtcdTxn *txn = etcd_txn_new();
        int r = txn ? add_token(host1, token, txn) : -ENOMEM;

        return r < 0 ? r : etcd_txn_commit(host1->etcd, TAKE_PTR(txn), on_written, making, NULL);
}

static int check_can_let_in(Host1 *host1, sd_bus_error *error)
{
        const Record *cluster = store_named(host1->store, RECORD_CLUSTER, "");

        if (!host1->membership || membership_state(host1->membership) != MEMBERSHIP_IN)
                return bus_error(error, "RefusedNow",
                                 "this host is not in a cluster that others "
                                 "can join");
        if (!host1->reachable || !cluster || !cluster->cluster.ca)
                return bus_error(error, "Unavailable", "the cluster's state cannot be reached");
        if (host1->config->address.family == 0)
                return bus_error(error, "RefusedNow",
                                 "this host does not know its address: others cannot reach it; set "
                                 "troupe.address");
        if (map_size(store_records(host1->store, RECORD_TOKEN)) >= TOKENS_MAX)
                return bus_error(error, "TooMany", "there are %d tokens that nobody has used",
                                 TOKENS_MAX);
        return 0;
}

int cluster_bus_token(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        uint64_t lifetime_s, now_us = clock_realtime_us();
        TokenRecord record;
        Making *making;
        PkiFacts facts;
        Token token;
        int r;

        r = bus_polkit_check(host1->polkit, message, HOST1_ADMINISTER, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "t", &lifetime_s);
        if (r < 0)
                return r;
        if (lifetime_s > LIFETIME_S_MAX)
                return bus_error_invalid(error, "a token is good for 30 days at most");
        r = check_can_let_in(host1, error);
        if (r < 0)
                return r;
        if (pki_examine(membership_identity(host1->membership)->ca, &facts) != 0)
                return -EBADMSG;
        making = calloc(1, sizeof(*making));
        if (!making)
                return -ENOMEM;
        token_make(&host1->config->address, facts.fingerprint, now_us, lifetime_s ?: LIFETIME_S,
                   &token, &record);
        token_format(&token, making->text);
        explicit_bzero(&token, sizeof(token));
        making->expires_us = record.expires_us;
        making->message = sd_bus_message_ref(message);
        r = write_token(host1, &record, making);
        if (r < 0)
                making_free(making);
        return r < 0 ? r : 1;
}

/* ---- joining */

static void on_joined(void *userdata, bool joined, const char *why)
{
        sd_bus_message *message = userdata;
        if (joined)
                sd_bus_reply_method_return(message, "");
        else
                bus_answer_error(message, "JoinRefused", why);
        sd_bus_flush(sd_bus_message_get_bus(message));
        sd_bus_message_unref(message);
}

/* Who joins another cluster leaves nothing behind in its own. */
static int check_is_alone(Host1 *host1, sd_bus_error *error)
{
        MembershipState state =
                host1->membership ? membership_state(host1->membership) : MEMBERSHIP_EXTERNAL;

        if (state == MEMBERSHIP_EXTERNAL)
                return bus_error(error, "RefusedNow",
                                 "this host's etcd is looked after by somebody else (etcd=)");
        if (state != MEMBERSHIP_IN)
                return 0;
        if (!host1->reachable)
                return bus_error(error, "Unavailable",
                                 "the cluster's state cannot be reached: whether others are in it "
                                 "is not known");
        if (map_size(store_records(host1->store, RECORD_HOST)) > 1)
                return bus_error(error, "RefusedNow",
                                 "this host is in a cluster with others: remove it there with "
                                 "`troupectl host remove %s`",
                                 host1->host);
        if (map_size(store_records(host1->store, RECORD_SERVICE)) > 0)
                return bus_error(error, "RefusedNow",
                                 "this host runs services: `troupectl delete` them first");
        return 0;
}

int cluster_bus_join(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        const char *token;
        int r;

        r = bus_polkit_check(host1->polkit, message, HOST1_ADMINISTER, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "s", &token);
        if (r >= 0)
                r = check_is_alone(host1, error);
        if (r < 0)
                return r;
        r = membership_join(host1->membership, token, on_joined, message);
        if (r == TOKEN_BAD)
                return bus_error_invalid(error, "this is not a token of `troupectl cluster token`");
        if (r < 0)
                return r;
        sd_bus_message_ref(message);
        return 1;
}

int cluster_bus_init(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        int r;

        r = bus_polkit_check(host1->polkit, message, HOST1_ADMINISTER, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (!host1->membership || membership_state(host1->membership) != MEMBERSHIP_OUT)
                return bus_error(error, "RefusedNow",
                                 "this host is in a cluster, or about to join one: `troupectl "
                                 "cluster status`");
        r = membership_found(host1->membership);
        return r < 0 ? r : sd_bus_reply_method_return(message, "");
}

int cluster_bus_leave(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        int r;

        r = bus_polkit_check(host1->polkit, message, HOST1_ADMINISTER, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = check_is_alone(host1, error);
        if (r < 0)
                return r;
        r = membership_leave(host1->membership, "this host left its cluster");
        if (r == -EBUSY)
                return bus_error(error, "RefusedNow", "this host is in no cluster");
        return r < 0 ? r : sd_bus_reply_method_return(message, "");
}

/* ---- the majority is lost */

static void on_recovered(void *userdata, bool recovers, const char *why)
{
        Host1 *host1 = userdata;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = TAKE_PTR(host1->recovering);
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        host1->recovery = recovery_free(host1->recovery);
        if (recovers) {
                sd_bus_reply_method_return(message, "");
                return;
        }
        bus_error(&error, "RefusedNow", "%s", why);
        sd_bus_reply_method_error(message, &error);
}

static int check_can_recover(Host1 *host1, sd_bus_error *error)
{
        if (!host1->membership || membership_state(host1->membership) != MEMBERSHIP_IN)
                return bus_error(error, "RefusedNow",
                                 "this host is in no cluster whose etcd it looks after");
        if (host1->reachable)
                return bus_error(error, "RefusedNow",
                                 "the cluster's state can be reached: nothing is lost");
        if (!membership_carries(host1->membership))
                return bus_error(error, "RefusedNow",
                                 "this host does not carry the cluster's state: recover on one "
                                 "that does (`troupectl cluster status`)");
        if (host1->recovery)
                return bus_error(error, "RefusedNow", "somebody else is recovering it just now");
        return 0;
}

int cluster_bus_recover(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        int r;

        r = bus_polkit_check(host1->polkit, message, HOST1_ADMINISTER, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = check_can_recover(host1, error);
        if (r == 0)
                r = recovery_new(host1->event, host1->membership, on_recovered, host1,
                                 &host1->recovery);
        if (r < 0)
                return r;
        host1->recovering = sd_bus_message_ref(message);
        return 1;
}

/* ---- showing */

int cluster_bus_members(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Record *record;
        Host1 *host1 = userdata;
        int r;

        r = bus_polkit_check(host1->polkit, message, HOST1_INSPECT, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        record = store_named(host1->store, RECORD_MEMBERS, "");
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssb)");
        for (size_t i = 0; record && i < record->members.n_members && r >= 0; i++) {
                const ClusterMember *member = &record->members.members[i];
                char address[IP_TEXT_MAX];

                r = sd_bus_message_append(reply, "(ssb)", member->host,
                                          ip_format(&member->address, address), !member->learner);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}
