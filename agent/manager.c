/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The manager wires the parts together: the host's messages to the role's run, what that asks for
 * to systemd, and what becomes of it back to the host. */

#include "agent/manager.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "agent/channel.h"
#include "agent/config-essence.h"
#include "agent/guest-setup.h"
#include "agent/logs.h"
#include "agent/nginx-conf.h"
#include "agent/role-environment.h"
#include "agent/role-run.h"
#include "agent/role-unit.h"
#include "agent/saved.h"
#include "agent/shell.h"
#include "agent/units.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/io/daemon.h"

#define AGENT_VERSION     "1"
#define VIRTIO_PORTS      "/sys/class/virtio-ports"
#define BUS_RETRY_US      USEC_PER_SEC
#define CLOCK_STEP_MIN_US (USEC_PER_SEC / 2) /* a smaller difference is not worth a jump */
#define SYSTEM_FILE_MAX   (4 * KIB)
#define TIMER_ACCURACY_US (USEC_PER_SEC / 100)

struct Manager {
        ManagerConfig config;
        sd_event *event;
        sd_event_source *heartbeat_timer, *run_timer, *bus_timer;
        Channel *channel;
        Units *units; /* NULL without a systemd: the agent then only speaks */
        Logs *logs;
        Shells *shells;
        RoleEnvironment *environment;
        sd_bus *bus;
        GuestSetup setup;
        AgentMessage role_config; /* AGENT_CONFIG; all zeroes for none */
        RoleRun run;
        Saved saved;
        char boot_id[64], os_version[64];
        char sent_detail[256]; /* in the last heartbeat */
        AgentStatus sent_status;
};

static const AgentConfig *role_config(const Manager *manager)
{
        return manager->role_config.config.serial > 0 ? &manager->role_config.config : NULL;
}

/* A literal as a message's member; encoding does not change it. */
static char *borrow(const char *text)
{
        return (char *) (uintptr_t) text;
}

/* ---- to the host */

static int manager_send(Manager *manager, const AgentMessage *message)
{
        int r = channel_send(manager->channel, message);

        if (r < 0 && r != -ENOBUFS)
                log_error_errno(r, "cannot send %s", agent_message_type_to_string(message->type));
        return r;
}

static int on_log(void *userdata, const AgentMessage *message)
{
        Manager *manager = userdata;

        /* What must get through (heartbeats, answers) has the second half of the queue. */
        if (channel_room(manager->channel) < CHANNEL_QUEUE_BYTES_MAX / 2)
                return -ENOBUFS;
        return manager_send(manager, message);
}

static void on_shell_send(void *userdata, const AgentMessage *message)
{
        (void) manager_send(userdata, message);
}

static void send_hello(Manager *manager)
{
        const AgentConfig *config = role_config(manager);

        (void) manager_send(
                manager, &(AgentMessage) {.type = AGENT_HELLO,
                                          .hello = {
                                                  .protocol = AGENT_PROTOCOL_VERSION,
                                                  .agent_version = borrow(AGENT_VERSION),
                                                  .os_version = manager->os_version,
                                                  .boot_id = manager->boot_id,
                                                  .instance = config ? config->instance : NULL,
                                                  .incarnation = config ? config->incarnation : 0,
                                                  .serial = config ? config->serial : 0,
                                          }});
}

static void send_heartbeat(Manager *manager)
{
        const AgentConfig *config = role_config(manager);
        struct sysinfo info = {};
        RoleRun *run = &manager->run;

        sysinfo(&info);
        manager->sent_status = role_run_status(run);
        snprintf(manager->sent_detail, sizeof(manager->sent_detail), "%s", run->detail);
        logs_clean(manager->sent_detail, strlen(manager->sent_detail));
        (void) manager_send(
                manager,
                &(AgentMessage) {
                        .type = AGENT_HEARTBEAT,
                        .heartbeat = {
                                .status = manager->sent_status,
                                .detail = manager->sent_detail[0] ? manager->sent_detail : NULL,
                                .since_ms = (clock_boottime_ns() - run->status_since_ns) / 1000000,
                                .serial = config ? config->serial : 0,
                                .restarts = run->restarts,
                                .load_milli = MIN(info.loads[0] * 1000 / 65536, 1000000UL),
                                .memory_used_bytes = (info.totalram - info.freeram) * info.mem_unit,
                                .memory_total_bytes = info.totalram * info.mem_unit,
                        }});
}

static void send_config_ack(Manager *manager, uint64_t serial, AgentConfigOutcome outcome,
                            const char *detail)
{
        (void) manager_send(manager, &(AgentMessage) {.type = AGENT_CONFIG_ACK,
                                                      .config_ack = {.serial = serial,
                                                                     .outcome = outcome,
                                                                     .detail = borrow(detail)}});
}

/* ---- what must survive the agent */

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

/* ---- the role's run: what it asks for */

static void arm_run_timer(Manager *manager)
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
        arm_run_timer(manager);
        if (role_run_status(&manager->run) == manager->sent_status &&
            str_equal(manager->run.detail, manager->sent_detail))
                return;
        role_environment_set_status(manager->environment,
                                    agent_status_to_string(role_run_status(&manager->run)));
        send_heartbeat(manager);
}

static int on_prepare(void *userdata, bool clean)
{
        Manager *manager = userdata;
        const AgentConfig *config = role_config(manager);
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
                r = role_unit_fill(source, role_config(manager), manager->setup.local_disk, &spec);
        if (r == 0)
                r = manager->units ? start_unit(manager, source, &spec) : -ENOTCONN;
        role_unit_clear(&spec);
        if (r < 0)
                logs_say(manager->logs, "cannot start %s: %s", source, strerror(-r));
        return r;
}

static void on_kill(void *userdata, const char *unit, bool all, int signal)
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
                                                       .exit = {.source = borrow(source),
                                                                .code = end->code,
                                                                .signal = end->signal,
                                                                .cause = borrow(end->cause),
                                                                .ran_ms = end->ran_ns / 1000000,
                                                                .restart_ms = restart_ns / 1000000,
                                                                .restarts = restarts}});
}

static const RoleRunOps run_ops = {
        .prepare = on_prepare,
        .start = on_start,
        .kill = on_kill,
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

/* ---- what the role asks for */

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
        arm_run_timer(manager);
}

/* ---- from the host */

/* A configuration for a role that runs. */
static AgentConfigOutcome change_config(Manager *manager, const AgentConfig *old, const char **why)
{
        const AgentConfig *config = role_config(manager);
        uint64_t now_ns = clock_boottime_ns();
        int r;

        r = role_run_configure(&manager->run, config, now_ns);
        if (r == 0)
                r = role_environment_set_config(manager->environment, config);
        if (r == 0)
                r = guest_setup_network(&manager->setup, config);
        if (r == 0)
                r = guest_setup_files(&manager->setup, config);
        if (r < 0) {
                *why = manager->setup.problem[0] ? manager->setup.problem : strerror(-r);
                return AGENT_CONFIG_REFUSED;
        }
        if (manager->run.nginx.unit[0])
                on_kill(manager, manager->run.nginx.unit, false, SIGHUP); /* reads its files anew */
        if (config_essence_equal(old, config))
                return AGENT_CONFIG_APPLIED;
        role_run_recycle(&manager->run, "the configuration needs a new start", now_ns);
        return AGENT_CONFIG_RECYCLING;
}

static void first_config(Manager *manager)
{
        const AgentConfig *config = role_config(manager);
        const char *why = NULL;
        int r;

        r = role_environment_set_config(manager->environment, config);
        if (r == 0)
                r = role_run_configure(&manager->run, config, clock_boottime_ns());
        if (r < 0)
                why = strerror(-r);
        send_config_ack(manager, config->serial,
                        r < 0 ? AGENT_CONFIG_REFUSED : AGENT_CONFIG_APPLIED, why);
}

static void handle_config(Manager *manager, AgentMessage *message)
{
        AgentMessage old = manager->role_config;
        AgentConfigOutcome outcome;
        const char *why = NULL;
        bool first = !role_config(manager);
        int r;

        r = message->config.serial == 0 ? -EINVAL : saved_write_config(&manager->saved, message);
        if (r < 0) {
                send_config_ack(manager, message->config.serial, AGENT_CONFIG_REFUSED,
                                strerror(-r));
                return;
        }
        manager->role_config = *message;
        *message = (AgentMessage) {};
        if (first) {
                first_config(manager);
                return;
        }
        manager->setup.problem[0] = '\0';
        outcome = change_config(manager, &old.config, &why);
        if (outcome == AGENT_CONFIG_REFUSED) {
                send_config_ack(manager, manager->role_config.config.serial, outcome, why);
                agent_message_deinit(&manager->role_config);
                manager->role_config = old;
                (void) role_run_configure(&manager->run, &manager->role_config.config,
                                          clock_boottime_ns());
                (void) saved_write_config(&manager->saved, &manager->role_config);
                return;
        }
        send_config_ack(manager, manager->role_config.config.serial, outcome, NULL);
        agent_message_deinit(&old);
}

static void handle_clock(uint64_t realtime_us)
{
        uint64_t now_us = clock_realtime_us();
        uint64_t off_us = now_us > realtime_us ? now_us - realtime_us : realtime_us - now_us;
        struct timespec time = {.tv_sec = (time_t) (realtime_us / USEC_PER_SEC),
                                .tv_nsec = (long) (realtime_us % USEC_PER_SEC) * 1000};

        if (off_us >= CLOCK_STEP_MIN_US && clock_settime(CLOCK_REALTIME, &time) < 0)
                log_error_errno(-errno, "cannot set the clock");
}

static void on_message(void *userdata, AgentMessage *message)
{
        Manager *manager = userdata;
        uint64_t now_ns = clock_boottime_ns();

        switch (message->type) {
        case AGENT_HELLO:
                /* another hostd, or the same anew: its shells are not ours any more */
                shells_close_all(manager->shells);
                send_hello(manager);
                send_heartbeat(manager);
                break;
        case AGENT_CONFIG:
                handle_config(manager, message);
                break;
        case AGENT_STOP:
                role_run_stop(&manager->run, now_ns + message->deadline_s * NSEC_PER_SEC, now_ns);
                break;
        case AGENT_RECYCLE:
                role_run_recycle(&manager->run, "the host asks for it", now_ns);
                break;
        case AGENT_PING:
                (void) manager_send(manager,
                                    &(AgentMessage) {.type = AGENT_PONG, .token = message->token});
                break;
        case AGENT_CLOCK:
                handle_clock(message->realtime_us);
                break;
        default:
                shells_handle(manager->shells, message);
                break;
        }
}

/* ---- timers and the bus */

static int on_heartbeat(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *manager = userdata;

        role_environment_status_check(manager->environment);
        send_heartbeat(manager);
        (void) sd_event_source_set_time_relative(source, AGENT_HEARTBEAT_INTERVAL_S * USEC_PER_SEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_run_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *manager = userdata;

        role_run_tick(&manager->run, clock_boottime_ns());
        arm_run_timer(manager);
        return 0;
}

static int retry_bus(Manager *manager)
{
        (void) sd_event_source_set_time_relative(manager->bus_timer, BUS_RETRY_US);
        return sd_event_source_set_enabled(manager->bus_timer, SD_EVENT_ONESHOT);
}

static int on_bus_gone(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return retry_bus(userdata);
}

static void leave_bus(Manager *manager)
{
        if (!manager->bus)
                return;
        (void) role_environment_attach(manager->environment, NULL);
        manager->bus = sd_bus_close_unref(manager->bus);
}

/* The guest's bus is there for the role, and is started by its first use: most roles never do, and
 * then it costs them nothing. Whoever calls the agent waits until it has come: the bus knows by
 * org.troupe.RoleEnvironment1.service that it will. Without the bus everything else goes on. */
static void on_bus_active(void *userdata)
{
        Manager *manager = userdata;

        if (!manager->bus)
                (void) sd_event_source_set_enabled(manager->bus_timer, SD_EVENT_ONESHOT);
}

static int on_bus_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *manager = userdata;
        int r;

        leave_bus(manager);
        r = sd_bus_open_system(&manager->bus);
        if (r >= 0)
                r = sd_bus_attach_event(manager->bus, manager->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_match_signal_async(manager->bus, NULL, "org.freedesktop.DBus.Local",
                                              "/org/freedesktop/DBus/Local",
                                              "org.freedesktop.DBus.Local", "Disconnected",
                                              on_bus_gone, NULL, manager);
        if (r >= 0)
                r = role_environment_attach(manager->environment, manager->bus);
        if (r >= 0)
                return 0;
        log_error_errno(r, "cannot appear on the guest's bus");
        leave_bus(manager);
        return retry_bus(manager);
}

/* ---- life */

static int add_timer(Manager *manager, sd_event_source **source, sd_event_time_handler_t handler)
{
        int r = sd_event_add_time(manager->event, source, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_US,
                                  handler, manager);

        return r < 0 ? r : sd_event_source_set_enabled(*source, SD_EVENT_OFF);
}

int manager_new(const ManagerConfig *config, Manager **ret_manager)
{
        static const RoleEnvironmentSink sink = {.set_ready = on_set_ready,
                                                 .set_busy = on_set_busy,
                                                 .request_recycle = on_request_recycle,
                                                 .progress = on_progress};
        _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
        RoleEnvironmentSink own = sink;
        int r;

        if (!manager)
                return -ENOMEM;
        manager->config = *config;
        manager->saved.directory = config->runtime;
        own.userdata = manager;
        role_run_init(&manager->run, &run_ops, manager, clock_boottime_ns());
        r = daemon_event_new(&manager->event);
        if (r >= 0)
                r = logs_new(manager->event, on_log, manager, &manager->logs);
        if (r >= 0)
                r = shells_new(manager->event, on_shell_send, manager, &manager->shells);
        if (r >= 0)
                r = role_environment_new(&own, &manager->environment);
        if (r >= 0)
                r = add_timer(manager, &manager->heartbeat_timer, on_heartbeat);
        if (r >= 0)
                r = add_timer(manager, &manager->run_timer, on_run_timer);
        if (r >= 0)
                r = add_timer(manager, &manager->bus_timer, on_bus_timer);
        if (r < 0)
                return r;
        *ret_manager = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager)
{
        if (!manager)
                return NULL;
        role_run_deinit(&manager->run);
        agent_message_deinit(&manager->role_config);
        leave_bus(manager);
        role_environment_free(manager->environment);
        shells_free(manager->shells);
        units_free(manager->units);
        logs_free(manager->logs);
        channel_free(manager->channel);
        sd_event_source_disable_unref(manager->heartbeat_timer);
        sd_event_source_disable_unref(manager->run_timer);
        sd_event_source_disable_unref(manager->bus_timer);
        sd_event_unref(manager->event);
        saved_deinit(&manager->saved);
        free(manager);
        return NULL;
}

static void read_identity(Manager *manager)
{
        _cleanup_free_ char *boot = NULL, *release = NULL;
        const char *version;

        if (file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", SYSTEM_FILE_MAX, &boot, NULL) ==
            0)
                snprintf(manager->boot_id, sizeof(manager->boot_id), "%.*s",
                         (int) strcspn(boot, "\n"), boot);
        if (file_read(AT_FDCWD, "/etc/os-release", SYSTEM_FILE_MAX, &release, NULL) < 0)
                return;
        version = strstr(release, "\nIMAGE_VERSION=");
        if (version)
                version += strlen("\nIMAGE_VERSION=");
        snprintf(manager->os_version, sizeof(manager->os_version), "%.*s",
                 version ? (int) strcspn(version, "\n") : 0, version ?: "");
}

static int open_channel(Manager *manager)
{
        _cleanup_free_ char *path = NULL;
        int fd, r = 0;

        if (manager->config.port)
                r = str_set(&path, manager->config.port);
        else
                r = channel_find_port(VIRTIO_PORTS, AGENT_PORT_NAME, &path);
        if (r < 0)
                return log_error_errno(r, "there is no port %s", AGENT_PORT_NAME);
        fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return log_error_errno(-errno, "%s", path);
        r = channel_new(manager->event, fd, on_message, manager, &manager->channel);
        return r < 0 ? log_error_errno(r, "cannot listen to the host") : 0;
}

static void adopt_logs(Manager *manager)
{
        char **names = NULL;
        int n = sd_listen_fds_with_names(true, &names);

        for (int i = 0; i < n; i++) {
                (void) logs_adopt(manager->logs, SD_LISTEN_FDS_START + i, names[i]);
                free(names[i]);
        }
        free(names);
}

static void on_found(void *userdata, const char *name)
{
        Manager *manager = userdata;

        role_run_adopt(&manager->run, name);
}

/* Goes on where an earlier agent was. */
static int resume(Manager *manager)
{
        _cleanup_free_ char *text = NULL;
        uint64_t now_ns = clock_boottime_ns();
        int r = saved_read(&manager->saved, &manager->role_config, &text);

        if (r == -ENOENT)
                return r;
        if (r == 0)
                r = role_run_resume(&manager->run, role_config(manager), text, now_ns);
        if (r == 0)
                r = role_environment_set_config(manager->environment, role_config(manager));
        if (r < 0)
                log_error_errno(r, "cannot go on where the agent was: beginning anew");
        return r;
}

static int connect_units(Manager *manager)
{
        UnitsSink sink = {.userdata = manager, .started = on_unit_started, .ended = on_unit_ended};
        bool resumed = resume(manager) == 0;
        int r;

        if (!resumed)
                agent_message_deinit(&manager->role_config);
        r = guest_setup_init(&manager->setup, manager->config.runtime);
        if (r < 0)
                return log_error_errno(r, "there is no user %s", GUEST_SETUP_USER);
        r = units_new(manager->event, UNITS_PRIVATE_ADDRESS, &sink, &manager->units);
        if (r == 0)
                r = units_adopt(manager->units, on_found, manager);
        if (r < 0)
                return log_error_errno(r, "cannot speak to systemd");
        r = units_watch(manager->units, "dbus.service", on_bus_active, manager);
        if (r < 0)
                log_error_errno(r, "cannot watch for the guest's bus");
        if (resumed)
                role_run_resumed(&manager->run, clock_boottime_ns());
        return 0;
}

int manager_startup(Manager *manager)
{
        sigset_t children;
        int r;

        sigemptyset(&children);
        sigaddset(&children, SIGCHLD); /* the loop waits for shells by it */
        sigprocmask(SIG_BLOCK, &children, NULL);
        if (mkdir(manager->config.runtime, 0755) < 0 && errno != EEXIST)
                return log_error_errno(-errno, "%s", manager->config.runtime);
        read_identity(manager);
        adopt_logs(manager);
        r = open_channel(manager);
        if (r < 0)
                return r;
        /* outside a guest (tests) there is no systemd that would be ours to command */
        if (!manager->config.port)
                r = connect_units(manager);
        if (r < 0)
                return r;
        send_hello(manager);
        send_heartbeat(manager);
        (void) sd_event_source_set_time_relative(manager->heartbeat_timer,
                                                 AGENT_HEARTBEAT_INTERVAL_S * USEC_PER_SEC);
        (void) sd_event_source_set_enabled(manager->heartbeat_timer, SD_EVENT_ONESHOT);
        return 0;
}

int manager_run(Manager *manager)
{
        return daemon_run(manager->event);
}
