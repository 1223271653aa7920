/* SPDX-License-Identifier: GPL-3.0-or-later */

/* One fetch is a state machine. At most one job of it is with the worker; while one is, nothing is
 * taken from the connection, which holds the holder back.
 *
 *   WAITING ──► OPENING ──► ASKING ──► FINISHING ──► ENDED
 *      ▲        worker     │ holder    │ worker
 *      │          │        ▼           │ wrong bytes
 *      └─────── PAUSED ◄───┴───────────┘
 *               nobody to ask; broken off; disk full
 *
 * Whose bytes were wrong is known when all came from one holder. When they came from several, the
 * blob is begun anew, and from then on (`alone`) only what a single holder has sent is put
 * together. */

#include "hostd/fetch.h"

#include <stdio.h>
#include <string.h>

#include "hostd/blob-part.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/sm.h"
#include "lib/base/str.h"

#define CHUNK_BYTES  (256 * KIB) /* one job's */
#define WINDOW_BYTES (256 * KIB) /* what the client keeps for us meanwhile */
#define STATUS_WHOLE 200U
#define STATUS_PART  206U
#define MISSING_NS                                                                                 \
        (15 * NSEC_PER_SEC) /* a holder that does not have it is not asked for so long             \
                             */

typedef enum FetchState {
        FETCH_WAITING,   /* for one of FETCH_ACTIVE_MAX places */
        FETCH_OPENING,   /* what has come before is read back, or thrown away */
        FETCH_ASKING,    /* a holder sends it */
        FETCH_FINISHING, /* all has come, and is looked at */
        FETCH_PAUSED,    /* until_ns */
        FETCH_ENDED,     /* done or cancelled; freed when its job has ended */
        FETCH_STATES,
} FetchState;

static const SmState states[FETCH_STATES] = {
        [FETCH_WAITING] = {"WAITING", SM_TO(FETCH_OPENING) | SM_TO(FETCH_ENDED)},
        [FETCH_OPENING] = {"OPENING", SM_TO(FETCH_ASKING) | SM_TO(FETCH_FINISHING) |
                                              SM_TO(FETCH_PAUSED) | SM_TO(FETCH_ENDED)},
        [FETCH_ASKING] = {"ASKING",
                          SM_TO(FETCH_FINISHING) | SM_TO(FETCH_PAUSED) | SM_TO(FETCH_ENDED)},
        [FETCH_FINISHING] = {"FINISHING", SM_TO(FETCH_PAUSED) | SM_TO(FETCH_ENDED)},
        [FETCH_PAUSED] = {"PAUSED", SM_TO(FETCH_WAITING) | SM_TO(FETCH_ENDED)},
        [FETCH_ENDED] = {"ENDED", SM_TO(FETCH_WAITING)},
};

typedef enum JobKind { JOB_OPEN, JOB_RESTART, JOB_WRITE, JOB_FINISH } JobKind;

typedef struct Fetch {
        Fetcher *fetcher;
        Sm sm;
        char digest[BLOB_DIGEST_LENGTH + 1];
        uint64_t size;
        uint64_t bytes;  /* written */
        BlobPart *part;  /* NULL: not open */
        char source[64]; /* host that sends, or sent last; "" for none yet */
        bool mixed;      /* what there is is not all of @source */
        bool alone;      /* and must be */
        bool again;      /* ENDED, and wanted again */
        HttpRequest *request;
        bool complete;     /* the connection ended as it should, not by breaking */
        unsigned status;   /* that the connection ended with; 0: it has not ended */
        uint64_t asked_at; /* bytes when this holder was asked */
        char why[FETCH_MESSAGE_MAX];
        size_t n_sources, n_failures; /* holders there are, and that failed one after the other */
        unsigned n_tries;             /* that brought nothing, one after the other */
        int given_up;                 /* why; 0: it is not */
        uint64_t pause_ns, until_ns;
        WorkerJob job;
        JobKind kind;
        bool job_runs;
        char *chunk; /* the job's while it runs */
        size_t chunk_length;
        char *tail; /* what the connection left when it ended; not yet given to a job */
        size_t tail_at, tail_length;
        char message[BLOB_MESSAGE_MAX]; /* of the job */
} Fetch;

struct Fetcher {
        FetcherConfig config;
        Map fetches; /* digest → Fetch */
        FetchHolders holders;
        sd_event_source *timer;
        unsigned n_active;
        bool stopped;
};

static FetchState state_of(const Fetch *fetch)
{
        return (FetchState) fetch->sm.state;
}

static bool is_active(const Fetch *fetch)
{
        FetchState state = state_of(fetch);

        return state == FETCH_OPENING || state == FETCH_ASKING || state == FETCH_FINISHING;
}

static void enter(Fetch *fetch, FetchState state)
{
        bool was = is_active(fetch);

        sm_move(&fetch->sm, state);
        if (was && !is_active(fetch))
                fetch->fetcher->n_active--;
        if (!was && is_active(fetch))
                fetch->fetcher->n_active++;
}

static void fetch_free(Fetch *fetch)
{
        http_cancel(fetch->request);
        blob_part_close(fetch->part);
        free(fetch->chunk);
        free(fetch->tail);
        free(fetch);
}

/* ---- time */

static void wake_in(Fetcher *fetcher, uint64_t in_ns)
{
        if (fetcher->stopped)
                return;
        sd_event_source_set_time_relative(fetcher->timer, in_ns / NSEC_PER_USEC);
        sd_event_source_set_enabled(fetcher->timer, SD_EVENT_ONESHOT);
}

_printf_(2, 3) static void complain(Fetch *fetch, const char *format, ...)
{
        char text[FETCH_MESSAGE_MAX];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        if (strcmp(text, fetch->why) != 0)
                log_warning("blob %.12s: %s", fetch->digest, text);
        memcpy(fetch->why, text, sizeof(text));
}

/* Tries again later: soon where something has come or there are others to ask, else after longer
 * and longer pauses. */
static void pause_fetch(Fetch *fetch, bool progress, int error)
{
        uint64_t pause_ns = FETCH_SOON_NS;

        fetch->n_tries = progress ? 0 : fetch->n_tries + 1;
        if (fetch->fetcher->config.failed && (error != 0 || fetch->n_tries >= FETCH_TRIES)) {
                fetch->given_up = error ?: -ECONNRESET;
                pause_ns = 0;
        } else if (progress) {
                fetch->pause_ns = fetch->n_failures = 0;
        } else if (++fetch->n_failures >= fetch->n_sources) {
                fetch->n_failures = 0;
                fetch->pause_ns =
                        MIN(MAX(2 * fetch->pause_ns, FETCH_RETRY_FIRST_NS), FETCH_RETRY_LAST_NS);
                pause_ns = fetch->pause_ns;
        }
        fetch->until_ns = clock_boottime_ns() + pause_ns;
        enter(fetch, FETCH_PAUSED);
        wake_in(fetch->fetcher, 0);
}

/* ---- holders */

static void avoid(Fetch *fetch, uint64_t for_ns)
{
        if (fetch->fetcher->config.failed)
                return; /* there is one source, and it is asked again or given up */
        fetch_holders_avoid(&fetch->fetcher->holders, fetch->digest, fetch->source,
                            clock_boottime_ns() + for_ns);
}

static bool pick_source(Fetch *fetch, FetchSource *ret_source)
{
        const FetcherConfig *config = &fetch->fetcher->config;
        FetchSource sources[FETCH_SOURCES_MAX];
        const FetchSource *source;

        fetch->n_sources = config->sources(config->userdata, fetch->digest, sources);
        source = fetch_holders_pick(&fetch->fetcher->holders, fetch->digest, sources,
                                    fetch->n_sources, fetch->source, clock_boottime_ns());
        if (source)
                *ret_source = *source;
        return source;
}

/* ---- jobs */

static void submit(Fetch *fetch, JobKind kind)
{
        assert(!fetch->job_runs);
        fetch->kind = kind;
        fetch->job_runs = true;
        worker_submit(fetch->fetcher->config.worker, &fetch->job);
}

static void write_chunk(Fetch *fetch, const char *data, size_t length)
{
        memcpy(fetch->chunk, data, length);
        fetch->chunk_length = length;
        submit(fetch, JOB_WRITE);
}

/* A disk that is full, or broken: what has come goes, to make room. */
static void fail(Fetch *fetch, int error)
{
        fetch->request = http_cancel(fetch->request);
        fetch->part = blob_part_close(fetch->part);
        blob_part_discard(fetch->fetcher->config.blobs, fetch->digest);
        fetch->bytes = 0;
        if (error == -ENOSPC || error == -EDQUOT)
                complain(fetch, "this host's disk has no room for its %llu MiB",
                         (unsigned long long) (fetch->size / MIB + 1));
        else
                complain(fetch, "cannot write it: %s", strerror(-error));
        pause_fetch(fetch, false, error == -EDQUOT ? -ENOSPC : error);
}

/* ---- asking a holder */

static bool status_fits(const Fetch *fetch, unsigned status)
{
        return status == (fetch->asked_at > 0 ? STATUS_PART : STATUS_WHOLE);
}

/* An answer that says it is not there, and will not be by asking again. */
static bool is_answer(unsigned status)
{
        return status >= 300 && status < 500;
}

/* The connection has ended, and what it brought has been written. */
static void conclude(Fetch *fetch)
{
        bool progress = fetch->bytes > fetch->asked_at;

        if (fetch->status == STATUS_WHOLE && fetch->asked_at > 0)
                fetch->alone = fetch->mixed = true; /* it sends all or nothing: begun anew */
        if (fetch->bytes == fetch->size) {
                enter(fetch, FETCH_FINISHING);
                submit(fetch, JOB_FINISH);
                return;
        }
        if (fetch->complete && status_fits(fetch, fetch->status)) {
                complain(fetch, "host %s has only %llu bytes of %llu", fetch->source,
                         (unsigned long long) fetch->bytes, (unsigned long long) fetch->size);
                pause_fetch(fetch, progress, -EBADMSG);
                return;
        }
        if (fetch->status >= 400)
                avoid(fetch, MISSING_NS);
        pause_fetch(fetch, progress, is_answer(fetch->status) ? -ENOENT : 0);
}

/* Gives the worker what the connection has left, or goes on to the end. */
static void after_end(Fetch *fetch)
{
        size_t n = MIN(fetch->tail_length - fetch->tail_at, (size_t) CHUNK_BYTES);

        if (n == 0) {
                conclude(fetch);
                return;
        }
        fetch->tail_at += n;
        write_chunk(fetch, fetch->tail + fetch->tail_at - n, n);
}

static size_t on_data(void *userdata, const char *data, size_t length)
{
        Fetch *fetch = userdata;
        size_t n = MIN(length, (size_t) CHUNK_BYTES);

        if (!status_fits(fetch, http_status(fetch->request)))
                return length; /* some error's text */
        if (fetch->job_runs)
                return 0;
        write_chunk(fetch, data, n);
        return n;
}

static void keep_tail(Fetch *fetch, const HttpResult *result)
{
        free(fetch->tail);
        fetch->tail_at = fetch->tail_length = 0;
        fetch->tail = result->length > 0 ? malloc(result->length) : NULL;
        if (!fetch->tail)
                return; /* it will be asked for again */
        memcpy(fetch->tail, result->body, result->length);
        fetch->tail_length = result->length;
}

static void on_http_done(void *userdata, const HttpResult *result)
{
        Fetch *fetch = userdata;

        fetch->request = NULL;
        fetch->status = result->status ?: 1;
        fetch->complete = result->error == 0;
        fetch->tail_at = fetch->tail_length = 0;
        if (status_fits(fetch, result->status))
                keep_tail(fetch, result);
        if (result->error != 0)
                complain(fetch, "host %s: %s", fetch->source, result->message);
        else if (!status_fits(fetch, result->status))
                complain(fetch, "host %s answers with status %u", fetch->source, result->status);
        if (!fetch->job_runs)
                after_end(fetch);
}

static int start_request(Fetch *fetch, const FetchSource *source)
{
        const FetcherConfig *config = &fetch->fetcher->config;
        _cleanup_free_ char *url =
                config->url ? config->url(config->userdata, source, fetch->digest)
                            : str_printf("%s" FETCH_PATH "%s", source->url, fetch->digest);
        HttpTls tls = config->tls ? config->tls(config->userdata) : (HttpTls) {};

        if (!fetch->chunk)
                fetch->chunk = malloc(CHUNK_BYTES);
        if (!url || !fetch->chunk)
                return -ENOMEM;
        fetch->mixed |= fetch->bytes > 0 && !str_equal(fetch->source, source->host);
        snprintf(fetch->source, sizeof(fetch->source), "%s", source->host);
        fetch->asked_at = fetch->bytes;
        fetch->status = 0;
        return http_start(config->http,
                          &(HttpOptions) {
                                  .url = url,
                                  .tls = config->tls && str_after(url, "https:") ? &tls : NULL,
                                  .data = on_data,
                                  .window = WINDOW_BYTES,
                                  .stall_ns = FETCH_STALL_NS,
                                  .first_byte = fetch->bytes,
                                  .done = on_http_done,
                                  .userdata = fetch,
                          },
                          &fetch->request);
}

/* The part is open; somebody is asked for the rest of it. */
static void ask(Fetch *fetch)
{
        FetchSource source;
        int r;

        if (!pick_source(fetch, &source)) {
                complain(fetch, "no host that is up has it");
                pause_fetch(fetch, false, 0);
                return;
        }
        if (fetch->alone && fetch->bytes > 0 &&
            (fetch->mixed || !str_equal(source.host, fetch->source))) {
                submit(fetch, JOB_RESTART);
                return;
        }
        r = start_request(fetch, &source);
        if (r < 0) {
                complain(fetch, "cannot ask host %s: %s", source.host, strerror(-r));
                pause_fetch(fetch, false, r);
                return;
        }
        enter(fetch, FETCH_ASKING);
}

/* ---- what jobs came to */

static void on_opened(Fetch *fetch, int result)
{
        if (result < 0) {
                fail(fetch, result);
                return;
        }
        fetch->bytes = blob_part_length(fetch->part);
        if (fetch->kind == JOB_RESTART)
                fetch->mixed = false;
        else
                fetch->mixed = fetch->bytes > 0; /* who sent that is not known any more */
        if (fetch->bytes == fetch->size) {
                enter(fetch, FETCH_FINISHING);
                submit(fetch, JOB_FINISH);
        } else {
                ask(fetch);
        }
}

/* What came is not the blob: whoever sent it is not believed again. */
static void on_wrong(Fetch *fetch, const char *what)
{
        fetch->request = http_cancel(fetch->request);
        fetch->part = blob_part_close(fetch->part);
        blob_part_discard(fetch->fetcher->config.blobs, fetch->digest);
        fetch->bytes = 0;
        if (fetch->mixed) {
                complain(fetch, "what came from several hosts is not the blob: %s; begun anew",
                         what);
                fetch->alone = true;
        } else {
                complain(fetch, "host %s sent what is not the blob: %s", fetch->source, what);
                avoid(fetch, FETCH_BAD_NS);
        }
        pause_fetch(fetch, true, fetch->mixed ? 0 : -EBADMSG);
        fetch->mixed = false;
}

static void on_written(Fetch *fetch, int result)
{
        if (result == BLOB_REFUSED) {
                on_wrong(fetch, "it is longer");
        } else if (result < 0) {
                fail(fetch, result);
        } else {
                fetch->bytes += fetch->chunk_length;
                if (fetch->status != 0)
                        after_end(fetch);
                else
                        http_continue(fetch->request);
        }
}

static void on_finished(Fetch *fetch, int result)
{
        const FetcherConfig *config = &fetch->fetcher->config;
        char digest[BLOB_DIGEST_LENGTH + 1];

        if (result == BLOB_REFUSED) {
                on_wrong(fetch, fetch->message);
                return;
        }
        if (result < 0) {
                fail(fetch, result);
                return;
        }
        log_info("blob %.12s: fetched, %llu bytes, the last from host %s", fetch->digest,
                 (unsigned long long) fetch->size, fetch->source);
        memcpy(digest, fetch->digest, sizeof(digest));
        fetch_holders_forget(&fetch->fetcher->holders, digest);
        enter(fetch, FETCH_ENDED);
        map_remove(&fetch->fetcher->fetches, digest);
        wake_in(fetch->fetcher, 0);
        fetch_free(fetch);
        config->done(config->userdata, digest);
}

bool fetcher_is_idle(const Fetcher *fetcher)
{
        return map_size(&fetcher->fetches) == 0;
}

/* Cancelled, and nothing of it runs any more. */
static void end(Fetch *fetch)
{
        Fetcher *fetcher = fetch->fetcher;

        fetch->part = blob_part_close(fetch->part);
        blob_part_discard(fetcher->config.blobs, fetch->digest);
        blob_release(fetcher->config.blobs, fetch->digest);
        if (fetch->again) {
                fetch->again = false;
                fetch->bytes = 0;
                fetch->mixed = false;
                enter(fetch, FETCH_WAITING);
                wake_in(fetcher, 0);
                return;
        }
        fetch_holders_forget(&fetcher->holders, fetch->digest);
        map_remove(&fetcher->fetches, fetch->digest);
        fetch_free(fetch);
        if (fetcher->config.idle && fetcher_is_idle(fetcher))
                fetcher->config.idle(fetcher->config.userdata);
}

/* It will not come. */
static void give_up(Fetch *fetch)
{
        const FetcherConfig *config = &fetch->fetcher->config;
        char digest[BLOB_DIGEST_LENGTH + 1], why[FETCH_MESSAGE_MAX];
        int error = fetch->given_up;

        memcpy(digest, fetch->digest, sizeof(digest));
        memcpy(why, fetch->why, sizeof(why));
        enter(fetch, FETCH_ENDED);
        end(fetch);
        config->failed(config->userdata, digest, error, why);
}

static int job_run(WorkerJob *job)
{
        Fetch *fetch = CONTAINER_OF(job, Fetch, job);

        switch (fetch->kind) {
        case JOB_OPEN:
                return blob_part_open(fetch->fetcher->config.blobs, fetch->digest, fetch->size,
                                      &fetch->part);
        case JOB_RESTART:
                return blob_part_restart(fetch->part);
        case JOB_WRITE:
                return blob_part_write(fetch->part, fetch->chunk, fetch->chunk_length);
        case JOB_FINISH:
                return blob_part_finish(fetch->part, fetch->message);
        }
        return -EINVAL;
}

static void job_done(WorkerJob *job, int result)
{
        Fetch *fetch = CONTAINER_OF(job, Fetch, job);

        fetch->job_runs = false;
        if (fetch->fetcher->stopped)
                return;
        if (state_of(fetch) == FETCH_ENDED) {
                end(fetch);
                return;
        }
        switch (fetch->kind) {
        case JOB_OPEN:
        case JOB_RESTART:
                on_opened(fetch, result);
                break;
        case JOB_WRITE:
                on_written(fetch, result);
                break;
        case JOB_FINISH:
                on_finished(fetch, result);
                break;
        }
}

/* ---- all of them */

static void begin(Fetch *fetch)
{
        enter(fetch, FETCH_OPENING);
        if (fetch->part)
                ask(fetch);
        else
                submit(fetch, JOB_OPEN);
}

/* Wakes those whose pause is over, and gives free places to those that wait, in the order that they
 * were wanted. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        uint64_t now_ns = clock_boottime_ns(), next_ns = UINT64_MAX;
        Fetcher *fetcher = userdata;
        Fetch *lost = NULL;

        MAP_FOREACH (entry, &fetcher->fetches) {
                Fetch *fetch = entry->value;

                if (state_of(fetch) == FETCH_PAUSED && fetch->given_up != 0) {
                        lost = fetch;
                        continue;
                }
                if (state_of(fetch) == FETCH_PAUSED && fetch->until_ns <= now_ns)
                        enter(fetch, FETCH_WAITING);
                if (state_of(fetch) == FETCH_WAITING && fetcher->n_active < FETCH_ACTIVE_MAX)
                        begin(fetch);
                if (state_of(fetch) == FETCH_PAUSED)
                        next_ns = MIN(next_ns, fetch->until_ns);
        }
        if (next_ns != UINT64_MAX)
                wake_in(fetcher, next_ns > now_ns ? next_ns - now_ns : 0);
        if (lost) { /* last: the map is not what it was */
                wake_in(fetcher, 0);
                give_up(lost);
        }
        return 0;
}

void fetcher_retry(Fetcher *fetcher)
{
        MAP_FOREACH (entry, &fetcher->fetches) {
                Fetch *fetch = entry->value;

                if (state_of(fetch) == FETCH_PAUSED)
                        fetch->until_ns = 0;
        }
        wake_in(fetcher, 0);
}

int fetcher_want(Fetcher *fetcher, const char *digest, uint64_t size)
{
        Fetch *fetch = map_get(&fetcher->fetches, digest);
        int r;

        if (!blob_is_digest(digest))
                return -EINVAL;
        if (fetch) {
                fetch->again = state_of(fetch) == FETCH_ENDED;
                return 0;
        }
        fetch = calloc(1, sizeof(*fetch));
        if (!fetch)
                return -ENOMEM;
        fetch->fetcher = fetcher;
        fetch->size = size;
        fetch->job = (WorkerJob) {.run = job_run, .done = job_done};
        memcpy(fetch->digest, digest, sizeof(fetch->digest));
        sm_init(&fetch->sm, states, FETCH_STATES, FETCH_WAITING);
        r = map_put(&fetcher->fetches, digest, fetch);
        if (r < 0) {
                free(fetch);
                return r;
        }
        wake_in(fetcher, 0);
        return 0;
}

void fetcher_cancel(Fetcher *fetcher, const char *digest)
{
        Fetch *fetch = map_get(&fetcher->fetches, digest);

        if (!fetch)
                return;
        fetch->again = false;
        if (state_of(fetch) == FETCH_ENDED)
                return;
        fetch->request = http_cancel(fetch->request);
        enter(fetch, FETCH_ENDED);
        if (!fetch->job_runs)
                end(fetch);
        wake_in(fetcher, 0);
}

bool fetcher_progress(const Fetcher *fetcher, const char *digest, FetchProgress *ret_progress)
{
        const Fetch *fetch = map_get(&fetcher->fetches, digest);

        if (!fetch || (state_of(fetch) == FETCH_ENDED && !fetch->again))
                return false;
        *ret_progress = (FetchProgress) {
                .bytes = fetch->again ? 0 : fetch->bytes,
                .size = fetch->size,
                .host = state_of(fetch) == FETCH_ASKING ? fetch->source : "",
                .problem = fetch->why,
        };
        return true;
}

int fetcher_new(const FetcherConfig *config, Fetcher **ret_fetcher)
{
        _cleanup_(fetcher_freep) Fetcher *fetcher = calloc(1, sizeof(*fetcher));
        int r;

        if (!fetcher)
                return -ENOMEM;
        fetcher->config = *config;
        fetch_holders_init(&fetcher->holders);
        r = sd_event_add_time(config->event, &fetcher->timer, CLOCK_BOOTTIME, 0, 1, on_timer,
                              fetcher);
        if (r >= 0)
                r = sd_event_source_set_enabled(fetcher->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret_fetcher = TAKE_PTR(fetcher);
        return 0;
}

void fetcher_stop(Fetcher *fetcher)
{
        fetcher->stopped = true;
        sd_event_source_set_enabled(fetcher->timer, SD_EVENT_OFF);
        MAP_FOREACH (entry, &fetcher->fetches) {
                Fetch *fetch = entry->value;

                fetch->request = http_cancel(fetch->request);
        }
}

Fetcher *fetcher_free(Fetcher *fetcher)
{
        if (!fetcher)
                return NULL;
        MAP_FOREACH (entry, &fetcher->fetches)
                fetch_free(entry->value);
        map_deinit(&fetcher->fetches);
        fetch_holders_deinit(&fetcher->holders);
        sd_event_source_disable_unref(fetcher->timer);
        free(fetcher);
        return NULL;
}
