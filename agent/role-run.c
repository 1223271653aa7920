/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The life of a role. Every entry point ends in settle(), which computes the status from the state
 * and tells when it has changed: there is no second place where a status is set. */

#include "agent/role-run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "lib/base/str.h"

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

static void begin(RoleRun *run, uint64_t now_ns);

/* ---- programs */

static void program_init(Program *program, const char *source)
{
        *program = (Program) {.restart_at_ns = ROLE_RUN_NEVER};
        snprintf(program->source, sizeof(program->source), "%s", source);
}

static bool program_runs(const Program *program)
{
        return program->unit[0] != '\0';
}

static void program_forget(RoleRun *run, Program *program)
{
        if (program_runs(program))
                run->ops->release(run->userdata, program->unit);
        program->unit[0] = '\0';
        program->started = false;
        program->restart_at_ns = ROLE_RUN_NEVER;
}

/* A start that fails at once is an end like any other: it comes through role_run_ended(). */
static void program_start(RoleRun *run, Program *program, uint64_t now_ns)
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

/* The program number @i of all there may be; NULL at the end. */
static Program *program_at(RoleRun *run, size_t i)
{
        Program *fixed[] = {&run->mkfs, &run->role, &run->nginx};

        if (i < ARRAY_SIZE(fixed))
                return fixed[i];
        i -= ARRAY_SIZE(fixed);
        return i < run->n_tasks ? &run->tasks[i] : NULL;
}

static Program *program_of_unit(RoleRun *run, const char *unit)
{
        Program *program;

        for (size_t i = 0; (program = program_at(run, i)); i++)
                if (str_equal(program->unit, unit))
                        return program;
        return NULL;
}

static bool wants_role(const RoleRun *run)
{
        return run->config && run->config->entry_point;
}

static bool wants_nginx(const RoleRun *run)
{
        return run->config && run->config->kind == AGENT_ROLE_WEB && run->config->n_sites > 0;
}

/* ---- status */

static void set_detail(RoleRun *run, const char *detail)
{
        snprintf(run->detail, sizeof(run->detail), "%s", detail);
}

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

static AgentStatus wanted_status(const RoleRun *run, uint64_t now_ns)
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

static void settle(RoleRun *run, uint64_t now_ns)
{
        AgentStatus status = wanted_status(run, now_ns);

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
                begin(run, now_ns);
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

/* Starts tasks up to the first that is to be waited for. */
static void advance_tasks(RoleRun *run, uint64_t now_ns)
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

static void begin(RoleRun *run, uint64_t now_ns)
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
        advance_tasks(run, now_ns);
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

/* Goes on with the stop as far as it can: first nginx with the requests it has, then the role. */
static void advance_stop(RoleRun *run, uint64_t now_ns)
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
        advance_stop(run, now_ns);
}

/* ---- what happens */

void role_run_init(RoleRun *run, const RoleRunOps *ops, void *userdata, uint64_t now_ns)
{
        *run = (RoleRun) {.ops = ops,
                          .userdata = userdata,
                          .status_since_ns = now_ns,
                          .progress_by_ns = ROLE_RUN_NEVER,
                          .nginx_by_ns = ROLE_RUN_NEVER};
        sm_init(&run->status, statuses, AGENT_STATUSES, AGENT_STARTING_VM);
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

static int make_tasks(RoleRun *run, const AgentConfig *config)
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
        r = make_tasks(run, config);
        if (r < 0)
                return r;
        begin(run, now_ns);
        settle(run, now_ns);
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
        settle(run, now_ns);
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
        advance_tasks(run, now_ns);
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
                advance_stop(run, now_ns);
        } else if (program == &run->mkfs) {
                if (good)
                        begin(run, now_ns);
                else
                        fail_attempt(run, now_ns);
        } else if (program == &run->role || program == &run->nginx) {
                lost_program(run, program, end, now_ns);
        } else {
                ended_task(run, program, end, now_ns);
        }
        if (!good) /* systemd has ended them; the next start need not wait behind this */
                run->ops->release(run->userdata, unit);
        settle(run, now_ns);
}

void role_run_set_ready(RoleRun *run, uint64_t now_ns)
{
        if (run->phase != ROLE_RUNNING)
                return;
        run->ready = true;
        run->busy_until_ns = 0;
        settle(run, now_ns);
}

void role_run_set_busy(RoleRun *run, uint64_t until_ns, uint64_t now_ns)
{
        if (run->phase != ROLE_RUNNING)
                return;
        set_detail(run, "the role says that it is busy");
        run->busy_until_ns = until_ns;
        settle(run, now_ns);
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
                advance_stop(run, now_ns);
        } else {
                begin_stop(run, false, deadline_ns, now_ns);
        }
        settle(run, now_ns);
}

void role_run_recycle(RoleRun *run, const char *reason, uint64_t now_ns)
{
        if (run->phase == ROLE_IDLE || run->phase == ROLE_STOPPING || run->phase == ROLE_STOPPED)
                return;
        set_detail(run, reason);
        begin_stop(run, true, now_ns + (run->hung ? ROLE_RUN_HUNG_STOP_NS : ROLE_RUN_STOP_NS),
                   now_ns);
        settle(run, now_ns);
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
        settle(run, now_ns);
}

void role_run_tick(RoleRun *run, uint64_t now_ns)
{
        if (now_ns < role_run_next_ns(run))
                return;
        if (run->phase == ROLE_RUNNING) {
                tick_running(run, now_ns);
        } else if (run->phase == ROLE_WAITING) {
                begin(run, now_ns);
                settle(run, now_ns);
        } else if (run->phase == ROLE_STOPPING) {
                advance_stop(run, now_ns);
                settle(run, now_ns);
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

/* ---- over a restart of the agent */

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
        r = make_tasks(&saved, config);
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
                        begin(run, now_ns);
                break;
        case ROLE_TASKS:
                if (run->next_task >= run->n_tasks || !program_runs(&run->tasks[run->next_task]))
                        advance_tasks(run, now_ns);
                break;
        case ROLE_RUNNING:
                if (wants_role(run) && !program_runs(&run->role))
                        run->role.restart_at_ns = now_ns;
                if (wants_nginx(run) && !program_runs(&run->nginx))
                        run->nginx.restart_at_ns = now_ns;
                role_run_tick(run, now_ns);
                break;
        case ROLE_STOPPING:
                advance_stop(run, now_ns);
                break;
        default:
                break;
        }
        settle(run, now_ns);
}
