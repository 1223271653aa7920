/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A host may say what it is itself, and that it holds something; nothing else. */

#include "hostd/register-server.h"

#include <stdio.h>

#include "lib/api/records-json.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define BODY_MAX (64 * KIB)

struct RegisterServer {
        const Store *store;
        Controller *controller;
};

static bool encodes_same(const Record *a, const Record *b)
{
        _cleanup_free_ char *a_text = NULL, *b_text = NULL;

        return record_encode(a, &a_text) == 0 && record_encode(b, &b_text) == 0 &&
               str_equal(a_text, b_text);
}

static void add_holder(RecordName holders[RECORD_HOLDERS_MAX], size_t *n, const char *host)
{
        for (size_t i = 0; i < *n; i++)
                if (str_equal(holders[i], host))
                        return;
        if (*n < RECORD_HOLDERS_MAX)
                snprintf(holders[(*n)++], sizeof(RecordName), "%s", host);
}

/* The files of a version are the same everywhere; who has others under the same name is not a
 * holder of it. */
static void merge_os(const OsRecord *before, const char *host, OsRecord *os)
{
        bool same = str_equal(before->digest, os->digest);

        *os = *before;
        if (same)
                add_holder(os->holders, &os->n_holders, host);
}

bool register_merge(const Record *before, const char *host, Record *record)
{
        if (!before)
                return true;
        switch (record->type) {
        case RECORD_HOST: {
                HostRecord own = record->host;

                record->host = before->host;
                memcpy(record->host.fault_domain, own.fault_domain, sizeof(own.fault_domain));
                memcpy(record->host.accelerator, own.accelerator, sizeof(own.accelerator));
                record->host.vcpus = own.vcpus;
                record->host.memory_bytes = own.memory_bytes;
                record->host.disk_bytes = own.disk_bytes;
                record->host.address = own.address;
                record->host.uplink = own.uplink;
                break;
        }
        case RECORD_OS:
                merge_os(&before->os, host, &record->os);
                break;
        case RECORD_PACKAGE:
                record->package = before->package;
                add_holder(record->package.holders, &record->package.n_holders, host);
                break;
        default:
                return false;
        }
        return !encodes_same(before, record);
}

static void on_written(void *userdata, const char *error, const char *message)
{
        HttpsRequest **link = userdata;

        if (*link)
                https_answer_text(*link, error ? 503 : 200, "%s\n", error ? message : "written");
        free(link);
}

static void on_gone(void *userdata, HttpsRequest *request)
{
        *(HttpsRequest **) userdata = NULL;
}

/* @record is taken. What several hosts may hold is asked of the core by the holder's name. */
static ControllerRequest *request_of(RegisterServer *server, const char *peer, Record *record,
                                     bool holds)
{
        RecordKey key = record_key_of(record);
        bool hosted = record->type == RECORD_HOST || !store_get(server->store, &key);
        ControllerRequest *request = controller_request_new(hosted  ? FABRIC_REGISTER
                                                            : holds ? FABRIC_HOLD
                                                                    : FABRIC_UNHOLD);

        if (!request) {
                record_deinit(record);
                return NULL;
        }
        request->record = *record;
        snprintf(request->host, sizeof(request->host), "%s", peer);
        return request;
}

static bool may_register(const Record *record, const char *peer)
{
        switch (record->type) {
        case RECORD_HOST:
                return str_equal(record->host.name, peer);
        case RECORD_OS:
                return record->os.n_holders == 1 && str_equal(record->os.holders[0], peer);
        case RECORD_PACKAGE:
                return record->package.n_holders == 1 &&
                       str_equal(record->package.holders[0], peer);
        default:
                return false;
        }
}

static void write_record(RegisterServer *server, HttpsRequest *request, ControllerRequest *write)
{
        HttpsRequest **link = calloc(1, sizeof(*link));

        if (!write || !link) {
                controller_request_free(write);
                free(link);
                return https_answer_text(request, 503, "memory is short\n");
        }
        *link = request;
        write->done = on_written;
        write->userdata = link;
        https_on_gone(request, on_gone, link);
        controller_request(server->controller, write);
}

/* A guest OS that no host had before is held by the one that brings it. */
static void set_holder(Record *record, const char *peer)
{
        if (record->type != RECORD_OS)
                return;
        record->os.n_holders = 1;
        snprintf(record->os.holders[0], sizeof(RecordName), "%s", peer);
}

static void take(RegisterServer *server, HttpsRequest *request, bool holds)
{
        _cleanup_free_ char *key_text = str_printf(RECORD_PREFIX "%s", request->rest);
        const Record *before;
        Record record;
        RecordKey key;

        if (!controller_leads(server->controller))
                return https_answer_text(request, 503, "this host does not lead\n");
        if (!key_text || record_decode(key_text, request->body, request->length, &record, NULL) < 0)
                return https_answer_text(request, 400, "this is not a record\n");
        key = record_key_of(&record);
        before = store_get(server->store, &key);
        if (!may_register(&record, request->peer) ||
            (!before && (record.type == RECORD_PACKAGE || !holds)) ||
            (record.type == RECORD_HOST && !holds)) {
                record_deinit(&record);
                return https_answer_text(request, 403, "this is not yours to register\n");
        }
        set_holder(&record, request->peer);
        if (holds && !register_merge(before, request->peer, &record)) {
                record_deinit(&record);
                return https_answer_text(request, 200, "it is so already\n");
        }
        write_record(server, request, request_of(server, request->peer, &record, holds));
}

static void on_register(void *userdata, HttpsRequest *request)
{
        take(userdata, request, true);
}

static void on_release(void *userdata, HttpsRequest *request)
{
        take(userdata, request, false);
}

int register_server_ask(Peers *peers, const IpAddress *leader, const Record *record, bool holds,
                        HttpDone done, void *userdata, HttpRequest **ret_request)
{
        _cleanup_free_ char *path = NULL, *json = NULL;
        RecordKey key = record_key_of(record);
        char text[RECORD_KEY_MAX + 1];
        int r = record_encode(record, &json);

        if (r < 0)
                return r;
        path = str_printf("%s%s", holds ? REGISTER_PATH : RELEASE_PATH,
                          str_after(record_key_format(&key, text), RECORD_PREFIX));
        return path ? peers_post(peers, leader, path, json, strlen(json), done, userdata,
                                 ret_request)
                    : -ENOMEM;
}

static void on_told(void *userdata, const HttpResult *result)
{
        if (result->error != 0)
                log_warning("the leader cannot be told what this host has: %s", result->message);
        else if (result->status != 200)
                log_warning("the leader does not register what this host has: %s", result->body);
}

void register_server_tell(Peers *peers, const Record *record, bool holds)
{
        IpAddress leader = peers_leader_address(peers);

        if (leader.family != 0)
                register_server_ask(peers, &leader, record, holds, on_told, NULL, NULL);
}

int register_server_new(Peers *peers, const Store *store, Controller *controller,
                        RegisterServer **ret_server)
{
        _cleanup_(register_server_freep) RegisterServer *server = calloc(1, sizeof(*server));
        int r = 0;

        if (!server)
                return -ENOMEM;
        *server = (RegisterServer) {store, controller};
        for (size_t i = 0; i < 2 && r == 0; i++)
                r = peers_route(peers, &(HttpsRoute) {.method = "POST",
                                                      .path = i == 0 ? REGISTER_PATH : RELEASE_PATH,
                                                      .needs_peer = true,
                                                      .body_max = BODY_MAX,
                                                      .handler = i == 0 ? on_register : on_release,
                                                      .userdata = server});
        if (r < 0)
                return r;
        *ret_server = TAKE_PTR(server);
        return 0;
}

RegisterServer *register_server_free(RegisterServer *server)
{
        free(server);
        return NULL;
}
