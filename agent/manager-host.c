/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What the agent says to hostd and does for it. Another configuration is taken as a whole or not at
 * all: it is written down first, and one that cannot be carried out is taken back. */

#include "agent/manager-internal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "agent/config-essence.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#define AGENT_VERSION     "1"
#define CLOCK_STEP_MIN_US (USEC_PER_SEC / 2) /* a smaller difference is not worth a jump */

char *manager_borrow(const char *text)
{
        return (char *) (uintptr_t) text;
}

int manager_send(Manager *manager, const AgentMessage *message)
{
        int r = channel_send(manager->channel, message);

        if (r < 0 && r != -ENOBUFS)
                log_error_errno(r, "cannot send %s", agent_message_type_to_string(message->type));
        return r;
}

int manager_on_log(void *userdata, const AgentMessage *message)
{
        Manager *manager = userdata;

        /* What must get through (heartbeats, answers) has the second half of the queue. */
        if (channel_room(manager->channel) < CHANNEL_QUEUE_BYTES_MAX / 2)
                return -ENOBUFS;
        return manager_send(manager, message);
}

void manager_on_shell(void *userdata, const AgentMessage *message)
{
        (void) manager_send(userdata, message);
}

void manager_say_hello(Manager *manager)
{
        const AgentConfig *config = manager_config(manager);

        (void) manager_send(
                manager, &(AgentMessage) {.type = AGENT_HELLO,
                                          .hello = {
                                                  .protocol = AGENT_PROTOCOL_VERSION,
                                                  .agent_version = manager_borrow(AGENT_VERSION),
                                                  .os_version = manager->os_version,
                                                  .boot_id = manager->boot_id,
                                                  .instance = config ? config->instance : NULL,
                                                  .incarnation = config ? config->incarnation : 0,
                                                  .serial = config ? config->serial : 0,
                                          }});
}

void manager_heartbeat(Manager *manager)
{
        const AgentConfig *config = manager_config(manager);
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
        (void) manager_send(manager,
                            &(AgentMessage) {.type = AGENT_CONFIG_ACK,
                                             .config_ack = {.serial = serial,
                                                            .outcome = outcome,
                                                            .detail = manager_borrow(detail)}});
}

/* It reads its files anew, for which it ends the connections that wait for a next request: so not
 * for what is no news to it, such as another count of instances. */
static void tell_nginx(Manager *manager)
{
        if (manager->setup.nginx_stale && manager->run.nginx.unit[0])
                manager_kill(manager, manager->run.nginx.unit, false, SIGHUP);
        manager->setup.nginx_stale = false;
}

/* A configuration for a role that runs. */
static AgentConfigOutcome change_config(Manager *manager, const AgentConfig *old, const char **why)
{
        const AgentConfig *config = manager_config(manager);
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
        tell_nginx(manager);
        if (config_essence_equal(old, config))
                return AGENT_CONFIG_APPLIED;
        role_run_recycle(&manager->run, "the configuration needs a new start", now_ns);
        return AGENT_CONFIG_RECYCLING;
}

static void first_config(Manager *manager)
{
        const AgentConfig *config = manager_config(manager);
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
        bool first = !manager_config(manager);
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

void manager_on_message(void *userdata, AgentMessage *message)
{
        Manager *manager = userdata;
        uint64_t now_ns = clock_boottime_ns();

        switch (message->type) {
        case AGENT_HELLO:
                /* another hostd, or the same anew: its shells are not ours any more */
                shells_close_all(manager->shells);
                manager_say_hello(manager);
                manager_heartbeat(manager);
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
