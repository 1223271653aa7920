/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Following an operation. Its object's signals only say that there is something new; what is shown
 * and decided is read from its properties, so a lost signal or a restart of hostd costs at most one
 * RECHECK_USEC. */

#include "ctl/operation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/progress.h"
#include "ctl/view.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define RECHECK_USEC (2 * USEC_PER_SEC)
#define DRAW_USEC    (USEC_PER_SEC / 5)
/* A hostd that was restarted knows its operations again after it has read the cluster's state. */
#define AWAY_MAX_NS (60 * NSEC_PER_SEC)

typedef struct Following {
        sd_bus *bus;
        const char *path;
        const char *what;
        sd_json_variant *properties; /* as last read */
        uint64_t seen_ns;            /* when they were read */
        bool changed;
        bool removed;
} Following;

static void following_deinit(Following *following)
{
        sd_json_variant_unref(following->properties);
}

static int on_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Following *following = userdata;

        following->changed = true;
        return 0;
}

static int on_removed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Following *following = userdata;
        const char *path;

        if (sd_bus_message_read(message, "o", &path) > 0 && str_equal(path, following->path))
                following->removed = true;
        return 0;
}

/* Before the properties are first read, so that no change falls between. */
static int subscribe(Following *following)
{
        int r;

        r = sd_bus_match_signal(following->bus, NULL, HOST1_NAME, following->path,
                                "org.freedesktop.DBus.Properties", "PropertiesChanged", on_changed,
                                following);
        if (r >= 0)
                r = sd_bus_match_signal(following->bus, NULL, HOST1_NAME, HOST1_PATH,
                                        "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved",
                                        on_removed, following);
        return r;
}

static int read_properties(Following *following, sd_bus_error *error)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        sd_json_variant *properties = NULL;
        int r;

        r = sd_bus_call_method(following->bus, HOST1_NAME, following->path,
                               "org.freedesktop.DBus.Properties", "GetAll", error, &reply, "s",
                               HOST1_OPERATION);
        if (r >= 0)
                r = objects_value(reply, &properties);
        if (r < 0)
                return r;
        sd_json_variant_unref(following->properties);
        following->properties = properties;
        following->seen_ns = clock_boottime_ns();
        return 0;
}

/* CTL_DONE: go on. An operation that was there once may be away while hostd restarts. */
static int refresh(Following *following)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        bool away_too_long;
        int r = read_properties(following, &error);

        following->changed = false;
        if (r >= 0)
                return CTL_DONE;
        away_too_long = clock_boottime_ns() - following->seen_ns > AWAY_MAX_NS;
        if (!following->properties || away_too_long || !sd_bus_is_open(following->bus))
                return bus_failed(r, &error, "%s: following the operation", following->what);
        return CTL_DONE;
}

static int ended(const Following *following, const Options *options)
{
        const char *message = view_text(following->properties, "message");
        const char *error = view_text(following->properties, "error"), *hint = NULL;

        if (str_equal(view_text(following->properties, "state"), "succeeded")) {
                bool more = message[0] && !str_equal(message, "done");

                if (!options->quiet)
                        printf("%s: done%s%s.\n", following->what, more ? ", " : "",
                               more ? message : "");
                return CTL_DONE;
        }
        log_error("%s failed: %s", following->what, message[0] ? message : error);
        bus_exit_code(error, &hint);
        log_error("Next: %s.", hint ? hint : "'troupectl status' and 'troupectl events' say more");
        return CTL_FAILED;
}

static bool is_running(const Following *following)
{
        return str_equal(view_text(following->properties, "state"), "running");
}

static int wait_for_news(Following *following, uint64_t deadline_ns)
{
        uint64_t begin_ns = clock_boottime_ns(), recheck_ns = begin_ns + RECHECK_USEC * 1000;

        while (!following->changed && !following->removed) {
                uint64_t now_ns = clock_boottime_ns(), until_ns = MIN(deadline_ns, recheck_ns);
                int r = sd_bus_process(following->bus, NULL);

                if (r > 0)
                        continue;
                if (r < 0 || now_ns >= until_ns)
                        return r;
                r = sd_bus_wait(following->bus, (until_ns - now_ns) / NSEC_PER_USEC + 1);
                if (r < 0 && r != -EINTR)
                        return r;
        }
        return 0;
}

/* CTL_DONE when it has ended, however. */
static int follow(Following *following, Progress *progress, uint64_t timeout_s)
{
        uint64_t now_ns = clock_boottime_ns();
        uint64_t deadline_ns =
                timeout_s == UINT64_MAX ? UINT64_MAX : now_ns + timeout_s * NSEC_PER_SEC;
        int r;

        following->seen_ns = now_ns;
        for (;;) {
                r = refresh(following);
                if (r != CTL_DONE || !is_running(following))
                        return r;
                progress_update(progress,
                                sd_json_variant_real(
                                        sd_json_variant_by_key(following->properties, "progress")),
                                view_text(following->properties, "message"));
                if (clock_boottime_ns() >= deadline_ns)
                        return CTL_TIMEOUT;
                r = wait_for_news(following, deadline_ns);
                if (r < 0)
                        return bus_failed(r, NULL, "%s: waiting", following->what);
                if (following->removed) {
                        log_error("%s: the operation is gone, and did not say how it ended",
                                  following->what);
                        return CTL_FAILED;
                }
        }
}

int operation_wait(const Options *options, sd_bus *bus, const char *path, const char *what)
{
        _cleanup_(following_deinit) Following following = {.bus = bus, .path = path, .what = what};
        Progress progress;
        int r = subscribe(&following);

        if (r < 0)
                return bus_failed(r, NULL, "%s: subscribing to the operation", what);
        progress_begin(&progress, what, options->quiet);
        r = follow(&following, &progress, options->timeout_s);
        progress_end(&progress);
        if (r == CTL_TIMEOUT) {
                log_error("%s: not done after %" PRIu64 " s, and goes on", what,
                          options->timeout_s);
                log_error("Next: 'troupectl status' shows how far it is.");
        }
        return r == CTL_DONE ? ended(&following, options) : r;
}

/* The answer of hostd, which reads and checks a whole package before it gives one. */
typedef struct Answer {
        sd_bus_message *reply;
} Answer;

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        ((Answer *) userdata)->reply = sd_bus_message_ref(message);
        return 1;
}

static int await(sd_bus *bus, const Answer *answer, OperationPoll poll, Progress *progress)
{
        uint64_t polled_ns = clock_boottime_ns();
        double fraction = PROGRESS_UNKNOWN;

        while (!answer->reply) {
                uint64_t now_ns = clock_boottime_ns();
                int r = sd_bus_process(bus, NULL);

                if (r == 0)
                        r = sd_bus_wait(bus, DRAW_USEC);
                if (r < 0 && r != -EINTR)
                        return r;
                if (poll && !answer->reply && now_ns - polled_ns >= NSEC_PER_SEC) {
                        polled_ns = now_ns;
                        fraction = poll(bus);
                }
                progress_update(progress, fraction, "");
        }
        return 0;
}

int operation_call(const Options *options, sd_bus *bus, sd_bus_message *call, const char *what,
                   OperationPoll poll, sd_bus_error *error, sd_bus_message **ret_reply)
{
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        Answer answer = {};
        Progress progress;
        int r;

        r = sd_bus_call_async(bus, &slot, call, on_answer, &answer, 0);
        if (r < 0)
                return r;
        progress_begin(&progress, what, options->quiet);
        r = await(bus, &answer, poll, &progress);
        progress_end(&progress);
        if (r < 0)
                return r;
        *ret_reply = answer.reply;
        if (!sd_bus_message_is_method_error(answer.reply, NULL))
                return 0;
        sd_bus_error_copy(error, sd_bus_message_get_error(answer.reply));
        return -sd_bus_message_get_errno(answer.reply);
}

int operation_run(const Options *options, sd_bus *bus, sd_bus_message *call, const char *what)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *path;
        int r = operation_call(options, bus, call, what, NULL, &error, &reply);

        if (r < 0)
                return bus_failed(r, &error, "%s", what);
        r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return r;
        if (options->wait)
                return operation_wait(options, bus, path, what);
        if (!options->quiet)
                printf("%s: accepted as operation %s; 'troupectl status' shows how far it is.\n",
                       what, strrchr(path, '/') + 1);
        return CTL_DONE;
}
