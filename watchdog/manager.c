/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each wake-up: look at what runs where that matters, step the guard, remember what it has become,
 * kill, feed. Telling others comes last. */

#include "watchdog/manager.h"

#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "watchdog/realtime.h"
#include "watchdog/shutdown.h"

#define FENCING_TICK_NS (10 * NSEC_PER_MSEC)
#define FENCED_TICK_NS  (100 * NSEC_PER_MSEC)
#define IDLE_TICK_NS    NSEC_PER_SEC
#define BUS_RETRY_NS    NSEC_PER_SEC
/* Later than this, and this process was not scheduled: what hostd has said meanwhile comes first.
 */
#define LATE_NS     (100 * NSEC_PER_MSEC)
#define LATE_MAX    256 /* messages */
#define FEEDINGS    4   /* in each of the hardware's timeouts */
#define DEVICE_AUTO "/dev/watchdog0"

static Guard *guard_of(Manager *manager)
{
        return &manager->remembered.guard;
}

static void note_state(Manager *manager)
{
        const Guard *guard = guard_of(manager);

        if (guard->state == manager->told_state)
                return;
        manager->told_state = guard->state;
        switch ((GuardState) guard->state) {
        case GUARD_FENCING:
                log_warning("fencing: %s; the last renewal was sent %" PRIu64 " ms ago",
                            manager->reason, (guard->fence_ns - guard->sent_ns) / NSEC_PER_MSEC);
                break;
        case GUARD_FENCED:
                log_warning("fenced: no role VM and no VIP is left, %" PRIu64
                            " ms after the last renewal was sent",
                            (guard->fenced_ns - guard->sent_ns) / NSEC_PER_MSEC);
                break;
        case GUARD_FAILED:
                log_error("role VMs could not be killed within %" PRIu64 " ms%s",
                          guard->times.kill_ns / NSEC_PER_MSEC,
                          manager->device ? ": the hardware is not fed any more" : "");
                break;
        default:
                log_info("%s", guard_state_to_string((GuardState) guard->state));
                break;
        }
        watchdog1_bus_changed(manager);
}

static void complain(bool *said, int r, const char *what)
{
        if (r < 0 && !*said)
                log_error_errno(r, "cannot %s", what);
        *said = r < 0;
}

static void kill_all(Manager *manager)
{
        complain(&manager->kill_failed, cgroups_kill(manager->cgroups), "kill role VMs");
}

static void close_vips(Manager *manager)
{
        Remembered *remembered = &manager->remembered;
        size_t removed = 0;
        int r = vips_remove(manager->vips, remembered->pools, remembered->n_pools, &removed);

        complain(&manager->vips_failed, r, "close VIPs");
        if (removed > 0)
                log_info("%zu VIPs closed", removed);
}

static uint64_t feed_every_ns(const Manager *manager)
{
        return guard_of((Manager *) manager)->times.device_ns / FEEDINGS;
}

static void feed(Manager *manager, uint64_t now_ns)
{
        int r;

        if (!manager->device || now_ns < manager->last_fed_ns + feed_every_ns(manager))
                return;
        r = device_feed(manager->device);
        complain(&manager->feed_failed, r, "feed the hardware watchdog");
        if (r == 0)
                manager->last_fed_ns = now_ns;
}

static void act(Manager *manager, uint64_t now_ns)
{
        Guard *guard = guard_of(manager);
        bool running = guard_watches(guard) && cgroups_running(manager->cgroups);
        GuardActions actions = guard_step(guard, running, now_ns);

        memory_write(manager->memory, &manager->remembered);
        if (actions.kill)
                kill_all(manager);
        if (guard_watches(guard))
                close_vips(manager);
        if (actions.feed)
                feed(manager, now_ns);
        note_state(manager);
}

static uint64_t next_ns(Manager *manager, uint64_t now_ns)
{
        const Guard *guard = guard_of(manager);
        uint64_t tick_ns = guard->state == GUARD_FENCED ? FENCED_TICK_NS
                           : guard_watches(guard)       ? FENCING_TICK_NS
                                                        : IDLE_TICK_NS;

        if (manager->device)
                tick_ns = MIN(tick_ns, feed_every_ns(manager));
        return MIN(now_ns + tick_ns, guard_deadline(guard));
}

static void look_after_bus(Manager *manager, uint64_t now_ns)
{
        int r;

        if (manager->bus && sd_bus_is_open(manager->bus) > 0)
                return;
        if (now_ns < manager->next_bus_ns)
                return;
        manager->next_bus_ns = now_ns + BUS_RETRY_NS;
        r = watchdog1_bus_begin(manager);
        if (r < 0)
                log_debug("the bus cannot be reached: %s", strerror(-r));
}

/* After this process was not scheduled for a while: renewals that hostd has told meanwhile count,
 * so they are heard before the deadline is looked at. */
static void hear_what_waits(Manager *manager, uint64_t now_ns)
{
        uint64_t deadline_ns = guard_deadline(guard_of(manager));

        if (deadline_ns == UINT64_MAX || now_ns < deadline_ns + LATE_NS || !manager->bus)
                return;
        log_warning("was not scheduled for %" PRIu64 " ms", (now_ns - deadline_ns) / NSEC_PER_MSEC);
        for (unsigned i = 0; i < LATE_MAX; i++)
                if (sd_bus_process(manager->bus, NULL) <= 0)
                        return;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *manager = userdata;
        uint64_t now_ns = clock_boottime_ns();

        hear_what_waits(manager, now_ns);
        if (guard_deadline(guard_of(manager)) <= now_ns)
                snprintf(manager->reason, sizeof(manager->reason), "the lease is not renewed");
        act(manager, now_ns);
        look_after_bus(manager, now_ns);
        sd_event_source_set_time(manager->timer, next_ns(manager, now_ns) / NSEC_PER_USEC);
        return sd_event_source_set_enabled(manager->timer, SD_EVENT_ONESHOT);
}

void manager_changed(Manager *manager)
{
        memory_write(manager->memory, &manager->remembered);
        note_state(manager);
        sd_event_source_set_time(manager->timer, 0);
        sd_event_source_set_enabled(manager->timer, SD_EVENT_ONESHOT);
}

void manager_fence(Manager *manager, const char *reason)
{
        snprintf(manager->reason, sizeof(manager->reason), "%s", reason);
        guard_fence(guard_of(manager), clock_boottime_ns());
        manager_changed(manager);
}

int manager_guard(Manager *manager, uint64_t lease_ns, uint64_t delay_ns, const VipPool *pools,
                  size_t n_pools, char ret_why[static INEQUALITY_WHY_MAX])
{
        FenceTimes times = manager->settings.times;
        int r;

        times.lease_ns = lease_ns;
        times.delay_ns = delay_ns;
        inequality_fill(&times);
        r = inequality_check(&times, ret_why);
        if (r != 0)
                return r;
        guard_of(manager)->times = times;
        memcpy(manager->remembered.pools, pools, n_pools * sizeof(*pools));
        manager->remembered.n_pools = n_pools;
        manager_changed(manager);
        return 0;
}

/* ---- life */

static int arm_device(Manager *manager)
{
        const char *path = manager->settings.device;
        FenceTimes times = manager->settings.times;
        char why[DEVICE_NAME_MAX * 2];
        int r;

        if (str_equal(path, SETTINGS_DEVICE_NONE))
                return 0;
        if (str_equal(path, SETTINGS_DEVICE_AUTO)) {
                path = DEVICE_AUTO;
                if (access(path, F_OK) < 0)
                        return 0;
        }
        inequality_fill(&times);
        r = device_arm(path, (unsigned) (times.device_ns / NSEC_PER_SEC), why, &manager->device);
        if (r == DEVICE_REFUSED) {
                log_error("%s: %s: set device-timeout-s=", path, why);
                return -EINVAL;
        }
        if (r < 0)
                return log_error_errno(r, "cannot arm %s (setting device)", path);
        /* what the hardware counts by is not changed any more */
        manager->settings.times.device_ns = times.device_ns;
        manager->settings.times.device = true;
        manager->last_fed_ns = clock_boottime_ns();
        log_info("armed: %s (%s), %" PRIu64 " s", path, device_name(manager->device),
                 times.device_ns / NSEC_PER_SEC);
        return 0;
}

static int check_times(const Settings *settings, FenceTimes *ret_times)
{
        char why[INEQUALITY_WHY_MAX];

        *ret_times = settings->times;
        inequality_fill(ret_times);
        if (inequality_check(ret_times, why) == 0)
                return 0;
        log_error("these settings would let an instance run twice: %s", why);
        return -EINVAL;
}

/* Where the last watchdog of this boot was. */
static int remember(Manager *manager, const FenceTimes *times)
{
        _cleanup_free_ char *path = str_printf("%s/guard", manager->settings.directory);
        int r;

        if (!path)
                return -ENOMEM;
        r = memory_open(path, &manager->remembered, &manager->memory);
        if (r < 0)
                return log_error_errno(r, "cannot keep the state in %s", path);
        if (r == 0 && guard_of(manager)->times.device == times->device)
                return 0; /* with the lease that hostd told */
        if (r == 0) {
                guard_of(manager)->times = *times;
                return 0;
        }
        guard_init(guard_of(manager), times);
        if (r == MEMORY_TORN) { /* what there is to be guarded is not known */
                log_error("%s cannot be read", path);
                guard_of(manager)->state = GUARD_HELD;
                manager_fence(manager, "what was guarded is not known");
        }
        return 0;
}

static int open_parts(Manager *manager)
{
        const struct passwd *user = getpwnam(manager->settings.qemu_user);
        int r;

        if (!user || user->pw_uid == 0) {
                log_error("%s is not a user that QEMU can run as (setting qemu-user)",
                          manager->settings.qemu_user);
                return -EINVAL;
        }
        r = cgroups_open(manager->settings.cgroups, user->pw_uid, &manager->cgroups);
        if (r < 0)
                return log_error_errno(r, "cannot kill control groups in %s",
                                       manager->settings.cgroups);
        r = vips_open(&manager->vips);
        return r < 0 ? log_error_errno(r, "cannot reach the kernel's addresses") : 0;
}

static int open_loop(Manager *manager)
{
        int r;

        r = sd_event_new(&manager->event);
        if (r >= 0)
                r = sd_event_add_time(manager->event, &manager->timer, CLOCK_BOOTTIME, 0, 1,
                                      on_timer, manager);
        if (r >= 0)
                r = sd_event_source_set_priority(manager->timer, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                r = sd_event_add_signal(manager->event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK,
                                        NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(manager->event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK,
                                        NULL, NULL);
        return r < 0 ? log_error_errno(r, "cannot begin") : 0;
}

static int enter_realtime(const Settings *settings)
{
        const char *what;
        int r;

        if (!settings->realtime)
                return 0;
        r = realtime_enter(&what);
        return r < 0 ? log_error_errno(r, "cannot %s", what) : 0;
}

int manager_new(const Settings *settings, Manager **ret_manager)
{
        _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
        FenceTimes times;
        int r;

        if (!manager)
                return log_error_errno(-ENOMEM, "cannot begin");
        manager->settings = *settings;
        manager->told_state = _GUARD_STATE_MAX;
        r = check_times(&manager->settings, &times);
        if (r == 0)
                r = open_parts(manager);
        if (r == 0)
                r = open_loop(manager);
        if (r == 0)
                r = enter_realtime(settings);
        if (r == 0)
                r = arm_device(manager);
        if (r == 0)
                r = check_times(&manager->settings, &times); /* now with the hardware's */
        if (r == 0)
                r = remember(manager, &times);
        if (r < 0)
                return r;
        *ret_manager = TAKE_PTR(manager);
        return 0;
}

/* The host is being switched off: neither libvirtd nor hostd is started again, so what has ended
 * stays ended, and the hardware may stop counting. Without this it would reset a host whose last
 * steps take long, and the host would be on again. What cannot be killed in time keeps it armed. */
static void fence_for_good(Manager *manager)
{
        const struct timespec tick = {.tv_nsec = FENCING_TICK_NS};
        const Guard *guard = guard_of(manager);

        if (!shutdown_begun(manager->settings.proc))
                return;
        manager_fence(manager, "the host is being switched off");
        act(manager, clock_boottime_ns());
        while (guard->state == GUARD_FENCING) {
                nanosleep(&tick, NULL);
                act(manager, clock_boottime_ns());
        }
}

Manager *manager_free(Manager *manager)
{
        const Guard *guard;

        if (!manager)
                return NULL;
        guard = guard_of(manager);
        device_close(manager->device, guard->state == GUARD_IDLE || guard->state == GUARD_ALONE ||
                                              guard->state == GUARD_FENCED);
        memory_close(manager->memory);
        cgroups_close(manager->cgroups);
        vips_close(manager->vips);
        sd_event_source_disable_unref(manager->timer);
        sd_bus_close_unref(manager->bus);
        sd_event_unref(manager->event);
        free(manager);
        return NULL;
}

int manager_run(Manager *manager)
{
        int r;

        act(manager, clock_boottime_ns());
        sd_notify(0, "READY=1");
        r = sd_event_loop(manager->event);
        if (r < 0)
                return log_error_errno(r, "the event loop ended");
        fence_for_good(manager);
        return 0;
}
