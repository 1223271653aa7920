/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Between the role's run (role-run.h) and the guest: what the run asks for is done with systemd and
 * the guest's files, what happens to units and what the role says on the bus goes to the run. */

#include "agent/manager-internal.h"

#include <string.h>

#include "agent/role-unit.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

static void save_state(Manager *manager)
{
        _cleanup_free_ char *text = NULL;
        int r;

        r = role_run_save(&manager->run, &text);
        if (r == 0)
                r = saved_write_state(&manager->saved, text);
        if (r < 0)
                log_error_errno(r, "cannot save the state");
}

void manager_arm_run_timer(Manager *manager)
{
        uint64_t next_ns = role_run_next_ns(&manager->run);

        if (next_ns != ROLE_RUN_NEVER)
                (void) sd_event_source_set_time(manager->run_timer, next_ns / 1000 + 1);
        (void) sd_event_source_set_enabled(
                manager->run_timer, next_ns == ROLE_RUN_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static void on_changed(void *userdata)
{
        Manager *manager = userdata;

        save_state(manager);
        manager_arm_run_timer(manager);
        if (role_run_status(&manager->run) == manager->sent_status &&
            str_equal(manager->run.detail, manager->sent_detail))
                return;
        role_environment_set_status(manager->environment,
                                    agent_status_to_string(role_run_status(&manager->run)));
        manager_heartbeat(manager);
}

static int on_prepare(void *userdata, bool clean)
{
        Manager *manager = userdata;
        const AgentConfig *config = manager_config(manager);
        int r;

        r = guest_setup_network(&manager->setup, config);
        if (r == 0)
                r = guest_setup_disks(&manager->setup, config, clean);
        if (r == GUEST_SETUP_FORMAT)
                return ROLE_PREPARE_FORMAT;
        if (r == 0)
                r = guest_setup_files(&manager->setup, config);
        if (r < 0)
                logs_say(manager->logs, "cannot prepare the guest: %s", manager->setup.problem);
        return r;
}

static int start_unit(Manager *manager, const char *source, UnitSpec *spec)
{
        _cleanup_close_ int out_fd = -1, err_fd = -1;
        int r;

        r = logs_open(manager->logs, source, AGENT_LOG_OUT, &out_fd);
        if (r == 0)
                r = logs_open(manager->logs, source, AGENT_LOG_ERR, &err_fd);
        if (r < 0)
                return r;
        spec->out_fd = out_fd;
        spec->err_fd = err_fd;
        return units_start(manager->units, spec);
}

static int on_start(void *userdata, const char *source, const char *unit)
{
        Manager *manager = userdata;
        _cleanup_free_ char *description = str_printf("Troupe role: %s", source);
        UnitSpec spec = {.name = unit, .description = description};
        int r = description ? 0 : -ENOMEM;

        if (r == 0)
                r = role_unit_fill(source, manager_config(manager), manager->setup.local_disk,
                                   &spec);
        if (r == 0)
                r = manager->units ? start_unit(manager, source, &spec) : -ENOTCONN;
        role_unit_clear(&spec);
        if (r < 0)
                logs_say(manager->logs, "cannot start %s: %s", source, strerror(-r));
        return r;
}

void manager_kill(void *userdata, const char *unit, bool all, int signal)
{
        Manager *manager = userdata;

        if (manager->units)
                units_kill(manager->units, unit, all, signal);
}

static void on_release(void *userdata, const char *unit)
{
        Manager *manager = userdata;

        if (manager->units)
                units_release(manager->units, unit);
}

static void on_stopping(void *userdata, uint64_t deadline_ns)
{
        Manager *manager = userdata;

        role_environment_stopping(manager->environment, deadline_ns / 1000);
}

static void on_stopped(void *userdata)
{
        (void) manager_send(userdata, &(AgentMessage) {.type = AGENT_STOPPED});
}

static void on_exited(void *userdata, const char *source, const UnitEnd *end, bool restarts,
                      uint64_t restart_ns)
{
        (void) manager_send(userdata, &(AgentMessage) {.type = AGENT_EXIT,
                                                       .exit = {.source = manager_borrow(source),
                                                                .code = end->code,
                                                                .signal = end->signal,
                                                                .cause = manager_borrow(end->cause),
                                                                .ran_ms = end->ran_ns / 1000000,
                                                                .restart_ms = restart_ns / 1000000,
                                                                .restarts = restarts}});
}

const RoleRunOps manager_run_ops = {
        .prepare = on_prepare,
        .start = on_start,
        .kill = manager_kill,
        .release = on_release,
        .stopping = on_stopping,
        .stopped = on_stopped,
        .changed = on_changed,
        .exited = on_exited,
};

static void on_unit_started(void *userdata, const char *name)
{
        Manager *manager = userdata;

        role_run_started(&manager->run, name, clock_boottime_ns());
}

static void on_unit_ended(void *userdata, const UnitEnd *end)
{
        Manager *manager = userdata;

        role_run_ended(&manager->run, end, clock_boottime_ns());
}

static void on_set_ready(void *userdata)
{
        Manager *manager = userdata;

        role_run_set_ready(&manager->run, clock_boottime_ns());
}

static void on_set_busy(void *userdata, uint64_t until_ns)
{
        Manager *manager = userdata;

        role_run_set_busy(&manager->run, until_ns, clock_boottime_ns());
}

static void on_request_recycle(void *userdata, const char *reason)
{
        Manager *manager = userdata;

        logs_say(manager->logs, "the role asks to be recycled: %s", reason);
        role_run_recycle(&manager->run, reason, clock_boottime_ns());
}

static void on_progress(void *userdata, uint64_t deadline_ns)
{
        Manager *manager = userdata;

        role_run_progress(&manager->run, deadline_ns);
        manager_arm_run_timer(manager);
}

RoleEnvironmentSink manager_role_sink(Manager *manager)
{
        return (RoleEnvironmentSink) {.userdata = manager,
                                      .set_ready = on_set_ready,
                                      .set_busy = on_set_busy,
                                      .request_recycle = on_request_recycle,
                                      .progress = on_progress};
}

UnitsSink manager_units_sink(Manager *manager)
{
        return (UnitsSink) {
                .userdata = manager, .started = on_unit_started, .ended = on_unit_ended};
}
