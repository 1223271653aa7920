/* SPDX-License-Identifier: GPL-3.0-or-later */

/* org.troupe.Watchdog1: decode, tell the guard, answer. lib/api/org.troupe.Watchdog1.xml is the
 * contract. Who may call is the bus's own policy (watchdog/org.troupe.Watchdog1.conf). */

#include <string.h>

#include "lib/api/watchdog1.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "watchdog/manager.h"

#define VERSION "1.0"

static Guard *guard_of(void *userdata)
{
        return &((Manager *) userdata)->remembered.guard;
}

/* The reply to a call that the guard has decided on. */
static int answer(sd_bus_message *message, Manager *manager, int outcome, sd_bus_error *ret_error)
{
        const char *state = guard_state_to_string((GuardState) guard_of(manager)->state);

        manager_changed(manager);
        switch (outcome) {
        case 0:
                return sd_bus_reply_method_return(message, NULL);
        case GUARD_OVER:
                return sd_bus_error_setf(ret_error, WATCHDOG1_ERROR_OVER,
                                         "the host is %s: take its lease anew, with Hold", state);
        case GUARD_BUSY:
                return sd_bus_error_set(ret_error, WATCHDOG1_ERROR_BUSY,
                                        "role VMs are being killed: wait for StateChanged");
        case GUARD_STALE:
                return sd_bus_error_set(ret_error, WATCHDOG1_ERROR_STALE,
                                        "the soft fence of that renewal has passed already");
        case GUARD_FUTURE:
                return sd_bus_error_set(ret_error, WATCHDOG1_ERROR_FUTURE,
                                        "that is yet to come: times are CLOCK_BOOTTIME");
        default:
                return sd_bus_error_set(ret_error, WATCHDOG1_ERROR_STRICT,
                                        "the setting autonomous is off");
        }
}

static int read_pools(sd_bus_message *message, VipPool *pools, size_t *ret_count)
{
        const char *first, *last;
        size_t n = 0;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "(ss)");
        while (r >= 0 && (r = sd_bus_message_read(message, "(ss)", &first, &last)) > 0) {
                if (n == VIPS_POOLS_MAX || ip_parse(first, &pools[n].first) < 0 ||
                    ip_parse(last, &pools[n].last) < 0 ||
                    pools[n].first.family != pools[n].last.family)
                        return -EINVAL;
                n++;
        }
        *ret_count = n;
        return r;
}

static int method_guard(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        VipPool pools[VIPS_POOLS_MAX] = {};
        char why[INEQUALITY_WHY_MAX];
        uint64_t lease_ms, delay_ms;
        size_t n_pools = 0;
        int r;

        r = sd_bus_message_read(message, "tt", &lease_ms, &delay_ms);
        if (r >= 0)
                r = read_pools(message, pools, &n_pools);
        if (r < 0 || lease_ms > UINT32_MAX || delay_ms > UINT32_MAX)
                return sd_bus_error_set(ret_error, SD_BUS_ERROR_INVALID_ARGS,
                                        "the arguments are not the contract's");
        r = manager_guard(userdata, lease_ms * NSEC_PER_MSEC, delay_ms * NSEC_PER_MSEC, pools,
                          n_pools, why);
        return r == INEQUALITY_BROKEN ? sd_bus_error_set(ret_error, WATCHDOG1_ERROR_INEQUALITY, why)
                                      : sd_bus_reply_method_return(message, NULL);
}

static int tell_moment(sd_bus_message *message, Manager *manager,
                       int (*tell)(Guard *guard, uint64_t moment_ns, uint64_t now_ns),
                       sd_bus_error *ret_error)
{
        uint64_t moment_ns;
        int r = sd_bus_message_read(message, "t", &moment_ns);

        if (r < 0)
                return r;
        return answer(message, manager, tell(guard_of(manager), moment_ns, clock_boottime_ns()),
                      ret_error);
}

static int method_hold(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        return tell_moment(message, userdata, guard_hold, ret_error);
}

static int method_renew(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        return tell_moment(message, userdata, guard_renew, ret_error);
}

static int method_keep(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        return tell_moment(message, userdata, guard_keep, ret_error);
}

static int method_alone(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        return answer(message, userdata, guard_alone(guard_of(userdata), clock_boottime_ns()),
                      ret_error);
}

static int method_fence(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        const char *reason;
        int r = sd_bus_message_read(message, "s", &reason);

        if (r < 0)
                return r;
        manager_fence(userdata, reason);
        return sd_bus_reply_method_return(message, NULL);
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        const Manager *manager = userdata;
        const char *text = VERSION;

        if (strcmp(property, "State") == 0)
                text = guard_state_to_string((GuardState) guard_of(userdata)->state);
        else if (strcmp(property, "Device") == 0)
                text = manager->device ? device_name(manager->device) : "";
        return sd_bus_message_append(reply, "s", text);
}

static int get_autonomous(sd_bus *bus, const char *path, const char *interface,
                          const char *property, sd_bus_message *reply, void *userdata,
                          sd_bus_error *ret_error)
{
        return sd_bus_message_append(reply, "b", (int) guard_of(userdata)->times.autonomous);
}

static int get_number(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        const Guard *guard = guard_of(userdata);
        const struct {
                const char *name;
                uint64_t value;
        } numbers[] = {
                {"Sent", guard->sent_ns},
                {"SoftFence", guard_deadline(guard)},
                {"LastFeed", guard_last_feed(guard)},
                {"FenceBegan", guard->fence_ns},
                {"FenceEnded", guard->fenced_ns},
                {"Fences", guard->n_fences},
        };

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                if (strcmp(numbers[i].name, property) == 0)
                        return sd_bus_message_append(reply, "t", numbers[i].value);
        return -ENOENT;
}

static int get_times(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        const FenceTimes *times = &guard_of(userdata)->times;
        const uint64_t ms = NSEC_PER_MSEC;

        return sd_bus_message_append(reply, "a{st}", 7, "lease-ms", times->lease_ns / ms,
                                     "delay-ms", times->delay_ns / ms, "soft-ms",
                                     times->soft_ns / ms, "kill-ms", times->kill_ns / ms, "hard-ms",
                                     times->hard_ns / ms, "device-timeout-ms",
                                     times->device_ns / ms, "ask-ms", times->ask_ns / ms);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_NAMES("Guard", "tt" WATCHDOG1_POOLS_TYPE,
                                 SD_BUS_PARAM(lease_ms) SD_BUS_PARAM(delay_ms) SD_BUS_PARAM(pools),
                                 "", , method_guard, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("Hold", "t", SD_BUS_PARAM(sent), "", , method_hold,
                                 SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("Renew", "t", SD_BUS_PARAM(sent), "", , method_renew,
                                 SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("Keep", "t", SD_BUS_PARAM(moment), "", , method_keep,
                                 SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Alone", NULL, NULL, method_alone, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("Fence", "s", SD_BUS_PARAM(reason), "", , method_fence,
                                 SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_NAMES("StateChanged", "ss", SD_BUS_PARAM(state) SD_BUS_PARAM(reason), 0),
        SD_BUS_PROPERTY("Version", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("Device", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("Autonomous", "b", get_autonomous, 0, 0),
        SD_BUS_PROPERTY("Sent", "t", get_number, 0, 0),
        SD_BUS_PROPERTY("SoftFence", "t", get_number, 0, 0),
        SD_BUS_PROPERTY("LastFeed", "t", get_number, 0, 0),
        SD_BUS_PROPERTY("FenceBegan", "t", get_number, 0, 0),
        SD_BUS_PROPERTY("FenceEnded", "t", get_number, 0, 0),
        SD_BUS_PROPERTY("Fences", "t", get_number, 0, 0),
        SD_BUS_PROPERTY("Times", "a{st}", get_times, 0, 0),
        SD_BUS_VTABLE_END,
};

static int on_name(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        const sd_bus_error *failure = sd_bus_message_get_error(message);

        if (failure)
                log_error("cannot be " WATCHDOG1_NAME ": %s", failure->message ?: failure->name);
        return 0;
}

static int open_bus(const char *address, sd_bus **ret_bus)
{
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        int r;

        if (address[0] == '\0')
                return sd_bus_open_system(ret_bus);
        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, true);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                *ret_bus = TAKE_PTR(bus);
        return r;
}

int watchdog1_bus_begin(Manager *manager)
{
        int r;

        manager->bus = sd_bus_close_unref(manager->bus);
        r = open_bus(manager->settings.bus, &manager->bus);
        if (r >= 0)
                r = sd_bus_attach_event(manager->bus, manager->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_add_object_vtable(manager->bus, NULL, WATCHDOG1_PATH,
                                             WATCHDOG1_INTERFACE, vtable, manager);
        if (r >= 0)
                r = sd_bus_request_name_async(manager->bus, NULL, WATCHDOG1_NAME, 0, on_name,
                                              manager);
        if (r < 0)
                manager->bus = sd_bus_close_unref(manager->bus);
        return r < 0 ? r : 0;
}

void watchdog1_bus_changed(Manager *manager)
{
        if (!manager->bus)
                return;
        /* a bus that is not there hears of it when hostd asks */
        if (sd_bus_emit_signal(manager->bus, WATCHDOG1_PATH, WATCHDOG1_INTERFACE, "StateChanged",
                               "ss", guard_state_to_string((GuardState) guard_of(manager)->state),
                               manager->reason) < 0)
                log_debug("cannot signal the state");
}
