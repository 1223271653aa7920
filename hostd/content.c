/* SPDX-License-Identifier: GPL-3.0-or-later */

/* look() compares what the records want with what is here, and does what is missing; all that it
 * does is harmless to do twice, so it looks again whenever anything has changed, and each LOOK_NS.
 *
 *   records ──► wanted (digest → size) ──► fetcher ──► blob store
 *                                              └─ all files of a guest OS ──► os_assemble() ──► os/
 *
 * Which guest operating systems are here a job on the worker finds out, as it reads files. */

#include "hostd/content.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fabric/holders.h"
#include "hostd/fetch.h"
#include "hostd/os-assemble.h"
#include "hostd/os-import.h"
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
#define SCAN_NS        (15 * NSEC_PER_SEC)
#define OS_KEY_MAX     (2 * RECORD_VERSION_MAX + 2)

/* A guest OS that is here. */
typedef struct OsHere {
        OsRecord os;
        bool fetched; /* below the state directory */
} OsHere;

/* One job at a time: a scan, or a guest OS put together or removed and then a scan. */
typedef struct OsWork {
        WorkerJob job; /* first */
        Content *content;
        enum { OS_SCAN, OS_ASSEMBLE, OS_REMOVE } kind;
        OsRecord os;
        OsImport found[2]; /* with the host image; below the state directory */
} OsWork;

struct Content {
        ContentConfig config;
        char *host, *os_dir, *fetched_dir;
        Http *http;
        Worker *worker;
        Fetcher *fetcher;
        Map wanted;  /* digest → nothing: what the fetcher was told */
        Map here;    /* `FAMILY/VERSION` → OsHere */
        Map files;   /* digest of a guest OS's file → path */
        Map told;    /* key of a record → uint64_t: until when the leader is not told again */
        Map waiting; /* key of a record → uint64_t: since when a lost holder is waited for */
        Map stale;   /* `FAMILY/VERSION` → uint64_t: since when no record is about it */
        OsWork *work;
        bool scanned;
        uint64_t scan_ns; /* when the next one is due */
        uint64_t looked_ns;
        sd_event_source *timer;
};

static void os_key(const char *family, const char *version, char key[static OS_KEY_MAX])
{
        snprintf(key, OS_KEY_MAX, "%s/%s", family, version);
}

static const OsHere *os_here(const Content *content, const char *family, const char *version)
{
        char key[OS_KEY_MAX];

        os_key(family, version, key);
        return map_get(&content->here, key);
}

/* Whether a guest OS is here with the very files that the record says. */
static bool has_os(const Content *content, const OsRecord *os)
{
        const OsHere *here = os_here(content, os->family, os->version);

        if (!here || here->os.n_files != os->n_files)
                return false;
        for (size_t i = 0; i < os->n_files; i++)
                if (!str_equal(here->os.files[i].digest, os->files[i].digest))
                        return false;
        return true;
}

/* ---- who has it */

static const RecordName *holders_of(const Record *record, size_t *ret_n)
{
        if (record->type == RECORD_PACKAGE) {
                *ret_n = record->package.n_holders;
                return record->package.holders;
        }
        *ret_n = record->os.n_holders;
        return record->os.holders;
}

static bool holds(const Record *record, const char *host)
{
        size_t n;
        const RecordName *holders = holders_of(record, &n);

        for (size_t i = 0; i < n; i++)
                if (str_equal(holders[i], host))
                        return true;
        return false;
}

static bool is_full(const Record *record)
{
        size_t n;

        holders_of(record, &n);
        return n >= RECORD_HOLDERS_MAX;
}

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
        holders = holders_of(record, &n_holders);
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

/* ---- whether this host is to have it */

static bool list_hosts(const Content *content, HoldersHost **ret_hosts, size_t *ret_n)
{
        const Map *records = store_records(content->config.store, RECORD_HOST);

        *ret_n = 0;
        *ret_hosts = calloc(map_size(records) + 1, sizeof(**ret_hosts));
        if (!*ret_hosts)
                return false;
        MAP_FOREACH (entry, records) {
                const HostRecord *host = &((const Record *) entry->value)->host;

                (*ret_hosts)[(*ret_n)++] = (HoldersHost) {
                        .name = host->name,
                        .fault_domain = host->fault_domain,
                        .counts = !host->draining &&
                                  store_named(content->config.store, RECORD_ALIVE, host->name),
                };
        }
        return true;
}

/* A holder that is registered, and lost: it may come back in a moment. */
static bool has_lost_holder(const Content *content, const Record *record)
{
        size_t n;
        const RecordName *holders = holders_of(record, &n);

        for (size_t i = 0; i < n; i++)
                if (store_named(content->config.store, RECORD_HOST, holders[i]) &&
                    !store_named(content->config.store, RECORD_ALIVE, holders[i]))
                        return true;
        return false;
}

static uint64_t grace_ns(const Content *content)
{
        const Record *cluster = store_named(content->config.store, RECORD_CLUSTER, "");

        return cluster ? MIN(CONTENT_GRACE_NS,
                             CONTENT_GRACE_LEASES * cluster->cluster.lease_ms * NSEC_PER_MSEC)
                       : CONTENT_GRACE_NS;
}

/* Whether a lost holder has been waited for long enough; begins to wait. */
static bool waited(Content *content, const Record *record)
{
        uint64_t now_ns = clock_boottime_ns(), *since;
        RecordKey key = record_key_of(record);
        char text[RECORD_KEY_MAX + 1];

        if (!has_lost_holder(content, record))
                return true;
        record_key_format(&key, text);
        since = map_get(&content->waiting, text);
        if (!since) {
                since = malloc(sizeof(*since));
                if (!since || map_put(&content->waiting, text, since) < 0) {
                        free(since);
                        return false;
                }
                *since = now_ns;
        }
        return now_ns - *since >= grace_ns(content);
}

/* Whether there are too few copies, and it is on this host to make one. */
static bool is_chosen(Content *content, const Record *record, const char *digest)
{
        _cleanup_free_ HoldersHost *hosts = NULL;
        RecordKey key = record_key_of(record);
        char text[RECORD_KEY_MAX + 1];
        size_t n_hosts, n_holders;
        const RecordName *holders = holders_of(record, &n_holders);

        if (!list_hosts(content, &hosts, &n_hosts))
                return false;
        if (holders_should_fetch(digest, hosts, n_hosts, holders, n_holders, content->host))
                return waited(content, record);
        free(map_remove(&content->waiting, record_key_format(&key, text)));
        return false;
}

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
                char key[OS_KEY_MAX];

                if (!str_equal(instance->host, content->host)) {
                        if (!map_contains(&uses->packages, instance->package))
                                map_put(&uses->packages, instance->package, NULL);
                        continue;
                }
                map_put(&uses->packages, instance->package, used_here_mark);
                os_key(instance->os_family, instance->os_version, key);
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

        until = map_get(&content->told, record_key_format(&key, text));
        if (until && *until > now_ns)
                return;
        if (!until) {
                until = malloc(sizeof(*until));
                if (!until || map_put(&content->told, text, until) < 0) {
                        free(until);
                        return;
                }
        }
        *until = now_ns + TELL_NS;
        content->config.tell(content->config.userdata, record, has);
}

static void look_package(Content *content, const Record *record, const Uses *uses, Map *wanted)
{
        const PackageRecord *package = &record->package;
        bool used = map_contains(&uses->packages, package->digest);
        bool used_here = map_get(&uses->packages, package->digest) == used_here_mark;
        bool is_here = blob_exists(content->config.blobs, package->digest);

        if (!is_here && used && (used_here || is_chosen(content, record, package->digest)))
                want(content, wanted, package->digest, package->size_bytes);
        if (is_here && used && !holds(record, content->host) && !is_full(record))
                tell(content, record, true);
        if (!is_here && holds(record, content->host))
                tell(content, record, false);
}

/* A host without any guest OS cannot find out what it runs VMs on, and so offers no room: it is to
 * have the newest. */
static const Record *starter(const Content *content)
{
        const Record *newest = NULL;

        if (!content->scanned || map_size(&content->here) > 0)
                return NULL;
        MAP_FOREACH (entry, store_records(content->config.store, RECORD_OS)) {
                const Record *record = entry->value;

                if (!record->os.disabled &&
                    (!newest || strverscmp(newest->os.version, record->os.version) < 0))
                        newest = record;
        }
        return newest;
}

static void os_work(Content *content, int kind, const OsRecord *os);

static void look_os(Content *content, const Record *record, const Uses *uses, Map *wanted)
{
        const OsRecord *os = &record->os;
        char key[OS_KEY_MAX];
        bool complete = true;

        if (!content->scanned)
                return;
        os_key(os->family, os->version, key);
        if (has_os(content, os)) {
                if (!holds(record, content->host) && !is_full(record))
                        tell(content, record, true);
                return;
        }
        if (holds(record, content->host))
                tell(content, record, false);
        if (record != uses->starter && !map_contains(&uses->systems, key) &&
            (os->disabled || !is_chosen(content, record, os->digest)))
                return;
        for (size_t i = 0; i < os->n_files; i++) {
                want(content, wanted, os->files[i].digest, os->files[i].size_bytes);
                complete &= blob_exists(content->config.blobs, os->files[i].digest);
        }
        if (complete)
                os_work(content, OS_ASSEMBLE, os);
}

/* Whether it has been so for as long as an import takes from its files to its record. */
static bool is_stale_for_long(Content *content, const char *key)
{
        uint64_t now_ns = clock_boottime_ns(), *since = map_get(&content->stale, key);

        if (!since) {
                since = malloc(sizeof(*since));
                if (!since || map_put(&content->stale, key, since) < 0) {
                        free(since);
                        return false;
                }
                *since = now_ns;
        }
        return now_ns - *since >= CONTENT_STALE_NS;
}

/* Guest operating systems below the state directory that the cluster knows no more. */
static void look_stale(Content *content, const Uses *uses)
{
        MAP_FOREACH (entry, &content->here) {
                const OsHere *here = entry->value;
                Record record = {.type = RECORD_OS};
                RecordKey key;

                record.os = here->os;
                key = record_key_of(&record);
                if (!here->fetched || store_get(content->config.store, &key) ||
                    map_contains(&uses->systems, entry->key))
                        free(map_remove(&content->stale, entry->key));
                else if (is_stale_for_long(content, entry->key))
                        os_work(content, OS_REMOVE, &here->os);
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
        if (clock_boottime_ns() >= content->scan_ns)
                os_work(content, OS_SCAN, NULL);
        if (store_revision(content->config.store) == 0)
                return;
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
        content->scan_ns = 0;
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

/* ---- guest operating systems */

static int os_work_run(WorkerJob *job)
{
        OsWork *work = CONTAINER_OF(job, OsWork, job);
        Content *content = work->content;
        int r = 0;

        if (work->kind == OS_ASSEMBLE)
                r = os_assemble(content->config.blobs, content->fetched_dir, &work->os);
        if (work->kind == OS_REMOVE)
                r = os_disassemble(content->fetched_dir, &work->os);
        if (r == 0)
                r = os_import_scan(content->os_dir, content->host, &work->found[0]);
        if (r == 0)
                r = os_import_scan(content->fetched_dir, content->host, &work->found[1]);
        return r;
}

static int add_files(Content *content, const char *directory, const OsRecord *os)
{
        int r = 0;

        for (size_t i = 0; i < os->n_files && r == 0; i++) {
                char *path = str_printf("%s/%s/%s/%s", directory, os->family, os->version,
                                        os->files[i].name);

                r = path ? map_put(&content->files, os->files[i].digest, path) : -ENOMEM;
                if (r < 0)
                        free(path);
        }
        return r;
}

/* What was fetched is taken last, and so goes over what came with the image. */
static int take_found(Content *content, const OsImport *found, bool fetched)
{
        const char *directory = fetched ? content->fetched_dir : content->os_dir;

        for (size_t i = 0; i < found->n_systems; i++) {
                char key[OS_KEY_MAX];
                OsHere *here = malloc(sizeof(*here));
                int r;

                if (!here)
                        return -ENOMEM;
                *here = (OsHere) {found->systems[i], fetched};
                os_key(here->os.family, here->os.version, key);
                r = map_put(&content->here, key, here);
                if (r < 0) {
                        free(here);
                        return r;
                }
                r = add_files(content, directory, &here->os);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void forget_here(Content *content)
{
        map_deinit(&content->here);
        map_deinit(&content->files);
        content->here.value_free = content->files.value_free = free;
}

static void work_free(OsWork *work)
{
        if (!work)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(work->found); i++)
                os_import_deinit(&work->found[i]);
        free(work);
}

static void os_work_done(WorkerJob *job, int result)
{
        OsWork *work = CONTAINER_OF(job, OsWork, job);
        Content *content = work->content;

        content->work = NULL;
        if (result < 0 && result != -ECANCELED)
                log_error_errno(result, "guest operating systems in %s", content->fetched_dir);
        if (result == 0) {
                forget_here(content);
                if (take_found(content, &work->found[0], false) == 0 &&
                    take_found(content, &work->found[1], true) == 0)
                        content->scanned = true;
        }
        if (result == 0 && work->kind == OS_ASSEMBLE) {
                log_info("guest operating system %s version %s is here now", work->os.family,
                         work->os.version);
                content->config.os_arrived(content->config.userdata);
        }
        if (result == 0 && work->kind == OS_REMOVE)
                log_info("guest operating system %s version %s is not known any more: removed",
                         work->os.family, work->os.version);
        work_free(work);
        if (result == -ECANCELED)
                return;
        content->config.arrived(content->config.userdata);
        content_look(content);
}

static void os_work(Content *content, int kind, const OsRecord *os)
{
        OsWork *work = content->work ? NULL : calloc(1, sizeof(*work));

        if (!work)
                return; /* the next look comes by here again */
        work->content = content;
        work->kind = kind;
        if (os)
                work->os = *os;
        work->job = (WorkerJob) {.run = os_work_run, .done = os_work_done};
        content->work = work;
        content->scan_ns = clock_boottime_ns() + SCAN_NS;
        worker_submit(content->worker, &work->job);
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
        char what[OS_KEY_MAX + 32];

        snprintf(key.name, sizeof(key.name), "%s", instance->os_family);
        snprintf(key.version, sizeof(key.version), "%s", instance->os_version);
        record = store_get(content->config.store, &key);
        if (!content->scanned)
                return false;
        if (!record) /* nobody knows it: what is here will have to do */
                return os_here(content, instance->os_family, instance->os_version);
        if (has_os(content, &record->os))
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
        const char *file = map_get(&content->files, digest);
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

static int set_up(Content *content)
{
        const ContentConfig *config = &content->config;
        int r;

        r = str_set(&content->host, config->host);
        if (r == 0)
                r = str_set(&content->os_dir, config->os_dir);
        content->fetched_dir = str_printf("%s/os", config->state_dir);
        if (r == 0 && !content->fetched_dir)
                r = -ENOMEM;
        if (r == 0)
                r = http_new(config->event, &content->http);
        if (r == 0)
                r = worker_new(config->event, WORKER_THREADS, &content->worker);
        if (r == 0)
                r = fetcher_new(
                        &(FetcherConfig) {
                                .event = config->event,
                                .http = content->http,
                                .worker = content->worker,
                                .blobs = config->blobs,
                                .userdata = content,
                                .sources = sources,
                                .tls = tls,
                                .done = on_fetched,
                        },
                        &content->fetcher);
        return r == 0 ? add_timer(content) : r;
}

int content_new(const ContentConfig *config, Content **ret_content)
{
        _cleanup_(content_freep) Content *content = calloc(1, sizeof(*content));
        int r;

        if (!content)
                return -ENOMEM;
        content->config = *config;
        content->here.value_free = content->files.value_free = content->waiting.value_free =
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
        fetcher_free(content->fetcher);
        http_free(content->http);
        sd_event_source_disable_unref(content->timer);
        map_deinit(&content->wanted);
        map_deinit(&content->here);
        map_deinit(&content->files);
        map_deinit(&content->waiting);
        map_deinit(&content->stale);
        map_deinit(&content->told);
        free(content->host);
        free(content->os_dir);
        free(content->fetched_dir);
        free(content);
        return NULL;
}
