/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this host has is looked at again each LOOK_NS while it leads, by a worker where that takes
 * time, and registered when it differs from what the store says. */

#include "hostd/registrar.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

#include "hostd/issue.h"
#include "hostd/os-import.h"
#include "hostd/outbox.h"
#include "hostd/register-server.h"
#include "hostd/worker.h"
#include "lib/api/records-json.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define FIRST_LOOK_NS (2 * NSEC_PER_SEC)
#define LOOK_NS       (15 * NSEC_PER_SEC)
#define RETRY_NS      NSEC_PER_SEC
#define RESERVE_BYTES (768 * MIB) /* memory that is never given to instances */
#define RESERVE_SHARE 10          /* nor this part of all, when it is more */

typedef struct Scan {
        WorkerJob job; /* first */
        Registrar *registrar;
        char *directory, *host;
        OsImport found;
} Scan;

struct Registrar {
        RegistrarConfig config;
        Worker *worker;
        sd_event_source *look, *retry;
        EtcdRequest *making; /* the cluster */
        bool scanning;
        char *complaints; /* said last time */
};

static void arm(sd_event_source *source, uint64_t delay_ns)
{
        sd_event_source_set_time_relative(source, delay_ns / NSEC_PER_USEC);
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void on_registered(void *userdata, const char *error, const char *message)
{
        if (error)
                log_warning("cannot register what this host has: %s: %s", error, message);
}

static void give(Registrar *registrar, Record *record)
{
        RecordKey key = record_key_of(record);
        Record own = *record; /* what it owns stays @record's */
        ControllerRequest *request;

        if (!register_merge(store_get(registrar->config.store, &key),
                            registrar->config.config->host, record))
                return;
        if (!controller_leads(registrar->config.controller)) {
                register_server_tell(registrar->config.peers, &own, true);
                return;
        }
        request = controller_request_new(FABRIC_REGISTER);

        if (!request || record_copy(record, &request->record) < 0) {
                controller_request_free(request);
                return;
        }
        request->done = on_registered;
        controller_request(registrar->config.controller, request);
}

static uint64_t usable_memory(void)
{
        struct sysinfo info;
        uint64_t total, reserve;

        if (sysinfo(&info) < 0)
                return 0;
        total = (uint64_t) info.totalram * info.mem_unit;
        reserve = MAX(RESERVE_BYTES, total / RESERVE_SHARE);
        return total > reserve ? total - reserve : 0;
}

static uint64_t disk_size(const char *state_dir)
{
        _cleanup_free_ char *path = str_printf("%s/ephemeral", state_dir);
        struct statvfs fs;

        if (!path || (statvfs(path, &fs) < 0 && statvfs(state_dir, &fs) < 0))
                return 0;
        return (uint64_t) fs.f_blocks * fs.f_frsize;
}

static void register_host(Registrar *registrar)
{
        const Config *config = registrar->config.config;
        HostHalfState state;
        Record record;
        HostRecord *host = &record.host;

        host_half_state(registrar->config.host_half, &state);
        if (!state.kvm_known)
                return; /* what VMs run on is part of what this host is */
        record_init(&record, RECORD_HOST);
        snprintf(host->name, sizeof(host->name), "%s", config->host);
        snprintf(host->fault_domain, sizeof(host->fault_domain), "%s", config->fault_domain);
        snprintf(host->accelerator, sizeof(host->accelerator), "%s", state.kvm ? "kvm" : "tcg");
        host->vcpus = (uint32_t) (config->vcpus ?: (uint64_t) sysconf(_SC_NPROCESSORS_ONLN));
        host->memory_bytes = config->memory_bytes ?: usable_memory();
        host->disk_bytes = config->disk_bytes ?: disk_size(registrar->config.state_dir);
        host->address = host->uplink = config->address;
        host->joined_us = clock_realtime_us();
        give(registrar, &record);
        record_deinit(&record);
}

/* ---- guest operating systems */

static int scan_run(WorkerJob *job)
{
        Scan *scan = CONTAINER_OF(job, Scan, job);

        return os_import_scan(scan->directory, scan->host, &scan->found);
}

static void register_os(Registrar *registrar, const OsRecord *os)
{
        Record record = {.type = RECORD_OS, .os = *os};

        record.os.added_us = clock_realtime_us();
        give(registrar, &record);
}

static void scan_free(Scan *scan)
{
        os_import_deinit(&scan->found);
        free(scan->directory);
        free(scan->host);
        free(scan);
}

static void scan_done(WorkerJob *job, int result)
{
        Scan *scan = CONTAINER_OF(job, Scan, job);
        Registrar *registrar = scan->registrar;

        registrar->scanning = false;
        if (result < 0 && result != -ECANCELED)
                log_error_errno(result, "cannot look for guest operating systems in %s",
                                scan->directory);
        if (result == 0 && !str_empty(scan->found.complaints) &&
            !str_equal(scan->found.complaints, registrar->complaints))
                log_warning("guest operating systems that cannot be used: %s",
                            scan->found.complaints);
        if (result == 0)
                str_set(&registrar->complaints, scan->found.complaints);
        for (size_t i = 0; result == 0 && i < scan->found.n_systems; i++)
                register_os(registrar, &scan->found.systems[i]);
        scan_free(scan);
}

static void scan(Registrar *registrar)
{
        Scan *scan = registrar->scanning ? NULL : calloc(1, sizeof(*scan));

        if (!scan)
                return;
        scan->registrar = registrar;
        scan->job = (WorkerJob) {.run = scan_run, .done = scan_done};
        if (str_set(&scan->directory, registrar->config.os_dir) < 0 ||
            str_set(&scan->host, registrar->config.config->host) < 0) {
                scan_free(scan);
                return;
        }
        registrar->scanning = true;
        worker_submit(registrar->worker, &scan->job);
}

/* A host that joined has a record without room until it has registered. */
static bool is_known(const Registrar *registrar)
{
        const Record *record =
                store_named(registrar->config.store, RECORD_HOST, registrar->config.config->host);

        return record && record->host.vcpus > 0;
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
        Registrar *registrar = userdata;
        bool known;

        if (!store_leader(registrar->config.store))
                return 0; /* somebody will, and then it is time to look */
        register_host(registrar);
        scan(registrar);
        known = is_known(registrar);
        arm(source, known ? LOOK_NS : FIRST_LOOK_NS);
        return 0;
}

void registrar_look(Registrar *registrar)
{
        arm(registrar->look, 0);
}

/* ---- the cluster itself */

static void on_made(void *userdata, const EtcdReply *reply)
{
        Registrar *registrar = userdata;

        registrar->making = NULL;
        if (reply->outcome == ETCD_OK)
                log_info("made a new cluster of this host");
        else if (reply->outcome != ETCD_GUARD_FAILED) {
                log_warning("cannot make the cluster: %s", reply->message);
                arm(registrar->retry, RETRY_NS);
        }
}

/* What those who join later find written by the one who let them in. */
static int add_founder(const Registrar *registrar, EtcdTxn *txn)
{
        const PkiFacts *facts = &membership_identity(registrar->config.membership)->facts;
        const Config *config = registrar->config.config;
        Record host, issued;
        int r;

        if (!facts->serial[0])
                return 0; /* nobody joins a cluster whose etcd is somebody else's affair */
        record_init(&host, RECORD_HOST);
        snprintf(host.host.name, sizeof(host.host.name), "%s", config->host);
        snprintf(host.host.fault_domain, sizeof(host.host.fault_domain), "%s",
                 config->fault_domain);
        host.host.address = host.host.uplink = config->address;
        host.host.joined_us = clock_realtime_us();
        record_init(&issued, RECORD_ISSUED);
        memcpy(issued.issued.serial, facts->serial, sizeof(issued.issued.serial));
        memcpy(issued.issued.host, facts->name, sizeof(issued.issued.host));
        issued.issued.issued_us = clock_realtime_us();
        issued.issued.expires_us = facts->not_after_us;
        r = outbox_txn_put(txn, &host);
        return r < 0 ? r : outbox_txn_put(txn, &issued);
}

static int set_authority(const Registrar *registrar, ClusterRecord *cluster)
{
        const Identity *identity = membership_identity(registrar->config.membership);
        int r = str_set(&cluster->ca, identity->ca);

        return r < 0 ? r : str_set(&cluster->ca_key, identity->ca_key);
}

static int make_cluster(Registrar *registrar)
{
        _cleanup_free_ char *wrong = NULL;
        _cleanup_(etcd_txn_freep) EtcdTxn *txn = NULL;
        uint8_t id[16];
        char id_text[2 * sizeof(id) + 1], key_text[RECORD_KEY_MAX + 1];
        Record record;
        RecordKey key;
        int r;

        while (getrandom(id, sizeof(id), 0) != sizeof(id))
                ;
        str_hex(id, sizeof(id), id_text);
        r = config_cluster(registrar->config.config, id_text, &record, &wrong);
        if (r < 0)
                return log_error_errno(r, "cannot make the cluster: %s", wrong ?: "");
        record.cluster.created_us = clock_realtime_us();
        key = record_key_of(&record);
        txn = etcd_txn_new();
        r = txn ? set_authority(registrar, &record.cluster) : -ENOMEM;
        if (r == 0) {
                etcd_txn_if_created(txn, record_key_format(&key, key_text), 0);
                r = outbox_txn_put(txn, &record);
        }
        record_deinit(&record);
        if (r == 0)
                r = add_founder(registrar, txn);
        if (r < 0)
                return r;
        return etcd_txn_commit(registrar->config.etcd, TAKE_PTR(txn), on_made, registrar,
                               &registrar->making);
}

void registrar_synced(Registrar *registrar)
{
        if (registrar->making || store_named(registrar->config.store, RECORD_CLUSTER, ""))
                return;
        if (make_cluster(registrar) < 0)
                arm(registrar->retry, RETRY_NS);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Registrar *registrar = userdata;

        if (store_revision(registrar->config.store) > 0)
                registrar_synced(registrar);
        return 0;
}

static int add_timer(sd_event *event, sd_event_source **source, sd_event_time_handler_t handler,
                     void *userdata)
{
        int r = sd_event_add_time(event, source, CLOCK_BOOTTIME, 0, 0, handler, userdata);

        return r < 0 ? r : sd_event_source_set_enabled(*source, SD_EVENT_OFF);
}

int registrar_new(const RegistrarConfig *config, Registrar **ret_registrar)
{
        _cleanup_(registrar_freep) Registrar *registrar = calloc(1, sizeof(*registrar));
        sd_event *event = etcd_loop(config->etcd);
        int r;

        if (!registrar)
                return -ENOMEM;
        registrar->config = *config;
        r = worker_new(event, 1, &registrar->worker);
        if (r == 0)
                r = add_timer(event, &registrar->look, on_look, registrar);
        if (r >= 0)
                r = add_timer(event, &registrar->retry, on_retry, registrar);
        if (r < 0)
                return r;
        *ret_registrar = TAKE_PTR(registrar);
        return 0;
}

Registrar *registrar_free(Registrar *registrar)
{
        if (!registrar)
                return NULL;
        etcd_cancel(registrar->making);
        worker_free(registrar->worker);
        sd_event_source_disable_unref(registrar->look);
        sd_event_source_disable_unref(registrar->retry);
        free(registrar->complaints);
        free(registrar);
        return NULL;
}
