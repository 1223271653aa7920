/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The agent may be killed and started anew while the role runs. Its successor has what was saved at
 * the last change (one line of text), and the units that systemd still runs; a unit that has ended
 * in between is found missing, and what follows its end is done then. */

#include "agent/role-run-internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/role-program.h"
#include "lib/base/str.h"

#define SAVED_FORMAT                                                                               \
        "1 phase=%u next_task=%zu generation=%" PRIu64 " restarts=%" PRIu64 " ready=%u"            \
        " recycling=%u clean=%u busy_until=%" PRIu64 " progress_by=%" PRIu64 " stop_by=%" PRIu64   \
        " nginx_by=%" PRIu64 " again_at=%" PRIu64 " attempts=%u role=%u nginx=%u\n"
#define SAVED_SCAN                                                                                 \
        "1 phase=%u next_task=%zu generation=%" SCNu64 " restarts=%" SCNu64 " ready=%u"            \
        " recycling=%u clean=%u busy_until=%" SCNu64 " progress_by=%" SCNu64 " stop_by=%" SCNu64   \
        " nginx_by=%" SCNu64 " again_at=%" SCNu64 " attempts=%u role=%u nginx=%u"
#define SAVED_MEMBERS 15

int role_run_save(const RoleRun *run, char **ret_text)
{
        *ret_text = str_printf(SAVED_FORMAT, (unsigned) run->phase, run->next_task, run->generation,
                               run->restarts, (unsigned) run->ready, (unsigned) run->recycling,
                               (unsigned) run->clean, run->busy_until_ns, run->progress_by_ns,
                               run->stop_by_ns, run->nginx_by_ns, run->again_at_ns,
                               run->attempts.failures, run->role.restart.failures,
                               run->nginx.restart.failures);
        return *ret_text ? 0 : -ENOMEM;
}

int role_run_resume(RoleRun *run, const AgentConfig *config, const char *text, uint64_t now_ns)
{
        unsigned phase, ready, recycling, clean;
        RoleRun saved = *run;
        int r;

        if (sscanf(text, SAVED_SCAN, &phase, &saved.next_task, &saved.generation, &saved.restarts,
                   &ready, &recycling, &clean, &saved.busy_until_ns, &saved.progress_by_ns,
                   &saved.stop_by_ns, &saved.nginx_by_ns, &saved.again_at_ns,
                   &saved.attempts.failures, &saved.role.restart.failures,
                   &saved.nginx.restart.failures) != SAVED_MEMBERS ||
            phase >= ROLE_PHASES || saved.next_task > config->n_tasks)
                return -EINVAL;
        saved.phase = phase;
        saved.ready = ready, saved.recycling = recycling, saved.clean = clean;
        r = run_make_tasks(&saved, config);
        if (r < 0)
                return r;
        *run = saved;
        run->status_since_ns = now_ns;
        return 0;
}

void role_run_adopt(RoleRun *run, const char *unit)
{
        const char *name = str_after(unit, UNITS_PREFIX);
        const RoleRunOps *ops = run->ops;
        Program *program;

        for (size_t i = 0; name && (program = program_at(run, i)); i++) {
                const char *rest = str_after(name, program->source);

                if (!rest || rest[0] != '-' || rest[1] < '0' || rest[1] > '9')
                        continue;
                if (program_runs(program)) /* only the agent's death in mid-restart leaves two */
                        ops->release(run->userdata, program->unit);
                snprintf(program->unit, sizeof(program->unit), "%s", unit);
                program->started = true;
                run->generation = MAX(run->generation, strtoull(rest + 1, NULL, 10));
                return;
        }
        ops->release(run->userdata, unit);
}

void role_run_resumed(RoleRun *run, uint64_t now_ns)
{
        switch (run->phase) {
        case ROLE_IDLE:
                break;
        case ROLE_FORMATTING:
                if (!program_runs(&run->mkfs))
                        run_begin(run, now_ns);
                break;
        case ROLE_TASKS:
                if (run->next_task >= run->n_tasks || !program_runs(&run->tasks[run->next_task]))
                        run_advance_tasks(run, now_ns);
                break;
        case ROLE_RUNNING:
                if (wants_role(run) && !program_runs(&run->role))
                        run->role.restart_at_ns = now_ns;
                if (wants_nginx(run) && !program_runs(&run->nginx))
                        run->nginx.restart_at_ns = now_ns;
                role_run_tick(run, now_ns);
                break;
        case ROLE_STOPPING:
                run_advance_stop(run, now_ns);
                break;
        default:
                break;
        }
        run_settle(run, now_ns);
}
