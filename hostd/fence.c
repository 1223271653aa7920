/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One call that changes the state is under way at a time; renewals go out at once, whatever is
 * under way, so that a watchdog that was not scheduled for a while finds them all when it is. */

#include "hostd/fence.h"

#include <fcntl.h>
#include <string.h>

#include "lib/api/watchdog1.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/sm.h"
#include "lib/base/str.h"

#define RETRY_NS   (200 * NSEC_PER_MSEC)
#define TIMEOUT_NS (5 * NSEC_PER_SEC)
#define OWNER_MATCH                                                                                \
        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"                \
        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" WATCHDOG1_NAME "'"
#define STATE_MATCH                                                                                \
        "type='signal',path='" WATCHDOG1_PATH "',interface='" WATCHDOG1_INTERFACE                  \
        "',member='StateChanged'"

enum {
        ABSENT,
        GUARDING,
        REFUSED,
        READY,
        HOLDING,
        HELD,
};

static const SmState states[] = {
        [ABSENT] = {"absent", SM_TO(GUARDING)},
        [GUARDING] = {"guarding", SM_TO(ABSENT) | SM_TO(REFUSED) | SM_TO(READY) | SM_TO(HELD)},
        [REFUSED] = {"refused", SM_TO(ABSENT) | SM_TO(GUARDING)},
        [READY] = {"ready", SM_TO(ABSENT) | SM_TO(HOLDING) | SM_TO(GUARDING)},
        [HOLDING] = {"holding", SM_TO(ABSENT) | SM_TO(READY) | SM_TO(HELD) | SM_TO(GUARDING)},
        [HELD] = {"held", SM_TO(ABSENT) | SM_TO(READY) | SM_TO(GUARDING)},
};

struct Fence {
        sd_event *event;
        FenceHandlers handlers;
        char *shared_path;
        Sm sm;
        sd_bus *bus; /* NULL while there is none */
        sd_bus_slot *owner_match, *state_match, *call;
        sd_bus_slot
                *renewal; /* the last one that was sent; what became of those before is no news */
        sd_event_source *retry;
        uint64_t lease_ns, delay_ns; /* 0: not known yet */
        struct {
                char first[IP_TEXT_MAX], last[IP_TEXT_MAX];
        } pools[RECORD_VIP_POOLS_MAX];
        size_t n_pools;
        uint64_t cluster_hash; /* of the above */
        uint64_t sent_ns;      /* the last renewal; 0: the lease is not held */
        bool off;
        bool known;  /* what others there are */
        bool shared; /* others could run this host's instances */
        bool alone;  /* HELD: as the only one */
        bool clean;  /* what is to run here was read after this host said that it is alive */
        char *problem;
};

static void step(Fence *fence);

static void set_problem(Fence *fence, const char *problem)
{
        if (problem && !str_equal(problem, fence->problem))
                log_warning("watchdog: %s", problem);
        str_set(&fence->problem, problem);
}

/* VMs are started in the first half of a lease only: the watchdog fences in the second. */
static void tell_allowed(Fence *fence)
{
        uint64_t until_ns = 0;

        if (fence->off || (fence->sm.state == HELD && fence->alone))
                until_ns = UINT64_MAX;
        else if (fence->sm.state == HELD)
                until_ns = fence->sent_ns + fence->lease_ns / 2;
        fence->handlers.allowed(fence->handlers.userdata, until_ns);
}

static void enter(Fence *fence, unsigned state)
{
        if (fence->sm.state == state)
                return;
        fence->call = sd_bus_slot_unref(fence->call);
        sm_move(&fence->sm, state);
        if (state == HELD) {
                set_problem(fence, NULL);
                log_info("watchdog: guards this host%s", fence->alone ? ", the only one" : "");
        }
        tell_allowed(fence);
}

static void retry_later(Fence *fence)
{
        sd_event_source_set_time_relative(fence->retry, RETRY_NS / NSEC_PER_USEC);
        sd_event_source_set_enabled(fence->retry, SD_EVENT_ONESHOT);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        step(userdata);
        return 0;
}

/* What was held is so no more, and what runs here has been, or is being, killed. */
static void was_fenced(Fence *fence)
{
        if (fence->sm.state != HELD && fence->sm.state != HOLDING && fence->sm.state != READY)
                return;
        if (!fence->clean)
                return;
        fence->clean = false;
        set_problem(fence, "this host is fenced: its lease was not renewed in time");
        enter(fence, READY);
        fence->handlers.fenced(fence->handlers.userdata);
}

static const char *text_of(const sd_bus_error *failure)
{
        return failure->message ?: failure->name;
}

/* ---- calls */

static int on_renewed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Fence *fence = userdata;

        if (sd_bus_error_has_name(sd_bus_message_get_error(message), WATCHDOG1_ERROR_OVER))
                was_fenced(fence);
        step(fence);
        return 0;
}

static void send_renewal(Fence *fence)
{
        fence->renewal = sd_bus_slot_unref(fence->renewal);
        sd_bus_call_method_async(fence->bus, &fence->renewal, WATCHDOG1_NAME, WATCHDOG1_PATH,
                                 WATCHDOG1_INTERFACE, "Renew", on_renewed, fence, "t",
                                 fence->sent_ns);
}

static int on_held(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Fence *fence = userdata;
        const sd_bus_error *failure = sd_bus_message_get_error(message);

        if (!failure) {
                enter(fence, HELD);
                if (!fence->alone)
                        send_renewal(fence); /* perhaps a newer one by now */
                return 0;
        }
        set_problem(fence, text_of(failure));
        enter(fence, READY);
        retry_later(fence);
        return 0;
}

static void hold(Fence *fence)
{
        int r;

        fence->alone = !fence->shared;
        r = fence->alone ? sd_bus_call_method_async(fence->bus, &fence->call, WATCHDOG1_NAME,
                                                    WATCHDOG1_PATH, WATCHDOG1_INTERFACE, "Alone",
                                                    on_held, fence, NULL)
                         : sd_bus_call_method_async(fence->bus, &fence->call, WATCHDOG1_NAME,
                                                    WATCHDOG1_PATH, WATCHDOG1_INTERFACE, "Hold",
                                                    on_held, fence, "t", fence->sent_ns);
        if (r < 0)
                retry_later(fence);
        else
                sm_move(&fence->sm, HOLDING);
}

/* Whether the watchdog went on with what an earlier hostd, or we before it restarted, had it guard.
 */
static int on_state(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Fence *fence = userdata;
        const char *state = "";

        if (sd_bus_message_is_method_error(message, NULL) ||
            sd_bus_message_read(message, "v", "s", &state) < 0) {
                enter(fence, ABSENT);
                retry_later(fence);
                return 0;
        }
        enter(fence, READY);
        if (str_equal(state, "fencing") || str_equal(state, "fenced") || str_equal(state, "failed"))
                was_fenced(fence);
        step(fence);
        return 0;
}

static int on_guarded(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Fence *fence = userdata;
        const sd_bus_error *failure = sd_bus_message_get_error(message);

        fence->call = sd_bus_slot_unref(fence->call);
        if (sd_bus_error_has_name(failure, WATCHDOG1_ERROR_INEQUALITY)) {
                set_problem(fence, text_of(failure));
                enter(fence, REFUSED);
                return 0;
        }
        if (!failure &&
            sd_bus_call_method_async(fence->bus, &fence->call, WATCHDOG1_NAME, WATCHDOG1_PATH,
                                     "org.freedesktop.DBus.Properties", "Get", on_state, fence,
                                     "ss", WATCHDOG1_INTERFACE, "State") >= 0)
                return 0;
        set_problem(fence, failure ? text_of(failure) : "cannot be asked");
        enter(fence, ABSENT);
        retry_later(fence);
        return 0;
}

static int append_guard(Fence *fence, sd_bus_message *message)
{
        int r = sd_bus_message_append(message, "tt", fence->lease_ns / NSEC_PER_MSEC,
                                      fence->delay_ns / NSEC_PER_MSEC);

        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "(ss)");
        for (size_t i = 0; r >= 0 && i < fence->n_pools; i++)
                r = sd_bus_message_append(message, "(ss)", fence->pools[i].first,
                                          fence->pools[i].last);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static void guard(Fence *fence)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = sd_bus_message_new_method_call(fence->bus, &message, WATCHDOG1_NAME, WATCHDOG1_PATH,
                                           WATCHDOG1_INTERFACE, "Guard");
        if (r >= 0)
                r = append_guard(fence, message);
        if (r >= 0)
                r = sd_bus_call_async(fence->bus, &fence->call, message, on_guarded, fence,
                                      TIMEOUT_NS / NSEC_PER_USEC);
        if (r < 0)
                retry_later(fence);
        else
                sm_move(&fence->sm, GUARDING);
}

static bool may_hold(Fence *fence)
{
        if (!fence->clean || !fence->known)
                return false;
        if (!fence->shared)
                return true;
        if (fence->sent_ns == 0)
                return false;
        if (!fence->handlers.is_starting(fence->handlers.userdata))
                return true;
        retry_later(fence); /* what an earlier permission began is not to outlive the fence */
        return false;
}

static void step(Fence *fence)
{
        if (fence->off || !fence->bus || fence->call)
                return;
        switch (fence->sm.state) {
        case ABSENT:
                if (fence->lease_ns > 0)
                        guard(fence);
                break;
        case READY:
                if (may_hold(fence))
                        hold(fence);
                break;
        default:
                break;
        }
}

/* ---- what the bus says */

static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Fence *fence = userdata;
        const char *name, *before, *after;

        if (sd_bus_message_read(message, "sss", &name, &before, &after) < 0)
                return 0;
        enter(fence, ABSENT);
        if (after[0] == '\0')
                set_problem(fence, "troupe-watchdog is not there: no VM is started");
        step(fence);
        return 0;
}

static int on_state_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Fence *fence = userdata;
        const char *state, *reason;

        if (sd_bus_message_read(message, "ss", &state, &reason) < 0)
                return 0;
        if (str_equal(state, "fencing"))
                was_fenced(fence);
        step(fence);
        return 0;
}

void fence_set_bus(Fence *fence, sd_bus *bus)
{
        int r = 0;

        fence->owner_match = sd_bus_slot_unref(fence->owner_match);
        fence->state_match = sd_bus_slot_unref(fence->state_match);
        enter(fence, ABSENT);
        fence->call = sd_bus_slot_unref(fence->call);
        fence->renewal = sd_bus_slot_unref(fence->renewal);
        fence->bus = sd_bus_unref(fence->bus);
        if (!bus || fence->off)
                return;
        fence->bus = sd_bus_ref(bus);
        r = sd_bus_add_match_async(bus, &fence->owner_match, OWNER_MATCH, on_owner_changed, NULL,
                                   fence);
        if (r >= 0)
                r = sd_bus_add_match_async(bus, &fence->state_match, STATE_MATCH, on_state_changed,
                                           NULL, fence);
        if (r < 0)
                log_error_errno(r, "cannot listen to the watchdog");
        step(fence);
}

/* ---- what the rest of hostd says */

/* Of what the watchdog is told of it. */
static uint64_t hash_cluster(const ClusterRecord *cluster)
{
        uint64_t hash = hash_mix(cluster->lease_ms * 31 + cluster->leader_delay_ms);

        for (size_t i = 0; i < cluster->n_vip_pools; i++) {
                hash = hash_bytes(&cluster->vip_pools[i].first, sizeof(IpAddress), hash);
                hash = hash_bytes(&cluster->vip_pools[i].last, sizeof(IpAddress), hash);
        }
        return hash;
}

void fence_set_cluster(Fence *fence, const ClusterRecord *cluster)
{
        uint64_t hash = hash_cluster(cluster);

        if (hash == fence->cluster_hash)
                return;
        fence->cluster_hash = hash;
        fence->lease_ns = cluster->lease_ms * NSEC_PER_MSEC;
        fence->delay_ns = cluster->leader_delay_ms * NSEC_PER_MSEC;
        fence->n_pools = MIN(cluster->n_vip_pools, ARRAY_SIZE(fence->pools));
        for (size_t i = 0; i < fence->n_pools; i++) {
                ip_format(&cluster->vip_pools[i].first, fence->pools[i].first);
                ip_format(&cluster->vip_pools[i].last, fence->pools[i].last);
        }
        if (fence->sm.state != ABSENT)
                enter(fence, ABSENT); /* and told anew */
        step(fence);
}

/* Remembered on disk before anything relies on it. */
static void become_shared(Fence *fence)
{
        int r;

        if (fence->shared)
                return;
        r = file_write_atomic(AT_FDCWD, fence->shared_path, "", 0, 0644);
        if (r < 0)
                log_error_errno(r, "cannot write %s", fence->shared_path);
        log_info("there are other hosts: this one is fenced when it loses its lease");
        fence->shared = true;
        if (fence->sm.state == HELD || fence->sm.state == HOLDING)
                enter(fence, READY);
}

void fence_set_others(Fence *fence, bool others)
{
        fence->known = true;
        if (others)
                become_shared(fence);
        step(fence);
}

bool fence_guards_against_others(Fence *fence)
{
        if (fence->off)
                return true;
        become_shared(fence);
        step(fence);
        return fence->sm.state == HELD && !fence->alone;
}

void fence_renewed(Fence *fence, uint64_t sent_ns)
{
        fence->sent_ns = sent_ns;
        if (fence->sm.state == HELD && !fence->alone) {
                tell_allowed(fence);
                send_renewal(fence);
        }
        step(fence);
}

void fence_lost(Fence *fence, const char *why)
{
        fence->sent_ns = 0;
        if (fence->off || !fence->shared)
                return;
        if (fence->bus)
                sd_bus_call_method_async(fence->bus, NULL, WATCHDOG1_NAME, WATCHDOG1_PATH,
                                         WATCHDOG1_INTERFACE, "Fence", NULL, NULL, "s", why);
        tell_allowed(fence);
}

void fence_clean(Fence *fence)
{
        fence->clean = true;
        step(fence);
}

const char *fence_problem(const Fence *fence)
{
        return fence->problem;
}

/* ---- life */

int fence_new(sd_event *event, const FenceConfig *config, const FenceHandlers *handlers,
              Fence **ret_fence)
{
        _cleanup_(fence_freep) Fence *fence = calloc(1, sizeof(*fence));
        int r;

        if (!fence)
                return -ENOMEM;
        fence->event = sd_event_ref(event);
        fence->handlers = *handlers;
        fence->off = config->off;
        sm_init(&fence->sm, states, ARRAY_SIZE(states), ABSENT);
        r = str_set(&fence->shared_path, config->shared_path);
        if (r == 0)
                r = sd_event_add_time_relative(event, &fence->retry, CLOCK_BOOTTIME, 0, 10000,
                                               on_retry, fence);
        if (r < 0)
                return r;
        sd_event_source_set_enabled(fence->retry, SD_EVENT_OFF);
        fence->shared = access(config->shared_path, F_OK) == 0;
        tell_allowed(fence);
        *ret_fence = TAKE_PTR(fence);
        return 0;
}

Fence *fence_free(Fence *fence)
{
        if (!fence)
                return NULL;
        sd_bus_slot_unref(fence->owner_match);
        sd_bus_slot_unref(fence->state_match);
        sd_bus_slot_unref(fence->call);
        sd_bus_slot_unref(fence->renewal);
        sd_bus_unref(fence->bus);
        sd_event_source_disable_unref(fence->retry);
        sd_event_unref(fence->event);
        free(fence->shared_path);
        free(fence->problem);
        free(fence);
        return NULL;
}
