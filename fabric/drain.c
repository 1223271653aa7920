/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Draining. All of it is worked out from the records at each check; only how long surge instances
 * have been waited for is this leader's own. */

#include "fabric/drain.h"

#include "fabric/hosts.h"
#include "fabric/instance.h"
#include "fabric/network.h"
#include "fabric/serve.h"
#include "lib/base/array.h"
#include "lib/base/str.h"

static bool is_leaving(const Instance *instance)
{
        const HostRecord *host = instance->host->record;

        return host && host->draining && instance->host->alive &&
               instance->item.record.instance.power == POWER_RUNNING;
}

/* An instance on the move that is of another upgrade domain of the role: this one has to wait. */
static const Instance *in_the_way(Fabric *fabric, const Instance *instance)
{
        const Role *role = &instance->deployment->roles[instance->role];
        uint32_t count = MIN(instance_role(instance)->count, role->n_instances);

        for (uint32_t i = 0; i < count; i++) {
                Instance *other = role->instances[i];

                if (other && other != instance && serve_is_moving(fabric, other) &&
                    other->item.record.instance.upgrade_domain !=
                            instance->item.record.instance.upgrade_domain)
                        return other;
        }
        return NULL;
}

/* ---- room */

static bool reserve(Fabric *fabric, DrainPass *pass, const Instance *instance, uint32_t avoid)
{
        DrainRoom r = {.size = role_size(instance_role(instance))};
        PlaceSpread spread;
        int picked;

        role_spread(fabric, instance->deployment, instance->role, instance, &spread);
        picked = host_pick(fabric, &spread, &r.size, avoid, &r.place);
        place_spread_deinit(&spread);
        if (picked != 0)
                return false;
        if (ARRAY_APPEND(pass->list, pass->n, r) < 0) {
                fabric->failed = true;
                return false;
        }
        place_take(&fabric->place, r.place, &r.size);
        return true;
}

/* Gives back what was reserved behind the first @n. */
static void release(Fabric *fabric, DrainPass *pass, size_t n)
{
        while (pass->n > n) {
                const DrainRoom *r = &pass->list[--pass->n];

                place_give(&fabric->place, r->place, &r->size);
        }
}

/* For what has been stopped on any host that is drained and has not been placed again yet. */
static void reserve_for_leavers(Fabric *fabric, DrainPass *pass)
{
        MAP_FOREACH (entry, &fabric->hosts) {
                const Host *host = entry->value;
                bool draining = host->record && host->record->draining;

                for (size_t i = 0; draining && i < host->n_instances; i++) {
                        const Instance *instance = host->instances[i];
                        const InstanceRecord *record = &instance->item.record.instance;

                        if (record->power != POWER_RUNNING &&
                            record->id.number < instance_role(instance)->count)
                                reserve(fabric, pass, instance, host->place);
                }
        }
}

/* ---- surge */

static void set_surge(Fabric *fabric, Deployment *deployment, size_t role, uint32_t surge)
{
        deployment_record(deployment)->roles[role].surge = surge;
        deployment->roles[role].surge_ns = fabric->now_ns;
        if (surge == 0)
                deployment->roles[role].given_up_ns = fabric->now_ns;
        state_touch(fabric, &deployment->item);
        state_queue(fabric, deployment);
}

/* Instances of the role that are to leave in one go with this one, and serve. */
static uint32_t batch_size(Fabric *fabric, const Instance *instance)
{
        const Role *role = &instance->deployment->roles[instance->role];
        uint32_t count = MIN(instance_role(instance)->count, role->n_instances), n = 0;

        for (uint32_t i = 0; i < count; i++) {
                Instance *other = role->instances[i];

                n += other && is_leaving(other) && serve_check(fabric, other) &&
                     other->item.record.instance.upgrade_domain ==
                             instance->item.record.instance.upgrade_domain;
        }
        return n;
}

/* A worker that is the only one of its role may be meant to be. */
static bool may_surge(const Deployment *deployment, const DeploymentRole *role, uint32_t batch)
{
        const DeploymentRecord *d = &deployment->item.record.deployment;

        return (role->kind == RECORD_ROLE_WEB || role->count > 1) &&
               role->count + batch <= RECORD_COUNT_MAX &&
               deployment->n_live + batch <= network_capacity(&d->network, d->network_prefix);
}

/* Room for @n of the role: kept, when it is there, until the check is over. */
static bool reserve_more(Fabric *fabric, DrainPass *pass, const Instance *instance, uint32_t n)
{
        size_t before = pass->n;

        for (; n > 0; n--)
                if (!reserve(fabric, pass, instance, instance->host->place)) {
                        release(fabric, pass, before);
                        return false;
                }
        return true;
}

/* Whether an instance behind the count is as good as none: it goes, or its host has gone. */
static bool is_on_its_way_out(const Instance *instance)
{
        return instance->item.record.instance.power != POWER_RUNNING || !instance->host->alive ||
               is_leaving(instance);
}

/* Whether the first @batch instances behind the count are not there and serving yet, or one that
 * was there before is not gone yet. They are waited for as long as a boot and a start of the role
 * take. */
static bool is_surge_behind(Fabric *fabric, Instance *instance, uint32_t batch,
                            const Instance **ret_behind)
{
        const Deployment *deployment = instance->deployment;
        const DeploymentRole *role = instance_role(instance);
        uint64_t due_ns = state_after(deployment->roles[instance->role].surge_ns,
                                      fabric->cluster->boot_ms + fabric->cluster->role_ms);

        if (fabric->now_ns >= due_ns)
                return false;
        for (uint32_t i = role->count; i < role->count + batch; i++) {
                Instance *other = instance_at(deployment, instance->role, i);

                if (role->surge < batch ? !other || !is_on_its_way_out(other)
                                        : other && serve_check(fabric, other))
                        continue;
                serve_wake(fabric, instance, due_ns);
                *ret_behind = other;
                return true;
        }
        return false;
}

/* Whether one that is on its way out has a number that a surge instance would have. */
static bool has_leftovers(const Deployment *deployment, size_t role, uint32_t batch)
{
        uint32_t count = deployment->item.record.deployment.roles[role].count;

        for (uint32_t i = count; i < count + batch; i++) {
                const Instance *instance = instance_at(deployment, role, i);

                if (instance && is_on_its_way_out(instance))
                        return true;
        }
        return false;
}

/* Has surge instances made before an instance is stopped. Returns whether it has to wait for them.
 */
static bool await_surge(Fabric *fabric, DrainPass *pass, Instance *instance,
                        const Instance **ret_behind)
{
        const DeploymentRole *role = instance_role(instance);
        uint32_t batch = batch_size(fabric, instance);

        if (batch == 0) /* it does not serve: nothing is lost */
                return false;
        if (role->surge < batch && !may_surge(instance->deployment, role, batch))
                return false;
        if (is_surge_behind(fabric, instance, batch, ret_behind))
                return true;
        /* given up in this very step, for want of room: not asked for again until the next one */
        if (fabric->now_ns > 0 &&
            instance->deployment->roles[instance->role].given_up_ns == fabric->now_ns)
                return false;
        /* room for the batch's next incarnations, and for the surge instances meanwhile */
        if (role->surge >= batch || fabric->n_waiting > 0 ||
            has_leftovers(instance->deployment, instance->role, batch) ||
            !reserve_more(fabric, pass, instance, 2 * batch - role->surge))
                return false;
        set_surge(fabric, instance->deployment, instance->role, batch);
        return true;
}

static bool is_needed(Fabric *fabric, const Deployment *deployment, size_t role)
{
        uint32_t count = deployment->item.record.deployment.roles[role].count;

        for (uint32_t i = 0; i < count; i++) {
                Instance *instance = instance_at(deployment, role, i);

                if (instance && (is_leaving(instance) || serve_is_moving(fabric, instance)))
                        return true;
        }
        return false;
}

static bool has_lost_host(const Deployment *deployment, size_t role)
{
        const DeploymentRole *r = &deployment->item.record.deployment.roles[role];

        for (uint32_t i = r->count; i < r->count + r->surge; i++) {
                const Instance *instance = instance_at(deployment, role, i);

                if (instance && (!instance->host->alive || is_leaving(instance)))
                        return true;
        }
        return false;
}

void drain_surge_check(Fabric *fabric, Deployment *deployment, size_t role)
{
        if (deployment_record(deployment)->roles[role].surge == 0)
                return;
        if (deployment->n_waiting > 0 || has_lost_host(deployment, role) ||
            !is_needed(fabric, deployment, role))
                set_surge(fabric, deployment, role, 0);
}

/* ---- the check */

/* Stops an instance if its turn has come; otherwise says what it waits for. */
static void leave(Fabric *fabric, DrainPass *pass, Instance *instance, DrainWait *wait)
{
        const Instance *behind = in_the_way(fabric, instance);

        if (!behind && !await_surge(fabric, pass, instance, &behind)) {
                if (reserve(fabric, pass, instance, instance->host->place)) {
                        instance_stop(fabric, instance, POWER_STOPPING);
                        return;
                }
                wait->n_roomless++;
                if (instance_role(instance)->surge > 0) /* better moved at once than not at all */
                        set_surge(fabric, instance->deployment, instance->role, 0);
        }
        if (behind && !wait->behind)
                wait->behind = behind;
}

void drain_begin(Fabric *fabric, DrainPass *ret_pass)
{
        *ret_pass = (DrainPass) {};
        reserve_for_leavers(fabric, ret_pass);
}

void drain_host(Fabric *fabric, DrainPass *pass, Host *host, DrainWait *ret_wait)
{
        *ret_wait = (DrainWait) {};
        for (size_t i = 0; i < host->n_instances && !fabric->failed; i++) {
                Instance *instance = host->instances[i];
                const InstanceRecord *record = instance_record(instance);

                if (record->power == POWER_RUNNING &&
                    record->id.number < instance_role(instance)->count)
                        leave(fabric, pass, instance, ret_wait);
        }
}

void drain_end(Fabric *fabric, DrainPass *pass)
{
        release(fabric, pass, 0);
        free(pass->list);
}
