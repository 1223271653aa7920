/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A watch: first all keys are read in pages at one revision, then a stream of changes is followed
 * from the next revision on. Whatever breaks the stream, it is opened again behind the last change
 * that was handed over; when etcd has compacted that revision, everything is read anew.
 *
 *        +-----------------------------------------+
 *        v                                         | compacted, asked to
 *   LOADING --all read--> FOLLOWING --stream broke--> WAITING
 *        ^  \_failed__________^___________________/ | ^
 *        |___________________(what it was doing)____|_/
 */

#include <inttypes.h>
#include <stdio.h>

#include "lib/base/sm.h"
#include "lib/io/etcd-internal.h"

#define PAGE_KEYS     500
#define BACKOFF_FIRST (50 * NSEC_PER_MSEC)
#define BACKOFF_MAX   (2 * NSEC_PER_SEC)

enum {
        LOADING,
        FOLLOWING,
        WAITING,
};

static const SmState states[] = {
        [LOADING] = {"loading", SM_TO(LOADING) | SM_TO(FOLLOWING) | SM_TO(WAITING)},
        [FOLLOWING] = {"following", SM_TO(LOADING) | SM_TO(WAITING)},
        [WAITING] = {"waiting", SM_TO(LOADING) | SM_TO(FOLLOWING) | SM_TO(WAITING)},
};

struct EtcdWatch {
        EtcdMovable movable; /* first */
        Etcd *etcd;
        Sm sm;
        char *prefix;
        EtcdWatchHandler handler;
        void *userdata;
        EtcdRequest *page;
        HttpRequest *stream;
        sd_event_source *timer;
        uint64_t backoff_ns;
        int64_t revision; /* all up to it has been handed over; 0: begin with reading all */
        int64_t load_revision;
        bool lost;      /* the owner was told so, and not yet that it follows again */
        char *last_key; /* of the pages so far */
        bool *gone;     /* set when a handler freed the watch */
};

/* True while the watch is still there. */
static bool emit(EtcdWatch *watch, const EtcdEvent *event)
{
        bool gone = false, *outer = watch->gone;

        watch->gone = &gone;
        watch->handler(watch->userdata, event);
        if (gone) {
                if (outer)
                        *outer = true;
                return false;
        }
        watch->gone = outer;
        return true;
}

static void begin(EtcdWatch *watch);

static void stop(EtcdWatch *watch)
{
        watch->page = etcd_cancel(watch->page);
        watch->stream = http_cancel(watch->stream);
        sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
}

static void wait_ns(EtcdWatch *watch, uint64_t delay_ns)
{
        stop(watch);
        sm_move(&watch->sm, WAITING);
        sd_event_source_set_time_relative(watch->timer, delay_ns / NSEC_PER_USEC);
        sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
}

/* What it was doing failed: say so, and try again later. */
static void lose(EtcdWatch *watch, EtcdOutcome outcome, const char *message)
{
        uint64_t delay_ns = watch->backoff_ns;

        watch->backoff_ns = MIN(2 * delay_ns, BACKOFF_MAX);
        wait_ns(watch, delay_ns);
        watch->lost = true;
        emit(watch, &(EtcdEvent) {ETCD_EVENT_LOST, .outcome = outcome, .message = message});
}

/* False when the watch is gone or its handler asked for a reload. */
static bool emit_page(EtcdWatch *watch, const EtcdReply *reply)
{
        if (!watch->last_key && !emit(watch, &(EtcdEvent) {ETCD_EVENT_RESET}))
                return false;
        for (size_t i = 0; i < reply->n_kvs; i++)
                if (watch->sm.state != LOADING ||
                    !emit(watch, &(EtcdEvent) {ETCD_EVENT_PUT, .kv = reply->kvs[i]}))
                        return false;
        return watch->sm.state == LOADING;
}

static void ask_page(EtcdWatch *watch);

static void on_page(void *userdata, const EtcdReply *reply, const EtcdMessage *message)
{
        EtcdWatch *watch = userdata;
        bool first = !watch->last_key;

        watch->page = NULL;
        if (reply->outcome == ETCD_COMPACTED) { /* between two pages */
                watch->revision = 0;
                lose(watch, reply->outcome, reply->message);
                return;
        }
        if (reply->outcome != ETCD_OK) {
                lose(watch, reply->outcome, reply->message);
                return;
        }
        if (!emit_page(watch, reply))
                return;
        if (first)
                watch->load_revision = reply->revision;
        if (reply->more && reply->n_kvs > 0) {
                if (str_set(&watch->last_key, reply->kvs[reply->n_kvs - 1].key) < 0)
                        lose(watch, ETCD_REFUSED, "out of memory");
                else
                        ask_page(watch);
                return;
        }
        watch->revision = watch->load_revision;
        watch->lost = false;
        watch->backoff_ns = BACKOFF_FIRST;
        if (!emit(watch, &(EtcdEvent) {ETCD_EVENT_SYNC, .revision = watch->revision}))
                return;
        if (watch->sm.state == LOADING)
                begin(watch);
}

static void ask_page(EtcdWatch *watch)
{
        StrBuffer body = {};
        char *text;
        int r;

        str_buffer_add(&body, "{");
        etcd_add_range(&body, watch->prefix, true);
        if (watch->last_key) {
                /* JSON's last member of a name wins: begin right behind the last key */
                str_buffer_deinit(&body);
                str_buffer_add(&body, "{\"key\":");
                etcd_add_bytes(&body, watch->last_key, strlen(watch->last_key) + 1);
                str_buffer_add(&body, ",\"range_end\":");
                watch->prefix[strlen(watch->prefix) - 1]++;
                etcd_add_bytes(&body, watch->prefix, strlen(watch->prefix));
                watch->prefix[strlen(watch->prefix) - 1]--;
                str_buffer_addf(&body, ",\"revision\":\"%" PRId64 "\"", watch->load_revision);
        }
        str_buffer_addf(&body, ",\"limit\":\"%d\"}", PAGE_KEYS);
        r = str_buffer_take(&body, &text);
        if (r == 0)
                r = etcd_ask(watch->etcd, "/v3/kv/range", text, on_page, watch, &watch->page);
        if (r < 0)
                wait_ns(watch, BACKOFF_MAX);
}

/* One message of the stream. False when the watch is gone or no longer follows this stream. */
static bool take_message(EtcdWatch *watch, const EtcdMessage *message)
{
        HttpRequest *stream = watch->stream;

        if (message->canceled) {
                if (message->compact_revision > 0)
                        watch->revision = 0;
                else
                        etcd_endpoint_failed(watch->etcd, watch->movable.endpoint);
                lose(watch,
                     message->compact_revision > 0 ? ETCD_COMPACTED
                                                   : etcd_outcome_of_text(message->reason ?: ""),
                     message->reason ?: "the watch was canceled");
                return false;
        }
        if (message->n_kvs > 0)
                watch->backoff_ns = BACKOFF_FIRST;
        for (size_t i = 0; i < message->n_kvs; i++) {
                EtcdEventType type = message->deleted[i] ? ETCD_EVENT_DELETE : ETCD_EVENT_PUT;

                if (!emit(watch, &(EtcdEvent) {type, .kv = message->kvs[i]}) ||
                    watch->stream != stream)
                        return false;
        }
        if (message->n_kvs == 0 && !(message->created && watch->lost))
                return true;
        if (message->n_kvs > 0)
                watch->revision = message->kvs[message->n_kvs - 1].mod_revision;
        watch->lost = false;
        return emit(watch, &(EtcdEvent) {ETCD_EVENT_SYNC, .revision = watch->revision}) &&
               watch->stream == stream;
}

static size_t on_stream(void *userdata, const char *data, size_t length)
{
        EtcdWatch *watch = userdata;
        size_t used = 0;
        const char *end;

        while ((end = memchr(data + used, '\n', length - used))) {
                _cleanup_(etcd_message_deinit) EtcdMessage message = {};
                _cleanup_free_ char *line = strndup(data + used, (size_t) (end - data) - used);

                if (!line || etcd_message_parse(line, &message) < 0) {
                        lose(watch, ETCD_REFUSED, "the stream is not what etcd sends");
                        return 0;
                }
                used = (size_t) (end - data) + 1;
                if (!take_message(watch, &message))
                        return 0; /* the stream is gone with its buffer */
        }
        return used;
}

static void on_stream_end(void *userdata, const HttpResult *result)
{
        EtcdWatch *watch = userdata;
        _cleanup_free_ char *text = NULL;
        EtcdOutcome outcome = etcd_outcome_of(result, &text);

        watch->stream = NULL;
        etcd_endpoint_failed(watch->etcd, watch->movable.endpoint);
        lose(watch, outcome == ETCD_OK ? ETCD_UNREACHABLE : outcome,
             outcome == ETCD_OK ? "the stream ended" : text ?: "");
}

static void open_stream(EtcdWatch *watch)
{
        StrBuffer body = {};
        _cleanup_free_ char *text = NULL;
        int r;

        str_buffer_add(&body, "{\"create_request\":{");
        etcd_add_range(&body, watch->prefix, true);
        str_buffer_addf(&body, ",\"start_revision\":\"%" PRId64 "\"}}", watch->revision + 1);
        r = str_buffer_take(&body, &text);
        if (r == 0) {
                watch->movable.endpoint = etcd_endpoint(watch->etcd);
                r = etcd_http(watch->etcd,
                              &(EtcdHttp) {
                                      .path = "/v3/watch",
                                      .body = text,
                                      /* a member without a leader ends the stream */
                                      .header = "Grpc-Metadata-hasleader: true",
                                      .data = on_stream,
                                      .done = on_stream_end,
                                      .userdata = watch,
                              },
                              &watch->stream);
        }
        if (r < 0)
                wait_ns(watch, BACKOFF_MAX);
}

static void begin(EtcdWatch *watch)
{
        if (watch->revision == 0) {
                free(watch->last_key);
                watch->last_key = NULL;
                sm_move(&watch->sm, LOADING);
                ask_page(watch);
        } else {
                sm_move(&watch->sm, FOLLOWING);
                open_stream(watch);
        }
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        begin(userdata);
        return 0;
}

static void move(EtcdMovable *movable)
{
        EtcdWatch *watch = CONTAINER_OF(movable, EtcdWatch, movable);

        if (watch->stream)
                wait_ns(watch, 0);
}

int etcd_watch_new(Etcd *etcd, const char *prefix, EtcdWatchHandler handler, void *userdata,
                   EtcdWatch **ret_watch)
{
        EtcdWatch *watch = calloc(1, sizeof(*watch));

        assert(prefix[0]);
        if (!watch)
                return -ENOMEM;
        watch->etcd = etcd;
        watch->movable.move = move;
        watch->handler = handler;
        watch->userdata = userdata;
        watch->backoff_ns = BACKOFF_FIRST;
        etcd_movable_add(etcd, &watch->movable);
        if (str_set(&watch->prefix, prefix) < 0 ||
            sd_event_add_time_relative(etcd_loop(etcd), &watch->timer, CLOCK_BOOTTIME, 0, 0,
                                       on_timer, watch) < 0) {
                etcd_watch_free(watch);
                return -ENOMEM;
        }
        sm_init(&watch->sm, states, ARRAY_SIZE(states), WAITING);
        *ret_watch = watch;
        return 0;
}

void etcd_watch_reload(EtcdWatch *watch)
{
        watch->revision = 0;
        wait_ns(watch, 0);
}

EtcdWatch *etcd_watch_free(EtcdWatch *watch)
{
        if (!watch)
                return NULL;
        if (watch->gone)
                *watch->gone = true;
        if (watch->timer)
                stop(watch);
        sd_event_source_disable_unref(watch->timer);
        etcd_movable_remove(watch->etcd, &watch->movable);
        free(watch->prefix);
        free(watch->last_key);
        free(watch);
        return NULL;
}
