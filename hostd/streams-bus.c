/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods that give a pipe to read from: ReadLogs and ReadEvents. */

#include "hostd/host1.h"
#include "hostd/log-reader.h"
#include "lib/base/str.h"

int streams_bus_logs(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *service, *role, *instance;
        Host1 *host1 = userdata;
        _cleanup_close_ int fd = -1;
        uint32_t lines;
        int follow, r;

        r = bus_polkit_check(host1->polkit, message, HOST1_OPERATE, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "sssub", &service, &role, &instance, &lines, &follow);
        if (r < 0)
                return r;
        if (!host1_find_service(host1, service, error))
                return -ENOENT;
        r = log_reader_start(
                &(LogReaderQuery) {
                        .service = service,
                        .role = role,
                        .instance = instance,
                        .host = host1->host,
                        .lines = MIN(lines, (uint32_t) LOG_READER_LINES_MAX),
                        .follow = follow,
                },
                &fd);
        if (r == LOG_READER_TOO_MANY)
                return bus_error(error, "TooMany", "%d readers of logs are at work already",
                                 LOG_READERS_MAX);
        return r < 0 ? r : sd_bus_reply_method_return(message, "h", fd);
}

int streams_bus_events(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        _cleanup_close_ int fd = -1;
        const char *service;
        uint32_t lines;
        int follow, r;

        r = bus_polkit_check(host1->polkit, message, HOST1_INSPECT, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "sub", &service, &lines, &follow);
        if (r < 0)
                return r;
        r = events_read(host1->events, service, lines, follow, &fd);
        if (r == -EMFILE)
                return bus_error(error, "TooMany", "%d readers of events are at work already",
                                 EVENTS_READERS_MAX);
        return r < 0 ? r : sd_bus_reply_method_return(message, "h", fd);
}
