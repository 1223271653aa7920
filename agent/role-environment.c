/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The configuration is kept as its facts (role-facts.h) and looked at through them, so that the
 * file and the bus cannot disagree. */

#include "agent/role-environment.h"

#include <string.h>
#include <systemd/sd-json.h>

#include "agent/role-facts.h"
#include "lib/base/clock.h"
#include "lib/base/map.h"

#define BUS_NAME   "org.troupe.RoleEnvironment1"
#define BUS_PATH   "/org/troupe/RoleEnvironment1"
#define REASON_MAX 1024

typedef sd_json_variant Variant;

struct RoleEnvironment {
        RoleEnvironmentSink sink;
        sd_bus *bus;
        sd_bus_slot *slot;
        Variant *facts; /* NULL before the first configuration */
        const char *status;
};

/* ---- the bus: properties */

static Variant *fact(const RoleEnvironment *environment, const char *name)
{
        return environment->facts ? sd_json_variant_by_key(environment->facts, name) : NULL;
}

static const char *text_of(Variant *v)
{
        return v && sd_json_variant_is_string(v) ? sd_json_variant_string(v) : "";
}

static uint64_t number_of(Variant *v)
{
        return v && sd_json_variant_is_unsigned(v) ? sd_json_variant_unsigned(v) : 0;
}

/* Properties of plain texts and numbers: the JSON member of the same meaning. */
static const struct {
        const char *property, *member;
} members[] = {
        {"Service", "service"},
        {"Slot", "slot"},
        {"DeploymentId", "deploymentId"},
        {"Role", "role"},
        {"InstanceId", "instanceId"},
        {"Incarnation", "incarnation"},
        {"UpgradeDomain", "upgradeDomain"},
        {"FaultDomain", "faultDomain"},
        {"Address", "address"},
        {"Settings", "settings"},
        {"LocalResources", "localResources"},
        {"Roles", "roles"},
};

static Variant *fact_of_property(const RoleEnvironment *environment, const char *property)
{
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                if (str_equal(members[i].property, property))
                        return fact(environment, members[i].member);
        return NULL;
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", text_of(fact_of_property(userdata, property)));
}

static int get_number(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        uint64_t value = number_of(fact_of_property(userdata, property));

        return str_equal(property, "Incarnation")
                       ? sd_bus_message_append(reply, "t", value)
                       : sd_bus_message_append(reply, "u", (uint32_t) value);
}

static int get_status(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const RoleEnvironment *environment = userdata;

        return sd_bus_message_append(reply, "s", environment->status);
}

static size_t pairs_of(Variant *object)
{
        return object ? sd_json_variant_elements(object) : 0;
}

static int get_settings(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Variant *settings = fact(userdata, "settings");
        int r = sd_bus_message_open_container(reply, 'a', "{ss}");

        for (size_t i = 0; i + 1 < pairs_of(settings) && r >= 0; i += 2)
                r = sd_bus_message_append(reply, "{ss}",
                                          text_of(sd_json_variant_by_index(settings, i)),
                                          text_of(sd_json_variant_by_index(settings, i + 1)));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_resources(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Variant *resources = fact(userdata, "localResources");
        int r = sd_bus_message_open_container(reply, 'a', "{s(st)}");

        for (size_t i = 0; i + 1 < pairs_of(resources) && r >= 0; i += 2) {
                Variant *resource = sd_json_variant_by_index(resources, i + 1);

                r = sd_bus_message_append(reply, "{s(st)}",
                                          text_of(sd_json_variant_by_index(resources, i)),
                                          text_of(sd_json_variant_by_key(resource, "path")),
                                          number_of(sd_json_variant_by_key(resource, "sizeMB")));
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_endpoints(sd_bus_message *reply, Variant *endpoints)
{
        int r = sd_bus_message_open_container(reply, 'a', "(sssqq)");

        for (size_t i = 0; i + 1 < pairs_of(endpoints) && r >= 0; i += 2) {
                Variant *e = sd_json_variant_by_index(endpoints, i + 1);

                r = sd_bus_message_append(
                        reply, "(sssqq)", text_of(sd_json_variant_by_index(endpoints, i)),
                        text_of(sd_json_variant_by_key(e, "kind")),
                        text_of(sd_json_variant_by_key(e, "protocol")),
                        (uint16_t) number_of(sd_json_variant_by_key(e, "port")),
                        (uint16_t) number_of(sd_json_variant_by_key(e, "portLast")));
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_instances(sd_bus_message *reply, Variant *list)
{
        int r = sd_bus_message_open_container(reply, 'a', "(ssuua(sssqq))");

        for (size_t i = 0; i < pairs_of(list) && r >= 0; i++) {
                Variant *v = sd_json_variant_by_index(list, i);

                r = sd_bus_message_open_container(reply, 'r', "ssuua(sssqq)");
                if (r >= 0)
                        r = sd_bus_message_append(
                                reply, "ssuu", text_of(sd_json_variant_by_key(v, "id")),
                                text_of(sd_json_variant_by_key(v, "address")),
                                (uint32_t) number_of(sd_json_variant_by_key(v, "upgradeDomain")),
                                (uint32_t) number_of(sd_json_variant_by_key(v, "faultDomain")));
                if (r >= 0)
                        r = append_endpoints(reply, sd_json_variant_by_key(v, "endpoints"));
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_roles(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Variant *roles = fact(userdata, "roles");
        int r = sd_bus_message_open_container(reply, 'a', "{sa(ssuua(sssqq))}");

        for (size_t i = 0; i + 1 < pairs_of(roles) && r >= 0; i += 2) {
                r = sd_bus_message_open_container(reply, 'e', "sa(ssuua(sssqq))");
                if (r >= 0)
                        r = sd_bus_message_append(reply, "s",
                                                  text_of(sd_json_variant_by_index(roles, i)));
                if (r >= 0)
                        r = append_instances(reply, sd_json_variant_by_index(roles, i + 1));
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* ---- the bus: methods. The bus policy lets only root and the role's user call them. */

static uint64_t deadline_of(uint32_t seconds)
{
        return seconds == 0 ? UINT64_MAX : clock_boottime_ns() + seconds * NSEC_PER_SEC;
}

static int on_set_ready(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        RoleEnvironment *environment = userdata;

        environment->sink.set_ready(environment->sink.userdata);
        return sd_bus_reply_method_return(m, NULL);
}

static int on_set_busy(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        RoleEnvironment *environment = userdata;
        uint32_t seconds;
        int r = sd_bus_message_read(m, "u", &seconds);

        if (r < 0)
                return r;
        environment->sink.set_busy(environment->sink.userdata, deadline_of(seconds));
        return sd_bus_reply_method_return(m, NULL);
}

static int on_request_recycle(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        RoleEnvironment *environment = userdata;
        const char *reason;
        int r = sd_bus_message_read(m, "s", &reason);

        if (r < 0)
                return r;
        if (strlen(reason) > REASON_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "the reason is longer than %d bytes", REASON_MAX);
        environment->sink.request_recycle(environment->sink.userdata, reason);
        return sd_bus_reply_method_return(m, NULL);
}

static int on_progress(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        RoleEnvironment *environment = userdata;
        uint32_t seconds;
        int r = sd_bus_message_read(m, "u", &seconds);

        if (r < 0)
                return r;
        environment->sink.progress(environment->sink.userdata, deadline_of(seconds));
        return sd_bus_reply_method_return(m, NULL);
}

#define SHOWN SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define OPEN  SD_BUS_VTABLE_UNPRIVILEGED

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("SetReady", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_set_ready, OPEN),
        SD_BUS_METHOD_WITH_ARGS("SetBusy", SD_BUS_ARGS("u", seconds), SD_BUS_NO_RESULT, on_set_busy,
                                OPEN),
        SD_BUS_METHOD_WITH_ARGS("RequestRecycle", SD_BUS_ARGS("s", reason), SD_BUS_NO_RESULT,
                                on_request_recycle, OPEN),
        SD_BUS_METHOD_WITH_ARGS("Progress", SD_BUS_ARGS("u", seconds), SD_BUS_NO_RESULT,
                                on_progress, OPEN),
        SD_BUS_SIGNAL_WITH_ARGS("Changing", SD_BUS_ARGS("as", names), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Changed", SD_BUS_ARGS("as", names), 0),
        SD_BUS_SIGNAL_WITH_ARGS("StatusCheck", SD_BUS_NO_ARGS, 0),
        SD_BUS_SIGNAL_WITH_ARGS("Stopping", SD_BUS_ARGS("t", deadline), 0),
        SD_BUS_PROPERTY("Service", "s", get_text, 0, SHOWN),
        SD_BUS_PROPERTY("Slot", "s", get_text, 0, SHOWN),
        SD_BUS_PROPERTY("DeploymentId", "s", get_text, 0, SHOWN),
        SD_BUS_PROPERTY("Role", "s", get_text, 0, SHOWN),
        SD_BUS_PROPERTY("InstanceId", "s", get_text, 0, SHOWN),
        SD_BUS_PROPERTY("Incarnation", "t", get_number, 0, SHOWN),
        SD_BUS_PROPERTY("UpgradeDomain", "u", get_number, 0, SHOWN),
        SD_BUS_PROPERTY("FaultDomain", "u", get_number, 0, SHOWN),
        SD_BUS_PROPERTY("Address", "s", get_text, 0, SHOWN),
        SD_BUS_PROPERTY("Status", "s", get_status, 0, SHOWN),
        SD_BUS_PROPERTY("Settings", "a{ss}", get_settings, 0, SHOWN),
        SD_BUS_PROPERTY("LocalResources", "a{s(st)}", get_resources, 0, SHOWN),
        SD_BUS_PROPERTY("Roles", "a{sa(ssuua(sssqq))}", get_roles, 0, SHOWN),
        SD_BUS_VTABLE_END,
};

/* ---- changes */

/* Names in either of two settings objects whose values differ. */
static int differing_settings(Variant *old, Variant *new, Map *names)
{
        for (size_t i = 0; i + 1 < pairs_of(new); i += 2) {
                const char *name = text_of(sd_json_variant_by_index(new, i));
                Variant *before = sd_json_variant_by_key(old, name);

                if (before && sd_json_variant_equal(before, sd_json_variant_by_index(new, i + 1)))
                        continue;
                if (map_put(names, name, NULL) < 0)
                        return -ENOMEM;
        }
        for (size_t i = 0; i + 1 < pairs_of(old); i += 2) {
                const char *name = text_of(sd_json_variant_by_index(old, i));

                if (!sd_json_variant_by_key(new, name) && map_put(names, name, NULL) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static void emit_names(RoleEnvironment *environment, const char *signal, const Map *names)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        if (!environment->bus)
                return;
        r = sd_bus_message_new_signal(environment->bus, &m, BUS_PATH, BUS_NAME, signal);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        MAP_FOREACH (entry, names) {
                if (r >= 0)
                        r = sd_bus_message_append(m, "s", entry->key);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                sd_bus_send(environment->bus, m,
                            NULL); /* a lost bus comes back, and the file is true */
}

static void emit_properties(RoleEnvironment *environment, Variant *old, Variant *new)
{
        for (size_t i = 0; i < ARRAY_SIZE(members) && environment->bus; i++) {
                Variant *a = sd_json_variant_by_key(old, members[i].member);
                Variant *b = sd_json_variant_by_key(new, members[i].member);

                if (!sd_json_variant_equal(a, b))
                        sd_bus_emit_properties_changed(environment->bus, BUS_PATH, BUS_NAME,
                                                       members[i].property, NULL);
        }
}

int role_environment_set_config(RoleEnvironment *environment, const AgentConfig *config)
{
        _cleanup_(sd_json_variant_unrefp) Variant *facts = NULL, *old = NULL;
        _cleanup_(map_deinit) Map names = {};
        int r = role_facts_build(config, &facts);

        if (r < 0)
                return r;
        if (!environment->facts) {
                environment->facts = TAKE_PTR(facts);
                return 0;
        }
        old = environment->facts;
        r = differing_settings(fact(environment, "settings"),
                               sd_json_variant_by_key(facts, "settings"), &names);
        if (r >= 0 && !sd_json_variant_equal(fact(environment, "roles"),
                                             sd_json_variant_by_key(facts, "roles")))
                r = map_put(&names, "@topology", NULL);
        if (r < 0) {
                old = NULL;
                return r;
        }
        if (map_size(&names) > 0)
                emit_names(environment, "Changing", &names);
        environment->facts = sd_json_variant_ref(facts);
        emit_properties(environment, old, facts);
        if (map_size(&names) > 0)
                emit_names(environment, "Changed", &names);
        return 0;
}

void role_environment_set_status(RoleEnvironment *environment, const char *status)
{
        bool same = str_equal(environment->status, status);

        environment->status = status;
        if (!same && environment->bus)
                sd_bus_emit_properties_changed(environment->bus, BUS_PATH, BUS_NAME, "Status",
                                               NULL);
}

void role_environment_stopping(RoleEnvironment *environment, uint64_t deadline_us)
{
        if (environment->bus)
                sd_bus_emit_signal(environment->bus, BUS_PATH, BUS_NAME, "Stopping", "t",
                                   deadline_us);
}

void role_environment_status_check(RoleEnvironment *environment)
{
        if (environment->bus)
                sd_bus_emit_signal(environment->bus, BUS_PATH, BUS_NAME, "StatusCheck", NULL);
}

/* ---- life */

int role_environment_new(const RoleEnvironmentSink *sink, RoleEnvironment **ret_environment)
{
        RoleEnvironment *environment = calloc(1, sizeof(*environment));

        if (!environment)
                return -ENOMEM;
        *environment = (RoleEnvironment) {.sink = *sink, .status = "Unknown"};
        *ret_environment = environment;
        return 0;
}

int role_environment_attach(RoleEnvironment *environment, sd_bus *bus)
{
        int r;

        environment->slot = sd_bus_slot_unref(environment->slot);
        environment->bus = sd_bus_unref(environment->bus);
        if (!bus)
                return 0;
        r = sd_bus_add_object_vtable(bus, &environment->slot, BUS_PATH, BUS_NAME, vtable,
                                     environment);
        if (r < 0)
                return r;
        environment->bus = sd_bus_ref(bus);
        return sd_bus_request_name_async(bus, NULL, BUS_NAME, 0, NULL, NULL);
}

RoleEnvironment *role_environment_free(RoleEnvironment *environment)
{
        if (!environment)
                return NULL;
        role_environment_attach(environment, NULL);
        sd_json_variant_unref(environment->facts);
        free(environment);
        return NULL;
}
