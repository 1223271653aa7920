/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libcurl tells which descriptors to poll and when to wake it; sd-event polls and wakes. libcurl
 * must not be called from its own callbacks, so what arrives is put into the request's buffer, the
 * request is put on a list, and the list is worked off when libcurl has returned. */

#include "lib/io/http.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/base/str.h"
#include "lib/io/http-tls.h"

#define CONNECT_TIMEOUT_NS (2 * NSEC_PER_SEC)
#define KEEPALIVE_IDLE_S   2L /* a stream whose other end is cut off ends after 5 s */
#define KEEPALIVE_PROBE_S  1L
#define KEEPALIVE_PROBES   3L

struct HttpRequest {
        Http *http;
        CURL *easy;
        struct curl_slist *headers;
        StrBuffer body;
        HttpData data;
        HttpDone done;
        void *userdata;
        char message[CURL_ERROR_SIZE];
        HttpPin pin;
        CURLcode code;
        size_t window, body_max;
        bool paused; /* the window is full: libcurl holds the rest back */
        bool ended;  /* done is to be called */
        bool ready;  /* on the ready list */
        HttpRequest *next_ready;
        HttpRequest *previous, *next; /* all requests */
};

struct Http {
        sd_event *event;
        CURLM *multi;
        sd_event_source *timer;
        sd_event_source *defer; /* http_continue() was called */
        HttpRequest *requests;
        HttpRequest *first_ready, *last_ready;
        HttpRequest *current; /* whose handler runs; NULL when that handler cancelled it */
        bool *gone;           /* set when a handler freed the client */
};

static void ready_add(HttpRequest *request)
{
        Http *http = request->http;

        if (request->ready)
                return;
        request->ready = true;
        request->next_ready = NULL;
        if (http->last_ready)
                http->last_ready->next_ready = request;
        else
                http->first_ready = request;
        http->last_ready = request;
}

static HttpRequest *ready_take(Http *http)
{
        HttpRequest *request = http->first_ready;

        if (!request)
                return NULL;
        http->first_ready = request->next_ready;
        if (!http->first_ready)
                http->last_ready = NULL;
        request->ready = false;
        return request;
}

static void ready_remove(HttpRequest *request)
{
        Http *http = request->http;
        HttpRequest *before = NULL;

        if (!request->ready)
                return;
        for (HttpRequest *r = http->first_ready; r != request; r = r->next_ready)
                before = r;
        if (before)
                before->next_ready = request->next_ready;
        else
                http->first_ready = request->next_ready;
        if (http->last_ready == request)
                http->last_ready = before;
        request->ready = false;
}

static HttpRequest *request_free(HttpRequest *request)
{
        if (!request)
                return NULL;
        if (request->http) {
                ready_remove(request);
                if (request->http->current == request)
                        request->http->current = NULL;
                if (request->previous)
                        request->previous->next = request->next;
                else
                        request->http->requests = request->next;
                if (request->next)
                        request->next->previous = request->previous;
                curl_multi_remove_handle(request->http->multi, request->easy);
        }
        curl_easy_cleanup(request->easy);
        curl_slist_free_all(request->headers);
        str_buffer_deinit(&request->body);
        free(request);
        return NULL;
}
DEFINE_CLEANUP(HttpRequest *, request_free)

static int error_of(CURLcode code)
{
        switch (code) {
        case CURLE_OK:
                return 0;
        case CURLE_COULDNT_CONNECT:
        case CURLE_COULDNT_RESOLVE_HOST:
                return -ECONNREFUSED;
        case CURLE_OPERATION_TIMEDOUT:
                return -ETIMEDOUT;
        case CURLE_WRITE_ERROR:
                return -EFBIG;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
                return -EKEYREJECTED;
        default:
                return -ECONNRESET;
        }
}

/* Lets libcurl go on when there is room again. What it has held back it writes at once, which may
 * end the request: then that is worked off like any other end. */
static void unpause(HttpRequest *request)
{
        if (!request->paused || request->ended || request->body.length >= request->window)
                return;
        request->paused = false;
        curl_easy_pause(request->easy, CURLPAUSE_CONT);
}

/* Gives the stream's bytes to their owner. True when the request is still there. */
static bool hand_over_data(HttpRequest *request, const bool *gone)
{
        Http *http = request->http;
        size_t used;

        if (!request->data || request->body.length == 0)
                return true;
        http->current = request;
        used = request->data(request->userdata, request->body.data, request->body.length);
        if (*gone || http->current != request)
                return false;
        http->current = NULL;
        assert(used <= request->body.length);
        if (used > 0) {
                memmove(request->body.data, request->body.data + used, request->body.length - used);
                request->body.length -= used;
                request->body.data[request->body.length] = '\0';
        }
        unpause(request);
        return true;
}

static const char *message_of(const HttpRequest *request)
{
        return request->message[0] ? request->message : curl_easy_strerror(request->code);
}

static void hand_over_end(HttpRequest *request, const bool *gone)
{
        HttpResult result = {
                .error = error_of(request->code),
                .message = "",
                .body = request->body.data ?: "",
                .length = request->body.length,
        };
        Http *http = request->http;
        long status = 0;

        curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
        result.status = (unsigned) status;
        if (result.error != 0)
                result.message = request->pin.message ?: message_of(request);
        http->current = request;
        request->done(request->userdata, &result);
        if (*gone || http->current != request)
                return;
        http->current = NULL;
        request_free(request);
}

static void dispatch(Http *http)
{
        HttpRequest *request;
        CURLMsg *message;
        bool gone = false;
        int left;

        while ((message = curl_multi_info_read(http->multi, &left))) {
                if (message->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &request);
                request->code = message->data.result;
                request->ended = true;
                ready_add(request);
        }
        if (http->gone) /* a handler started something; the outer call works it off */
                return;
        http->gone = &gone;
        while (!gone && (request = ready_take(http))) {
                if (hand_over_data(request, &gone) && request->ended)
                        hand_over_end(request, &gone);
        }
        if (gone)
                return;
        http->gone = NULL;
}

static size_t on_write(char *data, size_t size, size_t count, void *userdata)
{
        HttpRequest *request = userdata;
        size_t length = size * count;

        if (request->window > 0 && request->body.length >= request->window) {
                request->paused = true;
                return CURL_WRITEFUNC_PAUSE;
        }
        if (request->body.length + length > request->body_max)
                return 0;
        str_buffer_append(&request->body, data, length);
        if (request->body.failed)
                return 0;
        if (request->data)
                ready_add(request);
        return length;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Http *http = userdata;
        int action = 0, running;

        if (revents & (EPOLLIN | EPOLLHUP))
                action |= CURL_CSELECT_IN;
        if (revents & EPOLLOUT)
                action |= CURL_CSELECT_OUT;
        if (revents & EPOLLERR)
                action |= CURL_CSELECT_ERR;
        curl_multi_socket_action(http->multi, fd, action, &running);
        dispatch(http);
        return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *assigned)
{
        Http *http = userdata;
        sd_event_source *source = assigned;
        uint32_t events = what == CURL_POLL_IN    ? EPOLLIN
                          : what == CURL_POLL_OUT ? EPOLLOUT
                                                  : EPOLLIN | EPOLLOUT;

        if (what == CURL_POLL_REMOVE) {
                sd_event_source_disable_unref(source);
                return 0;
        }
        if (source)
                return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
        if (sd_event_add_io(http->event, &source, fd, events, on_io, http) < 0)
                return -1;
        curl_multi_assign(http->multi, fd, source);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Http *http = userdata;
        int running;

        curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        dispatch(http);
        return 0;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *userdata)
{
        Http *http = userdata;

        if (timeout_ms < 0)
                return sd_event_source_set_enabled(http->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
        if (sd_event_source_set_time_relative(http->timer, (uint64_t) timeout_ms * 1000) < 0)
                return -1;
        return sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

static int on_defer(sd_event_source *source, void *userdata)
{
        Http *http = userdata;

        dispatch(http);
        return 0;
}

static int add_sources(Http *http)
{
        int r;

        r = sd_event_add_time_relative(http->event, &http->timer, CLOCK_BOOTTIME, UINT64_MAX, 0,
                                       on_timer, http);
        if (r == -EOVERFLOW)
                r = sd_event_add_time(http->event, &http->timer, CLOCK_BOOTTIME, UINT64_MAX, 0,
                                      on_timer, http);
        if (r >= 0)
                r = sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(http->event, &http->defer, on_defer, http);
        if (r >= 0)
                r = sd_event_source_set_enabled(http->defer, SD_EVENT_OFF);
        return r < 0 ? r : 0;
}

int http_new(sd_event *event, Http **ret_http)
{
        static bool initialised;
        _cleanup_(http_freep) Http *http = calloc(1, sizeof(*http));
        int r;

        if (!http)
                return -ENOMEM;
        if (!initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        initialised = true;
        http->event = sd_event_ref(event);
        http->multi = curl_multi_init();
        if (!http->multi)
                return -ENOMEM;
        r = add_sources(http);
        if (r < 0)
                return r;
        curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
        curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
        curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
        *ret_http = TAKE_PTR(http);
        return 0;
}

Http *http_free(Http *http)
{
        if (!http)
                return NULL;
        while (http->requests)
                request_free(http->requests);
        if (http->multi)
                curl_multi_cleanup(http->multi);
        sd_event_source_disable_unref(http->timer);
        sd_event_source_disable_unref(http->defer);
        sd_event_unref(http->event);
        if (http->gone)
                *http->gone = true;
        free(http);
        return NULL;
}

/* Options that every request has. */
static bool request_set_common(HttpRequest *request)
{
        CURL *easy = request->easy;

        return !curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *) request) &&
               !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->message) &&
               !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write) &&
               !curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *) request) &&
               !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
               !curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") &&
               !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
               !curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) &&
               !curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) &&
               !curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S) &&
               !curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_PROBE_S) &&
               !curl_easy_setopt(easy, CURLOPT_TCP_KEEPCNT, KEEPALIVE_PROBES) &&
               !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
}

static bool request_set_tls(HttpRequest *request, const HttpTls *tls)
{
        CURL *easy = request->easy;

        if (tls->ca_sha256 && !http_pin_set(&request->pin, easy, tls->ca_sha256))
                return false;
        return (!tls->ca_path || !curl_easy_setopt(easy, CURLOPT_CAINFO, tls->ca_path)) &&
               (!tls->certificate_path ||
                !curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->certificate_path)) &&
               (!tls->key_path || !curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key_path));
}

static bool request_set_stream(HttpRequest *request, const HttpOptions *options)
{
        long stall_s = (long) (options->stall_ns / NSEC_PER_SEC);
        CURL *easy = request->easy;
        char range[32];

        request->window = options->data ? options->window : 0;
        snprintf(range, sizeof(range), "%llu-", (unsigned long long) options->first_byte);
        return (options->first_byte == 0 || !curl_easy_setopt(easy, CURLOPT_RANGE, range)) &&
               (options->stall_ns == 0 ||
                (!curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) &&
                 !curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, MAX(stall_s, 1L))));
}

static bool request_set(HttpRequest *request, const HttpOptions *options)
{
        uint64_t connect_ns = options->connect_timeout_ns ?: CONNECT_TIMEOUT_NS;
        CURL *easy = request->easy;

        if (!request_set_common(request) || curl_easy_setopt(easy, CURLOPT_URL, options->url))
                return false;
        if (options->tls && !request_set_tls(request, options->tls))
                return false;
        if (options->body &&
            (curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) options->length) ||
             curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, options->body)))
                return false;
        if (!request_set_stream(request, options))
                return false;
        return !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                                 (long) (connect_ns / NSEC_PER_MSEC)) &&
               !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                                 (long) (options->timeout_ns / NSEC_PER_MSEC));
}

int http_start(Http *http, const HttpOptions *options, HttpRequest **ret_request)
{
        static const char *const fixed[] = {"Content-Type: application/json", "Expect:"};
        _cleanup_(request_freep) HttpRequest *request = calloc(1, sizeof(*request));

        if (!request)
                return -ENOMEM;
        request->easy = curl_easy_init();
        if (!request->easy)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(fixed) + !!options->header; i++) {
                struct curl_slist *more = curl_slist_append(
                        request->headers, i < ARRAY_SIZE(fixed) ? fixed[i] : options->header);

                if (!more)
                        return -ENOMEM;
                request->headers = more;
        }
        if (!request_set(request, options))
                return -EINVAL;
        request->data = options->data;
        request->body_max = options->body_max ?: HTTP_BODY_MAX;
        request->done = options->done;
        request->userdata = options->userdata;
        if (curl_multi_add_handle(http->multi, request->easy) != CURLM_OK)
                return -ENOMEM;
        request->http = http;
        request->next = http->requests;
        if (http->requests)
                http->requests->previous = request;
        http->requests = request;
        if (ret_request)
                *ret_request = request;
        TAKE_PTR(request);
        return 0;
}

unsigned http_status(const HttpRequest *request)
{
        long status = 0;

        curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
        return (unsigned) status;
}

void http_continue(HttpRequest *request)
{
        ready_add(request);
        sd_event_source_set_enabled(request->http->defer, SD_EVENT_ONESHOT);
}

HttpRequest *http_cancel(HttpRequest *request)
{
        return request_free(request);
}
