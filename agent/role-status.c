/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The status is computed from the rest of the run's state, each time anew: nothing sets it. What
 * may follow what is in the table, and sm_move() holds against a mistake. */

#include "agent/role-status.h"

#include "agent/role-program.h"

#define ANY_RUNNING                                                                                \
        (SM_TO(AGENT_STARTING_ROLE) | SM_TO(AGENT_READY_ROLE) | SM_TO(AGENT_BUSY_ROLE) |           \
         SM_TO(AGENT_RESTARTING_ROLE) | SM_TO(AGENT_CYCLING_ROLE) |                                \
         SM_TO(AGENT_UNRESPONSIVE_ROLE))
#define ANY_STOPPING (SM_TO(AGENT_STOPPING_ROLE) | SM_TO(AGENT_STOPPING_VM))
#define ANY_BEFORE   (SM_TO(AGENT_CREATING_ROLE) | SM_TO(AGENT_CYCLING_ROLE))

static const SmState statuses[AGENT_STATUSES] = {
        [AGENT_STARTING_VM] = {"StartingVM", ANY_BEFORE | ANY_RUNNING | ANY_STOPPING},
        [AGENT_CREATING_ROLE] = {"CreatingRole", ANY_BEFORE | ANY_RUNNING | ANY_STOPPING},
        [AGENT_STARTING_ROLE] = {"StartingRole", ANY_BEFORE | ANY_RUNNING | ANY_STOPPING},
        [AGENT_READY_ROLE] = {"ReadyRole", ANY_BEFORE | ANY_RUNNING | ANY_STOPPING},
        [AGENT_BUSY_ROLE] = {"BusyRole", ANY_BEFORE | ANY_RUNNING | ANY_STOPPING},
        [AGENT_RESTARTING_ROLE] = {"RestartingRole", ANY_BEFORE | ANY_RUNNING | ANY_STOPPING},
        [AGENT_CYCLING_ROLE] = {"CyclingRole", ANY_BEFORE | ANY_RUNNING | ANY_STOPPING},
        [AGENT_UNRESPONSIVE_ROLE] = {"UnresponsiveRole", ANY_BEFORE | ANY_RUNNING | ANY_STOPPING},
        /* stopping ends in a new start when it was a recycle */
        [AGENT_STOPPING_ROLE] = {"StoppingRole", ANY_BEFORE | ANY_RUNNING | ANY_STOPPING},
        [AGENT_STOPPING_VM] = {"StoppingVM", 0},
};

static AgentStatus running_status(const RoleRun *run, uint64_t now_ns)
{
        bool role_up = !wants_role(run) || run->role.started;
        bool nginx_up = !wants_nginx(run) || run->nginx.started;

        if ((wants_role(run) && restart_is_cycling(&run->role.restart) && !role_up) ||
            (wants_nginx(run) && restart_is_cycling(&run->nginx.restart) && !nginx_up))
                return AGENT_CYCLING_ROLE;
        if ((!role_up && run->role.restart.failures > 0) ||
            (!nginx_up && run->nginx.restart.failures > 0))
                return AGENT_RESTARTING_ROLE;
        if (!role_up || !nginx_up)
                return AGENT_STARTING_ROLE;
        if (!run->ready || run->busy_until_ns > now_ns)
                return AGENT_BUSY_ROLE;
        return AGENT_READY_ROLE;
}

AgentStatus role_status_of(const RoleRun *run, uint64_t now_ns)
{
        switch (run->phase) {
        case ROLE_IDLE:
                return AGENT_STARTING_VM;
        case ROLE_FORMATTING:
        case ROLE_TASKS:
                return restart_is_cycling(&run->attempts) ? AGENT_CYCLING_ROLE
                                                          : AGENT_CREATING_ROLE;
        case ROLE_WAITING:
                return restart_is_cycling(&run->attempts) ? AGENT_CYCLING_ROLE
                                                          : AGENT_RESTARTING_ROLE;
        case ROLE_RUNNING:
                return running_status(run, now_ns);
        case ROLE_STOPPING:
                return run->hung ? AGENT_UNRESPONSIVE_ROLE : AGENT_STOPPING_ROLE;
        default:
                return AGENT_STOPPING_VM;
        }
}

void role_status_init(Sm *status)
{
        sm_init(status, statuses, AGENT_STATUSES, AGENT_STARTING_VM);
}
