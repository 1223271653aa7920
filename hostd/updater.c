/* SPDX-License-Identifier: GPL-3.0-or-later */

/*   IDLE --its turn--> FETCHING --there is a newer one--> RESTARTING ...the machine restarts
 *    |                     |
 *    |                     +--none is newer, or it failed--> SAID
 *    +--it was told in an earlier boot--> CHECKING --healthy--> SAID
 *
 * and from all of them back to IDLE when the record speaks of no update any more. To begin anew,
 * after a restart of hostd or of the bus, is harmless: systemd does not run a unit twice at a time,
 * and a version that is there already is not fetched again. */

#include "hostd/updater.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/sm.h"
#include "lib/base/str.h"
#include "lib/base/url.h"

#define SYSTEMD       "org.freedesktop.systemd1"
#define SYSTEMD_PATH  "/org/freedesktop/systemd1"
#define MANAGER       SYSTEMD ".Manager"
#define BOOT_COMPLETE SYSTEMD_PATH "/unit/boot_2dcomplete_2etarget"
#define LOOK_NS       NSEC_PER_SEC
#define OUTCOME_BYTES (4 * KIB)

enum {
        IDLE,
        FETCHING,
        RESTARTING,
        CHECKING,
        SAID,
};

static const SmState states[] = {
        [IDLE] = {"idle", SM_TO(FETCHING) | SM_TO(CHECKING)},
        [FETCHING] = {"fetching", SM_TO(IDLE) | SM_TO(RESTARTING) | SM_TO(SAID)},
        [RESTARTING] = {"restarting", SM_TO(IDLE) | SM_TO(SAID)},
        [CHECKING] = {"checking", SM_TO(IDLE) | SM_TO(SAID)},
        [SAID] = {"said", SM_TO(IDLE)},
};

struct Updater {
        UpdaterConfig config;
        sd_bus *bus;
        sd_bus_slot *call, *removed; /* under way; the signal that a job has ended */
        sd_event_source *timer;      /* CHECKING: to look again */
        Etcd *etcd;                  /* CHECKING: this host's own member only */
        EtcdRequest *read;
        Sm sm;
        HostUpdate update; /* that it is about, unless it is IDLE */
        UpdaterUnit unit;
};

/* ---- names */

/* Source: systemd.unit(5), "String Escaping for Inclusion in Unit Names" */
static void escape(const char *text, StrBuffer *name)
{
        for (; *text; text++) {
                char c = *text;

                if (c == '/')
                        str_buffer_add(name, "-");
                else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == ':' || c == '_' || c == '.')
                        str_buffer_addf(name, "%c", c);
                else
                        str_buffer_addf(name, "\\x%02x", (unsigned char) c);
        }
}

int updater_unit(const char *url, UpdaterUnit ret_unit)
{
        StrBuffer name = {};
        _cleanup_free_ char *text = NULL;
        int r;

        if (!url[0]) {
                snprintf(ret_unit, sizeof(UpdaterUnit), "troupe-update.service");
                return 0;
        }
        if (!url_is_directory(url, RECORD_URL_MAX))
                return -EINVAL;
        str_buffer_add(&name, "troupe-update@");
        escape(url, &name);
        str_buffer_add(&name, ".service");
        r = str_buffer_take(&name, &text);
        if (r < 0)
                return r;
        if (strlen(text) > UPDATER_UNIT_MAX)
                return -E2BIG;
        snprintf(ret_unit, sizeof(UpdaterUnit), "%s", text);
        return 0;
}

/* ---- saying */

static void stop(Updater *updater)
{
        updater->call = sd_bus_slot_unref(updater->call);
        updater->removed = sd_bus_slot_unref(updater->removed);
        updater->read = etcd_cancel(updater->read);
        sd_event_source_set_enabled(updater->timer, SD_EVENT_OFF);
}

static void say(Updater *updater, const HostUpdateReport *what)
{
        HostUpdateReport report = *what;

        stop(updater);
        sm_move(&updater->sm, SAID);
        snprintf(report.operation, sizeof(report.operation), "%s", updater->update.operation);
        updater->config.say(updater->config.userdata, &report);
}

static void say_problem(Updater *updater, const char *problem)
{
        HostUpdateReport report = {};

        log_error("this host cannot be updated: %s", problem);
        snprintf(report.problem, sizeof(report.problem), "%.300s", problem);
        say(updater, &report);
}

/* ---- the new version */

static int on_restarting(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
        const sd_bus_error *error = sd_bus_message_get_error(message);
        Updater *updater = userdata;

        updater->call = sd_bus_slot_unref(updater->call);
        if (error)
                say_problem(updater, error->message);
        return 1;
}

static void restart(Updater *updater)
{
        int r;

        log_notice("a new version is there: this host restarts, for operation %s",
                   updater->update.operation);
        stop(updater);
        sm_move(&updater->sm, RESTARTING);
        r = sd_bus_call_method_async(updater->bus, &updater->call, SYSTEMD, SYSTEMD_PATH, MANAGER,
                                     "StartUnit", on_restarting, updater, "ss", "reboot.target",
                                     "replace-irreversibly");
        if (r < 0)
                say_problem(updater, strerror(-r));
}

/* The unit has ended: what came of it? */
static void take_outcome(Updater *updater, const char *result)
{
        _cleanup_free_ char *text = NULL, *why = NULL;
        int r = file_read(AT_FDCWD, updater->config.outcome_path, OUTCOME_BYTES, &text, NULL);

        if (r == 0 && str_after(text, "updated ")) {
                restart(updater);
                return;
        }
        if (r == 0 && str_after(text, "current ")) {
                say(updater, &(HostUpdateReport) {.current = true});
                return;
        }
        if (r == 0 && str_after(text, "failed ")) {
                text[strcspn(text, "\n")] = '\0';
                say_problem(updater, str_after(text, "failed "));
                return;
        }
        why = str_printf("%s ended (%s) and said nothing; its journal has more", updater->unit,
                         result);
        say_problem(updater, why ?: "memory is short");
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
        const char *path, *unit, *result;
        Updater *updater = userdata;
        uint32_t id;

        if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0)
                return 0;
        if (updater->sm.state == FETCHING && str_equal(unit, updater->unit))
                take_outcome(updater, result);
        return 0;
}

static int on_started(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
        const sd_bus_error *error = sd_bus_message_get_error(message);
        Updater *updater = userdata;

        updater->call = sd_bus_slot_unref(updater->call);
        if (error && updater->sm.state == FETCHING)
                say_problem(updater, error->message);
        return 1;
}

/* The signal is asked for before the unit is: the bus keeps the order. */
static void fetch(Updater *updater)
{
        sd_bus *bus = updater->bus;
        int r;

        if (!bus)
                return;
        r = sd_bus_match_signal_async(bus, &updater->removed, SYSTEMD, SYSTEMD_PATH, MANAGER,
                                      "JobRemoved", on_job_removed, NULL, updater);
        if (r >= 0)
                r = sd_bus_call_method_async(bus, NULL, SYSTEMD, SYSTEMD_PATH, MANAGER, "Subscribe",
                                             NULL, NULL, "");
        if (r >= 0)
                r = sd_bus_call_method_async(bus, &updater->call, SYSTEMD, SYSTEMD_PATH, MANAGER,
                                             "StartUnit", on_started, updater, "ss", updater->unit,
                                             "replace");
        if (r < 0)
                say_problem(updater, strerror(-r));
}

/* ---- after the restart */

static void look_again(Updater *updater)
{
        sd_event_source_set_time_relative(updater->timer, LOOK_NS / NSEC_PER_USEC);
        sd_event_source_set_enabled(updater->timer, SD_EVENT_ONESHOT);
}

static void on_read(void *userdata, const EtcdReply *reply)
{
        Updater *updater = userdata;

        updater->read = NULL;
        if (reply->outcome == ETCD_OK)
                say(updater, &(HostUpdateReport) {.healthy = true});
        else
                look_again(updater);
}

/* Its own member of etcd, if it has one, has to have caught up: the next host's restart may take
 * another one away. A linearisable read through it says so. */
static void check_etcd(Updater *updater)
{
        EtcdConfig config;

        if (!updater->config.own_etcd(updater->config.userdata, &config)) {
                say(updater, &(HostUpdateReport) {.healthy = true});
                return;
        }
        if ((!updater->etcd && etcd_new(updater->config.event, &config, &updater->etcd) < 0) ||
            etcd_range(updater->etcd, RECORD_LEADER_PREFIX, false, on_read, updater,
                       &updater->read) < 0)
                look_again(updater);
}

static int on_boot_state(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
        Updater *updater = userdata;
        const char *state = "";

        updater->call = sd_bus_slot_unref(updater->call);
        if (sd_bus_message_is_method_error(message, NULL) ||
            sd_bus_message_read(message, "v", "s", &state) < 0 || !str_equal(state, "active"))
                look_again(updater);
        else
                check_etcd(updater);
        return 1;
}

static void check(Updater *updater)
{
        if (!updater->bus || updater->call || updater->read)
                return;
        if (sd_bus_call_method_async(updater->bus, &updater->call, SYSTEMD, BOOT_COMPLETE,
                                     "org.freedesktop.DBus.Properties", "Get", on_boot_state,
                                     updater, "ss", SYSTEMD ".Unit", "ActiveState") < 0)
                look_again(updater);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Updater *updater = userdata;

        if (updater->sm.state == CHECKING)
                check(updater);
        return 0;
}

/* ---- */

static void begin(Updater *updater, const HostUpdate *update)
{
        updater->update = *update;
        updater->etcd = etcd_free(updater->etcd); /* where it is may have changed */
        if (!str_equal(update->boot, updater->config.boot_id)) {
                sm_move(&updater->sm, CHECKING);
                check(updater);
                return;
        }
        log_notice("this host is to update itself, for operation %s", update->operation);
        sm_move(&updater->sm, FETCHING);
        if (updater_unit(update->url, updater->unit) < 0)
                say_problem(updater, "the address to update from is not one");
        else
                fetch(updater);
}

void updater_look(Updater *updater, const HostUpdate *update)
{
        bool told = update->boot[0];

        if (updater->sm.state != IDLE &&
            (!told || !str_equal(update->operation, updater->update.operation))) {
                stop(updater);
                sm_move(&updater->sm, IDLE);
                updater->config.say(updater->config.userdata, &(HostUpdateReport) {});
        }
        if (updater->sm.state == IDLE && told)
                begin(updater, update);
}

void updater_set_bus(Updater *updater, sd_bus *bus)
{
        updater->call = sd_bus_slot_unref(updater->call);
        updater->removed = sd_bus_slot_unref(updater->removed);
        updater->bus = bus;
        if (!bus)
                return;
        if (updater->sm.state == FETCHING)
                fetch(updater);
        else if (updater->sm.state == CHECKING)
                check(updater);
}

int updater_new(const UpdaterConfig *config, Updater **ret_updater)
{
        _cleanup_(updater_freep) Updater *updater = calloc(1, sizeof(*updater));
        int r;

        if (!updater)
                return -ENOMEM;
        updater->config = *config;
        sm_init(&updater->sm, states, ARRAY_SIZE(states), IDLE);
        r = sd_event_add_time(config->event, &updater->timer, CLOCK_BOOTTIME, 0, 0, on_timer,
                              updater);
        if (r >= 0)
                r = sd_event_source_set_enabled(updater->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret_updater = TAKE_PTR(updater);
        return 0;
}

Updater *updater_free(Updater *updater)
{
        if (!updater)
                return NULL;
        if (updater->timer)
                stop(updater);
        etcd_free(updater->etcd);
        sd_event_source_disable_unref(updater->timer);
        free(updater);
        return NULL;
}
