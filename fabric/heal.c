/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The healing ladder. It looks only at states and times, never at single events, so it comes to the
 * same whatever was missed. */

#include "fabric/heal.h"

#include "fabric/instance.h"

Phase heal_phase(const Instance *instance)
{
        static const Phase phases[STATUSES] = {
                [STATUS_UNKNOWN] = PHASE_BOOT,
                [STATUS_CREATING_VM] = PHASE_BOOT,
                [STATUS_STARTING_VM] = PHASE_BOOT,
                [STATUS_STOPPING_VM] = PHASE_BOOT,
                [STATUS_DELETING_VM] = PHASE_BOOT,
                [STATUS_STOPPED_VM] = PHASE_BOOT,
                [STATUS_CREATING_ROLE] = PHASE_ROLE,
                [STATUS_STARTING_ROLE] = PHASE_ROLE,
                [STATUS_BUSY_ROLE] = PHASE_ROLE,
                [STATUS_STOPPING_ROLE] = PHASE_ROLE,
                [STATUS_RESTARTING_ROLE] = PHASE_ROLE,
                [STATUS_READY_ROLE] = PHASE_READY,
                [STATUS_CYCLING_ROLE] = PHASE_CYCLING,
                [STATUS_UNRESPONSIVE_ROLE] = PHASE_SILENT,
                [STATUS_FAILED_STARTING_VM] = PHASE_FAILED,
        };

        return instance_is_current(instance) ? phases[instance->observed->status] : PHASE_BOOT;
}

/* Whether an operator's reboot, reimage or rebuild is being carried out: gracefully, so it takes
 * longer. */
static bool request_pending(const Instance *instance)
{
        const InstanceRecord *record = &instance->item.record.instance;

        if (!instance_is_current(instance))
                return false;
        for (unsigned a = ACTION_REBOOT; a < ACTIONS; a++)
                if (record->wanted[a] > instance->observed->done[a] &&
                    !(a == ACTION_REIMAGE && record->rung == HEAL_REIMAGE))
                        return true;
        return false;
}

/* When the next rung is due. */
static uint64_t next_rung_ns(const Fabric *fabric, const Instance *instance)
{
        const ClusterRecord *cluster = fabric->cluster;
        const InstanceRecord *record = &instance->item.record.instance;
        unsigned round = MIN(record->heals / (HEAL_RUNGS - 1), (uint32_t) HEAL_DOUBLINGS_MAX);
        uint64_t from_ns = MAX(instance->phase_ns, instance->acted_ns);
        uint64_t boot_ms = cluster->boot_ms << round;

        if (request_pending(instance))
                boot_ms += cluster->drain_ms + cluster->stop_ms;
        switch (instance->phase) {
        case PHASE_BOOT:
                return state_after(from_ns, boot_ms);
        case PHASE_ROLE:
                return record->rung == HEAL_NONE ? FABRIC_NEVER
                                                 : state_after(from_ns, cluster->role_ms << round);
        case PHASE_SILENT:
                /* hostd has waited for agent_silence_ms already; what a rung or request has set
                 * going is given its time */
                if (instance->acted_ns >= instance->phase_ns || request_pending(instance))
                        return state_after(instance->acted_ns, boot_ms);
                return state_after(instance->phase_ns, boot_ms - cluster->boot_ms);
        case PHASE_FAILED:
                return state_after(from_ns, (uint64_t) HEAL_FAILED_MS << round);
        case PHASE_READY:
        case PHASE_CYCLING:
                break;
        }
        return FABRIC_NEVER;
}

static void climb(Fabric *fabric, Instance *instance)
{
        InstanceRecord *record = instance_record(instance);

        record->rung = record->rung == HEAL_REPLACE ? HEAL_RESET : record->rung + 1;
        record->heals++;
        instance->acted_ns = fabric->now_ns;
        switch (record->rung) {
        case HEAL_RESET:
                record->wanted[ACTION_RESET]++;
                break;
        case HEAL_REIMAGE:
                record->wanted[ACTION_REIMAGE]++;
                break;
        default:
                instance_stop(fabric, instance, POWER_STOPPED);
                break;
        }
        state_touch(fabric, &instance->item);
}

/* Ready for long enough: the ladder begins at its foot again. */
static void check_stable(Fabric *fabric, Instance *instance)
{
        InstanceRecord *record = instance_record(instance);
        uint64_t stable_ns = state_after(instance->phase_ns, fabric->cluster->stable_ms);

        if (record->rung == HEAL_NONE)
                stable_ns = FABRIC_NEVER;
        if (fabric->now_ns >= stable_ns) {
                record->rung = HEAL_NONE;
                record->heals = 0;
                state_touch(fabric, &instance->item);
                stable_ns = FABRIC_NEVER;
        }
        state_timer(fabric, &instance->timer, stable_ns);
}

void heal_check(Fabric *fabric, Instance *instance)
{
        uint64_t due_ns;

        if (instance->phase == PHASE_READY) {
                check_stable(fabric, instance);
                return;
        }
        due_ns = fabric->cluster->braked ? FABRIC_NEVER : next_rung_ns(fabric, instance);
        if (due_ns <= fabric->now_ns) {
                climb(fabric, instance);
                due_ns = instance_record(instance)->power == POWER_RUNNING
                                 ? next_rung_ns(fabric, instance)
                                 : FABRIC_NEVER;
        }
        state_timer(fabric, &instance->timer, due_ns);
}
