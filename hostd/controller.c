/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One event at a time is stepped, and its plan written to the end before the next one:
 *
 *   FOLLOWING --elected--> CATCHING_UP --store has all of the past--> LEADING --a plan--> WRITING
 *       ^                      ^                                         ^                 |  |
 *       |                      |                                         +----- written ---+  |
 *       |                      +------ not written: drop the core, ------------ after a pause +
 *       +-- deposed, from anywhere
 *
 * Why the store's copy is good to begin with: every write of an earlier leader was guarded by its
 * election key, which was gone when ours was created, at revision R. So once the copy is complete
 * up to R, and up to our own last write, nothing of the leader's keys is missing, and nothing old
 * can still come. A write of unknown outcome breaks this, so then the election key is made anew. */

#include "hostd/controller.h"

#include <stdio.h>

#include "hostd/controller-requests.h"
#include "hostd/controller-write.h"
#include "lib/base/array.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/sm.h"
#include "lib/base/str.h"

#define PAUSE_NS   NSEC_PER_SEC
#define EVENTS_MAX 1000000

enum {
        FOLLOWING,
        CATCHING_UP,
        LEADING,
        WRITING,
};

static const SmState states[] = {
        [FOLLOWING] = {"following", SM_TO(CATCHING_UP)},
        [CATCHING_UP] = {"catching up", SM_TO(FOLLOWING) | SM_TO(CATCHING_UP) | SM_TO(LEADING)},
        [LEADING] = {"leading", SM_TO(FOLLOWING) | SM_TO(WRITING) | SM_TO(CATCHING_UP)},
        [WRITING] = {"writing", SM_TO(FOLLOWING) | SM_TO(LEADING) | SM_TO(CATCHING_UP)},
};

/* What waits to be stepped: a change of alive/ or observed/, or a host's silence. */
typedef struct Event {
        bool deleted;
        bool silent;
        Record record;
        RecordKey key;
} Event;

struct Controller {
        Etcd *etcd;
        Store *store;
        const Pulses *pulses;
        const char *host;
        ControllerHandlers handlers;
        Sm sm;
        int64_t election; /* create revision of our election key */
        int64_t needed;   /* the store must be complete up to here before the core is made */
        bool registered;  /* the core has known this host as one of the cluster */
        bool pausing;
        bool reloading; /* the store is being read anew: wait for that */
        Fabric *fabric;
        const FabricPlan *plan; /* being written */
        size_t next_transaction;
        EtcdRequest *write;
        ControllerRequests requests;
        ControllerRequest *current; /* whose plan is being written */
        Event *events;              /* in order */
        size_t n_events, first_event;
        sd_event_source *wake; /* the core wants a tick */
        sd_event_source *run;  /* there is something to step */
        sd_event_source *pause;
};

static void run_soon(Controller *controller)
{
        sd_event_source_set_enabled(controller->run, SD_EVENT_ONESHOT);
}

static void drop_events(Controller *controller)
{
        for (size_t i = controller->first_event; i < controller->n_events; i++)
                record_deinit(&controller->events[i].record);
        free(controller->events);
        controller->events = NULL;
        controller->n_events = controller->first_event = 0;
}

/* The core and what waits for it; requests that were not stepped yet go on waiting. */
static void drop_core(Controller *controller, const char *error, const char *message)
{
        ControllerRequest *current = TAKE_PTR(controller->current);

        controller->write = etcd_cancel(controller->write);
        controller->plan = NULL;
        fabric_free(controller->fabric);
        controller->fabric = NULL;
        drop_events(controller);
        sd_event_source_set_enabled(controller->wake, SD_EVENT_OFF);
        if (current)
                controller_request_finish(current, error, message);
}

static void pause_ns(Controller *controller, uint64_t delay_ns)
{
        controller->pausing = true;
        sd_event_source_set_time_relative(controller->pause, delay_ns / NSEC_PER_USEC);
        sd_event_source_set_enabled(controller->pause, SD_EVENT_ONESHOT);
}

/* A transaction was not written, or it is not known: all is redone from the records. */
static void write_failed(Controller *controller, const EtcdReply *reply)
{
        const char *error = reply->outcome == ETCD_NO_SPACE ? "StorageFull" : "Unavailable";
        bool unknown = reply->outcome == ETCD_TIMEOUT || reply->outcome == ETCD_NO_QUORUM;

        log_warning("a decision was not written (%s): deciding anew%s%s",
                    etcd_outcome_to_string(reply->outcome), reply->message[0] ? ": " : "",
                    reply->message);
        drop_core(controller, error,
                  reply->message[0] ? reply->message : "the cluster's state changed meanwhile");
        sm_move(&controller->sm, CATCHING_UP);
        if (reply->outcome == ETCD_GUARD_FAILED) {
                controller->reloading = true;
                store_reload(controller->store);
        } else {
                pause_ns(controller, PAUSE_NS);
        }
        if (reply->outcome == ETCD_NO_SPACE)
                controller_requests_fail(&controller->requests, error, reply->message);
        if (unknown)
                controller->handlers.renew(controller->handlers.userdata);
}

/* The last thing a function does: this host may lead no more behind it. */
static void tell_if_removed(Controller *controller)
{
        RecordKey key = {.type = RECORD_HOST};
        bool was = controller->registered;

        snprintf(key.name, sizeof(key.name), "%s", controller->host);
        controller->registered = fabric_record(controller->fabric, &key) != NULL;
        if (was && !controller->registered && controller->handlers.removed)
                controller->handlers.removed(controller->handlers.userdata);
}

static void write_next(Controller *controller);

static void on_written(void *userdata, const EtcdReply *reply)
{
        Controller *controller = userdata;
        ControllerRequest *current;

        controller->write = NULL;
        if (reply->outcome != ETCD_OK) {
                write_failed(controller, reply);
                return;
        }
        controller->needed = MAX(controller->needed, reply->revision);
        if (++controller->next_transaction < controller->plan->n_transactions) {
                write_next(controller);
                return;
        }
        controller->plan = NULL;
        sm_move(&controller->sm, LEADING);
        run_soon(controller);
        current = TAKE_PTR(controller->current);
        if (current)
                controller_requests_accept(&controller->requests, current, controller->needed);
        controller_requests_tell(&controller->requests, store_revision(controller->store));
        tell_if_removed(controller);
}

static void write_next(Controller *controller)
{
        const FabricTransaction *transaction =
                &controller->plan->transactions[controller->next_transaction];
        EtcdTxn *txn = NULL;
        int r = controller_transaction(transaction, controller->election, &txn);

        if (r == 0)
                r = etcd_txn_commit(controller->etcd, txn, on_written, controller,
                                    &controller->write);
        if (r < 0)
                write_failed(controller,
                             &(EtcdReply) {.outcome = ETCD_REFUSED, .message = strerror(-r)});
}

static void core_failed(Controller *controller, int error)
{
        bool writing = controller->sm.state == WRITING;

        log_error_errno(error, "the deciding core failed, it is made anew");
        drop_core(controller, "Internal", "memory is short on the leading host");
        sm_move(&controller->sm, CATCHING_UP);
        pause_ns(controller, PAUSE_NS);
        if (writing)
                controller->handlers.renew(controller->handlers.userdata);
}

static void carry_out(Controller *controller, const FabricPlan *plan)
{
        ControllerRequest *current;

        if (plan->wake_ns == FABRIC_NEVER) {
                sd_event_source_set_enabled(controller->wake, SD_EVENT_OFF);
        } else {
                sd_event_source_set_time(controller->wake,
                                         plan->wake_ns / NSEC_PER_USEC +
                                                 (plan->wake_ns % NSEC_PER_USEC != 0));
                sd_event_source_set_enabled(controller->wake, SD_EVENT_ONESHOT);
        }
        if (plan->n_transactions > 0) {
                sm_move(&controller->sm, WRITING);
                controller->plan = plan;
                controller->next_transaction = 0;
                write_next(controller);
                return;
        }
        run_soon(controller);
        current = TAKE_PTR(controller->current);
        if (current)
                controller_request_finish(current, NULL, "");
}

static int step(Controller *controller, FabricEvent *event, const FabricPlan **ret_plan)
{
        event->time_ns = clock_boottime_ns();
        event->realtime_us = clock_realtime_us();
        return fabric_step(controller->fabric, event, ret_plan);
}

static void step_request(Controller *controller, ControllerRequest *request)
{
        FabricCount counts[RECORD_ROLES_MAX];
        FabricRequest fabric = controller_request_fabric(request, counts);
        const char *message = "";
        const FabricPlan *plan;
        int r;

        r = step(controller, &(FabricEvent) {.type = FABRIC_REQUEST, .request = &fabric}, &plan);
        if (r == FABRIC_REFUSED) {
                FabricRefusal refusal = fabric_refusal(controller->fabric, &message);

                controller_request_finish(request, fabric_refusal_to_string(refusal), message);
                carry_out(controller, plan);
                return;
        }
        controller->current = request;
        if (r < 0)
                core_failed(controller, r);
        else
                carry_out(controller, plan);
}

/* What is known of a host's last renewal now. */
static FabricEvent silence_of(const Controller *controller, const char *host)
{
        FabricEvent event = {.type = FABRIC_SILENT, .key.type = RECORD_HOST};
        Pulse pulse;

        snprintf(event.key.name, sizeof(event.key.name), "%s", host);
        pulses_get(controller->pulses, host, &pulse);
        event.renewal = pulse.revision;
        event.since_ns = pulse.since_ns;
        return event;
}

static void step_event(Controller *controller)
{
        Event *event = &controller->events[controller->first_event++];
        FabricEvent what = {
                .type = event->deleted ? FABRIC_RECORD_DELETED : FABRIC_RECORD_PUT,
                .record = &event->record,
                .key = event->key,
                .more = controller->first_event < controller->n_events,
        };
        const FabricPlan *plan;
        int r;

        if (event->silent) {
                what = silence_of(controller, event->key.name);
                what.more = controller->first_event < controller->n_events;
        }
        r = step(controller, &what, &plan);
        record_deinit(&event->record);
        if (controller->first_event == controller->n_events)
                drop_events(controller);
        if (r < 0)
                core_failed(controller, r);
        else
                carry_out(controller, plan);
}

static int on_run(sd_event_source *source, void *userdata)
{
        Controller *controller = userdata;
        ControllerRequest *request;

        if (controller->sm.state != LEADING)
                return 0;
        if (controller->first_event < controller->n_events)
                step_event(controller);
        else if ((request = controller_requests_take(&controller->requests)))
                step_request(controller, request);
        return 0;
}

static int on_wake(sd_event_source *source, uint64_t usec, void *userdata)
{
        Controller *controller = userdata;
        const FabricPlan *plan;
        int r;

        /* while a plan is written the core may not be called: its end sets the timer again */
        if (controller->sm.state != LEADING) {
                if (controller->sm.state == WRITING) {
                        sd_event_source_set_time_relative(source, 10000);
                        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
                }
                return 0;
        }
        r = step(controller, &(FabricEvent) {.type = FABRIC_TICK}, &plan);
        if (r < 0)
                core_failed(controller, r);
        else
                carry_out(controller, plan);
        return 0;
}

/* How hosts join and who carries etcd is decided beside the core (docs/cluster.md). */
static bool concerns_core(RecordType type)
{
        return type != RECORD_MEMBERS && type != RECORD_TOKEN && type != RECORD_ISSUED;
}

static int feed(Controller *controller, const FabricPlan **ret_plan)
{
        int r;

        for (unsigned type = 0; type < RECORD_TYPES; type++)
                MAP_FOREACH (entry, store_records(controller->store, type)) {
                        if (!concerns_core(type))
                                break;
                        r = step(controller,
                                 &(FabricEvent) {.type = FABRIC_RECORD_PUT, .record = entry->value},
                                 ret_plan);
                        if (r < 0)
                                return r;
                }
        return step(controller, &(FabricEvent) {.type = FABRIC_SYNCED}, ret_plan);
}

static void queue_event(Controller *controller, const Event *event)
{
        Event copy = {.deleted = event->deleted, .silent = event->silent, .key = event->key};

        if (!controller->fabric)
                return; /* it will be fed from the store */
        if (controller->n_events >= EVENTS_MAX ||
            (!event->deleted && !event->silent && record_copy(&event->record, &copy.record) < 0) ||
            ARRAY_APPEND(controller->events, controller->n_events, copy) < 0) {
                record_deinit(&copy.record);
                core_failed(controller, -ENOMEM);
                return;
        }
        run_soon(controller);
}

static void queue_silence(Controller *controller, const char *host)
{
        Event event = {.silent = true};
        Pulse pulse;

        if (!pulses_get(controller->pulses, host, &pulse))
                return;
        snprintf(event.key.name, sizeof(event.key.name), "%s", host);
        queue_event(controller, &event);
}

/* The core has the records: of hosts that are not alive, or only by a lease that a new etcd leader
 * has made longer, since when. */
static void queue_silences(Controller *controller)
{
        MAP_FOREACH (entry, store_records(controller->store, RECORD_HOST)) {
                const char *host = ((const Record *) entry->value)->host.name;
                Pulse pulse;

                pulses_get(controller->pulses, host, &pulse);
                if (pulse.silent || !store_named(controller->store, RECORD_ALIVE, host))
                        queue_silence(controller, host);
        }
}

/* Makes the core if the store has everything that it must begin with. */
static void catch_up(Controller *controller)
{
        int64_t revision = store_revision(controller->store);
        const FabricPlan *plan;
        int r;

        if (controller->sm.state != CATCHING_UP || controller->pausing || controller->reloading)
                return;
        if (revision < controller->election || revision < controller->needed)
                return;
        if (!store_named(controller->store, RECORD_CLUSTER, "") ||
            !pulses_synced(controller->pulses))
                return;
        r = fabric_new(&controller->fabric);
        if (r == 0)
                r = feed(controller, &plan);
        if (r != 0) {
                core_failed(controller, r);
                return;
        }
        sm_move(&controller->sm, LEADING);
        log_info("this host leads, by election %lld", (long long) controller->election);
        queue_silences(controller);
        tell_if_removed(controller);
        carry_out(controller, plan);
        controller->handlers.leading(controller->handlers.userdata);
}

static int on_pause(sd_event_source *source, uint64_t usec, void *userdata)
{
        Controller *controller = userdata;

        controller->pausing = false;
        catch_up(controller);
        return 0;
}

void controller_elected(Controller *controller, int64_t create_revision)
{
        controller->election = create_revision;
        sm_move(&controller->sm, CATCHING_UP);
        catch_up(controller);
}

void controller_deposed(Controller *controller)
{
        if (controller->sm.state == FOLLOWING)
                return;
        log_info("this host does not lead any more");
        sm_move(&controller->sm, FOLLOWING);
        controller->election = 0;
        drop_core(controller, "Unavailable",
                  "the leader changed; whether this was accepted, the list of operations says");
        controller_requests_fail(&controller->requests, "Unavailable",
                                 "the leader changed; try again");
}

void controller_record_put(Controller *controller, const Record *record)
{
        if (record->type == RECORD_ALIVE || record->type == RECORD_OBSERVED)
                queue_event(controller, &(Event) {.record = *record});
}

void controller_record_deleted(Controller *controller, const RecordKey *key)
{
        if (key->type == RECORD_ALIVE || key->type == RECORD_OBSERVED)
                queue_event(controller, &(Event) {.deleted = true, .key = *key});
        if (key->type == RECORD_ALIVE)
                queue_silence(controller, key->name);
}

static void on_forgotten(void *userdata, const EtcdReply *reply)
{
}

static void forget_renewal(Controller *controller, const char *host, int64_t revision)
{
        EtcdTxn *txn = controller_forgetting(host, revision);

        if (txn) /* one that stays is written over by the next host of this name */
                (void) etcd_txn_commit(controller->etcd, txn, on_forgotten, NULL, NULL);
}

void controller_silent(Controller *controller, const char *host)
{
        Pulse pulse;

        /* one that was removed while it was alive may have renewed its lease once more */
        if (store_named(controller->store, RECORD_HOST, host))
                queue_silence(controller, host);
        else if (controller->fabric && pulses_get(controller->pulses, host, &pulse))
                forget_renewal(controller, host, pulse.revision);
}

/* Its lease may never have ended: then nothing else says that it is alive. */
void controller_heard(Controller *controller, const char *host)
{
        const Record *alive = store_named(controller->store, RECORD_ALIVE, host);

        if (alive)
                queue_event(controller, &(Event) {.record = *alive});
}

void controller_pulses_synced(Controller *controller)
{
        catch_up(controller);
}

void controller_synced(Controller *controller, int64_t revision, bool reloaded)
{
        if (reloaded)
                controller->reloading = false;
        controller_requests_tell(&controller->requests, revision);
        catch_up(controller);
}

static int on_refused(sd_event_source *source, void *userdata)
{
        controller_request_finish(userdata, "TooMany", "too many requests are waiting; try again");
        return 0;
}

const char *controller_request(Controller *controller, ControllerRequest *request)
{
        sd_event_source *source = NULL;

        if (controller_requests_add(&controller->requests, request)) {
                run_soon(controller);
        } else if (sd_event_add_defer(etcd_loop(controller->etcd), &source, on_refused, request) >=
                   0) {
                sd_event_source_set_floating(source, true);
                sd_event_source_unref(source);
        }
        return request->operation;
}

bool controller_leads(const Controller *controller)
{
        return controller->sm.state != FOLLOWING;
}

static int add_sources(Controller *controller)
{
        sd_event *event = etcd_loop(controller->etcd);
        int r;

        r = sd_event_add_time(event, &controller->wake, CLOCK_BOOTTIME, 0, 1000, on_wake,
                              controller);
        if (r == 0)
                r = sd_event_source_set_enabled(controller->wake, SD_EVENT_OFF);
        if (r == 0)
                r = sd_event_add_time(event, &controller->pause, CLOCK_BOOTTIME, 0, 0, on_pause,
                                      controller);
        if (r == 0)
                r = sd_event_source_set_enabled(controller->pause, SD_EVENT_OFF);
        if (r == 0)
                r = sd_event_add_defer(event, &controller->run, on_run, controller);
        return r < 0 ? r : 0;
}

int controller_new(Etcd *etcd, Store *store, const Pulses *pulses, const char *host,
                   const ControllerHandlers *handlers, Controller **ret_controller)
{
        Controller *controller = calloc(1, sizeof(*controller));
        int r;

        if (!controller)
                return -ENOMEM;
        controller->etcd = etcd;
        controller->store = store;
        controller->pulses = pulses;
        controller->host = host;
        controller->handlers = *handlers;
        sm_init(&controller->sm, states, ARRAY_SIZE(states), FOLLOWING);
        r = add_sources(controller);
        if (r < 0) {
                controller_free(controller);
                return r;
        }
        *ret_controller = controller;
        return 0;
}

Controller *controller_free(Controller *controller)
{
        if (!controller)
                return NULL;
        if (controller->wake)
                drop_core(controller, "Unavailable", "hostd is stopping");
        controller_requests_fail(&controller->requests, "Unavailable", "hostd is stopping");
        controller_requests_tell(&controller->requests, INT64_MAX);
        sd_event_source_disable_unref(controller->wake);
        sd_event_source_disable_unref(controller->pause);
        sd_event_source_disable_unref(controller->run);
        free(controller);
        return NULL;
}
