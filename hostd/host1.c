/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connection is made again when the bus goes away, with everything on it. Changes are gathered
 * while the store hands over a transaction and sent when it is whole, so nobody sees half of one.
 */

#include "hostd/host1.h"

#include <stdio.h>

#include "lib/base/log.h"
#include "lib/base/str.h"

#define RECONNECT_NS (300 * NSEC_PER_MSEC)

static const struct {
        const char *prefix;
        const char *interface;
        RecordType type;
} kinds[] = {
        [HOST1_SERVICE] = {HOST1_PATH "/service", HOST1_NAME ".Service", RECORD_SERVICE},
        [HOST1_DEPLOYMENT] = {HOST1_PATH "/deployment", HOST1_NAME ".Deployment",
                              RECORD_DEPLOYMENT},
        [HOST1_INSTANCE] = {HOST1_PATH "/instance", HOST1_NAME ".Instance", RECORD_INSTANCE},
        [HOST1_HOST] = {HOST1_PATH "/host", HOST1_NAME ".Host", RECORD_HOST},
        [HOST1_OPERATION] = {HOST1_PATH "/operation", HOST1_NAME ".Operation", RECORD_OPERATION},
};

const char *host1_object_path(Host1Kind kind, const char *id, Host1Path path)
{
        _cleanup_free_ char *encoded = NULL;

        if (str_empty(id) || sd_bus_path_encode(kinds[kind].prefix, id, &encoded) < 0)
                snprintf(path, HOST1_PATH_MAX, "/");
        else
                snprintf(path, HOST1_PATH_MAX, "%s", encoded);
        return path;
}

const char *host1_instance_path(const InstanceId *id, Host1Path path)
{
        char text[RECORD_KEY_MAX + 1];

        return host1_object_path(HOST1_INSTANCE, instance_id_format(id, text), path);
}

char *host1_object_id(Host1Kind kind, const char *path)
{
        char *id = NULL;

        return sd_bus_path_decode(path, kinds[kind].prefix, &id) > 0 ? id : NULL;
}

const ServiceRecord *host1_find_service(Host1 *host1, const char *name, sd_bus_error *error)
{
        const Record *record = store_named(host1->store, RECORD_SERVICE, name);

        if (record)
                return &record->service;
        bus_error(error, "NoSuchService", "there is no service \"%s\"; `troupectl list` shows all",
                  name);
        return NULL;
}

const DeploymentRecord *host1_find_deployment(Host1 *host1, const char *service, const char *slot,
                                              sd_bus_error *error)
{
        const ServiceRecord *record = host1_find_service(host1, service, error);
        const Record *deployment;
        Slot number;

        if (!record)
                return NULL;
        if (slot_from_string(slot, &number) < 0) {
                bus_error_invalid(error, "\"%s\" is not a slot: production or staging", slot);
                return NULL;
        }
        deployment = store_named(host1->store, RECORD_DEPLOYMENT, record->slots[number].deployment);
        if (deployment)
                return &deployment->deployment;
        bus_error(error, "NoSuchDeployment", "service \"%s\" has nothing in its %s slot", service,
                  slot);
        return NULL;
}

const InstanceRecord *host1_find_instance(Host1 *host1, const char *service, const char *slot,
                                          const char *name, sd_bus_error *error)
{
        const DeploymentRecord *deployment = host1_find_deployment(host1, service, slot, error);
        const InstanceRecord *instance;
        char text[RECORD_KEY_MAX + 1];
        InstanceId id;

        if (!deployment)
                return NULL;
        snprintf(text, sizeof(text), "%s/%s", deployment->id, name);
        instance = instance_id_parse(text, &id) == 0 ? store_instance(host1->store, &id) : NULL;
        if (!instance)
                bus_error(error, "NoSuchInstance",
                          "service \"%s\" has no instance \"%s\" in its %s slot", service, name,
                          slot);
        return instance;
}

/* ---- requests */

typedef struct Asked {
        Host1 *host1;
        sd_bus_message *message;
        Host1Reply reply;
        RecordName operation;
        RecordDigest package; /* of a deploy: held until its deployment is there, or refused */
} Asked;

static void on_request_done(void *userdata, const char *error, const char *text)
{
        Asked *asked = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error bus = SD_BUS_ERROR_NULL;
        Host1Path path;

        if (error) {
                intake_bus_deployed(asked->host1, asked->package);
                bus_error(&bus, error, "%s", text);
                sd_bus_reply_method_error(asked->message, &bus);
        } else if (asked->reply == HOST1_REPLY_EMPTY) {
                sd_bus_reply_method_return(asked->message, "");
        } else {
                sd_bus_reply_method_return(
                        asked->message, "o",
                        host1_object_path(HOST1_OPERATION, asked->operation, path));
        }
        sd_bus_message_unref(asked->message);
        free(asked);
}

int host1_check_leads(Host1 *host1, sd_bus_error *error)
{
        const char *leader = store_leader(host1->store);

        if (controller_leads(host1->controller))
                return 0;
        if (!host1->reachable)
                return bus_error(error, "Unavailable", "the cluster's state cannot be reached: %s",
                                 host1->unreachable ?: "starting up");
        if (leader && !str_equal(leader, host1->host))
                return bus_error(error, "NotLeader", "host \"%s\" decides; ask it", leader);
        return bus_error(error, "Unavailable",
                         "the cluster has no leader yet; try again in a moment");
}

int host1_forward_files(Host1 *host1, sd_bus_message *message,
                        const uint64_t limits[FORWARD_FILES_MAX], sd_bus_error *error)
{
        if (!controller_leads(host1->controller) && host1->reachable &&
            forward_wanted(host1->forward))
                return forward_call_with_files(host1->forward, message, host1->worker, limits,
                                               error);
        return host1_check_leads(host1, error);
}

int host1_request(Host1 *host1, sd_bus_message *message, ControllerRequest *request,
                  Host1Reply reply, sd_bus_error *error)
{
        _cleanup_(controller_request_freep) ControllerRequest *owned = request;
        Asked *asked;
        int r;

        if (!request)
                return -ENOMEM;
        if (!controller_leads(host1->controller) && host1->reachable &&
            forward_wanted(host1->forward) && request->kind != FABRIC_DEPLOY &&
            request->kind != FABRIC_CONFIGURE)
                return forward_call(host1->forward, message, error);
        r = host1_check_leads(host1, error);
        if (r < 0 && request->kind == FABRIC_DEPLOY)
                intake_bus_deployed(host1, request->record.deployment.package);
        if (r < 0)
                return r;
        asked = calloc(1, sizeof(*asked));
        if (!asked)
                return -ENOMEM;
        asked->host1 = host1;
        asked->message = sd_bus_message_ref(message);
        asked->reply = reply;
        if (request->kind == FABRIC_DEPLOY)
                memcpy(asked->package, request->record.deployment.package, sizeof(asked->package));
        request->done = on_request_done;
        request->userdata = asked;
        TAKE_PTR(owned);
        snprintf(asked->operation, sizeof(asked->operation), "%s",
                 controller_request(host1->controller, request));
        return 1;
}

int host1_act(Host1 *host1, sd_bus_message *message, FabricRequestKind kind, const InstanceId *id,
              sd_bus_error *error)
{
        ControllerRequest *request = controller_request_new(kind);

        if (request)
                request->instance = *id;
        return host1_request(host1, message, request, HOST1_REPLY_OPERATION, error);
}

int host1_open_shell(Host1 *host1, sd_bus_message *message, const InstanceRecord *instance,
                     unsigned rows, unsigned columns, sd_bus_error *error)
{
        char id[RECORD_KEY_MAX + 1];
        int r;

        instance_id_format(&instance->id, id);
        if (!str_equal(instance->host, host1->host))
                return bus_error(error, "NotHere",
                                 "%s runs on host \"%s\"; run troupectl -H %s shell", id,
                                 instance->host, instance->host);
        r = shells_open(host1->shells, message, &instance->id, rows ?: 24, columns ?: 80);
        if (r == -ENOENT || r == -ENOTCONN)
                return bus_error(error, "NotReady", "the agent of %s is not connected", id);
        if (r == -ENOBUFS || r == -EMFILE)
                return bus_error(error, "TooMany", "too many shells are open");
        return r < 0 ? r : 1;
}

/* ---- objects */

int host1_add_kind(Host1 *host1, Host1Kind kind, const sd_bus_vtable *vtable,
                   sd_bus_object_find_t find, sd_bus_node_enumerator_t enumerate)
{
        int r;

        r = sd_bus_add_fallback_vtable(host1->bus, NULL, kinds[kind].prefix, kinds[kind].interface,
                                       vtable, find, host1);
        if (r < 0)
                return r;
        return sd_bus_add_node_enumerator(host1->bus, NULL, kinds[kind].prefix, enumerate, host1);
}

/* The object that a record is shown as, if it is. */
static bool object_of(const Record *record, Host1Kind *ret_kind, char id[static RECORD_KEY_MAX + 1])
{
        static const Host1Kind of[RECORD_TYPES] = {
                [RECORD_SERVICE] = HOST1_SERVICE,     [RECORD_DEPLOYMENT] = HOST1_DEPLOYMENT,
                [RECORD_INSTANCE] = HOST1_INSTANCE,   [RECORD_HOST] = HOST1_HOST,
                [RECORD_OPERATION] = HOST1_OPERATION,
        };
        RecordKey key = record_key_of(record);

        switch (record->type) {
        case RECORD_SERVICE:
        case RECORD_DEPLOYMENT:
        case RECORD_HOST:
        case RECORD_OPERATION:
                snprintf(id, RECORD_KEY_MAX + 1, "%s", key.name);
                break;
        case RECORD_INSTANCE:
                instance_id_format(&record->instance.id, id);
                break;
        default:
                return false;
        }
        *ret_kind = of[record->type];
        return true;
}

int host1_enumerate(Host1 *host1, Host1Kind kind, char ***ret_nodes)
{
        const Map *map = store_records(host1->store, kinds[kind].type);
        char **nodes = calloc(map_size(map) + 1, sizeof(*nodes));
        char id[RECORD_KEY_MAX + 1];
        Host1Path path;
        Host1Kind of;
        size_t n = 0;

        if (!nodes)
                return -ENOMEM;
        MAP_FOREACH (entry, map) {
                if (!object_of(entry->value, &of, id))
                        continue;
                nodes[n] = strdup(host1_object_path(kind, id, path));
                if (!nodes[n++]) {
                        while (n > 0)
                                free(nodes[--n]);
                        free(nodes);
                        return -ENOMEM;
                }
        }
        *ret_nodes = nodes;
        return 0;
}

/* ---- changes */

static void dirty(Host1 *host1, const char *path, const char *interface)
{
        if (host1->bus && !map_contains(&host1->dirty, path))
                map_put(&host1->dirty, path, (char *) interface);
}

static void dirty_object(Host1 *host1, Host1Kind kind, const char *id)
{
        Host1Path path;

        if (!str_empty(id))
                dirty(host1, host1_object_path(kind, id, path), kinds[kind].interface);
}

static void dirty_manager(Host1 *host1)
{
        dirty(host1, HOST1_PATH, HOST1_NAME ".Manager");
}

static void dirty_instance(Host1 *host1, const InstanceId *id)
{
        char text[RECORD_KEY_MAX + 1];

        dirty_object(host1, HOST1_INSTANCE, instance_id_format(id, text));
        dirty_object(host1, HOST1_DEPLOYMENT, id->deployment);
}

/* Objects whose properties come from this record besides their own. */
static void dirty_related(Host1 *host1, const Record *record)
{
        switch (record->type) {
        case RECORD_CLUSTER:
        case RECORD_OS:
                dirty_manager(host1);
                break;
        case RECORD_ALIVE:
                dirty_object(host1, HOST1_HOST, record->alive.host);
                break;
        case RECORD_SERVICE:
                for (unsigned slot = 0; slot < SLOTS; slot++)
                        dirty_object(host1, HOST1_DEPLOYMENT,
                                     record->service.slots[slot].deployment);
                break;
        case RECORD_INSTANCE:
                dirty_object(host1, HOST1_DEPLOYMENT, record->instance.id.deployment);
                dirty_object(host1, HOST1_HOST, record->instance.host);
                break;
        case RECORD_OBSERVED:
                dirty_instance(host1, &record->observed.id);
                break;
        case RECORD_OPERATION:
                dirty_object(host1, HOST1_SERVICE, record->operation.service);
                break;
        default:
                break;
        }
}

void host1_record_put(Host1 *host1, const Record *record, const Record *before)
{
        char id[RECORD_KEY_MAX + 1];
        Host1Kind kind;
        Host1Path path;

        if (record->type == RECORD_DEPLOYMENT)
                intake_bus_deployed(host1, record->deployment.package);
        if (record->type == RECORD_OS)
                os_bus_registered(host1, &record->os);
        if (!host1->bus)
                return;
        dirty_related(host1, record);
        if (before)
                dirty_related(host1, before);
        if (!object_of(record, &kind, id))
                return;
        if (before)
                dirty_object(host1, kind, id);
        else
                sd_bus_emit_object_added(host1->bus, host1_object_path(kind, id, path));
}

void host1_record_deleted(Host1 *host1, const RecordKey *key, const Record *before)
{
        char id[RECORD_KEY_MAX + 1];
        Host1Kind kind;
        Host1Path path;

        if (!host1->bus)
                return;
        dirty_related(host1, before);
        if (!object_of(before, &kind, id))
                return;
        host1_object_path(kind, id, path);
        map_remove(&host1->dirty, path);
        sd_bus_emit_interfaces_removed(host1->bus, path, kinds[kind].interface, NULL);
}

void host1_leader_changed(Host1 *host1)
{
        dirty_manager(host1);
        MAP_FOREACH (entry, store_records(host1->store, RECORD_HOST)) {
                const Record *record = entry->value;

                dirty_object(host1, HOST1_HOST, record->host.name);
        }
        host1_flush(host1);
}

void host1_reachable(Host1 *host1, bool reachable, const char *detail)
{
        host1->reachable = reachable;
        str_set(&host1->unreachable, detail);
        dirty_manager(host1);
        host1_flush(host1);
}

void host1_flush(Host1 *host1)
{
        if (host1->bus)
                MAP_FOREACH (entry, &host1->dirty)
                        sd_bus_emit_properties_changed_strv(host1->bus, entry->key, entry->value,
                                                            NULL);
        map_deinit(&host1->dirty);
        host1->dirty = (Map) {};
}

/* ---- the connection */

static void disconnect(Host1 *host1)
{
        shells_set_bus(host1->shells, NULL);
        host_half_set_bus(host1->host_half, NULL);
        if (host1->fence)
                fence_set_bus(host1->fence, NULL);
        if (host1->updater)
                updater_set_bus(host1->updater, NULL);
        if (host1->membership)
                membership_set_bus(host1->membership, NULL);
        if (host1->forward)
                forward_set_bus(host1->forward, NULL);
        host1->polkit = bus_polkit_free(host1->polkit);
        if (host1->bus)
                sd_bus_detach_event(host1->bus);
        host1->bus = sd_bus_close_unref(host1->bus);
}

static void reconnect_later(Host1 *host1)
{
        sd_event_source_set_time_relative(host1->reconnect, RECONNECT_NS / NSEC_PER_USEC);
        sd_event_source_set_enabled(host1->reconnect, SD_EVENT_ONESHOT);
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        log_warning("the bus went away; connecting again");
        reconnect_later(userdata); /* the connection may not be freed in its own handler */
        return 0;
}

static int on_name(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;

        if (!sd_bus_message_is_method_error(message, NULL))
                return 0;
        log_error("cannot be " HOST1_NAME " on the bus: %s",
                  sd_bus_message_get_error(message)->message);
        reconnect_later(host1);
        return 0;
}

static int open_bus(Host1 *host1)
{
        int r;

        r = sd_bus_new(&host1->bus);
        if (r == 0)
                r = sd_bus_set_address(host1->bus, host1->address);
        if (r >= 0)
                r = sd_bus_set_bus_client(host1->bus, true);
        if (r >= 0)
                r = sd_bus_negotiate_fds(host1->bus, true);
        if (r >= 0)
                r = sd_bus_negotiate_creds(host1->bus, true, SD_BUS_CREDS_EUID);
        if (r >= 0)
                r = sd_bus_start(host1->bus);
        if (r >= 0)
                r = sd_bus_attach_event(host1->bus, host1->event, SD_EVENT_PRIORITY_NORMAL);
        return r;
}

static int add_interfaces(Host1 *host1)
{
        static int (*const add[])(Host1 *) = {
                manager_bus_add,  service_bus_add, deployment_bus_add,
                instance_bus_add, host_bus_add,    operation_bus_add,
        };
        int r;

        r = sd_bus_add_object_manager(host1->bus, NULL, HOST1_PATH);
        for (size_t i = 0; i < ARRAY_SIZE(add) && r >= 0; i++)
                r = add[i](host1);
        return r;
}

static int connect_bus(Host1 *host1)
{
        int r;

        host1->polkit = bus_polkit_new();
        if (!host1->polkit)
                return -ENOMEM;
        r = open_bus(host1);
        if (r >= 0)
                r = sd_bus_match_signal_async(host1->bus, NULL, "org.freedesktop.DBus.Local",
                                              "/org/freedesktop/DBus/Local",
                                              "org.freedesktop.DBus.Local", "Disconnected",
                                              on_disconnected, NULL, host1);
        if (r >= 0)
                r = add_interfaces(host1);
        if (r >= 0)
                r = sd_bus_request_name_async(host1->bus, NULL, HOST1_NAME, 0, on_name, host1);
        return r;
}

void host1_connect(Host1 *host1)
{
        int r;

        disconnect(host1);
        r = connect_bus(host1);
        if (r < 0) {
                log_error_errno(r, "cannot connect to the bus");
                disconnect(host1);
                reconnect_later(host1);
                return;
        }
        host_half_set_bus(host1->host_half, host1->bus);
        if (host1->fence)
                fence_set_bus(host1->fence, host1->bus);
        if (host1->updater)
                updater_set_bus(host1->updater, host1->bus);
        shells_set_bus(host1->shells, host1->bus);
        if (host1->membership)
                membership_set_bus(host1->membership, host1->bus);
        if (host1->forward)
                forward_set_bus(host1->forward, host1->bus);
}

static int on_reconnect(sd_event_source *source, uint64_t usec, void *userdata)
{
        host1_connect(userdata);
        return 0;
}

static int add_source(Host1 *host1, const Host1Config *config)
{
        _cleanup_free_ char *directory = str_printf("%s/os-source", config->state_dir);
        OsSourceConfig source = {
                .event = host1->event,
                .worker = host1->worker,
                .directory = directory,
                .keyring = config->update_keyring,
                .userdata = host1,
                .done = os_bus_fetched,
        };

        return directory ? os_source_new(&source, &host1->source) : -ENOMEM;
}

int host1_new(const Host1Config *config, Host1 **ret_host1)
{
        _cleanup_(host1_freep) Host1 *host1 = calloc(1, sizeof(*host1));
        const char *address = config->address ?: getenv("DBUS_SYSTEM_BUS_ADDRESS");
        int r;

        if (!host1)
                return -ENOMEM;
        host1->event = sd_event_ref(config->event);
        host1->store = config->store;
        host1->controller = config->controller;
        host1->host_half = config->host_half;
        host1->content = config->content;
        host1->fence = config->fence;
        host1->updater = config->updater;
        host1->shells = config->shells;
        host1->events = config->events;
        host1->membership = config->membership;
        host1->forward = config->forward;
        host1->peers = config->peers;
        host1->etcd = config->etcd;
        host1->config = config->config;
        r = str_set(&host1->address, address ?: "unix:path=/run/dbus/system_bus_socket");
        if (r == 0)
                r = str_set(&host1->host, config->host);
        if (r == 0)
                r = str_set(&host1->state_dir, config->state_dir);
        if (r == 0)
                r = worker_new(host1->event, INTAKE_MAX, &host1->worker);
        if (r == 0 && config->state_dir)
                r = add_source(host1, config);
        if (r == 0)
                r = sd_event_add_time(host1->event, &host1->reconnect, CLOCK_BOOTTIME, 0, 0,
                                      on_reconnect, host1);
        if (r >= 0)
                r = sd_event_source_set_enabled(host1->reconnect, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret_host1 = TAKE_PTR(host1);
        return 0;
}

Host1 *host1_free(Host1 *host1)
{
        if (!host1)
                return NULL;
        os_source_stop(host1->source);
        worker_free(host1->worker); /* its jobs end by answering calls */
        os_bus_drop(host1);
        os_source_free(host1->source);
        if (host1->bus)
                sd_bus_flush(host1->bus);
        disconnect(host1);
        sd_event_source_disable_unref(host1->reconnect);
        recovery_free(host1->recovery);
        sd_bus_message_unref(host1->recovering);
        map_deinit(&host1->dirty);
        map_deinit(&host1->taken);
        free(host1->unreachable);
        free(host1->address);
        free(host1->host);
        free(host1->state_dir);
        sd_event_unref(host1->event);
        free(host1);
        return NULL;
}
