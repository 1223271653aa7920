/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The manager wires the parts together: the host's messages to the role's run (manager-host.c),
 * what that asks for to systemd, and what becomes of it back to the host (manager-role.c). Here are
 * its timers, its place on the guest's bus, and its life: an agent that is started again goes on
 * where the last one was. */

#include "agent/manager-internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/io/daemon.h"

#define VIRTIO_PORTS      "/sys/class/virtio-ports"
#define BUS_RETRY_US      USEC_PER_SEC
#define SYSTEM_FILE_MAX   (4 * KIB)
#define TIMER_ACCURACY_US (USEC_PER_SEC / 100)

/* ---- timers and the bus */

static int on_heartbeat(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *manager = userdata;

        role_environment_status_check(manager->environment);
        manager_heartbeat(manager);
        (void) sd_event_source_set_time_relative(source, AGENT_HEARTBEAT_INTERVAL_S * USEC_PER_SEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_run_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *manager = userdata;

        role_run_tick(&manager->run, clock_boottime_ns());
        manager_arm_run_timer(manager);
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

const AgentConfig *manager_config(const Manager *manager)
{
        return manager->role_config.config.serial > 0 ? &manager->role_config.config : NULL;
}

static int add_timer(Manager *manager, sd_event_source **source, sd_event_time_handler_t handler)
{
        int r = sd_event_add_time(manager->event, source, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_US,
                                  handler, manager);

        return r < 0 ? r : sd_event_source_set_enabled(*source, SD_EVENT_OFF);
}

int manager_new(const ManagerConfig *config, Manager **ret_manager)
{
        _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
        RoleEnvironmentSink sink;
        int r;

        if (!manager)
                return -ENOMEM;
        manager->config = *config;
        manager->saved.directory = config->runtime;
        sink = manager_role_sink(manager);
        role_run_init(&manager->run, &manager_run_ops, manager, clock_boottime_ns());
        r = daemon_event_new(&manager->event);
        if (r >= 0)
                r = logs_new(manager->event, manager_on_log, manager, &manager->logs);
        if (r >= 0)
                r = shells_new(manager->event, manager_on_shell, manager, &manager->shells);
        if (r >= 0)
                r = role_environment_new(&sink, &manager->environment);
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
        r = channel_new(manager->event, fd, manager_on_message, manager, &manager->channel);
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
                r = role_run_resume(&manager->run, manager_config(manager), text, now_ns);
        if (r == 0)
                r = role_environment_set_config(manager->environment, manager_config(manager));
        if (r < 0)
                log_error_errno(r, "cannot go on where the agent was: beginning anew");
        return r;
}

static int connect_units(Manager *manager)
{
        UnitsSink sink = manager_units_sink(manager);
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
        manager_say_hello(manager);
        manager_heartbeat(manager);
        (void) sd_event_source_set_time_relative(manager->heartbeat_timer,
                                                 AGENT_HEARTBEAT_INTERVAL_S * USEC_PER_SEC);
        (void) sd_event_source_set_enabled(manager->heartbeat_timer, SD_EVENT_ONESHOT);
        return 0;
}

int manager_run(Manager *manager)
{
        return daemon_run(manager->event);
}
