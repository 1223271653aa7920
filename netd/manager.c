/* SPDX-License-Identifier: GPL-3.0-or-later */

/* How a declaration is carried out:
 *
 *   plan     each object checked by itself; the difference from the state
 *   apply    the state changed, if references and claims hold
 *   links    bridges, taps and ways to other hosts that must be there before the rules for them
 *   store    the change written down
 *   kernel   the difference of the elements, in one transaction        <- packets see it here
 *   settle   ports into bridges, remotes, VIPs onto the uplink, probes, what is gone removed
 *
 * Up to and including the kernel's transaction each step can be taken back; what comes after is
 * idempotent and tried again by the repair, which is also what a start does: read the kernel,
 * compare with the state, write the difference. */

#include "netd/manager.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <systemd/sd-daemon.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "netd/object.h"
#include "netd/probes.h"
#include "netd/reconcile.h"
#include "netd/rotation.h"
#include "netd/settle.h"
#include "netd/sysctl.h"
#include "netd/touched.h"

#define REPAIR_NS NSEC_PER_SEC

const char *manager_why(const Manager *manager, const Backend *backend)
{
        const char *why;

        if (endpoint_in_rotation(&manager->state, backend, &why) || strcmp(why, "probe") != 0)
                return why;
        return backend->probe ? probe_why(backend->probe) : "not probed yet";
}

void manager_repair_later(Manager *manager)
{
        sd_event_source_set_time_relative(manager->repair, REPAIR_NS / NSEC_PER_USEC);
        sd_event_source_set_enabled(manager->repair, SD_EVENT_ONESHOT);
}

/* ---- a declaration */

static int rotate_all(Manager *manager, const StateChange *change, const Touched *touched)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < change->n_objects; i++) {
                Object *before = change->objects[i].before, *after = change->objects[i].after;

                if (!after || after->kind != OBJECT_ENDPOINT)
                        continue;
                if (before)
                        rotation_inherit((Endpoint *) after, (const Endpoint *) before);
                r = rotation_step(&manager->state, (Endpoint *) after);
        }
        for (size_t i = 0; r == 0 && i < touched->n_objects; i++)
                if (touched->objects[i]->kind == OBJECT_ENDPOINT)
                        r = rotation_step(&manager->state, (Endpoint *) touched->objects[i]);
        return r;
}

/* The applied change into the kernel. On STATE_REFUSED the links it made are gone again and the log
 * is as it was. */
static int carry_out(Manager *manager, const StateChange *change, Elements *before, Elements *after,
                     StateError *error)
{
        char why[NFTABLES_WHY_MAX] = "";
        int r;

        r = settle_links(manager, change, error);
        if (r == 0) {
                r = store_append(manager->store, change, manager->generation + 1);
                if (r < 0)
                        r = refuse(error, ERROR_STORAGE, "cannot write the state: %s",
                                   strerror(-r));
        }
        if (r == 0) {
                settle_withdrawn(manager, change);
                r = nftables_write_difference(manager->nftables, before, after, why);
                if (r < 0) {
                        r = refuse(error, ERROR_KERNEL, "%s", why);
                        if (store_undo(manager->store) < 0)
                                log_error("the log of the state could not be taken back");
                        manager_repair_later(manager); /* VIPs that were withdrawn come back */
                }
        }
        for (size_t i = 0; r != 0 && i < change->n_objects; i++)
                settle_remove_link(manager, change->objects[i].after, change->objects[i].before);
        return r;
}

static int make_true(Manager *manager, StateChange *change, const Touched *touched,
                     StateError *error)
{
        _cleanup_(elements_deinit) Elements before = {}, after = {};
        int r;

        r = touched_elements(&manager->state, change, false, touched, &before);
        if (r == 0)
                r = state_apply(&manager->state, change, error);
        if (r != 0)
                return r;
        r = rotate_all(manager, change, touched);
        if (r == 0)
                r = touched_elements(&manager->state, change, true, touched, &after);
        if (r == 0)
                r = carry_out(manager, change, &before, &after, error);
        if (r == 0)
                return 0;
        for (size_t i = 0; i < touched->n_objects; i++)
                if (touched->objects[i]->kind == OBJECT_ENDPOINT)
                        rotation_undo((Endpoint *) touched->objects[i]);
        state_revert(&manager->state, change);
        return r;
}

int manager_declare(Manager *manager, const Net1State *wanted, bool replace, StateError *error)
{
        _cleanup_(state_change_deinit) StateChange change = {};
        _cleanup_(touched_deinit) Touched touched = {};
        int r;

        r = state_plan(&manager->state, wanted, replace, &change, error);
        if (r == 0)
                r = touched_find(&manager->state, &change, &touched);
        if (r == 0)
                r = make_true(manager, &change, &touched, error);
        if (r == 0) {
                manager->generation++;
                settle_change(manager, &change, &touched);
                if (store_compact(manager->store, &manager->state, manager->generation) < 0)
                        log_error("the log of the state could not be compacted");
        }
        return r;
}

/* ---- closing all VIPs */

int manager_fence(Manager *manager, bool closed, StateError *error)
{
        _cleanup_(elements_deinit) Elements element = {}, none = {};
        char why[NFTABLES_WHY_MAX] = "", name[IFNAMSIZ];
        const Element fenced = element_fenced();
        int r;

        if (manager->fenced == closed)
                return 0;
        r = elements_add(&element, &fenced);
        if (r == 0)
                r = nftables_write(manager->nftables, false, closed ? &none : &element,
                                   closed ? &element : &none, why);
        if (r < 0)
                return refuse(error, ERROR_KERNEL, "%s", why[0] ? why : strerror(-r));
        manager->fenced = closed;
        MAP_FOREACH (entry, &manager->state.objects[OBJECT_VIP]) {
                const Vip *vip = entry->value;

                if (closed)
                        links_remove_carried(manager->links, &vip->address);
                if (closed && vip->owned) {
                        announcer_remove(manager->announcer, &vip->address);
                        r = links_remove_vip(manager->links, settle_uplink(manager, vip, name),
                                             &vip->address);
                } else if (!closed)
                        r = settle_vip(manager, vip);
                if (r < 0) /* no packet passes or all do, as told; the address follows */
                        manager_repair_later(manager);
        }
        log_info("VIPs are %s", closed ? "closed" : "open");
        net1_bus_fenced(manager);
        return 0;
}

/* ---- start and repair */

static int on_repair(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *manager = userdata;

        if (reconcile(manager) < 0)
                manager_repair_later(manager);
        return 0;
}

static int open_bus(Manager *manager, const char *address)
{
        int r;

        r = sd_bus_new(&manager->bus);
        if (r < 0)
                return r;
        r = sd_bus_set_address(manager->bus, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(manager->bus, true);
        return r < 0 ? r : sd_bus_start(manager->bus);
}

static int begin_bus(Manager *manager, const char *address)
{
        int r;

        r = address ? open_bus(manager, address) : sd_bus_open_system(&manager->bus);
        if (r < 0)
                return log_error_errno(r, "cannot connect to the bus");
        r = sd_bus_attach_event(manager->bus, manager->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(manager->bus, true);
        if (r >= 0)
                r = net1_bus_begin(manager);
        return r < 0 ? log_error_errno(r, "cannot offer " NET1_NAME) : 0;
}

static int begin_parts(Manager *manager, const ManagerOptions *options)
{
        int r;

        r = sd_event_default(&manager->event);
        if (r >= 0)
                r = sd_event_add_time_relative(manager->event, &manager->repair, CLOCK_MONOTONIC, 0,
                                               0, on_repair, manager);
        if (r >= 0)
                r = sd_event_source_set_enabled(manager->repair, SD_EVENT_OFF);
        if (r >= 0)
                r = rotation_begin(manager);
        if (r >= 0)
                r = links_new(&manager->links);
        if (r >= 0)
                r = nftables_new(&manager->nftables);
        if (r >= 0)
                r = announcer_new(manager->event, &manager->announcer);
        if (r >= 0)
                r = paths_new(manager->event, settle_path, manager, &manager->paths);
        if (r >= 0)
                r = prober_new(manager->event, clock_boottime_ns(), rotation_probe_changed, manager,
                               &manager->prober);
        if (r < 0)
                return log_error_errno(r, "cannot begin");
        r = store_open(options->directory, &manager->state, &manager->generation, &manager->store);
        if (r < 0)
                return log_error_errno(r, "cannot open the state in %s", options->directory);
        r = reconcile_numbers(manager);
        return r < 0 ? log_error_errno(r, "%s", links_why(manager->links)) : 0;
}

int manager_new(const ManagerOptions *options, Manager **ret_manager)
{
        _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
        int r;

        if (!manager)
                return log_error_errno(-ENOMEM, "cannot begin");
        strncpy(manager->uplink, options->uplink, IFNAMSIZ - 1);
        r = begin_parts(manager, options);
        if (r == 0)
                r = sysctl_for_host();
        if (r < 0)
                return r;
        if (reconcile(manager) < 0)
                manager_repair_later(manager);
        r = begin_bus(manager, options->bus);
        if (r < 0)
                return r;
        *ret_manager = TAKE_PTR(manager);
        return 0;
}

void manager_free(Manager *manager)
{
        if (!manager)
                return;
        MAP_FOREACH (entry, &manager->state.objects[OBJECT_ENDPOINT])
                probes_drop(entry->value);
        state_deinit(&manager->state);
        store_free(manager->store);
        sd_bus_flush_close_unref(manager->bus);
        announcer_free(manager->announcer);
        paths_free(manager->paths);
        prober_free(manager->prober);
        nftables_free(manager->nftables);
        links_free(manager->links);
        sd_event_source_disable_unref(manager->repair);
        sd_event_source_disable_unref(manager->teller);
        map_deinit(&manager->untold);
        sd_event_unref(manager->event);
        free(manager);
}

int manager_run(Manager *manager)
{
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return log_error_errno(-errno, "cannot block signals");
        r = sd_event_add_signal(manager->event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(manager->event, NULL, SIGINT, NULL, NULL);
        if (r < 0)
                return log_error_errno(r, "cannot wait for signals");
        sd_notify(0, "READY=1");
        r = sd_event_loop(manager->event);
        return r < 0 ? log_error_errno(r, "the event loop ended") : 0;
}
