/* SPDX-License-Identifier: GPL-3.0-or-later */

/* One fetch is a state machine. What it ends with, good or bad, is said when nothing of it is left
 * but what is to be taken.
 *
 *   IDLE ──► ASKING ──► FILES ──► FETCHED
 *    ▲         │          │          │ os_source_end()
 *    │         ▼          ▼          │
 *    │      ENDING: requests and jobs come to their ends ◄──┘
 *    │         ▼
 *    └──── CLEANING: worker
 */

#include "hostd/os-source.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "hostd/fetch.h"
#include "hostd/os-intake.h"
#include "hostd/os-sums.h"
#include "lib/base/file.h"
#include "lib/base/sm.h"
#include "lib/base/str.h"

typedef enum SourceState {
        SOURCE_IDLE,
        SOURCE_ASKING, /* what it offers */
        SOURCE_FILES,
        SOURCE_FETCHED,
        SOURCE_ENDING,
        SOURCE_CLEANING,
        SOURCE_STATES,
} SourceState;

static const SmState states[SOURCE_STATES] = {
        [SOURCE_IDLE] = {"IDLE", SM_TO(SOURCE_ASKING)},
        [SOURCE_ASKING] = {"ASKING", SM_TO(SOURCE_FILES) | SM_TO(SOURCE_ENDING)},
        [SOURCE_FILES] = {"FILES", SM_TO(SOURCE_FETCHED) | SM_TO(SOURCE_ENDING)},
        [SOURCE_FETCHED] = {"FETCHED", SM_TO(SOURCE_ENDING)},
        [SOURCE_ENDING] = {"ENDING", SM_TO(SOURCE_CLEANING)},
        [SOURCE_CLEANING] = {"CLEANING", SM_TO(SOURCE_IDLE)},
};

struct OsSource {
        OsSourceConfig config;
        char *directory;
        Http *http;
        BlobStore *blobs;
        OsOffer *offer;
        Fetcher *fetcher;
        sd_event_source *limit;
        Sm sm;
        bool stopped;
        char url[OS_OFFER_URL_MAX + 1];
        char *manifest;
        bool here[RECORD_FILES_MAX]; /* which files have come */
        WorkerJob job;
        bool offer_runs; /* cancelled, and its job still runs */
        bool quiet;      /* nobody is told how it ended */
        OsOfferResult result;
};

static SourceState state_of(const OsSource *source)
{
        return (SourceState) source->sm.state;
}

/* ---- its end */

/* Goes on when nothing runs any more that could leave something. */
static void clean(OsSource *source)
{
        if (state_of(source) != SOURCE_ENDING || source->offer_runs ||
            !fetcher_is_idle(source->fetcher))
                return;
        sm_move(&source->sm, SOURCE_CLEANING);
        worker_submit(source->config.worker, &source->job);
}

static void on_idle(void *userdata)
{
        clean(userdata);
}

static void begin_end(OsSource *source)
{
        const OsRecord *os = &source->result.os;

        sd_event_source_set_enabled(source->limit, SD_EVENT_OFF);
        sm_move(&source->sm, SOURCE_ENDING);
        source->offer_runs = os_offer_cancel(source->offer);
        for (size_t i = 0; i < os->n_files; i++)
                blob_release(source->blobs, os->files[i].digest);
        for (size_t i = 0; i < os->n_files; i++)
                fetcher_cancel(source->fetcher, os->files[i].digest); /* the last may clean */
        clean(source);
}

_printf_(3, 4) static void fail(OsSource *source, const char *error, const char *format, ...)
{
        va_list args;

        source->result.error = error;
        va_start(args, format);
        vsnprintf(source->result.message, sizeof(source->result.message), format, args);
        va_end(args);
        begin_end(source);
}

static int clean_run(WorkerJob *job)
{
        OsSource *source = CONTAINER_OF(job, OsSource, job);

        return blob_collect(source->blobs, NULL, 0);
}

static void clean_done(WorkerJob *job, int result)
{
        OsSource *source = CONTAINER_OF(job, OsSource, job);

        if (source->stopped)
                return;
        sm_move(&source->sm, SOURCE_IDLE);
        source->url[0] = '\0';
        source->result.manifest = NULL;
        if (!source->quiet)
                source->config.done(source->config.userdata, &source->result);
}

/* ---- files */

static const OsFile *file_of(const OsSource *source, const char *digest)
{
        const OsRecord *os = &source->result.os;

        for (size_t i = 0; i < os->n_files; i++)
                if (str_equal(os->files[i].digest, digest))
                        return &os->files[i];
        return NULL;
}

/* Who it is, for people. */
static size_t sources(void *userdata, const char *digest,
                      FetchSource ret_sources[static FETCH_SOURCES_MAX])
{
        const OsSource *source = userdata;
        const char *host = strstr(source->url, "//") + 2;

        ret_sources[0] = (FetchSource) {};
        snprintf(ret_sources[0].host, sizeof(ret_sources[0].host), "%.*s",
                 (int) MIN(strcspn(host, "/"), sizeof(ret_sources[0].host) - 1), host);
        return 1;
}

static char *url_of(void *userdata, const FetchSource *from, const char *digest)
{
        const OsSource *source = userdata;
        const OsFile *file = file_of(source, digest);

        return file ? str_printf("%s/" OS_SUMS_PREFIX "%s_%s.%s", source->url,
                                 source->result.os.family, source->result.os.version, file->name)
                    : NULL;
}

static void on_file(void *userdata, const char *digest)
{
        OsSource *source = userdata;
        const OsRecord *os = &source->result.os;

        if (state_of(source) != SOURCE_FILES)
                return clean(source);
        for (size_t i = 0; i < os->n_files; i++)
                source->here[i] |= str_equal(os->files[i].digest, digest);
        if (!fetcher_is_idle(source->fetcher))
                return;
        sd_event_source_set_enabled(source->limit, SD_EVENT_OFF);
        sm_move(&source->sm, SOURCE_FETCHED);
        source->result.manifest = source->manifest;
        source->config.done(source->config.userdata, &source->result);
}

static void on_file_failed(void *userdata, const char *digest, int error, const char *why)
{
        OsSource *source = userdata;
        const OsFile *file = file_of(source, digest);
        const char *name = error == -EBADMSG                          ? "GuestOsInvalid"
                           : error == -ENOSPC                         ? "StorageFull"
                           : error == -ENOENT || error == -ECONNRESET ? "SourceUnavailable"
                                                                      : "Internal";

        if (state_of(source) != SOURCE_FILES)
                return clean(source);
        fail(source, name, "%s: %s", file ? file->name : digest, why);
}

/* Room for all of it, before anything is fetched; each file's own is set aside when it begins. */
static int check_room(OsSource *source)
{
        const OsRecord *os = &source->result.os;
        struct statvfs st;
        uint64_t bytes = 0;

        for (size_t i = 0; i < os->n_files; i++) {
                if (os->files[i].size_bytes > OS_INTAKE_FILE_MAX) {
                        fail(source, "GuestOsInvalid", "%s: is larger than 8 GiB",
                             os->files[i].name);
                        return -EFBIG;
                }
                bytes += os->files[i].size_bytes;
        }
        if (statvfs(source->directory, &st) == 0 && bytes / st.f_frsize >= (uint64_t) st.f_bavail) {
                fail(source, "StorageFull", "this host's disk has no room for its %llu MiB",
                     (unsigned long long) (bytes / MIB + 1));
                return -ENOSPC;
        }
        return 0;
}

static void want_files(OsSource *source)
{
        const OsRecord *os = &source->result.os;
        int r = 0;

        if (check_room(source) < 0)
                return;
        sm_move(&source->sm, SOURCE_FILES);
        for (size_t i = 0; i < os->n_files && r == 0; i++)
                r = fetcher_want(source->fetcher, os->files[i].digest, os->files[i].size_bytes);
        if (r < 0)
                fail(source, "Internal", "the files: %s", strerror(-r));
}

/* ---- what it offers */

static void on_offer(void *userdata, const OsOfferResult *result)
{
        OsSource *source = userdata;

        if (state_of(source) != SOURCE_ASKING) { /* it was cancelled */
                source->offer_runs = false;
                return clean(source);
        }
        source->result = *result;
        if (result->error || result->known)
                return begin_end(source);
        if (str_set(&source->manifest, result->manifest) < 0)
                return fail(source, "Internal", "out of memory");
        want_files(source);
}

/* ---- all of it */

static int on_limit(sd_event_source *timer, uint64_t usec, void *userdata)
{
        OsSource *source = userdata;

        fail(source, "SourceUnavailable", "it has not come within %u hours",
             (unsigned) (OS_SOURCE_LIMIT_NS / NSEC_PER_SEC / 3600));
        return 0;
}

int os_source_fetch(OsSource *source, const char *url, const char *name, const OsRecord *known,
                    size_t n_known)
{
        size_t length = strlen(url);
        int r;

        if (state_of(source) != SOURCE_IDLE)
                return -EBUSY;
        while (length > 0 && url[length - 1] == '/')
                length--;
        snprintf(source->url, sizeof(source->url), "%.*s", (int) length, url);
        r = os_offer_ask(source->offer, source->url, name, known, n_known);
        if (r < 0) {
                source->url[0] = '\0';
                return r;
        }
        source->result = (OsOfferResult) {};
        memset(source->here, 0, sizeof(source->here));
        source->quiet = false;
        sd_event_source_set_time_relative(source->limit, OS_SOURCE_LIMIT_NS / NSEC_PER_USEC);
        sd_event_source_set_enabled(source->limit, SD_EVENT_ONESHOT);
        sm_move(&source->sm, SOURCE_ASKING);
        return 0;
}

void os_source_cancel(OsSource *source)
{
        SourceState state = state_of(source);

        source->quiet = true;
        if (!source->stopped && state != SOURCE_IDLE && state != SOURCE_ENDING &&
            state != SOURCE_CLEANING)
                begin_end(source);
}

void os_source_end(OsSource *source)
{
        os_source_cancel(source);
}

BlobStore *os_source_blobs(OsSource *source)
{
        return source->blobs;
}

void os_source_progress(const OsSource *source, OsSourceProgress *ret_progress)
{
        const OsRecord *os = &source->result.os;
        uint64_t bytes = 0, size = 0;
        FetchProgress progress;

        for (size_t i = 0; i < os->n_files && source->url[0]; i++) {
                size += os->files[i].size_bytes;
                if (source->here[i])
                        bytes += os->files[i].size_bytes;
                else if (fetcher_progress(source->fetcher, os->files[i].digest, &progress))
                        bytes += progress.bytes;
        }
        *ret_progress = (OsSourceProgress) {.url = source->url,
                                            .family = os->family,
                                            .version = os->version,
                                            .bytes = bytes,
                                            .size = size};
}

static int open_blobs(OsSource *source, const char *directory)
{
        _cleanup_free_ char *blobs = str_printf("%s/blobs", directory);
        int r = str_set(&source->directory, directory);

        if (r < 0 || !blobs)
                return -ENOMEM;
        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                return -errno;
        r = file_remove_directory(AT_FDCWD, blobs);
        if (r < 0)
                return r;
        return mkdir(blobs, 0700) < 0 ? -errno : blob_store_open(blobs, &source->blobs);
}

static int add_parts(OsSource *source)
{
        _cleanup_free_ char *gpg = str_printf("%s/gpg", source->directory);
        OsOfferConfig offer = {
                .worker = source->config.worker,
                .http = source->http,
                .gpg_directory = gpg,
                .keyring = source->config.keyring,
                .userdata = source,
                .done = on_offer,
        };
        FetcherConfig fetcher = {
                .event = source->config.event,
                .http = source->http,
                .worker = source->config.worker,
                .blobs = source->blobs,
                .userdata = source,
                .sources = sources,
                .url = url_of,
                .done = on_file,
                .failed = on_file_failed,
                .idle = on_idle,
        };
        int r = gpg ? os_offer_new(&offer, &source->offer) : -ENOMEM;

        return r == 0 ? fetcher_new(&fetcher, &source->fetcher) : r;
}

int os_source_new(const OsSourceConfig *config, OsSource **ret_source)
{
        _cleanup_(os_source_freep) OsSource *source = calloc(1, sizeof(*source));
        int r;

        if (!source)
                return -ENOMEM;
        source->config = *config;
        source->job = (WorkerJob) {.run = clean_run, .done = clean_done};
        sm_init(&source->sm, states, SOURCE_STATES, SOURCE_IDLE);
        r = open_blobs(source, config->directory);
        if (r == 0)
                r = http_new(config->event, &source->http);
        if (r == 0)
                r = add_parts(source);
        if (r == 0)
                r = sd_event_add_time(config->event, &source->limit, CLOCK_BOOTTIME, 0, 0, on_limit,
                                      source);
        if (r >= 0)
                r = sd_event_source_set_enabled(source->limit, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret_source = TAKE_PTR(source);
        return 0;
}

void os_source_stop(OsSource *source)
{
        if (!source)
                return;
        source->stopped = true;
        os_offer_stop(source->offer);
        fetcher_stop(source->fetcher);
        sd_event_source_set_enabled(source->limit, SD_EVENT_OFF);
}

OsSource *os_source_free(OsSource *source)
{
        if (!source)
                return NULL;
        os_offer_free(source->offer);
        fetcher_free(source->fetcher);
        sd_event_source_disable_unref(source->limit);
        http_free(source->http);
        blob_store_close(source->blobs);
        free(source->manifest);
        free(source->directory);
        free(source);
        return NULL;
}
