/* SPDX-License-Identifier: GPL-3.0-or-later */

/* troupe-bus-latency: how long org.troupe.Host1 takes to answer. Begins a call when its time has
 * come, whether the one before was answered or not, and prints quantiles as one JSON object. For a
 * host in the rack, give the bus by path: unix:path=/proc/PID/root/run/dbus/system_bus_socket, with
 * the PID that `tools/rack status --json` says.
 *
 * Beside each call goes another, which the bus itself answers. On a machine whose processors are
 * all taken both wait for their turn, this program and the bus as well as hostd; what hostd adds is
 * what lies between the two. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "lib/base/clock.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

#define CALLS_MAX 1000000

/* One of the two series of calls. */
typedef struct Series {
        const char *name, *path, *interface, *member;
        uint64_t answered, failed;
        uint64_t latency_us[CALLS_MAX];
} Series;

typedef struct Call {
        Series *series;
        uint64_t due_ns;
} Call;

typedef struct Measurement {
        sd_event *event;
        sd_bus *bus;
        uint64_t start_ns, period_ns, wanted, begun;
        Series hostd, control;
        Call calls[2 * CALLS_MAX];
} Measurement;

static Measurement measurement;

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const Call *call = userdata;
        Measurement *m = &measurement;
        Series *series = call->series;

        if (sd_bus_message_is_method_error(message, NULL))
                series->failed++;
        series->latency_us[series->answered++] =
                (clock_boottime_ns() - call->due_ns) / NSEC_PER_USEC;
        return m->hostd.answered == m->wanted && m->control.answered == m->wanted
                       ? sd_event_exit(m->event, 0)
                       : 0;
}

static int call(Measurement *m, Series *series, Call *slot, uint64_t due_ns)
{
        *slot = (Call) {series, due_ns};
        return sd_bus_call_method_async(m->bus, NULL, series->name, series->path, series->interface,
                                        series->member, on_answer, slot, NULL);
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
        Measurement *m = userdata;
        uint64_t next;
        int r;

        for (;;) {
                next = m->start_ns + m->begun * m->period_ns;
                if (next > clock_boottime_ns() || m->begun == m->wanted)
                        break;
                r = call(m, &m->hostd, &m->calls[2 * m->begun], next);
                if (r >= 0)
                        r = call(m, &m->control, &m->calls[2 * m->begun + 1], next);
                if (r < 0)
                        return sd_event_exit(m->event, r);
                m->begun++;
        }
        if (m->begun == m->wanted)
                return 0;
        r = sd_event_source_set_time(source, next / NSEC_PER_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return (x > y) - (x < y);
}

static double quantile_ms(const Series *series, double q)
{
        return (double) series->latency_us[(size_t) ((double) (series->answered - 1) * q)] / 1000;
}

static void sort(Series *series)
{
        qsort(series->latency_us, series->answered, sizeof(uint64_t), compare);
}

static int measure(Measurement *m, const char *address)
{
        int r;

        r = sd_event_new(&m->event);
        if (r >= 0)
                r = sd_bus_new(&m->bus);
        if (r >= 0)
                r = sd_bus_set_address(m->bus, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(m->bus, true);
        if (r >= 0)
                r = sd_bus_start(m->bus);
        if (r >= 0)
                r = sd_bus_attach_event(m->bus, m->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return r;
        m->start_ns = clock_boottime_ns();
        r = sd_event_add_time(m->event, NULL, CLOCK_BOOTTIME, m->start_ns / NSEC_PER_USEC, 1,
                              on_due, m);
        return r < 0 ? r : sd_event_loop(m->event);
}

int main(int argc, char **argv)
{
        Measurement *m = &measurement;
        uint64_t rate, seconds;
        int r;

        if (argc != 4 || str_to_u64(argv[2], 10000, &rate) < 0 ||
            str_to_u64(argv[3], 3600, &seconds) < 0 || rate == 0 || rate * seconds == 0 ||
            rate * seconds > CALLS_MAX) {
                fputs("troupe-bus-latency ADDRESS CALLS-PER-SECOND SECONDS\n", stderr);
                return 2;
        }
        m->hostd = (Series) {"org.troupe.Host1", "/org/troupe/Host1", "org.troupe.Host1.Manager",
                             "ListServices"};
        m->control = (Series) {"org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus", "GetId"};
        m->wanted = rate * seconds;
        m->period_ns = NSEC_PER_SEC / rate;
        r = measure(m, argv[1]);
        if (r < 0 || m->hostd.answered == 0 || m->control.answered == 0) {
                fprintf(stderr, "troupe-bus-latency: %s: %s\n", argv[1],
                        strerror(r < 0 ? -r : EIO));
                return 1;
        }
        sort(&m->hostd);
        sort(&m->control);
        printf("{\"calls\":%llu,\"failed\":%llu,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f,"
               "\"bus_p50_ms\":%.2f,\"bus_p99_ms\":%.2f,\"bus_max_ms\":%.2f}\n",
               (unsigned long long) m->hostd.answered, (unsigned long long) m->hostd.failed,
               quantile_ms(&m->hostd, 0.5), quantile_ms(&m->hostd, 0.99), quantile_ms(&m->hostd, 1),
               quantile_ms(&m->control, 0.5), quantile_ms(&m->control, 0.99),
               quantile_ms(&m->control, 1));
        sd_bus_flush_close_unref(m->bus);
        sd_event_unref(m->event);
        return 0;
}
