/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One who joins, step by step: the token is read from etcd itself, not from this host's copy, which
 * may be behind; it is compared; then one transaction uses it up and writes the host's record and
 * that its certificate was issued, on condition that the token has not changed and that the name is
 * free. Only then is the certificate given away. Any host does this, not only the leader: what is
 * written is guarded by the very keys it is about.
 *
 * Nobody without a good token learns anything: whether the token was never there, is used up, has
 * expired or has another secret, the answer and the way to it are the same. */

#include "hostd/join-server.h"

#include <stdio.h>
#include <systemd/sd-json.h>

#include "hostd/etcd-unit.h"
#include "hostd/issue.h"
#include "hostd/outbox.h"
#include "hostd/token.h"
#include "lib/api/records-json.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define NOT_GOOD "the token is not good: it is wrong, was used already, or has expired\n"

struct JoinServer {
        Peers *peers;
        Etcd *etcd;
        const Store *store;
        const Config *config;
        bool (*gate)(void *userdata); /* NULL: open */
        void *gate_userdata;
};

/* What somebody asks. Texts are borrowed from @json. */
typedef struct Joining {
        JoinServer *server;
        HttpsRequest *request; /* NULL when it is gone */
        sd_json_variant *json;
        const char *id, *secret, *host, *fault_domain, *csr;
        IpAddress address;
        char *certificate;
        IssuedRecord issued;
} Joining;

static Joining *joining_free(Joining *joining)
{
        if (!joining)
                return NULL;
        sd_json_variant_unref(joining->json);
        free(joining->certificate);
        free(joining);
        return NULL;
}
DEFINE_CLEANUP(Joining *, joining_free)

/* Answers, if somebody still listens, and ends it. */
static void refuse(Joining *joining, unsigned status, const char *text)
{
        if (joining->request)
                https_answer_text(joining->request, status, "%s", text);
        joining_free(joining);
}

static const char *text_of(sd_json_variant *json, const char *name)
{
        sd_json_variant *value = sd_json_variant_by_key(json, name);

        return sd_json_variant_is_string(value) ? sd_json_variant_string(value) : "";
}

static int read_body(Joining *joining, const char *body)
{
        if (sd_json_parse(body, SD_JSON_PARSE_SENSITIVE, &joining->json, NULL, NULL) < 0 ||
            !sd_json_variant_is_object(joining->json))
                return -EBADMSG;
        joining->id = text_of(joining->json, "id");
        joining->secret = text_of(joining->json, "secret");
        joining->host = text_of(joining->json, "host");
        joining->fault_domain = text_of(joining->json, "fault_domain");
        joining->csr = text_of(joining->json, "request");
        if (strlen(joining->id) != TOKEN_ID_MAX || !str_is_name(joining->id, TOKEN_ID_MAX) ||
            !str_is_name(joining->host, RECORD_NAME_MAX) ||
            !str_is_name(joining->fault_domain, RECORD_NAME_MAX) ||
            ip_parse(text_of(joining->json, "address"), &joining->address) < 0)
                return -EBADMSG;
        return 0;
}

/* ---- the answer */

static int add_members(const Store *store, sd_json_variant **urls)
{
        const Record *record = store_named(store, RECORD_MEMBERS, "");
        const MembersRecord *members = record ? &record->members : NULL;

        for (size_t i = 0; members && i < members->n_members; i++) {
                const ClusterMember *member = &members->members[i];
                EtcdUrl url;
                int r;

                if (member->learner)
                        continue;
                etcd_unit_client_url(&member->address, url);
                r = sd_json_variant_append_arrayb(urls, SD_JSON_BUILD_STRING(url));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int make_answer(const Joining *joining, char **ret_text)
{
        const Record *cluster = store_named(joining->server->store, RECORD_CLUSTER, "");
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *answer = NULL, *urls = NULL;
        _cleanup_free_ char *revoked = NULL;
        int r;

        r = issue_revoked(joining->server->store, clock_realtime_us(), &revoked);
        if (r == 0)
                r = add_members(joining->server->store, &urls);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        r = sd_json_buildo(&answer, SD_JSON_BUILD_PAIR_STRING("ca", cluster->cluster.ca),
                           SD_JSON_BUILD_PAIR_STRING("certificate", joining->certificate),
                           SD_JSON_BUILD_PAIR_STRING("revoked", revoked),
                           SD_JSON_BUILD_PAIR_VARIANT("members", urls));
        return r < 0 ? r : sd_json_variant_format(answer, 0, ret_text);
}

static void on_written(void *userdata, const EtcdReply *reply)
{
        Joining *joining = userdata;
        _cleanup_free_ char *text = NULL;
        int r;

        if (reply->outcome == ETCD_GUARD_FAILED) /* another one was quicker: with token or name */
                return refuse(joining, 403, NOT_GOOD);
        if (reply->outcome != ETCD_OK)
                return refuse(joining, 503, "the cluster's state cannot be written now\n");
        log_info("host \"%s\" joins the cluster", joining->host);
        r = make_answer(joining, &text);
        if (r < 0)
                return refuse(joining, 500, "the answer cannot be made\n");
        if (joining->request)
                https_answer(joining->request, 200, "application/json", text, strlen(text));
        joining_free(joining);
}

/* ---- writing */

/* A host that says for itself what room it has when it registers; until then it has none. */
static int add_host(EtcdTxn *txn, const Joining *joining)
{
        Record record;
        RecordKey key;
        char text[RECORD_KEY_MAX + 1];

        record_init(&record, RECORD_HOST);
        snprintf(record.host.name, sizeof(record.host.name), "%s", joining->host);
        snprintf(record.host.fault_domain, sizeof(record.host.fault_domain), "%s",
                 joining->fault_domain);
        record.host.address = record.host.uplink = joining->address;
        record.host.joined_us = clock_realtime_us();
        key = record_key_of(&record);
        etcd_txn_if_created(txn, record_key_format(&key, text), 0);
        return outbox_txn_put(txn, &record);
}

static int write_all(Joining *joining, const EtcdKv *token)
{
        _cleanup_(etcd_txn_freep) EtcdTxn *txn = etcd_txn_new();
        Record issued = {.type = RECORD_ISSUED, .issued = joining->issued};
        int r;

        if (!txn)
                return -ENOMEM;
        etcd_txn_if_modified(txn, token->key, token->mod_revision);
        etcd_txn_delete(txn, token->key, false);
        r = outbox_txn_put(txn, &issued);
        if (r == 0)
                r = add_host(txn, joining);
        if (r < 0)
                return r;
        return etcd_txn_commit(joining->server->etcd, TAKE_PTR(txn), on_written, joining, NULL);
}

/* Why a host with a good token cannot join, or NULL. */
static const char *obstacle(const Joining *joining)
{
        const Store *store = joining->server->store;

        if (store_named(store, RECORD_HOST, joining->host))
                return "the cluster has a host of this name already: give the new one another "
                       "name, "
                       "or remove the old one with `troupectl host remove`\n";
        MAP_FOREACH (entry, store_records(store, RECORD_HOST)) {
                const HostRecord *other = &((const Record *) entry->value)->host;

                if (ip_compare(&other->address, &joining->address) == 0)
                        return "the cluster has a host with this address already\n";
        }
        return NULL;
}

static void admit(Joining *joining, const EtcdKv *token)
{
        const Record *cluster = store_named(joining->server->store, RECORD_CLUSTER, "");
        const char *why = obstacle(joining);
        IssueRequest issue = {
                .host = joining->host,
                .address = joining->address,
                .request = joining->csr,
                .now_us = clock_realtime_us(),
                .lifetime_s = joining->server->config->certificate_s,
        };
        int r;

        if (why)
                return refuse(joining, 409, why);
        if (!cluster)
                return refuse(joining, 503, "the cluster's state is not known yet\n");
        if (joining->server->gate && !joining->server->gate(joining->server->gate_userdata))
                return refuse(joining, 503, "this host's fence is not closed yet\n");
        r = issue_certificate(&cluster->cluster, &issue, &joining->certificate, &joining->issued);
        if (r > 0)
                return refuse(joining, 409, "the request for a certificate is damaged\n");
        if (r == 0)
                r = write_all(joining, token);
        if (r < 0)
                refuse(joining, 500, "memory is short\n");
}

static void on_token(void *userdata, const EtcdReply *reply)
{
        Joining *joining = userdata;
        const EtcdKv *kv = reply->n_kvs == 1 ? &reply->kvs[0] : NULL;
        Record record = {};
        bool good;

        if (reply->outcome != ETCD_OK)
                return refuse(joining, 503, "the cluster's state cannot be read now\n");
        if (kv && (record_decode(kv->key, kv->value, kv->length, &record, NULL) < 0 ||
                   record.type != RECORD_TOKEN))
                kv = NULL;
        good = token_matches(kv ? &record.token : NULL, joining->secret, clock_realtime_us());
        if (!good) {
                log_warning("a host that calls itself \"%s\" wanted to join with a token that is "
                            "not good",
                            joining->host);
                return refuse(joining, 403, NOT_GOOD);
        }
        admit(joining, kv);
}

/* ---- routes */

static void on_gone(void *userdata, HttpsRequest *request)
{
        ((Joining *) userdata)->request = NULL;
}

static void on_join(void *userdata, HttpsRequest *request)
{
        JoinServer *server = userdata;
        _cleanup_(joining_freep) Joining *joining = calloc(1, sizeof(*joining));
        RecordKey key = {.type = RECORD_TOKEN};
        char text[RECORD_KEY_MAX + 1];

        if (!joining)
                return https_answer_text(request, 500, "memory is short\n");
        joining->server = server;
        joining->request = request;
        if (read_body(joining, request->body) < 0)
                return https_answer_text(request, 400, "this is not a request to join\n");
        snprintf(key.name, sizeof(key.name), "%s", joining->id);
        if (etcd_range(server->etcd, record_key_format(&key, text), false, on_token, joining,
                       NULL) < 0)
                return https_answer_text(request, 500, "memory is short\n");
        https_on_gone(request, on_gone, joining);
        TAKE_PTR(joining);
}

static int add_routes(JoinServer *server)
{
        return peers_route(server->peers, &(HttpsRoute) {.method = "POST",
                                                         .path = JOIN_PATH,
                                                         .body_max = JOIN_BODY_MAX,
                                                         .handler = on_join,
                                                         .userdata = server});
}

int join_server_new(Peers *peers, Etcd *etcd, const Store *store, const Config *config,
                    JoinServer **ret_server)
{
        _cleanup_(join_server_freep) JoinServer *server = calloc(1, sizeof(*server));
        int r;

        if (!server)
                return -ENOMEM;
        *server = (JoinServer) {.peers = peers, .etcd = etcd, .store = store, .config = config};
        r = add_routes(server);
        if (r < 0)
                return r;
        *ret_server = TAKE_PTR(server);
        return 0;
}

void join_server_set_gate(JoinServer *server, bool (*open)(void *userdata), void *userdata)
{
        server->gate = open;
        server->gate_userdata = userdata;
}

JoinServer *join_server_free(JoinServer *server)
{
        free(server);
        return NULL;
}
