/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A program's unit has the number of its start in its name, so a late word of an old unit finds no
 * program any more. */

#include "agent/role-program.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"

void program_init(Program *program, const char *source)
{
        *program = (Program) {.restart_at_ns = ROLE_RUN_NEVER};
        snprintf(program->source, sizeof(program->source), "%s", source);
}

bool program_runs(const Program *program)
{
        return program->unit[0] != '\0';
}

void program_forget(RoleRun *run, Program *program)
{
        if (program_runs(program))
                run->ops->release(run->userdata, program->unit);
        program->unit[0] = '\0';
        program->started = false;
        program->restart_at_ns = ROLE_RUN_NEVER;
}

void program_start(RoleRun *run, Program *program, uint64_t now_ns)
{
        program->restart_at_ns = ROLE_RUN_NEVER;
        program->started = false;
        snprintf(program->unit, sizeof(program->unit), UNITS_PREFIX "%s-%" PRIu64 ".service",
                 program->source, ++run->generation);
        if (run->ops->start(run->userdata, program->source, program->unit) < 0) {
                char unit[UNITS_NAME_MAX];

                memcpy(unit, program->unit, sizeof(unit));
                role_run_ended(run, &(UnitEnd) {.name = unit, .cause = "start"}, now_ns);
        }
}

Program *program_at(RoleRun *run, size_t i)
{
        Program *fixed[] = {&run->mkfs, &run->role, &run->nginx};

        if (i < ARRAY_SIZE(fixed))
                return fixed[i];
        i -= ARRAY_SIZE(fixed);
        return i < run->n_tasks ? &run->tasks[i] : NULL;
}

Program *program_of_unit(RoleRun *run, const char *unit)
{
        Program *program;

        for (size_t i = 0; (program = program_at(run, i)); i++)
                if (str_equal(program->unit, unit))
                        return program;
        return NULL;
}

bool wants_role(const RoleRun *run)
{
        return run->config && run->config->entry_point;
}

bool wants_nginx(const RoleRun *run)
{
        return run->config && run->config->kind == AGENT_ROLE_WEB && run->config->n_sites > 0;
}
