/* SPDX-License-Identifier: GPL-3.0-or-later */

/* look() compares what the records want with what is here, and does what is missing; all that it
 * does is harmless to do twice, so it looks again whenever anything has changed, and each LOOK_NS.
 *
 *   records ──► wanted (digest → size) ──► fetcher ──► blob store
 *                                              └─ all files of a guest OS ──► shelf ──► os/ */

#include "hostd/content.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hostd/copies.h"
#include "hostd/fetch.h"
#include "hostd/os-shelf.h"
#include "hostd/worker.h"
#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define WORKER_THREADS 2
#define LOOK_NS        (5 * NSEC_PER_SEC)
#define LOOK_LEAST_NS  (200 * NSEC_PER_MSEC)
#define TELL_NS        (3 * NSEC_PER_SEC)

struct Content {
        ContentConfig config;
        char *host;
        Http *http;
        Worker *worker;
        Fetcher *fetcher;
        OsShelf *shelf;
        Copies *copies;
        Map wanted; /* digest → nothing: what the fetcher was told */
        Map told;   /* key of a record → until when the leader is not told again */
        Map stale;  /* FAMILY/VERSION → since when no record is about it */
        uint64_t looked_ns;
        sd_event_source *timer;
};

/* The package, or the guest OS with the file, of a digest. */
static const Record *record_with(const Content *content, const char *digest)
{
        const Record *package = store_named(content->config.store, RECORD_PACKAGE, digest);

        if (package)
                return package;
        MAP_FOREACH (entry, store_records(content->config.store, RECORD_OS)) {
                const Record *record = entry->value;

                for (size_t i = 0; i < record->os.n_files; i++)
                        if (str_equal(record->os.files[i].digest, digest))
                                return record;
        }
        return NULL;
}

static bool set_source(const Content *content, const char *host, FetchSource *ret_source)
{
        const Record *record = store_named(content->config.store, RECORD_HOST, host);
        char address[IP_TEXT_MAX];
        bool six;

        if (!record || record->host.address.family == 0 || str_equal(host, content->host) ||
            !store_named(content->config.store, RECORD_ALIVE, host))
                return false;
        six = record->host.address.family == 6;
        snprintf(ret_source->host, sizeof(ret_source->host), "%s", host);
        snprintf(ret_source->url, sizeof(ret_source->url), "https://%s%s%s:%u", six ? "[" : "",
                 ip_format(&record->host.address, address), six ? "]" : "", content->config.port);
        return true;
}

/* Each host begins with another holder, so that not all ask the same one. */
static size_t sources(void *userdata, const char *digest,
                      FetchSource ret_sources[static FETCH_SOURCES_MAX])
{
        const Content *content = userdata;
        const Record *record = record_with(content, digest);
        const RecordName *holders;
        size_t n = 0, n_holders, first;

        if (!record)
                return 0;
        holders = copies_holders(record, &n_holders);
        first = n_holders > 0 ? hash_text(digest, hash_text(content->host, 0)) % n_holders : 0;
        for (size_t i = 0; i < n_holders && n < FETCH_SOURCES_MAX; i++)
                n += set_source(content, holders[(first + i) % n_holders], &ret_sources[n]);
        return n;
}

static HttpTls tls(void *userdata)
{
        const Content *content = userdata;
        HttpTls tls = {};

        content->config.tls(content->config.userdata, &tls);
        return tls;
}

/* ---- what is used */

/* What is used, found in one walk over the records. */
typedef struct Uses {
        Map packages; /* digests that any deployment or instance refers to; value: used_here_mark
                         when an instance of this host does */
        Map systems;  /* `FAMILY/VERSION` of this host's instances */
        const Record *starter; /* guest OS that this host needs before it can have any; or NULL */
} Uses;

static char used_here_mark[] = "here";

static void uses_find(const Content *content, Uses *uses)
{
        MAP_FOREACH (entry, store_records(content->config.store, RECORD_DEPLOYMENT))
                map_put(&uses->packages, ((const Record *) entry->value)->deployment.package, NULL);
        MAP_FOREACH (entry, store_records(content->config.store, RECORD_INSTANCE)) {
                const InstanceRecord *instance = &((const Record *) entry->value)->instance;
                char key[OS_SHELF_KEY_MAX];

                if (!str_equal(instance->host, content->host)) {
                        if (!map_contains(&uses->packages, instance->package))
                                map_put(&uses->packages, instance->package, NULL);
                        continue;
                }
                map_put(&uses->packages, instance->package, used_here_mark);
                os_shelf_key(instance->os_family, instance->os_version, key);
                map_put(&uses->systems, key, NULL);
        }
}

static void uses_deinit(Uses *uses)
{
        map_deinit(&uses->packages);
        map_deinit(&uses->systems);
}

/* ---- looking */

static void want(Content *content, Map *wanted, const char *digest, uint64_t size)
{
        HttpTls ready;

        if (map_put(wanted, digest, NULL) == 0 && !blob_exists(content->config.blobs, digest) &&
            content->config.tls(content->config.userdata, &ready) &&
            fetcher_want(content->fetcher, digest, size) < 0)
                log_error("blob %.12s: cannot begin to fetch it: out of memory", digest);
}

/* Once, and again when it has not come to be known after a while. */
static void tell(Content *content, const Record *record, bool has)
{
        uint64_t now_ns = clock_boottime_ns(), *until;
        RecordKey key = record_key_of(record);
        char text[RECORD_KEY_MAX + 1];

        until = map_number(&content->told, record_key_format(&key, text), 0);
        if (!until || *until > now_ns)
                return;
        *until = now_ns + TELL_NS;
        content->config.tell(content->config.userdata, record, has);
}

static void look_package(Content *content, const Record *record, const Uses *uses, Map *wanted)
{
        const PackageRecord *package = &record->package;
        bool used = map_contains(&uses->packages, package->digest);
        bool used_here = map_get(&uses->packages, package->digest) == used_here_mark;
        bool is_here = blob_exists(content->config.blobs, package->digest);

        if (!is_here && used &&
            (used_here || copies_is_chosen(content->copies, record, package->digest)))
                want(content, wanted, package->digest, package->size_bytes);
        if (is_here && used && !copies_holds(record, content->host) && !copies_are_full(record))
                tell(content, record, true);
        if (!is_here && copies_holds(record, content->host))
                tell(content, record, false);
}

/* A host without any guest OS cannot find out what it runs VMs on, and so offers no room: it is to
 * have the newest. */
static const Record *starter(const Content *content)
{
        const Record *newest = NULL;

        if (!os_shelf_is_known(content->shelf) || map_size(os_shelf_systems(content->shelf)) > 0)
                return NULL;
        MAP_FOREACH (entry, store_records(content->config.store, RECORD_OS)) {
                const Record *record = entry->value;

                if (!record->os.disabled &&
                    (!newest || strverscmp(newest->os.version, record->os.version) < 0))
                        newest = record;
        }
        return newest;
}

static void look_os(Content *content, const Record *record, const Uses *uses, Map *wanted)
{
        const OsRecord *os = &record->os;
        char key[OS_SHELF_KEY_MAX];
        bool complete = true;

        if (!os_shelf_is_known(content->shelf))
                return;
        os_shelf_key(os->family, os->version, key);
        if (os_shelf_has(content->shelf, os)) {
                if (!copies_holds(record, content->host) && !copies_are_full(record))
                        tell(content, record, true);
                return;
        }
        if (copies_holds(record, content->host))
                tell(content, record, false);
        if (record != uses->starter && !map_contains(&uses->systems, key) &&
            (os->disabled || !copies_is_chosen(content->copies, record, os->digest)))
                return;
        for (size_t i = 0; i < os->n_files; i++) {
                want(content, wanted, os->files[i].digest, os->files[i].size_bytes);
                complete &= blob_exists(content->config.blobs, os->files[i].digest);
        }
        if (complete)
                os_shelf_assemble(content->shelf, os);
}

/* Whether it has been so for as long as an import takes from its files to its record. */
static bool is_stale_for_long(Content *content, const char *key)
{
        uint64_t now_ns = clock_boottime_ns();
        const uint64_t *since = map_number(&content->stale, key, now_ns);

        return since && now_ns - *since >= CONTENT_STALE_NS;
}

/* Guest operating systems below the state directory that the cluster knows no more. */
static void look_stale(Content *content, const Uses *uses)
{
        MAP_FOREACH (entry, os_shelf_systems(content->shelf)) {
                const OsHere *here = entry->value;
                Record record = {.type = RECORD_OS};
                RecordKey key;

                record.os = here->os;
                key = record_key_of(&record);
                if (!here->fetched || store_get(content->config.store, &key) ||
                    map_contains(&uses->systems, entry->key))
                        free(map_remove(&content->stale, entry->key));
                else if (is_stale_for_long(content, entry->key))
                        os_shelf_remove(content->shelf, &here->os);
        }
}

/* Fetches that nobody wants any more. */
static void drop_unwanted(Content *content, Map *wanted)
{
        MAP_FOREACH (entry, &content->wanted) {
                if (map_contains(wanted, entry->key))
                        continue;
                fetcher_cancel(content->fetcher, entry->key);
                blob_release(content->config.blobs, entry->key);
        }
        map_deinit(&content->wanted);
        content->wanted = *wanted;
}

static void look(Content *content)
{
        Map wanted = {};
        Uses uses = {};

        content->looked_ns = clock_boottime_ns();
        sd_event_source_set_time_relative(content->timer, LOOK_NS / NSEC_PER_USEC);
        sd_event_source_set_enabled(content->timer, SD_EVENT_ONESHOT);
        os_shelf_look(content->shelf);
        if (store_revision(content->config.store) == 0 || os_shelf_is_outdated(content->shelf))
                return; /* whoever mends that looks again */
        uses_find(content, &uses);
        uses.starter = starter(content);
        MAP_FOREACH (entry, store_records(content->config.store, RECORD_PACKAGE))
                look_package(content, entry->value, &uses, &wanted);
        MAP_FOREACH (entry, store_records(content->config.store, RECORD_OS))
                look_os(content, entry->value, &uses, &wanted);
        look_stale(content, &uses);
        uses_deinit(&uses);
        drop_unwanted(content, &wanted);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        look(userdata);
        return 0;
}

/* The first change is looked at when the loop has handled what is pending; those that come thick
 * after it together. */
void content_look(Content *content)
{
        uint64_t now_ns = clock_boottime_ns(), next_ns = content->looked_ns + LOOK_LEAST_NS;
        uint64_t in_ns = next_ns > now_ns ? next_ns - now_ns : 0;

        sd_event_source_set_time_relative(content->timer, in_ns / NSEC_PER_USEC);
        sd_event_source_set_enabled(content->timer, SD_EVENT_ONESHOT);
}

void content_rescan(Content *content)
{
        if (!content)
                return;
        os_shelf_outdated(content->shelf);
        content_look(content);
}

/* ---- what came */

static void on_fetched(void *userdata, const char *digest)
{
        Content *content = userdata;

        /* a package is referred to by its deployment; a guest OS's file is held until the whole is
         * put together, and then not wanted any more */
        if (store_named(content->config.store, RECORD_PACKAGE, digest))
                blob_release(content->config.blobs, digest);
        content->config.arrived(content->config.userdata);
        content->looked_ns = 0; /* at once */
        content_look(content);
}

static void on_shelf_changed(void *userdata, bool assembled)
{
        Content *content = userdata;

        if (assembled)
                content->config.os_arrived(content->config.userdata);
        content->config.arrived(content->config.userdata);
        content_look(content);
}

/* ---- for instances and for other hosts */

static void say_progress(const Content *content, const char *what, const char *digest,
                         char detail[static CONTENT_DETAIL_MAX])
{
        FetchProgress progress;

        if (!fetcher_progress(content->fetcher, digest, &progress))
                snprintf(detail, CONTENT_DETAIL_MAX, "waits for %s", what);
        else if (progress.host[0])
                snprintf(detail, CONTENT_DETAIL_MAX, "fetches %s from host %s", what,
                         progress.host);
        else
                snprintf(detail, CONTENT_DETAIL_MAX, "cannot fetch %s yet: %s", what,
                         progress.problem[0] ? progress.problem : "others come first");
}

static bool os_ready(const Content *content, const InstanceRecord *instance,
                     char detail[static CONTENT_DETAIL_MAX])
{
        RecordKey key = {.type = RECORD_OS};
        const Record *record;
        char what[OS_SHELF_KEY_MAX + 32];

        snprintf(key.name, sizeof(key.name), "%s", instance->os_family);
        snprintf(key.version, sizeof(key.version), "%s", instance->os_version);
        record = store_get(content->config.store, &key);
        if (!os_shelf_is_known(content->shelf))
                return false;
        if (!record) { /* nobody knows it: what is here will have to do */
                os_shelf_key(instance->os_family, instance->os_version, what);
                return map_contains(os_shelf_systems(content->shelf), what);
        }
        if (os_shelf_has(content->shelf, &record->os))
                return true;
        snprintf(what, sizeof(what), "guest OS %s version %s", record->os.family,
                 record->os.version);
        snprintf(detail, CONTENT_DETAIL_MAX, "waits for %s", what);
        for (size_t i = 0; i < record->os.n_files; i++)
                if (!blob_exists(content->config.blobs, record->os.files[i].digest)) {
                        say_progress(content, what, record->os.files[i].digest, detail);
                        break;
                }
        return false;
}

bool content_ready(const Content *content, const InstanceRecord *instance,
                   char ret_detail[static CONTENT_DETAIL_MAX])
{
        ret_detail[0] = '\0';
        if (!blob_exists(content->config.blobs, instance->package)) {
                say_progress(content, "its package", instance->package, ret_detail);
                return false;
        }
        return os_ready(content, instance, ret_detail);
}

int content_open(const Content *content, const char *digest, int *ret_fd, uint64_t *ret_size)
{
        _cleanup_free_ char *path =
                blob_is_digest(digest) ? blob_path(content->config.blobs, digest) : NULL;
        const char *file = os_shelf_file(content->shelf, digest);
        _cleanup_close_ int fd = -1;
        struct stat st;

        if (!path)
                return blob_is_digest(digest) ? -ENOMEM : -ENOENT;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 && errno == ENOENT && file)
                fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENOENT;
        *ret_size = (uint64_t) st.st_size;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* ---- life */

static int add_timer(Content *content)
{
        int r;

        r = sd_event_add_time_relative(content->config.event, &content->timer, CLOCK_BOOTTIME, 0,
                                       1000, on_timer, content);
        if (r >= 0)
                r = sd_event_source_set_enabled(content->timer, SD_EVENT_OFF);
        return r < 0 ? r : 0;
}

static int add_shelf(Content *content)
{
        const ContentConfig *config = &content->config;
        _cleanup_free_ char *fetched_dir = str_printf("%s/os", config->state_dir);

        if (!fetched_dir)
                return -ENOMEM;
        return os_shelf_new(&(OsShelfConfig) {.worker = content->worker,
                                              .blobs = config->blobs,
                                              .host = config->host,
                                              .image_dir = config->os_dir,
                                              .fetched_dir = fetched_dir,
                                              .userdata = content,
                                              .changed = on_shelf_changed},
                            &content->shelf);
}

static int add_fetcher(Content *content)
{
        return fetcher_new(&(FetcherConfig) {.event = content->config.event,
                                             .http = content->http,
                                             .worker = content->worker,
                                             .blobs = content->config.blobs,
                                             .userdata = content,
                                             .sources = sources,
                                             .tls = tls,
                                             .done = on_fetched},
                           &content->fetcher);
}

static int set_up(Content *content)
{
        const ContentConfig *config = &content->config;
        int r;

        r = str_set(&content->host, config->host);
        if (r == 0)
                r = copies_new(config->store, config->host, &content->copies);
        if (r == 0)
                r = http_new(config->event, &content->http);
        if (r == 0)
                r = worker_new(config->event, WORKER_THREADS, &content->worker);
        if (r == 0)
                r = add_shelf(content);
        if (r == 0)
                r = add_fetcher(content);
        return r == 0 ? add_timer(content) : r;
}

int content_new(const ContentConfig *config, Content **ret_content)
{
        _cleanup_(content_freep) Content *content = calloc(1, sizeof(*content));
        int r;

        if (!content)
                return -ENOMEM;
        content->config = *config;
        content->stale.value_free = content->told.value_free = free;
        r = set_up(content);
        if (r < 0)
                return r;
        *ret_content = TAKE_PTR(content);
        return 0;
}

Content *content_free(Content *content)
{
        if (!content)
                return NULL;
        if (content->fetcher)
                fetcher_stop(content->fetcher);
        worker_free(content->worker);
        os_shelf_free(content->shelf);
        copies_free(content->copies);
        fetcher_free(content->fetcher);
        http_free(content->http);
        sd_event_source_disable_unref(content->timer);
        map_deinit(&content->wanted);
        map_deinit(&content->stale);
        map_deinit(&content->told);
        free(content->host);
        free(content);
        return NULL;
}
