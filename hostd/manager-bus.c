/* SPDX-License-Identifier: GPL-3.0-or-later */
/* org.troupe.Host1.Manager: the host daemon and, through it, the cluster. */

#include <stdio.h>

#include "hostd/host1.h"
#include "lib/base/str.h"
#include "lib/base/url.h"

/* Asks polkit. 1: go on; else what the handler returns at once. */
#define AUTHORIZE(host1, message, action, error)                                                   \
        do {                                                                                       \
                int allowed = bus_polkit_check((host1)->polkit, (message), (action), (error));     \
                if (allowed <= 0)                                                                  \
                        return allowed < 0 ? allowed : 1;                                          \
        } while (0)

/* ---- services */

static int read_counts(sd_bus_message *message, const DeploymentRecord *deployment,
                       ControllerRequest *request, sd_bus_error *error)
{
        const char *role;
        uint32_t count;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{su}");
        while (r >= 0 && (r = sd_bus_message_read(message, "{su}", &role, &count)) > 0) {
                if (!deployment_role(deployment, role))
                        return bus_error(error, "NoSuchRole", "service \"%s\" has no role \"%s\"",
                                         deployment->service, role);
                if (count > RECORD_COUNT_MAX)
                        return bus_error(error, "CountInvalid",
                                         "%u instances of \"%s\": at most %d", count, role,
                                         RECORD_COUNT_MAX);
                if (request->n_counts == RECORD_ROLES_MAX)
                        return bus_error_invalid(error, "a role is named twice");
                snprintf(request->counts[request->n_counts].role, sizeof(RecordName), "%s", role);
                request->counts[request->n_counts++].count = count;
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int method_scale(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        _cleanup_(controller_request_freep) ControllerRequest *request = NULL;
        const DeploymentRecord *deployment;
        const char *service, *slot;
        Host1 *host1 = userdata;
        int r;

        AUTHORIZE(host1, message, HOST1_OPERATE, error);
        r = sd_bus_message_read(message, "ss", &service, &slot);
        if (r < 0)
                return r;
        deployment = host1_find_deployment(host1, service, slot, error);
        if (!deployment)
                return -ENOENT;
        request = controller_request_new(FABRIC_SCALE);
        if (!request)
                return -ENOMEM;
        snprintf(request->service, sizeof(request->service), "%s", service);
        slot_from_string(slot, &request->slot);
        r = read_counts(message, deployment, request, error);
        if (r < 0)
                return r;
        return host1_request(host1, message, TAKE_PTR(request), HOST1_REPLY_OPERATION, error);
}

/* A request about a service as a whole, or one slot of it. */
static int request_service(Host1 *host1, sd_bus_message *message, FabricRequestKind kind,
                           const char *service, const char *slot, sd_bus_error *error)
{
        ControllerRequest *request;

        if (slot ? !host1_find_deployment(host1, service, slot, error)
                 : !host1_find_service(host1, service, error))
                return -ENOENT;
        request = controller_request_new(kind);
        if (!request)
                return -ENOMEM;
        snprintf(request->service, sizeof(request->service), "%s", service);
        if (slot)
                slot_from_string(slot, &request->slot);
        return host1_request(host1, message, request, HOST1_REPLY_OPERATION, error);
}

static int method_swap(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        const char *service;
        int r;

        AUTHORIZE(host1, message, HOST1_OPERATE, error);
        r = sd_bus_message_read(message, "s", &service);
        return r < 0 ? r : request_service(host1, message, FABRIC_SWAP, service, NULL, error);
}

static int method_delete_deployment(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *service, *slot;
        Host1 *host1 = userdata;
        int r;

        AUTHORIZE(host1, message, HOST1_DEPLOY, error);
        r = sd_bus_message_read(message, "ss", &service, &slot);
        return r < 0 ? r : request_service(host1, message, FABRIC_DELETE, service, slot, error);
}

static int method_delete_service(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        const char *service;
        int r;

        AUTHORIZE(host1, message, HOST1_DEPLOY, error);
        r = sd_bus_message_read(message, "s", &service);
        return r < 0 ? r
                     : request_service(host1, message, FABRIC_DELETE_SERVICE, service, NULL, error);
}

/* ---- instances */

static int act(sd_bus_message *message, Host1 *host1, FabricRequestKind kind, sd_bus_error *error)
{
        const char *service, *slot, *name;
        const InstanceRecord *instance;
        int r;

        AUTHORIZE(host1, message, HOST1_OPERATE, error);
        r = sd_bus_message_read(message, "sss", &service, &slot, &name);
        if (r < 0)
                return r;
        instance = host1_find_instance(host1, service, slot, name, error);
        return instance ? host1_act(host1, message, kind, &instance->id, error) : -ENOENT;
}

static int method_reboot(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return act(message, userdata, FABRIC_REBOOT, error);
}

static int method_reimage(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return act(message, userdata, FABRIC_REIMAGE, error);
}

static int method_rebuild(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return act(message, userdata, FABRIC_REBUILD, error);
}

static int method_open_shell(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *service, *slot, *name;
        const InstanceRecord *instance;
        Host1 *host1 = userdata;
        uint16_t rows, columns;
        int r;

        AUTHORIZE(host1, message, HOST1_OPERATE, error);
        r = sd_bus_message_read(message, "sssqq", &service, &slot, &name, &rows, &columns);
        if (r < 0)
                return r;
        instance = host1_find_instance(host1, service, slot, name, error);
        return instance ? host1_open_shell(host1, message, instance, rows, columns, error)
                        : -ENOENT;
}

static int method_resize_shell(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        uint16_t rows, columns;
        const char *shell;
        int r;

        AUTHORIZE(host1, message, HOST1_OPERATE, error);
        r = sd_bus_message_read(message, "sqq", &shell, &rows, &columns);
        if (r < 0)
                return r;
        r = shells_resize(host1->shells, sd_bus_message_get_sender(message), shell, rows, columns);
        if (r == -ENOENT)
                return bus_error(error, "NoSuchInstance", "there is no shell \"%s\"", shell);
        if (r == -EACCES)
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED,
                                        "somebody else opened this shell");
        return sd_bus_reply_method_return(message, "");
}

/* ---- looking up */

static int method_list_hosts(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Host1 *host1 = userdata;
        Host1Path path;
        int r;

        AUTHORIZE(host1, message, HOST1_INSPECT, error);
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssso)");
        MAP_FOREACH (entry, store_records(host1->store, RECORD_HOST)) {
                const HostRecord *host = &((const Record *) entry->value)->host;

                if (r >= 0)
                        r = sd_bus_message_append(reply, "(ssso)", host->name, host->fault_domain,
                                                  host_bus_state(host1, host),
                                                  host1_object_path(HOST1_HOST, host->name, path));
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_list_services(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Host1 *host1 = userdata;
        Host1Path path;
        int r;

        AUTHORIZE(host1, message, HOST1_INSPECT, error);
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(so)");
        MAP_FOREACH (entry, store_records(host1->store, RECORD_SERVICE)) {
                const char *name = ((const Record *) entry->value)->service.name;

                if (r >= 0)
                        r = sd_bus_message_append(reply, "(so)", name,
                                                  host1_object_path(HOST1_SERVICE, name, path));
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_get_service(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        const char *service;
        Host1Path path;
        int r;

        AUTHORIZE(host1, message, HOST1_INSPECT, error);
        r = sd_bus_message_read(message, "s", &service);
        if (r < 0)
                return r;
        if (!host1_find_service(host1, service, error))
                return -ENOENT;
        return sd_bus_reply_method_return(message, "o",
                                          host1_object_path(HOST1_SERVICE, service, path));
}

static int method_get_deployment(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const DeploymentRecord *deployment;
        const char *service, *slot;
        Host1 *host1 = userdata;
        Host1Path path;
        int r;

        AUTHORIZE(host1, message, HOST1_INSPECT, error);
        r = sd_bus_message_read(message, "ss", &service, &slot);
        if (r < 0)
                return r;
        deployment = host1_find_deployment(host1, service, slot, error);
        if (!deployment)
                return -ENOENT;
        return sd_bus_reply_method_return(
                message, "o", host1_object_path(HOST1_DEPLOYMENT, deployment->id, path));
}

static int method_get_instance(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *service, *slot, *name;
        const InstanceRecord *instance;
        Host1 *host1 = userdata;
        Host1Path path;
        int r;

        AUTHORIZE(host1, message, HOST1_INSPECT, error);
        r = sd_bus_message_read(message, "sss", &service, &slot, &name);
        if (r < 0)
                return r;
        instance = host1_find_instance(host1, service, slot, name, error);
        if (!instance)
                return -ENOENT;
        return sd_bus_reply_method_return(message, "o", host1_instance_path(&instance->id, path));
}

/* ---- hosts */

static int request_host(sd_bus_message *message, Host1 *host1, FabricRequestKind kind,
                        Host1Reply reply, sd_bus_error *error)
{
        ControllerRequest *request;
        const char *host;
        int r;

        AUTHORIZE(host1, message, HOST1_ADMINISTER, error);
        r = sd_bus_message_read(message, "s", &host);
        if (r < 0)
                return r;
        if (!store_named(host1->store, RECORD_HOST, host))
                return bus_error(error, "NoSuchHost",
                                 "there is no host \"%s\"; `troupectl hosts` shows all", host);
        request = controller_request_new(kind);
        if (!request)
                return -ENOMEM;
        snprintf(request->host, sizeof(request->host), "%s", host);
        return host1_request(host1, message, request, reply, error);
}

static int method_cordon(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return request_host(message, userdata, FABRIC_CORDON, HOST1_REPLY_EMPTY, error);
}

static int method_uncordon(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return request_host(message, userdata, FABRIC_UNCORDON, HOST1_REPLY_EMPTY, error);
}

static int method_drain(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return request_host(message, userdata, FABRIC_DRAIN, HOST1_REPLY_OPERATION, error);
}

/* A list of names, which the cluster's hosts have, with commas between. */
static int read_hosts(sd_bus_message *message, const Store *store, char **ret_hosts,
                      sd_bus_error *error)
{
        _cleanup_free_ char *hosts = NULL;
        StrBuffer list = {};
        const char *host;
        bool known = true;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "s");
        while (r >= 0 && known && (r = sd_bus_message_read(message, "s", &host)) > 0) {
                known = store_named(store, RECORD_HOST, host);
                str_buffer_addf(&list, "%s%s", list.length > 0 ? "," : "", host);
        }
        if (r >= 0 && known)
                r = sd_bus_message_exit_container(message);
        if (!known)
                r = bus_error(error, "NoSuchHost",
                              "there is no host \"%s\"; `troupectl hosts` shows all", host);
        if (r < 0) {
                str_buffer_take(&list, &hosts);
                return r;
        }
        return str_buffer_take(&list, ret_hosts);
}

static int method_update_hosts(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        _cleanup_(controller_request_freep) ControllerRequest *request = NULL;
        Host1 *host1 = userdata;
        UpdaterUnit unit;
        const char *url;
        int r;

        AUTHORIZE(host1, message, HOST1_ADMINISTER, error);
        request = controller_request_new(FABRIC_UPDATE_HOSTS);
        if (!request)
                return -ENOMEM;
        r = read_hosts(message, host1->store, &request->hosts, error);
        if (r >= 0)
                r = sd_bus_message_read(message, "s", &url);
        if (r < 0)
                return r;
        r = updater_unit(url, unit);
        if (r == -E2BIG)
                return bus_error_invalid(error, "the address to update from is too long");
        if (r < 0)
                return bus_error_invalid(
                        error,
                        "\"%s\" is not an address to update from: " URL_DIRECTORY_RULE
                        ", at most %d characters",
                        url, RECORD_URL_MAX);
        r = str_set(&request->url, url);
        return r < 0 ? r
                     : host1_request(host1, message, TAKE_PTR(request), HOST1_REPLY_OPERATION,
                                     error);
}

static int method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        ControllerRequest *request;
        Host1 *host1 = userdata;
        const char *host;
        int force, r;

        AUTHORIZE(host1, message, HOST1_ADMINISTER, error);
        r = sd_bus_message_read(message, "sb", &host, &force);
        if (r < 0)
                return r;
        if (!store_named(host1->store, RECORD_HOST, host))
                return bus_error(error, "NoSuchHost",
                                 "there is no host \"%s\"; `troupectl hosts` shows all", host);
        request = controller_request_new(FABRIC_REMOVE_HOST);
        if (!request)
                return -ENOMEM;
        snprintf(request->host, sizeof(request->host), "%s", host);
        request->force = force;
        return host1_request(host1, message, request, HOST1_REPLY_EMPTY, error);
}

static int method_release_brake(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;

        AUTHORIZE(host1, message, HOST1_ADMINISTER, error);
        return host1_request(host1, message, controller_request_new(FABRIC_RELEASE_BRAKE),
                             HOST1_REPLY_EMPTY, error);
}

/* ---- properties */

static const ClusterRecord *cluster(Host1 *host1)
{
        const Record *record = store_named(host1->store, RECORD_CLUSTER, "");

        return record ? &record->cluster : NULL;
}

/* `out` is what a host is that left its cluster, and why is what is shown of it then. */
static const char *get_state(const Host1 *host1, const char **ret_detail)
{
        *ret_detail = host1->reachable ? "" : host1->unreachable ?: "";
        if (host1->membership && membership_state(host1->membership) == MEMBERSHIP_OUT) {
                *ret_detail = membership_detail(host1->membership);
                return "out";
        }
        if (host1->reachable)
                return "running";
        return store_revision(host1->store) ? "unavailable" : "starting";
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        const char *detail, *state = get_state(host1, &detail);
        const ClusterRecord *record = cluster(host1);
        const char *text = "";

        if (str_equal(property, "Version"))
                text = HOST1_VERSION;
        else if (str_equal(property, "HostName"))
                text = host1->host;
        else if (str_equal(property, "ClusterId"))
                text = record ? record->id : "";
        else if (str_equal(property, "Leader"))
                text = store_leader(host1->store) ?: "";
        else if (str_equal(property, "State"))
                text = state;
        else if (str_equal(property, "StateDetail"))
                text = detail;
        return sd_bus_message_append(reply, "s", text);
}

static int get_brake(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const ClusterRecord *record = cluster(userdata);

        return sd_bus_message_append(reply, "b", record && record->braked);
}

static int get_guest_os(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Host1 *host1 = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sss)");
        MAP_FOREACH (entry, store_records(host1->store, RECORD_OS)) {
                const OsRecord *os = &((const Record *) entry->value)->os;

                if (r >= 0)
                        r = sd_bus_message_append(reply, "(sss)", os->family, os->version,
                                                  os->digest);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

#define METHOD(name, in, out, handler)                                                             \
        SD_BUS_METHOD_WITH_ARGS(name, SD_BUS_ARGS in, SD_BUS_RESULT out, handler, HOST1_ANYONE)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Deploy",
               ("s", service, "s", slot, "h", package, "h", configuration, "s", label, "t", flags),
               ("o", operation), intake_bus_deploy),
        METHOD("CheckPackage", ("h", package, "h", configuration),
               ("b", deployable, "a(sussss)", verdicts), intake_bus_check),
        METHOD("Scale", ("s", service, "s", slot, "a{su}", counts), ("o", operation), method_scale),
        METHOD("Configure", ("s", service, "s", slot, "h", configuration), ("o", operation),
               intake_bus_configure),
        METHOD("Swap", ("s", service), ("o", operation), method_swap),
        METHOD("DeleteDeployment", ("s", service, "s", slot), ("o", operation),
               method_delete_deployment),
        METHOD("DeleteService", ("s", service), ("o", operation), method_delete_service),
        METHOD("AddCertificate", ("h", pem), ("s", sha1, "s", sha256), certificate_bus_add),
        SD_BUS_METHOD_WITH_ARGS("RemoveCertificate", SD_BUS_ARGS("s", thumbprint), SD_BUS_NO_RESULT,
                                certificate_bus_remove, HOST1_ANYONE),
        SD_BUS_METHOD_WITH_ARGS("ListCertificates", SD_BUS_NO_ARGS,
                                SD_BUS_RESULT("a(ssstt)", certificates), certificate_bus_list,
                                HOST1_ANYONE),
        METHOD("ImportGuestOs", ("h", manifest, "ah", files), ("s", family, "s", version),
               os_bus_import),
        METHOD("FetchGuestOs", ("s", url, "s", os), ("s", family, "s", version), os_bus_fetch),
        SD_BUS_METHOD_WITH_ARGS("RemoveGuestOs", SD_BUS_ARGS("s", family, "s", version),
                                SD_BUS_NO_RESULT, os_bus_remove, HOST1_ANYONE),
        SD_BUS_METHOD_WITH_ARGS("DisableGuestOs", SD_BUS_ARGS("s", family, "s", version),
                                SD_BUS_NO_RESULT, os_bus_disable, HOST1_ANYONE),
        SD_BUS_METHOD_WITH_ARGS("EnableGuestOs", SD_BUS_ARGS("s", family, "s", version),
                                SD_BUS_NO_RESULT, os_bus_enable, HOST1_ANYONE),
        SD_BUS_METHOD_WITH_ARGS("ListGuestOs", SD_BUS_NO_ARGS,
                                SD_BUS_RESULT("a(ssbbttuas)", systems), os_bus_list, HOST1_ANYONE),
        METHOD("Reboot", ("s", service, "s", slot, "s", instance), ("o", operation), method_reboot),
        METHOD("Reimage", ("s", service, "s", slot, "s", instance), ("o", operation),
               method_reimage),
        METHOD("Rebuild", ("s", service, "s", slot, "s", instance), ("o", operation),
               method_rebuild),
        METHOD("OpenShell", ("s", service, "s", slot, "s", instance, "q", rows, "q", columns),
               ("h", stream, "s", shell), method_open_shell),
        SD_BUS_METHOD_WITH_ARGS("ResizeShell", SD_BUS_ARGS("s", shell, "q", rows, "q", columns),
                                SD_BUS_NO_RESULT, method_resize_shell, HOST1_ANYONE),
        METHOD("ReadLogs", ("s", service, "s", role, "s", instance, "u", lines, "b", follow),
               ("h", stream), streams_bus_logs),
        METHOD("ReadEvents", ("s", service, "u", lines, "b", follow), ("h", stream),
               streams_bus_events),
        SD_BUS_METHOD_WITH_ARGS("ListHosts", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssso)", hosts),
                                method_list_hosts, HOST1_ANYONE),
        SD_BUS_METHOD_WITH_ARGS("ListServices", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(so)", services),
                                method_list_services, HOST1_ANYONE),
        METHOD("GetService", ("s", service), ("o", object), method_get_service),
        METHOD("GetDeployment", ("s", service, "s", slot), ("o", object), method_get_deployment),
        METHOD("GetInstance", ("s", service, "s", slot, "s", instance), ("o", object),
               method_get_instance),
        SD_BUS_METHOD_WITH_ARGS("CordonHost", SD_BUS_ARGS("s", host), SD_BUS_NO_RESULT,
                                method_cordon, HOST1_ANYONE),
        SD_BUS_METHOD_WITH_ARGS("UncordonHost", SD_BUS_ARGS("s", host), SD_BUS_NO_RESULT,
                                method_uncordon, HOST1_ANYONE),
        METHOD("DrainHost", ("s", host), ("o", operation), method_drain),
        METHOD("UpdateHosts", ("as", hosts, "s", url), ("o", operation), method_update_hosts),
        SD_BUS_METHOD_WITH_ARGS("RemoveHost", SD_BUS_ARGS("s", host, "b", force), SD_BUS_NO_RESULT,
                                method_remove, HOST1_ANYONE),
        SD_BUS_METHOD_WITH_ARGS("ReleaseBrake", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT,
                                method_release_brake, HOST1_ANYONE),
        METHOD("MakeJoinToken", ("t", lifetime), ("s", token, "t", expires), cluster_bus_token),
        SD_BUS_METHOD_WITH_ARGS("InitCluster", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, cluster_bus_init,
                                HOST1_ANYONE),
        SD_BUS_METHOD_WITH_ARGS("LeaveCluster", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, cluster_bus_leave,
                                HOST1_ANYONE),
        SD_BUS_METHOD_WITH_ARGS("JoinCluster", SD_BUS_ARGS("s", token), SD_BUS_NO_RESULT,
                                cluster_bus_join, HOST1_ANYONE | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("RecoverCluster", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT,
                                cluster_bus_recover, HOST1_ANYONE),
        SD_BUS_METHOD_WITH_ARGS("ListMembers", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssb)", members),
                                cluster_bus_members, HOST1_ANYONE),
        SD_BUS_SIGNAL_WITH_ARGS("ShellEnded", SD_BUS_ARGS("s", shell, "i", status, "s", reason), 0),
        SD_BUS_PROPERTY("Version", "s", get_text, 0, HOST1_CONST),
        SD_BUS_PROPERTY("ClusterId", "s", get_text, 0, HOST1_CHANGE),
        SD_BUS_PROPERTY("HostName", "s", get_text, 0, HOST1_CONST),
        SD_BUS_PROPERTY("Leader", "s", get_text, 0, HOST1_CHANGE),
        SD_BUS_PROPERTY("State", "s", get_text, 0, HOST1_CHANGE),
        SD_BUS_PROPERTY("StateDetail", "s", get_text, 0, HOST1_CHANGE),
        SD_BUS_PROPERTY("Brake", "b", get_brake, 0, HOST1_CHANGE),
        SD_BUS_PROPERTY("GuestOs", "a(sss)", get_guest_os, 0, HOST1_CHANGE),
        SD_BUS_PROPERTY("GuestOsFetch", "(ssstt)", os_bus_get_fetch, 0, 0),
        SD_BUS_VTABLE_END,
};

int manager_bus_add(Host1 *host1)
{
        return sd_bus_add_object_vtable(host1->bus, NULL, HOST1_PATH, HOST1_NAME ".Manager", vtable,
                                        host1);
}
