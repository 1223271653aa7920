/* SPDX-License-Identifier: GPL-3.0-or-later */

/* logs and events: hostd hands out a stream of lines, and they are shown as they come. */

#include "ctl/bus.h"
#include "ctl/lines.h"
#include "ctl/pager.h"
#include "ctl/remote.h"
#include "ctl/verbs.h"
#include "lib/base/str.h"

static uint32_t lines_of(const Options *options)
{
        return (uint32_t) MIN(options->lines, (uint64_t) UINT32_MAX);
}

/* Sends the call and shows the stream that it returns. */
static int show_stream(const Options *options, sd_bus *bus, sd_bus_message *call, const char *what,
                       const LinesFormat *format)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        Pager pager = {};
        int fd, r;

        r = sd_bus_call(bus, call, 0, &error, &reply);
        if (r < 0)
                return bus_failed(r, &error, "%s", what);
        r = sd_bus_message_read(reply, "h", &fd);
        if (r < 0)
                return r;
        if (!options->follow)
                pager_open(&pager, options);
        r = lines_show(fd, format, options);
        pager_close(&pager);
        return r == -EPIPE ? CTL_DONE : r;
}

int verb_logs(const Options *options, size_t n_arguments, char **arguments)
{
        static const LinesFormat format = {.who = {"instance"}};
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        if (options->host)
                return remote_run(options, "logs", arguments, false);
        r = bus_open(options, &bus);
        if (r != CTL_DONE)
                return r;
        r = sd_bus_message_new_method_call(bus, &call, HOST1_NAME, HOST1_PATH, HOST1_MANAGER,
                                           "ReadLogs");
        if (r >= 0)
                r = sd_bus_message_append(call, "sssub", arguments[0],
                                          options->role ? options->role : "",
                                          options->instance ? options->instance : "",
                                          lines_of(options), options->follow);
        return r < 0 ? r : show_stream(options, bus, call, "Reading the logs", &format);
}

int verb_events(const Options *options, size_t n_arguments, char **arguments)
{
        static const LinesFormat format = {.who = {"service", "instance"}, .otherwise = "host"};
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        if (options->host)
                return remote_run(options, "events", arguments, false);
        r = bus_open(options, &bus);
        if (r != CTL_DONE)
                return r;
        r = sd_bus_message_new_method_call(bus, &call, HOST1_NAME, HOST1_PATH, HOST1_MANAGER,
                                           "ReadEvents");
        if (r >= 0)
                r = sd_bus_message_append(call, "sub", n_arguments ? arguments[0] : "",
                                          lines_of(options), options->follow);
        return r < 0 ? r : show_stream(options, bus, call, "Reading the events", &format);
}
