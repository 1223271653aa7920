/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The leader half of hostd: the real core, fed from a watch that may lag or break, its plans
 * written transaction by transaction. There may be several who believe to be the leader. */

#include "tests/sim/controller.h"

#include <string.h>

#include "lib/base/array.h"
#include "tests/sim/host.h"
#include "tests/sim/link.h"
#include "tests/sim/queue.h"
#include "tests/sim/spread.h"
#include "tests/sim/store.h"
#include "tests/sim/trace.h"

#define EPOCH_US (UINT64_C(1780000000) * USEC_PER_SEC) /* a day in 2026 */

Controller *controller_leading(const World *world)
{
        for (size_t i = 0; world->election > 0 && i < world->n_controllers; i++)
                if (world->controllers[i]->election == world->election)
                        return world->controllers[i];
        return NULL;
}

void controller_free(Controller *controller)
{
        for (size_t i = 0; i < controller->n_pending; i++)
                record_free(controller->pending[i].record);
        for (size_t i = 0; i < controller->n_held; i++)
                record_free(controller->held[i].record);
        map_deinit(&controller->silent);
        free(controller->placings);
        free(controller->pending);
        free(controller->held);
        fabric_free(controller->fabric);
        free(controller);
}

void controller_tell_all(World *world, const RecordKey *key, const Record *record)
{
        for (size_t i = 0; i < world->n_controllers; i++) {
                Controller *c = world->controllers[i];

                uint64_t again_ns = link_loses(world, c->host) ? MS(1000) : 0;

                c->watch_ns =
                        MAX(c->watch_ns, world->now_ns + link_latency(world, c->host) + again_ns);
                queue_push(world, c->watch_ns,
                           (Event) {.type = EVENT_TELL,
                                    .token = c->token,
                                    .key = *key,
                                    .deleted = !record,
                                    .record = record ? record_dup(record) : NULL});
        }
}

void controller_drop(World *world, Controller *controller)
{
        for (size_t i = 0; i < world->n_controllers; i++)
                if (world->controllers[i] == controller) {
                        ARRAY_REMOVE(world->controllers, world->n_controllers, i);
                        break;
                }
        controller_free(controller);
}

Controller *controller_of(const World *world, uint64_t token)
{
        for (size_t i = 0; i < world->n_controllers; i++)
                if (world->controllers[i]->token == token)
                        return world->controllers[i];
        return NULL;
}

static void controller_send(World *world, Controller *c)
{
        c->busy = true;
        c->stalled = !host_connected(world, &world->hosts[c->host]);
        if (!c->stalled)
                queue_push(world, world->now_ns + link_latency(world, c->host),
                           (Event) {.type = EVENT_COMMIT, .token = c->token});
}

static void controller_wake(World *world, Controller *c, uint64_t wake_ns)
{
        if (wake_ns == c->wake_ns)
                return;
        c->wake_ns = wake_ns;
        if (wake_ns < FABRIC_NEVER)
                queue_push(world, wake_ns, (Event) {.type = EVENT_TICK, .token = c->token});
}

static int controller_step(World *world, Controller *c, FabricEvent event)
{
        int64_t wall_us = world->hosts[c->host].wall_us;
        const FabricPlan *plan;
        int r;

        event.time_ns = world->now_ns;
        if (world->config.mutation == MUTATE_WALL_CLOCK)
                event.time_ns = MAX(c->time_ns, event.time_ns + (uint64_t) wall_us * 1000);
        c->time_ns = event.time_ns;
        event.realtime_us = EPOCH_US + world->now_ns / 1000 + (uint64_t) wall_us;
        r = fabric_step(c->fabric, &event, &plan);
        if (r < 0)
                abort();
        world->statistics.steps++;
        controller_wake(world, c, plan->wake_ns);
        if (plan->unsettled)
                trace_violation(world, "the checks of the core contradict each other");
        if (plan->wake_ns <= event.time_ns)
                trace_violation(world, "a plan's wake-up is not in the future");
        c->plan = plan;
        c->n_written = 0;
        c->serial = ++world->plans;
        if (plan->n_transactions > 0)
                controller_send(world, c);
        return r;
}

static const SimHost *host_named(const World *world, const char *name)
{
        uintptr_t found = (uintptr_t) map_get(&world->host_index, name);

        assert(found > 0);
        return &world->hosts[found - 1];
}

static bool still_lost(const World *world, const FabricLoss *loss)
{
        RecordKey key = {.type = RECORD_ALIVE};

        if (world->config.mutation != MUTATE_NO_RENEWAL &&
            host_named(world, loss->host)->renewal != (uint64_t) loss->renewal)
                return false;
        memcpy(key.name, loss->host, sizeof(RecordName));
        return !loss->absent || !store_get(world, &key);
}

static bool guards_hold(const World *world, const Controller *c, const FabricTransaction *t)
{
        if (c->election != world->election && world->config.mutation != MUTATE_NO_ELECTION)
                return false;
        for (size_t i = 0; i < t->n_losses; i++)
                if (!still_lost(world, &t->losses[i]) && world->config.mutation != MUTATE_NO_ABSENT)
                        return false;
        return true;
}

void controller_commit(World *world, Controller *c)
{
        const FabricTransaction *t = &c->plan->transactions[c->n_written];
        bool ok;

        if (!host_connected(world, &world->hosts[c->host])) {
                c->stalled = true; /* lost on the way: it will be sent again */
                return;
        }
        if (link_loses(world, c->host)) { /* and nobody knows */
                controller_answered(world, c, false);
                return;
        }
        ok = guards_hold(world, c, t);
        for (size_t i = 0; ok && i < t->n_writes; i++) {
                if (t->writes[i].key.type == RECORD_INSTANCE)
                        spread_note(world, c, store_get(world, &t->writes[i].key),
                                    t->writes[i].record);
                else if (t->writes[i].key.type == RECORD_HOST)
                        spread_note_host(world, c, store_get(world, &t->writes[i].key),
                                         t->writes[i].record);
                store_set(world, &t->writes[i].key,
                          t->writes[i].record ? record_dup(t->writes[i].record) : NULL);
        }
        world->statistics.transactions += ok;
        world->statistics.refused += !ok;
        if (ok && world->statistics.transactions == world->config.kill_at) {
                trace_note(world, "leader  on %s dies", world->hosts[c->host].name);
                controller_drop(world, c);
                world->election = 0;
                queue_push(world, world->now_ns + chance_about(world, ELECT_NS),
                           (Event) {.type = EVENT_ELECT});
                return;
        }
        queue_push(world, world->now_ns + link_latency(world, c->host),
                   (Event) {.type = EVENT_ANSWER, .token = c->token, .ok = ok});
}

void ask_free(Ask *ask)
{
        record_free(ask->record);
        free(ask->deployment);
        free(ask);
}

/* Which hosts the core knows to be lost though their alive keys may be there. */
static void note_silence(const World *world, Controller *c, const Event *event)
{
        if (event->type == EVENT_SILENT && event->time_ns + LEASE_NS <= world->now_ns)
                must(map_put(&c->silent, event->key.name, NULL));
        else if (event->type == EVENT_TELL && event->key.type == RECORD_ALIVE &&
                 map_contains(&c->silent, event->key.name))
                map_remove(&c->silent, event->key.name);
}

/* Gives an idle controller what it has learnt meanwhile, and what operators ask. */
static void controller_feed(World *world, Controller *c)
{
        const SimHost *host = &world->hosts[c->host];

        while (!c->busy && host->up && !host->frozen && c->n_pending > 0) {
                Event event = c->pending[0];
                bool more = c->n_pending > 1 && c->pending[1].type != EVENT_TICK;

                note_silence(world, c, &event);
                ARRAY_REMOVE(c->pending, c->n_pending, 0);
                c->tick_pending &= event.type != EVENT_TICK;
                if (event.type == EVENT_TICK)
                        controller_step(world, c, (FabricEvent) {.type = FABRIC_TICK});
                else if (event.type == EVENT_SILENT)
                        controller_step(world, c,
                                        (FabricEvent) {.type = FABRIC_SILENT,
                                                       .key = event.key,
                                                       .renewal = (int64_t) event.token,
                                                       .since_ns = event.time_ns,
                                                       .more = more});
                else
                        controller_step(world, c,
                                        (FabricEvent) {.type = event.deleted ? FABRIC_RECORD_DELETED
                                                                             : FABRIC_RECORD_PUT,
                                                       .record = event.record,
                                                       .more = more,
                                                       .key = event.key});
                record_free(event.record);
        }
        while (!c->busy && host->up && !host->frozen && world->n_asks > 0 &&
               c->election == world->election) {
                Ask *ask = world->asks[0];
                const char *message;

                ARRAY_REMOVE(world->asks, world->n_asks, 0);
                if (controller_step(world, c,
                                    (FabricEvent) {.type = FABRIC_REQUEST,
                                                   .request = &ask->request}) == FABRIC_REFUSED) {
                        FabricRefusal refusal = fabric_refusal(c->fabric, &message);

                        trace_note(world, "%s refused: %s: %s", ask->operation,
                                   fabric_refusal_to_string(refusal), message);
                }
                ask_free(ask);
        }
}

static void add_silence(Controller *c, const SimHost *host)
{
        Event event = {.type = EVENT_SILENT, .token = host->renewal, .time_ns = host->seen_ns};

        memcpy(event.key.name, host->name, sizeof(RecordName));
        must(ARRAY_APPEND(c->pending, c->n_pending, event));
}

/* With the end of a host's lease comes which renewal was its last. */
static void add_pending(const World *world, Controller *c, Event event)
{
        if (event.type == EVENT_TICK && c->tick_pending)
                return; /* however long it has been busy, it is one look at the clock */
        c->tick_pending |= event.type == EVENT_TICK;
        must(ARRAY_APPEND(c->pending, c->n_pending, event));
        if (event.deleted && event.key.type == RECORD_ALIVE &&
            host_named(world, event.key.name)->lost_ns > 0)
                add_silence(c, host_named(world, event.key.name));
}

void controller_learn(World *world, Controller *c, Event event)
{
        add_pending(world, c, event);
        controller_feed(world, c);
}

void controller_silence(World *world, const SimHost *host)
{
        for (size_t i = world->n_controllers; i-- > 0;) {
                Controller *c = world->controllers[i];

                if (!host_connected(world, &world->hosts[c->host]))
                        continue;
                add_silence(c, host);
                controller_feed(world, c);
        }
}

void controller_answered(World *world, Controller *c, bool ok)
{
        if (!ok) {
                unsigned host = c->host;
                bool was_leader = c->election == world->election;

                trace_note(world, "leader  on %s: its transaction was refused, it drops its state",
                           world->hosts[c->host].name);
                controller_drop(world, c);
                if (was_leader) {
                        world->election = 0;
                        world->leader = host;
                        queue_push(world, world->now_ns + chance_latency(world),
                                   (Event) {.type = EVENT_ELECT});
                }
                return;
        }
        if (++c->n_written < c->plan->n_transactions) {
                controller_send(world, c);
                return;
        }
        c->busy = false;
        spread_check(world, c);
        controller_feed(world, c);
}

/* What a new core is told of a record: the truth, but for deliberate mistakes. */
static void load_record(World *world, Controller *c, const Record *record)
{
        Record told = {.type = record->type};
        FabricEvent event = {.type = FABRIC_RECORD_PUT, .record = record};
        const FabricPlan *plan;

        if (record->type == RECORD_HOST && world->config.mutation == MUTATE_ONE_RACK) {
                told.host = record->host;
                snprintf(told.host.fault_domain, sizeof(RecordName), "rack");
                event.record = &told;
        }
        if (record->type == RECORD_INSTANCE && world->config.mutation == MUTATE_ONE_DOMAIN) {
                told.instance = record->instance;
                told.instance.upgrade_domain = 0;
                event.record = &told;
        }
        must(fabric_step(c->fabric, &event, &plan));
}

static void load_records(World *world, Controller *c)
{
        for (unsigned type = 0; type < RECORD_TYPES; type++)
                MAP_FOREACH (entry, &world->store[type])
                        load_record(world, c, entry->value);
        controller_step(world, c, (FabricEvent) {.type = FABRIC_SYNCED});
        for (unsigned i = 0; i < world->config.n_hosts; i++)
                if (world->hosts[i].lost_ns > 0)
                        add_silence(c, &world->hosts[i]);
}

void controller_elect(World *world)
{
        unsigned n = 0, pick;
        Controller *c;

        if (world->election > 0 || !world->quorum)
                return;
        for (unsigned i = 0; i < world->config.n_hosts; i++)
                n += world->hosts[i].joined && host_connected(world, &world->hosts[i]);
        if (n == 0)
                return; /* whoever joins campaigns */
        pick = (unsigned) chance_below(world, n);
        for (unsigned i = 0; i < world->config.n_hosts; i++)
                if (world->hosts[i].joined && host_connected(world, &world->hosts[i]) &&
                    pick-- == 0) {
                        world->leader = i;
                        break;
                }
        c = calloc(1, sizeof(*c));
        if (!c || fabric_new(&c->fabric) < 0 ||
            ARRAY_APPEND(world->controllers, world->n_controllers, c) < 0)
                abort();
        world->election = ++world->revision;
        world->statistics.elections++;
        c->host = world->leader;
        c->election = world->election;
        c->elected_ns = world->now_ns;
        c->token = ++world->tokens;
        trace_note(world, "leader  is %s", world->hosts[c->host].name);
        load_records(world, c);
        controller_feed(world, c);
}

void controller_resume(World *world, unsigned host)
{
        for (size_t i = world->n_controllers; i-- > 0;) {
                Controller *c = world->controllers[i];

                if (c->host != host)
                        continue;
                for (size_t e = 0; e < c->n_held; e++)
                        add_pending(world, c, c->held[e]);
                c->n_held = 0;
                if (c->stalled)
                        controller_send(world, c);
                else
                        controller_feed(world, c);
        }
}

/* A watch resumes from where it broke off, so nothing is lost and the order is kept. */
void controller_tell(World *world, Controller *c, Event *event)
{
        Event learnt = {.type = EVENT_TELL,
                        .key = event->key,
                        .deleted = event->deleted,
                        .record = TAKE_PTR(event->record)};

        if (learnt.deleted && learnt.key.type == RECORD_ALIVE &&
            world->config.mutation == MUTATE_DEAF)
                return;
        if (host_connected(world, &world->hosts[c->host]))
                controller_learn(world, c, learnt);
        else
                must(ARRAY_APPEND(c->held, c->n_held, learnt));
}

void world_request(World *world, const FabricRequest *request)
{
        Ask *ask = calloc(1, sizeof(*ask));
        Controller *leader;

        if (!ask)
                abort();
        ask->request = *request;
        snprintf(ask->operation, sizeof(ask->operation), "op%u", ++world->n_operations);
        ask->request.operation = ask->operation;
        if (request->service) {
                snprintf(ask->service, sizeof(ask->service), "%s", request->service);
                ask->request.service = ask->service;
        }
        if (request->host) {
                snprintf(ask->host, sizeof(ask->host), "%s", request->host);
                ask->request.host = ask->host;
        }
        if (request->hosts) {
                snprintf(ask->hosts, sizeof(ask->hosts), "%s", request->hosts);
                ask->request.hosts = ask->hosts;
        }
        if (request->configuration) {
                snprintf(ask->configuration, sizeof(ask->configuration), "%s",
                         request->configuration);
                ask->request.configuration = ask->configuration;
        }
        if (request->deployment) {
                ask->deployment = malloc(sizeof(*ask->deployment));
                if (!ask->deployment)
                        abort();
                *ask->deployment = *request->deployment;
                ask->request.deployment = ask->deployment;
        }
        if (request->record)
                ask->request.record = ask->record = record_dup(request->record);
        assert(request->n_counts <= ARRAY_SIZE(ask->counts));
        for (size_t i = 0; i < request->n_counts; i++)
                ask->counts[i] = request->counts[i]; /* role names are literals */
        ask->request.counts = ask->counts;
        must(ARRAY_APPEND(world->asks, world->n_asks, ask));
        leader = controller_leading(world);
        if (leader)
                controller_feed(world, leader);
}
