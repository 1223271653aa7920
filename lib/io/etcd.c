/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request at a time goes to one member, the present one. When it cannot be reached the next one
 * becomes the present one; watches that hang on the old one are moved when it did not even answer
 * in time (a frozen member keeps its connections open). */

#include "lib/io/etcd.h"

#include <stdio.h>

#include "lib/base/str.h"
#include "lib/io/etcd-internal.h"
#include "lib/io/etcd-message.h"
#include "lib/io/http.h"

#define TIMEOUT_NS (4 * NSEC_PER_SEC)

struct EtcdRequest {
        Etcd *etcd;
        HttpRequest *http;
        const char *path;
        char *body;
        bool is_txn;
        size_t endpoint; /* where it was sent */
        size_t attempts;
        EtcdAnswer answer; /* one of these two */
        EtcdHandler handler;
        void *userdata;
        EtcdRequest *next, *previous;
};

struct Etcd {
        sd_event *event;
        Http *http;
        char *endpoints[ETCD_ENDPOINTS_MAX];
        size_t n_endpoints;
        size_t endpoint; /* the present one */
        char *ca_path, *certificate_path, *key_path;
        uint64_t timeout_ns;
        EtcdRequest *requests;
        EtcdMovable *movables;
};

static const char *const outcome_names[] = {
        [ETCD_OK] = "ok",
        [ETCD_GUARD_FAILED] = "guard failed",
        [ETCD_NO_SPACE] = "no space",
        [ETCD_COMPACTED] = "compacted",
        [ETCD_LEASE_GONE] = "lease gone",
        [ETCD_TOO_LARGE] = "too large",
        [ETCD_UNREACHABLE] = "unreachable",
        [ETCD_NO_QUORUM] = "no quorum",
        [ETCD_TIMEOUT] = "timeout",
        [ETCD_MEMBER_UNKNOWN] = "no such member",
        [ETCD_NOT_IN_SYNC] = "not in sync",
        [ETCD_REFUSED] = "refused",
};

const char *etcd_outcome_to_string(EtcdOutcome outcome)
{
        assert((size_t) outcome < ARRAY_SIZE(outcome_names));
        return outcome_names[outcome];
}

static EtcdRequest *request_free(EtcdRequest *request)
{
        if (!request)
                return NULL;
        http_cancel(request->http);
        if (request->previous)
                request->previous->next = request->next;
        else if (request->etcd && request->etcd->requests == request)
                request->etcd->requests = request->next;
        if (request->next)
                request->next->previous = request->previous;
        free(request->body);
        free(request);
        return NULL;
}
DEFINE_CLEANUP(EtcdRequest *, request_free)

EtcdRequest *etcd_cancel(EtcdRequest *request)
{
        return request_free(request);
}

/* The next member is asked from now on, and streams go with the requests: these notice at once when
 * a member is cut off or hangs, a stream that only listens does not. */
void etcd_endpoint_failed(Etcd *etcd, size_t endpoint)
{
        if (etcd->endpoint == endpoint)
                etcd->endpoint = (endpoint + 1) % etcd->n_endpoints;
        for (EtcdMovable *m = etcd->movables; m; m = m->next)
                if (m->endpoint == endpoint)
                        m->move(m);
}

static int request_send(EtcdRequest *request);

static void on_done(void *userdata, const HttpResult *result)
{
        _cleanup_(request_freep) EtcdRequest *request = userdata;
        _cleanup_(etcd_message_deinit) EtcdMessage message = {};
        _cleanup_free_ char *text = NULL;
        Etcd *etcd = request->etcd;
        EtcdReply reply = {};

        request->http = NULL; /* the HTTP client frees it */
        reply.outcome = etcd_outcome_of(result, &text);
        if (reply.outcome == ETCD_UNREACHABLE || reply.outcome == ETCD_TIMEOUT ||
            reply.outcome == ETCD_NO_QUORUM)
                etcd_endpoint_failed(etcd, request->endpoint);
        if (reply.outcome == ETCD_UNREACHABLE && ++request->attempts < etcd->n_endpoints &&
            request_send(request) == 0) {
                TAKE_PTR(request);
                return;
        }
        if (reply.outcome == ETCD_OK && etcd_message_parse(result->body, &message) < 0) {
                reply.outcome = ETCD_REFUSED;
                free(text);
                text = strdup("the answer is not what etcd sends");
        }
        if (reply.outcome == ETCD_OK && request->is_txn && !message.succeeded)
                reply.outcome = ETCD_GUARD_FAILED;
        reply.message = text ?: "";
        reply.revision = message.revision;
        reply.kvs = message.kvs;
        reply.n_kvs = message.n_kvs;
        reply.more = message.more;
        reply.members = message.members;
        reply.n_members = message.n_members;
        if (request->answer)
                request->answer(request->userdata, &reply, &message);
        else
                request->handler(request->userdata, &reply);
}

static int request_send(EtcdRequest *request)
{
        Etcd *etcd = request->etcd;

        request->endpoint = etcd->endpoint;
        return etcd_http(etcd,
                         &(EtcdHttp) {
                                 .path = request->path,
                                 .body = request->body,
                                 .timeout_ns = etcd->timeout_ns,
                                 .done = on_done,
                                 .userdata = request,
                         },
                         &request->http);
}

int etcd_http(Etcd *etcd, const EtcdHttp *what, HttpRequest **ret_request)
{
        _cleanup_free_ char *url = str_printf("%s%s", etcd->endpoints[etcd->endpoint], what->path);
        HttpTls tls = {etcd->ca_path, etcd->certificate_path, etcd->key_path};

        if (!url)
                return -ENOMEM;
        return http_start(etcd->http,
                          &(HttpOptions) {
                                  .url = url,
                                  .body = what->body,
                                  .length = strlen(what->body),
                                  .header = what->header,
                                  .tls = &tls,
                                  .timeout_ns = what->timeout_ns,
                                  .data = what->data,
                                  .done = what->done,
                                  .userdata = what->userdata,
                          },
                          ret_request);
}

static int request_start(Etcd *etcd, EtcdRequest *request, EtcdRequest **ret_request)
{
        _cleanup_(request_freep) EtcdRequest *owned = request;
        int r;

        if (!request->body)
                return -ENOMEM;
        request->etcd = etcd;
        r = request_send(request);
        if (r < 0)
                return r;
        request->next = etcd->requests;
        if (etcd->requests)
                etcd->requests->previous = request;
        etcd->requests = request;
        if (ret_request)
                *ret_request = request;
        TAKE_PTR(owned);
        return 0;
}

/* Takes @body also when memory is short. */
static EtcdRequest *request_new(const char *path, char *body)
{
        EtcdRequest *request = calloc(1, sizeof(*request));

        if (!request) {
                free(body);
                return NULL;
        }
        request->path = path;
        request->body = body;
        return request;
}

int etcd_ask(Etcd *etcd, const char *path, char *body, EtcdAnswer answer, void *userdata,
             EtcdRequest **ret_request)
{
        EtcdRequest *request = request_new(path, body);

        if (!request)
                return -ENOMEM;
        request->answer = answer;
        request->userdata = userdata;
        return request_start(etcd, request, ret_request);
}

int etcd_post(Etcd *etcd, const char *path, char *body, EtcdHandler handler, void *userdata,
              EtcdRequest **ret_request)
{
        EtcdRequest *request = request_new(path, body);

        if (!request)
                return -ENOMEM;
        request->handler = handler;
        request->userdata = userdata;
        return request_start(etcd, request, ret_request);
}

int etcd_range(Etcd *etcd, const char *key, bool prefix, EtcdHandler handler, void *userdata,
               EtcdRequest **ret_request)
{
        EtcdRequest *request = calloc(1, sizeof(*request));
        StrBuffer body = {};

        if (!request)
                return -ENOMEM;
        str_buffer_add(&body, "{");
        etcd_add_range(&body, key, prefix);
        str_buffer_add(&body, "}");
        request->path = "/v3/kv/range";
        if (str_buffer_take(&body, &request->body) < 0)
                request->body = NULL;
        request->handler = handler;
        request->userdata = userdata;
        return request_start(etcd, request, ret_request);
}

int etcd_txn_commit(Etcd *etcd, EtcdTxn *txn, EtcdHandler handler, void *userdata,
                    EtcdRequest **ret_request)
{
        _cleanup_(etcd_txn_freep) EtcdTxn *owned = txn;
        EtcdRequest *request;
        char *body;
        int r;

        r = etcd_txn_take_body(txn, &body);
        if (r < 0)
                return r;
        request = request_new("/v3/kv/txn", body);
        if (!request)
                return -ENOMEM;
        request->is_txn = true;
        request->handler = handler;
        request->userdata = userdata;
        return request_start(etcd, request, ret_request);
}

size_t etcd_endpoint(const Etcd *etcd)
{
        return etcd->endpoint;
}

size_t etcd_endpoints(const Etcd *etcd)
{
        return etcd->n_endpoints;
}

static size_t endpoint_find(const char *const *endpoints, size_t n, const char *endpoint)
{
        size_t i = 0;

        while (i < n && !str_equal(endpoints[i], endpoint))
                i++;
        return i;
}

/* Streams know their member by its number: they get the new one, or another member. */
static void renumber(Etcd *etcd, char *const *before)
{
        for (EtcdMovable *m = etcd->movables; m; m = m->next) {
                size_t i = endpoint_find((const char *const *) etcd->endpoints, etcd->n_endpoints,
                                         before[m->endpoint]);

                m->endpoint = i < etcd->n_endpoints ? i : 0;
                if (i == etcd->n_endpoints)
                        m->move(m);
        }
}

int etcd_set_endpoints(Etcd *etcd, const char *const *endpoints, size_t n_endpoints)
{
        char *copies[ETCD_ENDPOINTS_MAX] = {}, *before[ETCD_ENDPOINTS_MAX] = {};
        size_t present;

        if (n_endpoints < 1 || n_endpoints > ETCD_ENDPOINTS_MAX)
                return -EINVAL;
        for (size_t i = 0; i < n_endpoints; i++)
                if (str_set(&copies[i], endpoints[i]) < 0) {
                        while (i > 0)
                                free(copies[--i]);
                        return -ENOMEM;
                }
        present = endpoint_find(endpoints, n_endpoints, etcd->endpoints[etcd->endpoint]);
        memcpy(before, etcd->endpoints, sizeof(before));
        memcpy(etcd->endpoints, copies, sizeof(copies));
        etcd->n_endpoints = n_endpoints;
        etcd->endpoint = present < n_endpoints ? present : 0;
        renumber(etcd, before);
        for (size_t i = 0; i < ETCD_ENDPOINTS_MAX; i++)
                free(before[i]);
        return 0;
}

sd_event *etcd_loop(const Etcd *etcd)
{
        return etcd->event;
}

void etcd_movable_add(Etcd *etcd, EtcdMovable *movable)
{
        movable->next = etcd->movables;
        etcd->movables = movable;
}

void etcd_movable_remove(Etcd *etcd, EtcdMovable *movable)
{
        for (EtcdMovable **m = &etcd->movables; *m; m = &(*m)->next)
                if (*m == movable) {
                        *m = movable->next;
                        return;
                }
}

int etcd_new(sd_event *event, const EtcdConfig *config, Etcd **ret_etcd)
{
        _cleanup_(etcd_freep) Etcd *etcd = NULL;
        int r;

        if (config->n_endpoints < 1 || config->n_endpoints > ETCD_ENDPOINTS_MAX)
                return -EINVAL;
        etcd = calloc(1, sizeof(*etcd));
        if (!etcd)
                return -ENOMEM;
        etcd->event = sd_event_ref(event);
        etcd->timeout_ns = config->timeout_ns ?: TIMEOUT_NS;
        r = http_new(event, &etcd->http);
        if (r < 0)
                return r;
        for (; etcd->n_endpoints < config->n_endpoints; etcd->n_endpoints++) {
                r = str_set(&etcd->endpoints[etcd->n_endpoints],
                            config->endpoints[etcd->n_endpoints]);
                if (r < 0)
                        return r;
        }
        r = str_set(&etcd->ca_path, config->ca_path);
        if (r == 0)
                r = str_set(&etcd->certificate_path, config->certificate_path);
        if (r == 0)
                r = str_set(&etcd->key_path, config->key_path);
        if (r < 0)
                return r;
        *ret_etcd = TAKE_PTR(etcd);
        return 0;
}

Etcd *etcd_free(Etcd *etcd)
{
        if (!etcd)
                return NULL;
        assert(!etcd->movables);
        while (etcd->requests)
                request_free(etcd->requests);
        http_free(etcd->http);
        for (size_t i = 0; i < etcd->n_endpoints; i++)
                free(etcd->endpoints[i]);
        free(etcd->ca_path);
        free(etcd->certificate_path);
        free(etcd->key_path);
        sd_event_unref(etcd->event);
        free(etcd);
        return NULL;
}
