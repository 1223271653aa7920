/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Owns both halves and the loop they run on. Nothing called from the loop may block.
 *
 *   etcd --watch--> store --records--> host half, controller, bus, events
 *   host half --observed--> outbox --> etcd
 *   bus --requests--> controller --transactions--> etcd
 *   presence: the lease, the alive key, the election; tells the controller when it leads */

#include "hostd/manager.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "hostd/fetch.h"
#include "hostd/image-version.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/io/daemon.h"

/* ---- from the host half */

static void on_observed(void *userdata, const ObservedRecord *observed)
{
        Manager *manager = userdata;
        int r;

        r = outbox_put(manager->outbox, &(Record) {.type = RECORD_OBSERVED, .observed = *observed});
        if (r < 0)
                log_error_errno(r, "cannot say what this host observes");
        switch (observed->status) {
        case STATUS_CREATING_VM:
        case STATUS_STARTING_VM:
        case STATUS_DELETING_VM:
        case STATUS_STOPPED_VM:
        case STATUS_FAILED_STARTING_VM:
                shells_instance_lost(manager->shells, &observed->id, "the instance stopped");
                break;
        default:
                break;
        }
}

static void on_gone(void *userdata, const InstanceId *instance)
{
        Manager *manager = userdata;
        RecordKey key = {.type = RECORD_OBSERVED, .instance = *instance};
        int r;

        snprintf(key.name, sizeof(key.name), "%s", manager->config->host);
        r = outbox_delete(manager->outbox, &key);
        if (r < 0)
                log_error_errno(r, "cannot say what is gone from this host");
}

static void on_shell(void *userdata, const InstanceId *instance, const AgentMessage *message)
{
        shells_message(((Manager *) userdata)->shells, instance, message);
}

/* ---- from the presence and the controller */

/* Whether this host carries a member of etcd, or nobody is known to. */
static bool carries_etcd(Manager *manager)
{
        const Record *record = store_named(manager->store, RECORD_MEMBERS, "");
        const MembersRecord *members = record ? &record->members : NULL;

        for (size_t i = 0; members && i < members->n_members; i++)
                if (str_equal(members->members[i].host, manager->config->host))
                        return !members->members[i].learner;
        return !members || members->n_members == 0;
}

/* Who leads or is the first to do so has to know how old each host's last renewal is. */
static void follow_renewals(Manager *manager, bool leads)
{
        const Record *cluster = store_named(manager->store, RECORD_CLUSTER, "");
        bool carries = carries_etcd(manager);

        presence_set_second(manager->presence, !carries);
        pulses_follow(manager->pulses, cluster && (carries || leads)
                                               ? cluster->cluster.lease_ms * NSEC_PER_MSEC
                                               : 0);
}

static void on_elected(void *userdata, int64_t create_revision)
{
        Manager *manager = userdata;

        follow_renewals(manager, true);
        controller_elected(manager->controller, create_revision);
        if (membership_state(manager->membership) == MEMBERSHIP_IN)
                quorum_leading(manager->quorum, create_revision);
}

static void on_deposed(void *userdata)
{
        Manager *manager = userdata;

        controller_deposed(manager->controller);
        quorum_leading(manager->quorum, 0);
        follow_renewals(manager, false);
}

static void on_silent(void *userdata, const char *host)
{
        Manager *manager = userdata;

        events_note(manager->events, "host", host,
                    "is silent: it has not renewed its lease for the whole of it");
        controller_silent(manager->controller, host);
        if (manager->presence && str_equal(manager->leader.host, host))
                presence_leader_silent(manager->presence, &manager->leader);
}

static void on_heard(void *userdata, const char *host)
{
        controller_heard(((Manager *) userdata)->controller, host);
}

static void on_pulses(void *userdata)
{
        controller_pulses_synced(((Manager *) userdata)->controller);
}

/* What was read from the store after this host said that it is alive is what it goes by: a leader
 * that took an instance away from it demanded, in the same transaction, that it was not alive. */
static void half_synced(Manager *manager)
{
        if (manager->alive_revision == 0 ||
            store_revision(manager->store) < manager->alive_revision)
                return;
        manager->half_synced = true;
        host_half_synced(manager->host_half);
        fence_clean(manager->fence);
}

static void on_alive(void *userdata, int64_t revision)
{
        Manager *manager = userdata;

        manager->alive_revision = revision;
        manager->half_synced = false;
        half_synced(manager);
}

static void on_held(void *userdata, uint64_t sent_ns)
{
        fence_renewed(((Manager *) userdata)->fence, sent_ns);
}

static void on_lost(void *userdata, const char *why)
{
        fence_lost(((Manager *) userdata)->fence, why);
}

/* ---- from the fence */

static void on_allowed(void *userdata, uint64_t until_ns)
{
        host_half_allow(((Manager *) userdata)->host_half, until_ns);
}

static void on_fenced(void *userdata)
{
        Manager *manager = userdata;

        if (manager->presence)
                presence_again(manager->presence);
}

static bool on_is_starting(void *userdata)
{
        return host_half_is_starting(((Manager *) userdata)->host_half);
}

static void on_renew(void *userdata)
{
        presence_renew(((Manager *) userdata)->presence);
}

static void on_removed(void *userdata)
{
        presence_retire(((Manager *) userdata)->presence);
}

static void on_leading(void *userdata)
{
        registrar_look(((Manager *) userdata)->registrar);
}

/* ---- from the store */

static void fill_alive(Manager *manager, AliveRecord *alive)
{
        const Record *before = store_named(manager->store, RECORD_ALIVE, manager->config->host);

        *alive = (AliveRecord) {.epoch = clock_realtime_us()};
        if (before)
                alive->epoch = MAX(alive->epoch, before->alive.epoch + 1);
        snprintf(alive->host, sizeof(alive->host), "%s", manager->config->host);
        image_version_read(alive->version);
        boot_id_read(alive->boot_id);
        alive->update = manager->report;
}

static void begin_anew(void *userdata)
{
        sd_event_exit(((Manager *) userdata)->event, 0);
}

/* Everything this host is has changed: another hostd is to begin with it. Who asked the leader for
 * that through this host gets the answer first. */
static void on_restart(void *userdata)
{
        Manager *manager = userdata;

        log_notice("this host is another one now: hostd begins anew");
        forward_finish(manager->forward, begin_anew, manager);
}

/* The store is known: the lease is asked for with the cluster's own time to live. */
static void appear(Manager *manager)
{
        static const PresenceHandlers handlers = {.elected = on_elected,
                                                  .deposed = on_deposed,
                                                  .alive = on_alive,
                                                  .held = on_held,
                                                  .lost = on_lost};
        const Record *cluster = store_named(manager->store, RECORD_CLUSTER, "");
        uint64_t ttl_s = cluster ? cluster->cluster.lease_ms / 1000 : manager->config->lease_s;
        PresenceHandlers mine = handlers;
        AliveRecord alive;
        int r;

        fill_alive(manager, &alive);
        mine.userdata = manager;
        r = presence_new(manager->etcd, manager->config->host, &alive, MAX(ttl_s, UINT64_C(2)),
                         &mine, &manager->presence);
        if (r < 0) {
                log_error_errno(r, "cannot take part in the cluster");
                sd_event_exit(manager->event, r);
                return;
        }
        presence_leader_changed(manager->presence, &manager->leader);
}

/* Whether the records speak of a host that is not this one. */
static bool has_others(Manager *manager)
{
        const char *self = manager->config->host;

        MAP_FOREACH (entry, store_records(manager->store, RECORD_HOST))
                if (!str_equal(((const Record *) entry->value)->host.name, self))
                        return true;
        MAP_FOREACH (entry, store_records(manager->store, RECORD_ALIVE))
                if (!str_equal(((const Record *) entry->value)->alive.host, self))
                        return true;
        return false;
}

static void on_synced(void *userdata, int64_t revision, bool reloaded)
{
        Manager *manager = userdata;

        fence_set_others(manager->fence, has_others(manager));
        controller_synced(manager->controller, revision, reloaded);
        membership_synced(manager->membership, manager->store);
        if (!store_named(manager->store, RECORD_CLUSTER, ""))
                registrar_synced(manager->registrar);
        else if (!manager->presence)
                appear(manager);
        if (manager->presence)
                follow_renewals(manager, presence_leading(manager->presence) > 0);
        /* the revision may jump over the one waited for: several transactions come at once */
        if (reloaded || !manager->half_synced)
                half_synced(manager);
        manager->synced = true;
        host1_flush(manager->host1);
        forward_synced(manager->forward);
}

static void on_reachable(void *userdata, bool reachable, const char *detail)
{
        Manager *manager = userdata;

        if (reachable)
                log_info("the cluster's state can be reached");
        else
                log_warning("the cluster's state cannot be reached: %s", detail);
        host1_reachable(manager->host1, reachable, detail);
}

/* ---- life */

static int add_fence(Manager *manager, const ManagerConfig *config)
{
        _cleanup_free_ char *path = str_printf("%s/shared", config->host_half.state_dir);
        FenceHandlers handlers = {
                .userdata = manager,
                .allowed = on_allowed,
                .fenced = on_fenced,
                .is_starting = on_is_starting,
        };

        if (!path)
                return -ENOMEM;
        return fence_new(manager->event,
                         &(FenceConfig) {.off = config->config.no_watchdog, .shared_path = path},
                         &handlers, &manager->fence);
}

static int add_halves(Manager *manager, const ManagerConfig *config)
{
        HostHalfConfig half = config->host_half;
        HostHalfSink sink = {
                .userdata = manager,
                .observed = on_observed,
                .gone = on_gone,
                .shell = on_shell,
        };
        ControllerHandlers handlers = {.userdata = manager,
                                       .renew = on_renew,
                                       .leading = on_leading,
                                       .removed = on_removed};
        EtcdConfig etcd;
        StoreHandlers store = manager_record_handlers(manager);
        int r;

        store.synced = on_synced;
        store.reachable = on_reachable;
        half.host = config->config.host;
        half.uplink = config->config.uplink;
        r = shells_new(manager->event, &manager->shells);
        if (r == 0)
                r = host_half_new(manager->event, &half, &sink, &manager->host_half);
        if (r == 0)
                r = add_fence(manager, config);
        if (r < 0)
                return r;
        shells_set_half(manager->shells, manager->host_half);
        membership_etcd_config(manager->membership, &etcd);
        r = etcd_new(manager->event, &etcd, &manager->etcd);
        if (r < 0)
                return r;
        membership_set_etcd(manager->membership, manager->etcd);
        r = store_new(manager->etcd, &store, &manager->store);
        if (r == 0)
                r = pulses_new(manager->etcd,
                               &(PulsesHandlers) {.userdata = manager,
                                                  .silent = on_silent,
                                                  .heard = on_heard,
                                                  .synced = on_pulses},
                               &manager->pulses);
        if (r == 0)
                r = outbox_new(manager->etcd, &manager->outbox);
        if (r == 0)
                r = controller_new(manager->etcd, manager->store, manager->pulses,
                                   manager->config->host, &handlers, &manager->controller);
        return r;
}

/* Another certificate: etcd and this host's own connections read it when they need it. */
static void on_renewed(void *userdata)
{
        peers_reload(((Manager *) userdata)->peers);
}

static int add_renewal(Manager *manager)
{
        RenewalConfig renewal = {
                .etcd = manager->etcd,
                .store = manager->store,
                .config = manager->config,
                .identity = membership_identity_change(manager->membership),
                .renewed = on_renewed,
                .userdata = manager,
        };

        return membership_state(manager->membership) == MEMBERSHIP_IN
                       ? renewal_new(&renewal, &manager->renewal)
                       : 0;
}

static int add_membership(Manager *manager, const ManagerConfig *config)
{
        MembershipConfig membership = {
                .event = manager->event,
                .config = manager->config,
                .state_dir = config->host_half.state_dir,
                .restart = on_restart,
                .userdata = manager,
        };

        return membership_new(&membership, &manager->membership);
}

/* While this host was alone nobody could replace its VMs; before there is another host it must
 * guard them (docs/fencing.md). */
static bool guards_against_others(void *userdata)
{
        Manager *manager = userdata;

        return fence_guards_against_others(manager->fence);
}

/* The other hosts: none are served before this one belongs to a cluster. */
static int add_peers(Manager *manager, const ManagerConfig *config)
{
        const Identity *identity = membership_identity(manager->membership);
        int r;

        r = peers_new(manager->event, identity, manager->store, &manager->peers);
        if (r == 0)
                r = quorum_new(manager->etcd, manager->store, &manager->quorum);
        if (r == 0 && identity->certificate)
                r = peers_serve(manager->peers, &manager->config->address);
        if (r == 0)
                r = join_server_new(manager->peers, manager->etcd, manager->store, manager->config,
                                    &manager->join_server);
        if (r == 0)
                join_server_set_gate(manager->join_server, guards_against_others, manager);
        if (r == 0)
                r = register_server_new(manager->peers, manager->store, manager->controller,
                                        &manager->register_server);
        if (r == 0)
                r = forward_new(&(ForwardConfig) {manager->event, manager->peers, manager->store,
                                                  config->host_half.state_dir},
                                &manager->forward);
        return r < 0 ? r : add_renewal(manager);
}

static int add_faces(Manager *manager, const ManagerConfig *config)
{
        _cleanup_free_ char *path = str_printf("%s/events.json", config->host_half.state_dir);
        RegistrarConfig registrar = {
                .etcd = manager->etcd,
                .store = manager->store,
                .controller = manager->controller,
                .host_half = manager->host_half,
                .config = manager->config,
                .membership = manager->membership,
                .peers = manager->peers,
                .os_dir = config->host_half.os_dir,
                .state_dir = config->host_half.state_dir,
        };
        Host1Config host1 = {
                .event = manager->event,
                .address = config->bus_address,
                .host = manager->config->host,
                .store = manager->store,
                .controller = manager->controller,
                .host_half = manager->host_half,
                .content = manager->content,
                .state_dir = config->host_half.state_dir,
                .update_keyring = config->update_keyring,
                .fence = manager->fence,
                .updater = manager->updater,
                .shells = manager->shells,
                .membership = manager->membership,
                .forward = manager->forward,
                .peers = manager->peers,
                .etcd = manager->etcd,
                .config = manager->config,
        };
        int r;

        if (!path)
                return -ENOMEM;
        r = registrar_new(&registrar, &manager->registrar);
        if (r == 0)
                r = events_new(manager->event, path, &manager->events);
        if (r < 0)
                return r;
        host1.events = manager->events;
        return host1_new(&host1, &manager->host1);
}

int manager_new(const ManagerConfig *config, Manager **ret_manager)
{
        _cleanup_(manager_freep) Manager *manager = NULL;
        int r;

        manager = calloc(1, sizeof(*manager));
        if (!manager)
                return -ENOMEM;
        manager->config = &config->config;
        r = daemon_event_new(&manager->event);
        if (r == 0)
                r = add_membership(manager, config);
        if (r == 0)
                r = manager_add_updater(manager);
        if (r == 0)
                r = add_halves(manager, config);
        if (r == 0)
                r = add_peers(manager, config);
        if (r == 0)
                r = manager_add_content(manager, config);
        if (r == 0)
                r = add_faces(manager, config);
        if (r < 0)
                return r;
        *ret_manager = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager)
{
        if (!manager)
                return NULL;
        presence_free(manager->presence);
        pulses_free(manager->pulses);
        controller_free(manager->controller);
        host1_free(manager->host1);
        registrar_free(manager->registrar);
        shells_free(manager->shells);
        updater_free(manager->updater);
        fence_free(manager->fence);
        if (manager->host_half)
                host_half_set_content(manager->host_half, NULL);
        content_free(manager->content);
        host_half_free(manager->host_half);
        events_free(manager->events);
        outbox_free(manager->outbox);
        peers_free(manager->peers);
        join_server_free(manager->join_server);
        register_server_free(manager->register_server);
        forward_free(manager->forward);
        renewal_free(manager->renewal);
        quorum_free(manager->quorum);
        store_free(manager->store);
        etcd_free(manager->etcd);
        membership_free(manager->membership);
        sd_event_unref(manager->event);
        free(manager);
        return NULL;
}

int manager_startup(Manager *manager)
{
        int r;

        r = host_half_start(manager->host_half);
        if (r < 0)
                return log_error_errno(r, "cannot read what runs on this host");
        host1_connect(manager->host1);
        return 0;
}

int manager_run(Manager *manager)
{
        return daemon_run(manager->event);
}
