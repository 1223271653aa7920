/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A role's run whose wishes are written down. */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/role-run.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

#define S       NSEC_PER_SEC
#define T(text) ((char *) (uintptr_t) (text))

/* What the run asks for is written down: "start role", "kill nginx 3", ... */
static StrBuffer asked;
static int prepared, refuse_start;
static RoleRun run;

static inline const char *source_of(const char *unit)
{
        static char source[UNITS_NAME_MAX];

        snprintf(source, sizeof(source), "%s", str_after(unit, UNITS_PREFIX));
        *strrchr(source, '-') = '\0';
        return source;
}

static inline int on_prepare(void *userdata, bool clean)
{
        str_buffer_add(&asked, clean ? "prepare clean;" : "prepare;");
        return prepared;
}

static inline int on_start(void *userdata, const char *source, const char *unit)
{
        str_buffer_addf(&asked, "start %s;", source);
        assert_string_equal(source_of(unit), source);
        return refuse_start;
}

static inline void on_kill(void *userdata, const char *unit, bool all, int signal)
{
        str_buffer_addf(&asked, "kill %s%s %d;", source_of(unit), all ? " all" : "", signal);
}

static inline void on_release(void *userdata, const char *unit)
{
        str_buffer_addf(&asked, "release %s;", source_of(unit));
}

static inline void on_stopping(void *userdata, uint64_t deadline_ns)
{
        str_buffer_addf(&asked, "stopping %llu;", (unsigned long long) (deadline_ns / S));
}

static inline void on_stopped(void *userdata)
{
        str_buffer_add(&asked, "stopped;");
}

static inline void on_changed(void *userdata)
{
}

static inline void on_exited(void *userdata, const char *source, const UnitEnd *end, bool restarts,
                             uint64_t restart_ns)
{
}

static const RoleRunOps ops = {on_prepare,  on_start,   on_kill,    on_release,
                               on_stopping, on_stopped, on_changed, on_exited};

static AgentTask tasks3[3] = {{.command = T("a"), .type = AGENT_TASK_SIMPLE},
                              {.command = T("b"), .type = AGENT_TASK_BACKGROUND},
                              {.command = T("c"), .type = AGENT_TASK_FOREGROUND}};
static AgentSite site;
static AgentConfig worker = {
        .kind = AGENT_ROLE_WORKER, .entry_point = T("x"), .ready_on_start = true};
static AgentConfig full = {.kind = AGENT_ROLE_WEB,
                           .entry_point = T("x"),
                           .ready_on_start = true,
                           .tasks = tasks3,
                           .n_tasks = 3,
                           .sites = &site,
                           .n_sites = 1};

static inline int setup(void **state)
{
        prepared = refuse_start = 0;
        role_run_init(&run, &ops, NULL, 0);
        return 0;
}

static inline int teardown(void **state)
{
        role_run_deinit(&run);
        str_buffer_deinit(&asked);
        return 0;
}

/* Checks what was asked for since the last time. */
static inline void assert_asked(const char *text)
{
        assert_string_equal(asked.data ?: "", text);
        str_buffer_deinit(&asked);
}

static inline void end(const Program *program, const char *cause, unsigned code, uint64_t ran_ns,
                       uint64_t now_ns)
{
        char unit[UNITS_NAME_MAX];

        memcpy(unit, program->unit, sizeof(unit));
        assert_true(unit[0] != '\0');
        role_run_ended(&run,
                       &(UnitEnd) {.name = unit, .cause = cause, .code = code, .ran_ns = ran_ns},
                       now_ns);
}

static inline void start(const Program *program, uint64_t now_ns)
{
        char unit[UNITS_NAME_MAX];

        memcpy(unit, program->unit, sizeof(unit));
        role_run_started(&run, unit, now_ns);
}

static inline void assert_status(const char *name)
{
        assert_string_equal(agent_status_to_string(role_run_status(&run)), name);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
