/* SPDX-License-Identifier: GPL-3.0-or-later */

/* From the objects on the bus to what the verbs show. The members of what is shown are the
 * properties of org.troupe.Host1, in their JSON names; object paths are replaced by names. */

#include "ctl/view.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"

#define DEPLOYMENT "org.troupe.Host1.Deployment"
#define HOST       "org.troupe.Host1.Host"
#define INSTANCE   "org.troupe.Host1.Instance"
#define SERVICE    "org.troupe.Host1.Service"

const char *view_text(sd_json_variant *object, const char *member)
{
        sd_json_variant *value = sd_json_variant_by_key(object, member);

        return value && sd_json_variant_is_string(value) ? sd_json_variant_string(value) : "";
}

uint64_t view_number(sd_json_variant *object, const char *member)
{
        sd_json_variant *value = sd_json_variant_by_key(object, member);

        return value && sd_json_variant_is_unsigned(value) ? sd_json_variant_unsigned(value) : 0;
}

bool view_truth(sd_json_variant *object, const char *member)
{
        sd_json_variant *value = sd_json_variant_by_key(object, member);

        return value && sd_json_variant_is_boolean(value) && sd_json_variant_boolean(value);
}

static int compare_text(sd_json_variant *a, sd_json_variant *b, const char *member)
{
        return strcmp(view_text(a, member), view_text(b, member));
}

static int compare_number(sd_json_variant *a, sd_json_variant *b, const char *member)
{
        uint64_t x = view_number(a, member), y = view_number(b, member);

        return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
        return compare_text(*(sd_json_variant *const *) a, *(sd_json_variant *const *) b, "name");
}

/* "production" sorts before "staging", and "", which is being deleted, should come last. */
static int by_service_and_slot(const void *a, const void *b)
{
        sd_json_variant *x = *(sd_json_variant *const *) a, *y = *(sd_json_variant *const *) b;
        bool x_gone = !view_text(x, "slot")[0], y_gone = !view_text(y, "slot")[0];
        int order = compare_text(x, y, "service");

        if (order == 0)
                order = (int) x_gone - (int) y_gone;
        return order ? order : compare_text(x, y, "slot");
}

static int by_role_and_number(const void *a, const void *b)
{
        sd_json_variant *x = *(sd_json_variant *const *) a, *y = *(sd_json_variant *const *) b;
        int order = compare_text(x, y, "role");

        return order ? order : compare_number(x, y, "number");
}

static int by_id(const void *a, const void *b)
{
        return compare_text(*(sd_json_variant *const *) a, *(sd_json_variant *const *) b, "id");
}

typedef struct Selection {
        sd_json_variant **items; /* borrowed from the objects */
        size_t n_items;
} Selection;

static void selection_deinit(Selection *selection)
{
        free(selection->items);
}

/* All objects that have the interface, as their property objects, in order. */
static int select_objects(sd_json_variant *objects, const char *interface,
                          int (*compare)(const void *a, const void *b), Selection *ret)
{
        size_t n = sd_json_variant_elements(objects); /* keys and values */

        ret->n_items = 0;
        ret->items = calloc(n / 2 + 1, sizeof(*ret->items));
        if (!ret->items)
                return -ENOMEM;
        for (size_t i = 1; i < n; i += 2) {
                sd_json_variant *properties =
                        sd_json_variant_by_key(sd_json_variant_by_index(objects, i), interface);

                if (properties)
                        ret->items[ret->n_items++] = properties;
        }
        qsort(ret->items, ret->n_items, sizeof(*ret->items), compare);
        return 0;
}

static sd_json_variant *object_at(sd_json_variant *objects, const char *path, const char *interface)
{
        return sd_json_variant_by_key(sd_json_variant_by_key(objects, path), interface);
}

bool view_has_service(sd_json_variant *objects, const char *service)
{
        for (size_t i = 1; i < sd_json_variant_elements(objects); i += 2)
                if (str_equal(view_text(sd_json_variant_by_key(sd_json_variant_by_index(objects, i),
                                                               SERVICE),
                                        "name"),
                              service))
                        return true;
        return false;
}

/* ---- services */

static int set_deployment_id(sd_json_variant **target, const char *member, sd_json_variant *objects,
                             const char *path)
{
        sd_json_variant *deployment = object_at(objects, path, DEPLOYMENT);
        _cleanup_json_ sd_json_variant *null = NULL;
        int r;

        if (deployment)
                return sd_json_variant_set_field_string(target, member,
                                                        view_text(deployment, "id"));
        r = sd_json_variant_new_null(&null);
        return r < 0 ? r : sd_json_variant_set_field(target, member, null);
}

static int service_view(sd_json_variant *objects, sd_json_variant *service, sd_json_variant **list)
{
        _cleanup_json_ sd_json_variant *item = NULL;
        int r;

        r = sd_json_variant_set_field_string(&item, "service", view_text(service, "name"));
        if (r >= 0)
                r = sd_json_variant_set_field_string(&item, "production_vip",
                                                     view_text(service, "production_vip"));
        if (r >= 0)
                r = sd_json_variant_set_field_string(&item, "staging_vip",
                                                     view_text(service, "staging_vip"));
        if (r >= 0)
                r = set_deployment_id(&item, "production", objects,
                                      view_text(service, "production_deployment"));
        if (r >= 0)
                r = set_deployment_id(&item, "staging", objects,
                                      view_text(service, "staging_deployment"));
        return r < 0 ? r : sd_json_variant_append_array(list, item);
}

int view_services(sd_json_variant *objects, sd_json_variant **ret_services)
{
        _cleanup_(selection_deinit) Selection services = {};
        _cleanup_json_ sd_json_variant *list = NULL;
        int r;

        r = sd_json_variant_new_array(&list, NULL, 0);
        if (r >= 0)
                r = select_objects(objects, SERVICE, by_name, &services);
        for (size_t i = 0; i < services.n_items && r >= 0; i++)
                r = service_view(objects, services.items[i], &list);
        if (r < 0)
                return r;
        *ret_services = TAKE_PTR(list);
        return 0;
}

/* ---- status */

/* Deployment.Roles is a list of (name, kind, count, ready); show it with names. */
static int roles_view(sd_json_variant *roles, sd_json_variant **ret)
{
        static const char *const members[] = {"name", "kind", "count", "ready"};
        _cleanup_json_ sd_json_variant *list = NULL;
        int r = sd_json_variant_new_array(&list, NULL, 0);

        for (size_t i = 0; i < sd_json_variant_elements(roles) && r >= 0; i++) {
                sd_json_variant *role = sd_json_variant_by_index(roles, i);
                _cleanup_json_ sd_json_variant *item = NULL;

                for (size_t m = 0; m < ARRAY_SIZE(members) && r >= 0; m++)
                        r = sd_json_variant_set_field(&item, members[m],
                                                      sd_json_variant_by_index(role, m));
                if (r >= 0)
                        r = sd_json_variant_append_array(&list, item);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

/* An instance's properties, without what its place in the list says already. */
static int instance_view(sd_json_variant *instance, sd_json_variant **list)
{
        char *outer[] = {(char[]) {"deployment"}, (char[]) {"service"}, NULL};
        _cleanup_json_ sd_json_variant *item = sd_json_variant_ref(instance);
        int r = sd_json_variant_filter(&item, outer);

        return r < 0 ? r : sd_json_variant_append_array(list, item);
}

static int instances_of(sd_json_variant *objects, const Selection *instances, const char *id,
                        sd_json_variant **ret)
{
        _cleanup_json_ sd_json_variant *list = NULL;
        int r = sd_json_variant_new_array(&list, NULL, 0);

        for (size_t i = 0; i < instances->n_items && r >= 0; i++) {
                sd_json_variant *deployment = object_at(
                        objects, view_text(instances->items[i], "deployment"), DEPLOYMENT);

                if (str_equal(view_text(deployment, "id"), id))
                        r = instance_view(instances->items[i], &list);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

/* The texts of the two files are long and not status. */
static int deployment_view(sd_json_variant *objects, sd_json_variant *deployment,
                           const Selection *instances, sd_json_variant **list)
{
        char *texts[] = {(char[]) {"definition"}, (char[]) {"configuration"}, NULL};
        _cleanup_json_ sd_json_variant *item = sd_json_variant_ref(deployment), *roles = NULL,
                                       *own = NULL;
        int r;

        r = sd_json_variant_filter(&item, texts);
        if (r >= 0)
                r = roles_view(sd_json_variant_by_key(deployment, "roles"), &roles);
        if (r >= 0)
                r = sd_json_variant_set_field(&item, "roles", roles);
        if (r >= 0)
                r = instances_of(objects, instances, view_text(deployment, "id"), &own);
        if (r >= 0)
                r = sd_json_variant_set_field(&item, "instances", own);
        return r < 0 ? r : sd_json_variant_append_array(list, item);
}

static bool wanted(char **services, const char *name)
{
        for (size_t i = 0; services && services[i]; i++)
                if (str_equal(services[i], name))
                        return true;
        return !services || !services[0];
}

static int deployments_view(sd_json_variant *objects, char **services, sd_json_variant **ret)
{
        _cleanup_(selection_deinit) Selection deployments = {}, instances = {};
        _cleanup_json_ sd_json_variant *list = NULL;
        int r;

        r = sd_json_variant_new_array(&list, NULL, 0);
        if (r >= 0)
                r = select_objects(objects, DEPLOYMENT, by_service_and_slot, &deployments);
        if (r >= 0)
                r = select_objects(objects, INSTANCE, by_role_and_number, &instances);
        for (size_t i = 0; i < deployments.n_items && r >= 0; i++)
                if (wanted(services, view_text(deployments.items[i], "service")))
                        r = deployment_view(objects, deployments.items[i], &instances, &list);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

static int operations_view(sd_json_variant *objects, char **services, sd_json_variant **ret)
{
        _cleanup_(selection_deinit) Selection operations = {};
        _cleanup_json_ sd_json_variant *list = NULL;
        int r;

        r = sd_json_variant_new_array(&list, NULL, 0);
        if (r >= 0)
                r = select_objects(objects, HOST1_OPERATION, by_id, &operations);
        for (size_t i = 0; i < operations.n_items && r >= 0; i++)
                if (wanted(services, view_text(operations.items[i], "service")) &&
                    str_equal(view_text(operations.items[i], "state"), "running"))
                        r = sd_json_variant_append_array(&list, operations.items[i]);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

int view_status(sd_json_variant *objects, char **services, sd_json_variant **ret_status)
{
        sd_json_variant *manager = object_at(objects, HOST1_PATH, HOST1_MANAGER);
        _cleanup_json_ sd_json_variant *status = NULL, *deployments = NULL, *operations = NULL;
        int r;

        r = deployments_view(objects, services, &deployments);
        if (r >= 0)
                r = operations_view(objects, services, &operations);
        if (r >= 0)
                r = sd_json_buildo(
                        &status, SD_JSON_BUILD_PAIR_STRING("state", view_text(manager, "state")),
                        SD_JSON_BUILD_PAIR_STRING("detail", view_text(manager, "state_detail")),
                        SD_JSON_BUILD_PAIR_STRING("host", view_text(manager, "host_name")),
                        SD_JSON_BUILD_PAIR_STRING("leader", view_text(manager, "leader")),
                        SD_JSON_BUILD_PAIR_BOOLEAN("brake", view_truth(manager, "brake")),
                        SD_JSON_BUILD_PAIR_STRING("version", view_text(manager, "version")),
                        SD_JSON_BUILD_PAIR_VARIANT("deployments", deployments),
                        SD_JSON_BUILD_PAIR_VARIANT("operations", operations));
        if (r < 0)
                return r;
        *ret_status = TAKE_PTR(status);
        return 0;
}

/* ---- hosts */

int view_hosts(sd_json_variant *objects, sd_json_variant **ret_hosts)
{
        _cleanup_(selection_deinit) Selection hosts = {};
        int r = select_objects(objects, HOST, by_name, &hosts);

        return r < 0 ? r : sd_json_variant_new_array(ret_hosts, hosts.items, hosts.n_items);
}

/* ---- tables */

TableColour view_status_colour(const char *status)
{
        static const struct {
                const char *status;
                TableColour colour;
        } colours[] = {
                {"ReadyRole", TABLE_GREEN},       {"CyclingRole", TABLE_RED},
                {"FailedStartingVM", TABLE_RED},  {"UnresponsiveRole", TABLE_RED},
                {"Unknown", TABLE_RED},           {"BusyRole", TABLE_YELLOW},
                {"RestartingRole", TABLE_YELLOW}, {"StoppedVM", TABLE_GREY},
        };

        for (size_t i = 0; i < ARRAY_SIZE(colours); i++)
                if (str_equal(colours[i].status, status))
                        return colours[i].colour;
        return TABLE_PLAIN;
}

void view_services_table(sd_json_variant *services, Table *ret_table)
{
        static const char *const headings[] = {"SERVICE", "PRODUCTION", "DEPLOYMENT", "STAGING",
                                               "DEPLOYMENT"};

        *ret_table = (Table) {.n_columns = ARRAY_SIZE(headings), .headings = headings};
        for (size_t i = 0; i < sd_json_variant_elements(services); i++) {
                sd_json_variant *service = sd_json_variant_by_index(services, i);

                table_add(ret_table, view_text(service, "service"), TABLE_PLAIN);
                table_add(ret_table, view_text(service, "production_vip"), TABLE_PLAIN);
                table_add(ret_table, view_text(service, "production"), TABLE_PLAIN);
                table_add(ret_table, view_text(service, "staging_vip"), TABLE_PLAIN);
                table_add(ret_table, view_text(service, "staging"), TABLE_PLAIN);
        }
}

void view_instances_table(sd_json_variant *deployment, Table *ret_table)
{
        static const char *const headings[] = {"INSTANCE", "STATUS", "ROTATION", "HOST",  "FD",
                                               "UD",       "INC",    "ADDRESS",  "DETAIL"};
        sd_json_variant *instances = sd_json_variant_by_key(deployment, "instances");

        *ret_table = (Table) {.n_columns = ARRAY_SIZE(headings),
                              .headings = headings,
                              .right = 1u << 5 | 1u << 6};
        for (size_t i = 0; i < sd_json_variant_elements(instances); i++) {
                sd_json_variant *instance = sd_json_variant_by_index(instances, i);
                const char *status = view_text(instance, "status");
                bool in_rotation = view_truth(instance, "in_rotation");

                table_add(ret_table, view_text(instance, "name"), TABLE_PLAIN);
                table_add(ret_table, status, view_status_colour(status));
                table_add(ret_table, in_rotation ? "in" : "out",
                          in_rotation ? TABLE_GREEN : TABLE_YELLOW);
                table_add(ret_table, view_text(instance, "host"), TABLE_PLAIN);
                table_add(ret_table, view_text(instance, "fault_domain"), TABLE_PLAIN);
                table_addf(ret_table, "%" PRIu64, view_number(instance, "upgrade_domain"));
                table_addf(ret_table, "%" PRIu64, view_number(instance, "incarnation"));
                table_add(ret_table, view_text(instance, "address"), TABLE_PLAIN);
                table_add(ret_table, view_text(instance, "detail"), TABLE_GREY);
        }
}

void view_hosts_table(sd_json_variant *hosts, Table *ret_table)
{
        static const char *const headings[] = {"HOST",       "FD",       "STATE", "LEADER",
                                               "ADDRESS",    "VMS",      "INST",  "VCPUS",
                                               "MEMORY MIB", "DISK MIB", "IMAGE"};

        *ret_table = (Table) {
                .n_columns = ARRAY_SIZE(headings), .headings = headings, .right = 0xf << 6};
        for (size_t i = 0; i < sd_json_variant_elements(hosts); i++) {
                sd_json_variant *host = sd_json_variant_by_index(hosts, i);
                const char *state = view_text(host, "state");

                table_add(ret_table, view_text(host, "name"), TABLE_PLAIN);
                table_add(ret_table, view_text(host, "fault_domain"), TABLE_PLAIN);
                table_add(ret_table, state,
                          str_equal(state, "up")     ? TABLE_GREEN
                          : str_equal(state, "lost") ? TABLE_RED
                                                     : TABLE_YELLOW);
                table_add(ret_table, view_truth(host, "leader") ? "yes" : "", TABLE_PLAIN);
                table_add(ret_table, view_text(host, "address"), TABLE_PLAIN);
                table_add(ret_table, view_text(host, "accelerator"), TABLE_PLAIN);
                table_addf(ret_table, "%" PRIu64, view_number(host, "instances"));
                table_addf(ret_table, "%" PRIu64 "/%" PRIu64, view_number(host, "vcpus_used"),
                           view_number(host, "vcpus"));
                table_addf(ret_table, "%" PRIu64 "/%" PRIu64,
                           view_number(host, "memory_used_bytes") / MIB,
                           view_number(host, "memory_bytes") / MIB);
                table_addf(ret_table, "%" PRIu64 "/%" PRIu64,
                           view_number(host, "disk_used_bytes") / MIB,
                           view_number(host, "disk_bytes") / MIB);
                table_add(ret_table, view_text(host, "version"), TABLE_PLAIN);
        }
}
