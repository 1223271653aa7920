/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods about guest operating systems that are there: RemoveGuestOs, DisableGuestOs,
 * EnableGuestOs, ListGuestOs. */

#include <stdio.h>

#include "hostd/host1.h"
#include "lib/base/str.h"

static int ask(sd_bus_message *message, Host1 *host1, FabricRequestKind kind, sd_bus_error *error)
{
        const char *family, *version;
        ControllerRequest *request;
        int r;

        r = bus_polkit_check(host1->polkit, message, HOST1_ADMINISTER, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_read(message, "ss", &family, &version);
        if (r < 0)
                return r;
        if (!str_is_name(family, RECORD_VERSION_MAX) || !str_is_name(version, RECORD_VERSION_MAX))
                return bus_error_invalid(error, "\"%s\" \"%s\" is not a family and a version",
                                         family, version);
        request = controller_request_new(kind);
        if (!request)
                return -ENOMEM;
        record_init(&request->record, RECORD_OS);
        snprintf(request->record.os.family, sizeof(RecordVersion), "%s", family);
        snprintf(request->record.os.version, sizeof(RecordVersion), "%s", version);
        return host1_request(host1, message, request, HOST1_REPLY_EMPTY, error);
}

int os_bus_remove(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return ask(message, userdata, FABRIC_UNREGISTER, error);
}

int os_bus_disable(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return ask(message, userdata, FABRIC_DISABLE_OS, error);
}

int os_bus_enable(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return ask(message, userdata, FABRIC_ENABLE_OS, error);
}

/* Instances that are wanted with a version. */
static uint32_t count_instances(Host1 *host1, const OsRecord *os)
{
        uint32_t n = 0;

        MAP_FOREACH (entry, store_records(host1->store, RECORD_INSTANCE)) {
                const InstanceRecord *instance = &((const Record *) entry->value)->instance;

                n += str_equal(instance->os_family, os->family) &&
                     str_equal(instance->os_version, os->version);
        }
        return n;
}

static int append_os(Host1 *host1, sd_bus_message *reply, const OsRecord *os)
{
        uint64_t bytes = 0;
        int r;

        for (size_t i = 0; i < os->n_files; i++)
                bytes += os->files[i].size_bytes;
        r = sd_bus_message_open_container(reply, 'r', "ssbbttuas");
        if (r >= 0)
                r = sd_bus_message_append(reply, "ssbbttu", os->family, os->version, os->disabled,
                                          os->imported, bytes, os->added_us,
                                          count_instances(host1, os));
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; i < os->n_holders && r >= 0; i++)
                r = sd_bus_message_append(reply, "s", os->holders[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int os_bus_list(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Host1 *host1 = userdata;
        int r;

        r = bus_polkit_check(host1->polkit, message, HOST1_INSPECT, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssbbttuas)");
        MAP_FOREACH (entry, store_records(host1->store, RECORD_OS))
                if (r >= 0)
                        r = append_os(host1, reply, &((const Record *) entry->value)->os);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}
