/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The life of a role. Every entry point ends in run_settle(), which computes the status from the
 * state and tells when it has changed: there is no second place where a status is set. */

#include "agent/role-run-internal.h"

#include <signal.h>
#include <stdio.h>

#include "agent/role-program.h"
#include "agent/role-status.h"
#include "lib/base/str.h"

static void set_detail(RoleRun *run, const char *detail)
{
        snprintf(run->detail, sizeof(run->detail), "%s", detail);
}

void run_settle(RoleRun *run, uint64_t now_ns)
{
        AgentStatus status = role_status_of(run, now_ns);

        if (status == AGENT_READY_ROLE)
                run->detail[0] = '\0';
        if (status != run->status.state) {
                sm_move(&run->status, status);
                run->status_since_ns = now_ns;
        }
        run->ops->changed(run->userdata);
}

/* ---- start */

/* All over again, after a while. */
static void wait_for_next(RoleRun *run, uint64_t delay_ns, uint64_t now_ns)
{
        Program *program;

        for (size_t i = 0; (program = program_at(run, i)); i++)
                program_forget(run, program);
        run->phase = ROLE_WAITING;
        run->again_at_ns = now_ns + delay_ns;
        if (delay_ns == 0)
                run_begin(run, now_ns);
}

static void fail_attempt(RoleRun *run, uint64_t now_ns)
{
        wait_for_next(run, MAX(restart_delay_ns(&run->attempts, 0), NSEC_PER_SEC), now_ns);
}

static void start_programs(RoleRun *run, uint64_t now_ns)
{
        run->phase = ROLE_RUNNING;
        run->ready = !wants_role(run);
        if (wants_role(run))
                program_start(run, &run->role, now_ns);
        if (wants_nginx(run) && run->phase == ROLE_RUNNING)
                program_start(run, &run->nginx, now_ns);
}

void run_advance_tasks(RoleRun *run, uint64_t now_ns)
{
        while (run->phase == ROLE_TASKS && run->next_task < run->n_tasks) {
                size_t i = run->next_task;

                if (run->config->tasks[i].type != AGENT_TASK_SIMPLE)
                        run->next_task++;
                program_start(run, &run->tasks[i], now_ns);
                if (run->config->tasks[i].type == AGENT_TASK_SIMPLE)
                        return;
        }
        if (run->phase == ROLE_TASKS)
                start_programs(run, now_ns);
}

void run_begin(RoleRun *run, uint64_t now_ns)
{
        int r = run->ops->prepare(run->userdata, run->clean);

        run->recycling = run->killed = run->hung = false;
        run->busy_until_ns = 0;
        run->progress_by_ns = ROLE_RUN_NEVER;
        run->next_task = 0;
        if (r < 0) {
                snprintf(run->detail, sizeof(run->detail), "the guest cannot be prepared: %s",
                         strerror(-r));
                fail_attempt(run, now_ns);
                return;
        }
        if (r == ROLE_PREPARE_FORMAT) {
                run->phase = ROLE_FORMATTING;
                program_start(run, &run->mkfs, now_ns);
                return;
        }
        run->clean = false;
        run->phase = ROLE_TASKS;
        run_advance_tasks(run, now_ns);
}

/* ---- stop */

/* Whether the stop waits for the program: all but tasks in the background. */
static bool holds_stop(const RoleRun *run, const Program *program)
{
        if (!program_runs(program))
                return false;
        if (run->killed || program < run->tasks || program >= run->tasks + run->n_tasks)
                return true;
        return run->config->tasks[program - run->tasks].type != AGENT_TASK_BACKGROUND;
}

static void finish_stop(RoleRun *run, uint64_t now_ns)
{
        Program *program;

        for (size_t i = 0; (program = program_at(run, i)); i++) {
                if (program_runs(program)) /* a task in the background */
                        run->ops->kill(run->userdata, program->unit, true, SIGKILL);
                program_forget(run, program);
        }
        if (run->recycling) {
                wait_for_next(run, restart_delay_ns(&run->attempts, now_ns - run->status_since_ns),
                              now_ns);
                return;
        }
        run->phase = ROLE_STOPPED;
        run->ops->stopped(run->userdata);
}

static void term_role(RoleRun *run)
{
        run->nginx_by_ns = ROLE_RUN_NEVER;
        if (program_runs(&run->role))
                run->ops->kill(run->userdata, run->role.unit, false, SIGTERM);
}

void run_advance_stop(RoleRun *run, uint64_t now_ns)
{
        Program *program;
        bool held = false;

        if (run->nginx_by_ns != ROLE_RUN_NEVER &&
            (!program_runs(&run->nginx) || now_ns >= run->nginx_by_ns)) {
                if (program_runs(&run->nginx)) /* its requests have had their time */
                        run->ops->kill(run->userdata, run->nginx.unit, true, SIGKILL);
                term_role(run);
        }
        for (size_t i = 0; (program = program_at(run, i)); i++)
                held = held || holds_stop(run, program);
        if (!held || (run->killed && now_ns >= run->stop_by_ns + ROLE_RUN_KILL_NS)) {
                finish_stop(run, now_ns);
                return;
        }
        if (run->killed || now_ns < run->stop_by_ns)
                return;
        run->killed = true;
        for (size_t i = 0; (program = program_at(run, i)); i++)
                if (program_runs(program))
                        run->ops->kill(run->userdata, program->unit, true, SIGKILL);
}

static void begin_stop(RoleRun *run, bool recycling, uint64_t deadline_ns, uint64_t now_ns)
{
        Program *program;

        run->phase = ROLE_STOPPING;
        run->recycling = recycling;
        run->clean = recycling;
        run->killed = false;
        run->stop_by_ns = deadline_ns;
        run->nginx_by_ns = MIN(now_ns + ROLE_RUN_NGINX_STOP_NS, deadline_ns);
        run->progress_by_ns = ROLE_RUN_NEVER;
        for (size_t i = 0; (program = program_at(run, i)); i++)
                program->restart_at_ns = ROLE_RUN_NEVER;
        run->ops->stopping(run->userdata, deadline_ns);
        if (program_runs(&run->nginx))
                run->ops->kill(run->userdata, run->nginx.unit, false, SIGQUIT);
        run_advance_stop(run, now_ns);
}

/* ---- what happens */

void role_run_init(RoleRun *run, const RoleRunOps *ops, void *userdata, uint64_t now_ns)
{
        *run = (RoleRun) {.ops = ops,
                          .userdata = userdata,
                          .status_since_ns = now_ns,
                          .progress_by_ns = ROLE_RUN_NEVER,
                          .nginx_by_ns = ROLE_RUN_NEVER};
        role_status_init(&run->status);
        program_init(&run->mkfs, "mkfs");
        program_init(&run->role, "role");
        program_init(&run->nginx, "nginx");
}

void role_run_deinit(RoleRun *run)
{
        free(run->tasks);
        run->tasks = NULL;
        run->n_tasks = 0;
}

int run_make_tasks(RoleRun *run, const AgentConfig *config)
{
        char source[ROLE_RUN_SOURCE_MAX];

        if (config->n_tasks > ROLE_RUN_TASKS_MAX)
                return -E2BIG;
        run->tasks = calloc(config->n_tasks + 1, sizeof(*run->tasks));
        if (!run->tasks)
                return -ENOMEM;
        run->n_tasks = config->n_tasks;
        for (size_t i = 0; i < config->n_tasks; i++) {
                snprintf(source, sizeof(source), "task-%zu", i);
                program_init(&run->tasks[i], source);
        }
        run->config = config;
        return 0;
}

int role_run_configure(RoleRun *run, const AgentConfig *config, uint64_t now_ns)
{
        int r;

        if (run->phase != ROLE_IDLE) {
                /* startup tasks are the package's, and a VM has one package */
                if (config->n_tasks != run->n_tasks)
                        return -E2BIG;
                run->config = config;
                return 0;
        }
        r = run_make_tasks(run, config);
        if (r < 0)
                return r;
        run_begin(run, now_ns);
        run_settle(run, now_ns);
        return 0;
}

void role_run_started(RoleRun *run, const char *unit, uint64_t now_ns)
{
        Program *program = program_of_unit(run, unit);

        if (!program)
                return;
        program->started = true;
        /* a signal that was sent before there was a process is lost */
        if (run->phase == ROLE_STOPPING && program == &run->nginx &&
            run->nginx_by_ns != ROLE_RUN_NEVER)
                run->ops->kill(run->userdata, run->nginx.unit, false, SIGQUIT);
        if (run->phase == ROLE_STOPPING && program == &run->role &&
            run->nginx_by_ns == ROLE_RUN_NEVER)
                run->ops->kill(run->userdata, run->role.unit, false, SIGTERM);
        if (program == &run->role && run->config->ready_on_start)
                run->ready = true;
        run_settle(run, now_ns);
}

static void describe_end(RoleRun *run, const Program *program, const UnitEnd *end)
{
        if (end->signal > 0)
                snprintf(run->detail, sizeof(run->detail), "%s: %s, signal %u", program->source,
                         end->cause, end->signal);
        else
                snprintf(run->detail, sizeof(run->detail), "%s: %s, code %u", program->source,
                         end->cause, end->code);
}

/* A program that is meant to run for ever has ended. */
static void lost_program(RoleRun *run, Program *program, const UnitEnd *end, uint64_t now_ns)
{
        bool returned = program == &run->role && str_equal(end->cause, "exited") && end->code == 0;
        uint64_t delay_ns;

        run->restarts++;
        if (returned) { /* Azure: a role that returns from Run is recycled */
                run->ops->exited(run->userdata, program->source, end, true, 0);
                begin_stop(run, true, now_ns + ROLE_RUN_STOP_NS, now_ns);
                return;
        }
        delay_ns = restart_delay_ns(&program->restart, end->ran_ns);
        run->ops->exited(run->userdata, program->source, end, true, delay_ns);
        if (program == &run->role) {
                run->ready = false;
                run->busy_until_ns = 0;
                run->progress_by_ns = ROLE_RUN_NEVER;
        }
        program->restart_at_ns = now_ns + delay_ns;
        if (delay_ns == 0)
                program_start(run, program, now_ns);
}

static void ended_task(RoleRun *run, Program *program, const UnitEnd *end, uint64_t now_ns)
{
        bool good = str_equal(end->cause, "exited") && end->code == 0;
        size_t i = (size_t) (program - run->tasks);
        bool awaited = run->phase == ROLE_TASKS && i == run->next_task &&
                       run->config->tasks[i].type == AGENT_TASK_SIMPLE;

        run->ops->exited(run->userdata, program->source, end, awaited && !good, 0);
        if (!awaited)
                return;
        if (!good) {
                fail_attempt(run, now_ns);
                return;
        }
        run->next_task++;
        run_advance_tasks(run, now_ns);
}

void role_run_ended(RoleRun *run, const UnitEnd *end, uint64_t now_ns)
{
        Program *program = program_of_unit(run, end->name);
        bool good = str_equal(end->cause, "exited") && end->code == 0;
        char unit[UNITS_NAME_MAX];

        snprintf(unit, sizeof(unit), "%s", end->name);
        if (!program) {
                run->ops->release(run->userdata, unit);
                return;
        }
        describe_end(run, program, end);
        program->unit[0] = '\0';
        program_forget(run, program);
        if (good) /* ends what processes it has left, before others take their place */
                run->ops->release(run->userdata, unit);
        if (run->phase == ROLE_STOPPING) {
                run->ops->exited(run->userdata, program->source, end, false, 0);
                run_advance_stop(run, now_ns);
        } else if (program == &run->mkfs) {
                if (good)
                        run_begin(run, now_ns);
                else
                        fail_attempt(run, now_ns);
        } else if (program == &run->role || program == &run->nginx) {
                lost_program(run, program, end, now_ns);
        } else {
                ended_task(run, program, end, now_ns);
        }
        if (!good) /* systemd has ended them; the next start need not wait behind this */
                run->ops->release(run->userdata, unit);
        run_settle(run, now_ns);
}

void role_run_set_ready(RoleRun *run, uint64_t now_ns)
{
        if (run->phase != ROLE_RUNNING)
                return;
        run->ready = true;
        run->busy_until_ns = 0;
        run_settle(run, now_ns);
}

void role_run_set_busy(RoleRun *run, uint64_t until_ns, uint64_t now_ns)
{
        if (run->phase != ROLE_RUNNING)
                return;
        set_detail(run, "the role says that it is busy");
        run->busy_until_ns = until_ns;
        run_settle(run, now_ns);
}

void role_run_progress(RoleRun *run, uint64_t by_ns)
{
        if (run->phase == ROLE_RUNNING)
                run->progress_by_ns = by_ns;
}

void role_run_stop(RoleRun *run, uint64_t deadline_ns, uint64_t now_ns)
{
        if (run->phase == ROLE_STOPPED) {
                run->ops->stopped(run->userdata); /* the host may not have heard it */
                return;
        }
        if (run->phase == ROLE_STOPPING && !run->recycling) {
                run->stop_by_ns = MIN(run->stop_by_ns, deadline_ns);
                run_advance_stop(run, now_ns);
        } else {
                begin_stop(run, false, deadline_ns, now_ns);
        }
        run_settle(run, now_ns);
}

void role_run_recycle(RoleRun *run, const char *reason, uint64_t now_ns)
{
        if (run->phase == ROLE_IDLE || run->phase == ROLE_STOPPING || run->phase == ROLE_STOPPED)
                return;
        set_detail(run, reason);
        begin_stop(run, true, now_ns + (run->hung ? ROLE_RUN_HUNG_STOP_NS : ROLE_RUN_STOP_NS),
                   now_ns);
        run_settle(run, now_ns);
}

static void tick_running(RoleRun *run, uint64_t now_ns)
{
        Program *programs[] = {&run->role, &run->nginx};

        if (run->progress_by_ns <= now_ns) {
                run->hung = true;
                role_run_recycle(run, "the role has not called Progress in time", now_ns);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
                if (programs[i]->restart_at_ns <= now_ns)
                        program_start(run, programs[i], now_ns);
        if (run->busy_until_ns > 0 && run->busy_until_ns <= now_ns)
                run->busy_until_ns = 0;
        run_settle(run, now_ns);
}

void role_run_tick(RoleRun *run, uint64_t now_ns)
{
        if (now_ns < role_run_next_ns(run))
                return;
        if (run->phase == ROLE_RUNNING) {
                tick_running(run, now_ns);
        } else if (run->phase == ROLE_WAITING) {
                run_begin(run, now_ns);
                run_settle(run, now_ns);
        } else if (run->phase == ROLE_STOPPING) {
                run_advance_stop(run, now_ns);
                run_settle(run, now_ns);
        }
}

uint64_t role_run_next_ns(const RoleRun *run)
{
        uint64_t next_ns = ROLE_RUN_NEVER;

        if (run->phase == ROLE_RUNNING) {
                next_ns = MIN(run->role.restart_at_ns, run->nginx.restart_at_ns);
                next_ns = MIN(next_ns, run->progress_by_ns);
                if (run->busy_until_ns > 0)
                        next_ns = MIN(next_ns, run->busy_until_ns);
        } else if (run->phase == ROLE_WAITING) {
                next_ns = run->again_at_ns;
        } else if (run->phase == ROLE_STOPPING) {
                next_ns = run->killed ? run->stop_by_ns + ROLE_RUN_KILL_NS
                                      : MIN(run->stop_by_ns, run->nginx_by_ns);
        }
        return next_ns;
}

AgentStatus role_run_status(const RoleRun *run)
{
        return (AgentStatus) run->status.state;
}
