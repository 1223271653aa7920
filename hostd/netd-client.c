/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The client of netd. `has` is what netd is known to have, `sent` what the call under way brings
 * it, `wanted` what it is to have in the end. */

#include "hostd/netd-client.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/base/str.h"

#define ACCURACY_USEC 10000
#define UNKNOWN_ERROR "org.troupe.Error.Unknown"
#define OWNER_MATCH                                                                                \
        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"                \
        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" NET1_NAME "'"
#define ROTATION_MATCH                                                                             \
        "type='signal',path='" NET1_PATH "',interface='" NET1_INTERFACE "',member='"               \
        "RotationChanged'"

struct NetdClient {
        sd_event *event;
        NetdSink sink;
        sd_bus *bus; /* NULL while there is none */
        sd_bus_slot *owner_match;
        sd_bus_slot *rotation_match;
        sd_bus_slot *call;     /* under way, or NULL */
        sd_bus_slot *rotation; /* GetRotation under way, or NULL */
        sd_event_source *retry;
        NetPlan has, sent, wanted;
        bool knows; /* `has` is what netd has; else it has to be replaced */
        uint64_t n_declared, n_sent, n_carried_out;
        char *problem;
};

static void send_next(NetdClient *client);

static void set_problem(NetdClient *client, const char *problem)
{
        if (problem && !str_equal(problem, client->problem))
                log_warning("netd: %s", problem);
        str_set(&client->problem, problem);
}

static void retry_later(NetdClient *client)
{
        sd_event_source_set_time_relative(client->retry, NETD_RETRY_NS / NSEC_PER_USEC);
        sd_event_source_set_enabled(client->retry, SD_EVENT_ONESHOT);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        send_next(userdata);
        return 0;
}

/* It is not known any more what netd has; what it is to have is in `wanted` again, wherever it was.
 */
static void forget(NetdClient *client)
{
        client->call = sd_bus_slot_unref(client->call);
        if (client->n_declared > 0 && client->n_sent == client->n_declared) {
                NetPlan *newest =
                        client->n_carried_out == client->n_declared ? &client->has : &client->sent;

                net_plan_deinit(&client->wanted);
                client->wanted = *newest;
                *newest = (NetPlan) {};
        }
        net_plan_deinit(&client->has);
        net_plan_deinit(&client->sent);
        client->knows = false;
        client->n_sent = 0;
}

/* ---- rotation */

static int on_rotation_list(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        NetdClient *client = userdata;
        const char *endpoint, *instance, *why;
        int in_rotation;

        client->rotation = sd_bus_slot_unref(client->rotation);
        if (sd_bus_message_is_method_error(message, NULL) ||
            sd_bus_message_enter_container(message, 'a', "(ssbs)") < 0)
                return 0;
        while (sd_bus_message_read(message, "(ssbs)", &endpoint, &instance, &in_rotation, &why) > 0)
                client->sink.rotation(client->sink.userdata, endpoint, instance, in_rotation);
        return 0;
}

static int on_rotation_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        NetdClient *client = userdata;
        const char *endpoint, *instance, *why;
        int in_rotation;

        if (sd_bus_message_read(message, "ssbs", &endpoint, &instance, &in_rotation, &why) >= 0)
                client->sink.rotation(client->sink.userdata, endpoint, instance, in_rotation);
        return 0;
}

/* What changed while nobody listened is asked for once. */
static void ask_rotation(NetdClient *client)
{
        client->rotation = sd_bus_slot_unref(client->rotation);
        sd_bus_call_method_async(client->bus, &client->rotation, NET1_NAME, NET1_PATH,
                                 NET1_INTERFACE, "GetRotation", on_rotation_list, client, NULL);
}

/* ---- the state */

static int on_declared(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        NetdClient *client = userdata;
        const sd_bus_error *failure = sd_bus_message_get_error(message);

        if (failure) {
                forget(client);
                set_problem(client, failure->message ? failure->message : failure->name);
                retry_later(client);
        } else {
                bool first = !client->knows;

                client->call = sd_bus_slot_unref(client->call);
                net_plan_deinit(&client->has);
                client->has = client->sent;
                client->sent = (NetPlan) {};
                client->knows = true;
                client->n_carried_out = client->n_sent;
                set_problem(client, NULL);
                if (first)
                        ask_rotation(client);
                send_next(client);
        }
        client->sink.changed(client->sink.userdata);
        return 0;
}

/* Builds the call that brings netd from `has` to `wanted`; NET_PLAN_SAME when there is nothing to
 * say. */
static int make_call(NetdClient *client, sd_bus_message **ret_message)
{
        sd_bus_message *message = NULL;
        NetPlan update = {};
        int r;

        if (client->knows) {
                r = net_plan_diff(&client->has, &client->wanted, &update);
                if (r != 0)
                        return r;
        }
        r = sd_bus_message_new_method_call(client->bus, &message, NET1_NAME, NET1_PATH,
                                           NET1_INTERFACE, client->knows ? "Update" : "Replace");
        if (r >= 0)
                r = client->knows ? net1_append_update(message, &update.state)
                                  : net1_append_state(message, &client->wanted.state);
        if (client->knows)
                net_plan_diff_deinit(&update);
        if (r < 0) {
                sd_bus_message_unref(message);
                return r;
        }
        *ret_message = message;
        return 0;
}

static void sent_off(NetdClient *client)
{
        net_plan_deinit(&client->sent);
        client->sent = client->wanted;
        client->wanted = (NetPlan) {};
        client->n_sent = client->n_declared;
}

static void send_next(NetdClient *client)
{
        sd_bus_message *message = NULL;
        int r;

        if (!client->bus || client->call || client->n_declared == 0)
                return;
        if (client->knows && client->n_sent == client->n_declared)
                return;
        r = make_call(client, &message);
        if (r == NET_PLAN_SAME) {
                net_plan_deinit(&client->wanted);
                client->n_sent = client->n_carried_out = client->n_declared;
                return;
        }
        if (r >= 0) {
                r = sd_bus_call_async(client->bus, &client->call, message, on_declared, client,
                                      NETD_TIMEOUT_NS / NSEC_PER_USEC);
                sd_bus_message_unref(message);
        }
        if (r < 0) {
                set_problem(client, strerror(-r));
                retry_later(client);
                return;
        }
        sent_off(client);
}

/* A new netd has what its predecessor wrote down, perhaps: it is told all. */
static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        NetdClient *client = userdata;
        const char *name, *before, *after;

        if (sd_bus_message_read(message, "sss", &name, &before, &after) < 0)
                return 0;
        forget(client);
        if (after[0] != '\0')
                send_next(client);
        return 0;
}

int netd_client_new(sd_event *event, const NetdSink *sink, NetdClient **ret_client)
{
        _cleanup_(netd_client_freep) NetdClient *client = calloc(1, sizeof(*client));
        int r;

        if (!client)
                return -ENOMEM;
        client->event = sd_event_ref(event);
        client->sink = *sink;
        r = sd_event_add_time_relative(event, &client->retry, CLOCK_BOOTTIME, 0, ACCURACY_USEC,
                                       on_retry, client);
        if (r < 0)
                return r;
        sd_event_source_set_enabled(client->retry, SD_EVENT_OFF);
        *ret_client = TAKE_PTR(client);
        return 0;
}

static void drop_bus(NetdClient *client)
{
        forget(client);
        client->rotation = sd_bus_slot_unref(client->rotation);
        client->owner_match = sd_bus_slot_unref(client->owner_match);
        client->rotation_match = sd_bus_slot_unref(client->rotation_match);
        client->bus = sd_bus_unref(client->bus);
}

NetdClient *netd_client_free(NetdClient *client)
{
        if (!client)
                return NULL;
        drop_bus(client);
        sd_event_source_disable_unref(client->retry);
        sd_event_unref(client->event);
        net_plan_deinit(&client->has);
        net_plan_deinit(&client->sent);
        net_plan_deinit(&client->wanted);
        free(client->problem);
        free(client);
        return NULL;
}

int netd_client_set_bus(NetdClient *client, sd_bus *bus)
{
        int r;

        drop_bus(client);
        if (!bus)
                return 0;
        client->bus = sd_bus_ref(bus);
        r = sd_bus_add_match_async(bus, &client->owner_match, OWNER_MATCH, on_owner_changed, NULL,
                                   client);
        if (r >= 0)
                r = sd_bus_add_match_async(bus, &client->rotation_match, ROTATION_MATCH,
                                           on_rotation_changed, NULL, client);
        if (r < 0)
                return r;
        send_next(client);
        return 0;
}

uint64_t netd_client_declare(NetdClient *client, NetPlan *plan)
{
        net_plan_deinit(&client->wanted);
        client->wanted = *plan;
        *plan = (NetPlan) {};
        client->n_declared++;
        send_next(client);
        return client->n_declared;
}

uint64_t netd_client_carried_out(const NetdClient *client)
{
        return client->n_carried_out;
}

const char *netd_client_problem(const NetdClient *client)
{
        return client->problem;
}

static int on_connections(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        NetdClient *client = userdata;
        sd_bus_slot *slot = sd_bus_get_current_slot(client->bus);
        const char *instance = NULL;
        uint32_t count;

        sd_bus_slot_get_description(slot, &instance);
        if (instance && !sd_bus_message_is_method_error(message, NULL) &&
            sd_bus_message_read(message, "u", &count) >= 0)
                client->sink.connections(client->sink.userdata, instance, count);
        return 0;
}

/* The answer finds the instance's name in its slot. */
static void ask_about(NetdClient *client, const char *method, const char *instance,
                      sd_bus_message_handler_t on_answer)
{
        sd_bus_slot *slot = NULL;

        if (!client->bus)
                return;
        if (sd_bus_call_method_async(client->bus, &slot, NET1_NAME, NET1_PATH, NET1_INTERFACE,
                                     method, on_answer, client, "s", instance) < 0)
                return;
        sd_bus_slot_set_description(slot, instance);
        sd_bus_slot_set_floating(slot, 1);
        sd_bus_slot_unref(slot);
}

void netd_client_ask_connections(NetdClient *client, const char *instance)
{
        ask_about(client, "Connections", instance, on_connections);
}

static int on_cut(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        NetdClient *client = userdata;
        sd_bus_slot *slot = sd_bus_get_current_slot(client->bus);
        const sd_bus_error *failure = sd_bus_message_get_error(message);
        const char *instance = "";
        uint32_t count;

        sd_bus_slot_get_description(slot, &instance);
        if (failure && !str_equal(failure->name, UNKNOWN_ERROR))
                log_warning("%s: its connections cannot be ended: %s", instance, failure->message);
        else if (!failure && sd_bus_message_read(message, "u", &count) >= 0 && count > 0)
                log_info("%s: %u connections were still open and have been ended", instance, count);
        return 0;
}

void netd_client_cut(NetdClient *client, const char *instance)
{
        ask_about(client, "Cut", instance, on_cut);
}
