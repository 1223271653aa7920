/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The programs of a role's run, as role-run.c, role-status.c and role-resume.c see them. */

#include "agent/role-run.h"

/** program_init() - A program that does not run; @source is shorter than ROLE_RUN_SOURCE_MAX */
void program_init(Program *program, const char *source);

/** program_runs() - Whether it has a unit, started or about to be */
bool program_runs(const Program *program);

/** program_start() - Start it as a new unit. A start that fails at once is an end like any other:
 * it comes through role_run_ended(), within the call */
void program_start(RoleRun *run, Program *program, uint64_t now_ns);

/** program_forget() - Release its unit, and do not start it again */
void program_forget(RoleRun *run, Program *program);

/** program_at() - The program number @i of all there may be; NULL at the end */
Program *program_at(RoleRun *run, size_t i);

/** program_of_unit() - The program whose unit this is now, or NULL */
Program *program_of_unit(RoleRun *run, const char *unit);

/** wants_role() - Whether the configuration has a program for the role */
bool wants_role(const RoleRun *run);

/** wants_nginx() - Whether it has sites */
bool wants_nginx(const RoleRun *run);
