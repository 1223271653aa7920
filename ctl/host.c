/* SPDX-License-Identifier: GPL-3.0-or-later */

/* host: what operators do with the physical servers, and with the brake. */

#include <stdio.h>

#include "ctl/bus.h"
#include "ctl/operation.h"
#include "ctl/verbs.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

typedef struct HostVerb {
        const char *name, *method;
        const char *doing, *done; /* `Draining`, `is cordoned` */
        bool operation;           /* takes time, and makes an operation */
} HostVerb;

static const HostVerb host_verbs[] = {
        {"cordon", "CordonHost", "Cordoning", "is cordoned: nothing new is placed on it", false},
        {"uncordon", "UncordonHost", "Uncordoning", "takes new instances", false},
        {"drain", "DrainHost", "Draining", NULL, true},
        {"remove", "RemoveHost", "Removing", "is no more of the cluster", false},
};

static int host_call(const Options *options, const HostVerb *verb, const char *host)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        _cleanup_free_ char *what = str_printf("%s %s", verb->doing, host);
        int r = what ? bus_open(options, &bus) : -ENOMEM;

        if (r != CTL_DONE)
                return r;
        r = sd_bus_message_new_method_call(bus, &call, HOST1_NAME, HOST1_PATH, HOST1_MANAGER,
                                           verb->method);
        if (r >= 0)
                r = sd_bus_message_append(call, "s", host);
        if (r >= 0 && str_equal(verb->name, "remove"))
                r = sd_bus_message_append(call, "b", (int) options->force);
        if (r < 0)
                return r;
        if (verb->operation)
                return operation_run(options, bus, call, what);
        r = sd_bus_call(bus, call, 0, &error, NULL);
        if (r < 0)
                return bus_failed(r, &error, "%s", what);
        if (!options->quiet)
                printf("%s %s.\n", host, verb->done);
        return CTL_DONE;
}

/* host update [HOST...] */
static int update(const Options *options, size_t n_hosts, char **hosts)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_open(options, &bus);

        if (r != CTL_DONE)
                return r;
        r = sd_bus_message_new_method_call(bus, &call, HOST1_NAME, HOST1_PATH, HOST1_MANAGER,
                                           "UpdateHosts");
        if (r >= 0)
                r = sd_bus_message_open_container(call, 'a', "s");
        for (size_t i = 0; i < n_hosts && r >= 0; i++)
                r = sd_bus_message_append(call, "s", hosts[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(call);
        if (r >= 0)
                r = sd_bus_message_append(call, "s", options->url ?: "");
        return r < 0 ? r : operation_run(options, bus, call, "Updating hosts");
}

static int release_brake(const Options *options)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_open(options, &bus);

        if (r != CTL_DONE)
                return r;
        r = sd_bus_call_method(bus, HOST1_NAME, HOST1_PATH, HOST1_MANAGER, "ReleaseBrake", &error,
                               NULL, "");
        if (r < 0)
                return bus_failed(r, &error, "Releasing the brake");
        if (!options->quiet)
                printf("The brake is off: what the lost hosts ran is placed on others.\n");
        return CTL_DONE;
}

int verb_host(const Options *options, size_t n_arguments, char **arguments)
{
        if (str_equal(arguments[0], "release-brake") && n_arguments == 1)
                return release_brake(options);
        if (str_equal(arguments[0], "update"))
                return update(options, n_arguments - 1, arguments + 1);
        for (size_t i = 0; i < ARRAY_SIZE(host_verbs) && n_arguments == 2; i++)
                if (str_equal(host_verbs[i].name, arguments[0]))
                        return host_call(options, &host_verbs[i], arguments[1]);
        log_error(
                "Write 'troupectl host cordon HOST', 'uncordon HOST', 'drain HOST', 'remove HOST', "
                "'update [HOST...]' or 'release-brake'");
        return CTL_USAGE;
}
