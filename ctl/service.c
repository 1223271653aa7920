/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The verbs for a service and its deployments: deploy, scale, configure, swap, delete. Each builds
 * one call and hands it to operation_run(). */

#include <stdio.h>
#include <string.h>

#include "ctl/operation.h"
#include "ctl/remote.h"
#include "ctl/upload.h"
#include "ctl/verbs.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define COUNT_MAX 1000

static const char *slot_of(const Options *options)
{
        return options->slot ? options->slot : "production";
}

/* A call of the Manager with the texts that begin most of them, NULL behind the last. */
static int call_new(sd_bus *bus, const char *method, const char *const *texts,
                    sd_bus_message **ret_call)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        int r = sd_bus_message_new_method_call(bus, &call, HOST1_NAME, HOST1_PATH, HOST1_MANAGER,
                                               method);

        for (; *texts && r >= 0; texts++)
                r = sd_bus_message_append_basic(call, SD_BUS_TYPE_STRING, *texts);
        if (r < 0)
                return r;
        *ret_call = TAKE_PTR(call);
        return 0;
}

#define TEXTS(...) ((const char *const[]) {__VA_ARGS__, NULL})

/* Sends a call whose arguments are complete. */
static int run(const Options *options, sd_bus *bus, sd_bus_message *call, const char *doing,
               const char *service)
{
        _cleanup_free_ char *what = str_printf("%s %s", doing, service);

        return what ? operation_run(options, bus, call, what) : -ENOMEM;
}

static int deploy_here(const Options *options, char **arguments, const Upload *upload)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_open(options, &bus);

        if (r != CTL_DONE)
                return r;
        r = call_new(bus, "Deploy", TEXTS(arguments[0], slot_of(options)), &call);
        if (r >= 0)
                r = sd_bus_message_append(call, "hhst", upload->fds[0], upload->fds[1],
                                          options->label ? options->label : "", UINT64_C(0));
        return r < 0 ? r : run(options, bus, call, "Deploying", arguments[0]);
}

int verb_deploy(const Options *options, size_t n_arguments, char **arguments)
{
        _cleanup_(upload_deinit) Upload upload = {};
        int r = upload_open(&upload, options, arguments + 1, 2);

        if (r != CTL_DONE)
                return r;
        return options->host ? remote_upload(options, "deploy", arguments, &upload)
                             : deploy_here(options, arguments, &upload);
}

static int configure_here(const Options *options, char **arguments, const Upload *upload)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_open(options, &bus);

        if (r != CTL_DONE)
                return r;
        r = call_new(bus, "Configure", TEXTS(arguments[0], slot_of(options)), &call);
        if (r >= 0)
                r = sd_bus_message_append(call, "h", upload->fds[0]);
        return r < 0 ? r : run(options, bus, call, "Configuring", arguments[0]);
}

int verb_configure(const Options *options, size_t n_arguments, char **arguments)
{
        _cleanup_(upload_deinit) Upload upload = {};
        int r = upload_open(&upload, options, arguments + 1, 1);

        if (r != CTL_DONE)
                return r;
        return options->host ? remote_upload(options, "configure", arguments, &upload)
                             : configure_here(options, arguments, &upload);
}

/* One `ROLE=N` as a member of a{su}. */
static int append_count(sd_bus_message *call, const char *text)
{
        const char *equals = strchr(text, '=');
        _cleanup_free_ char *role = NULL;
        uint64_t count;

        if (!equals || equals == text || str_to_u64(equals + 1, COUNT_MAX, &count) < 0) {
                log_error("'%s' is no instance count: write ROLE=N, N from 0 to %d", text,
                          COUNT_MAX);
                return CTL_USAGE;
        }
        role = strndup(text, (size_t) (equals - text));
        if (!role)
                return -ENOMEM;
        return MIN(sd_bus_message_append(call, "{su}", role, (uint32_t) count), 0);
}

int verb_scale(const Options *options, size_t n_arguments, char **arguments)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_open(options, &bus);

        if (r == CTL_DONE)
                r = call_new(bus, "Scale", TEXTS(arguments[0], slot_of(options)), &call);
        if (r != CTL_DONE)
                return r;
        r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "{su}");
        if (r < 0)
                return r;
        for (size_t i = 1; i < n_arguments; i++) {
                r = append_count(call, arguments[i]);
                if (r != CTL_DONE)
                        return r;
        }
        r = sd_bus_message_close_container(call);
        return r < 0 ? r : run(options, bus, call, "Scaling", arguments[0]);
}

int verb_swap(const Options *options, size_t n_arguments, char **arguments)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_open(options, &bus);

        if (r == CTL_DONE)
                r = call_new(bus, "Swap", TEXTS(arguments[0]), &call);
        return r != CTL_DONE ? r : run(options, bus, call, "Swapping", arguments[0]);
}

static bool confirmed(const Options *options, const char *service)
{
        return options_confirmed(options, "Delete %s%s%s with all its instances?",
                                 options->slot ? options->slot : "service",
                                 options->slot ? " of " : " ", service);
}

int verb_delete(const Options *options, size_t n_arguments, char **arguments)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        if (!confirmed(options, arguments[0])) {
                log_error("%s was not deleted", arguments[0]);
                return CTL_FAILED;
        }
        r = bus_open(options, &bus);
        if (r != CTL_DONE)
                return r;
        r = options->slot
                    ? call_new(bus, "DeleteDeployment", TEXTS(arguments[0], options->slot), &call)
                    : call_new(bus, "DeleteService", TEXTS(arguments[0]), &call);
        return r < 0 ? r : run(options, bus, call, "Deleting", arguments[0]);
}
