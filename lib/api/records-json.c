/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The codec of records: one table of fields for each type of record, and one walk over the table
 * for each direction, so what is written and what is read cannot differ. Values come from the
 * store, which other versions of Troupe and people with etcdctl write to: every type, bound and
 * name is checked. */

#include "lib/api/records-json.h"

#include <limits.h>
#include <stdio.h>
#include <systemd/sd-json.h>

#include "lib/base/str.h"

#define FIELDS_MAX 40 /* in a table */

typedef enum FieldType {
        FIELD_NAME,     /* char array: "" or a name */
        FIELD_DIGEST,   /* char array: "" or 64 hexadecimal digits */
        FIELD_TEXT,     /* char array */
        FIELD_OWNED,    /* char *, at most RECORD_TEXT_MAX */
        FIELD_BOOL,     /* bool */
        FIELD_UNSIGNED, /* uint16_t, uint32_t or uint64_t, by its size */
        FIELD_ADDRESS,  /* IpAddress */
        FIELD_RANGE,    /* IpAddress, and the prefix length as unsigned at @other */
        FIELD_ENUM,     /* enumeration, as its @values */
        FIELD_INSTANCE, /* InstanceId, all zero or the id's text */
        FIELD_NAMES,    /* array of RecordName, their number as size_t at @other */
        FIELD_OBJECT,   /* struct, as its @fields */
        FIELD_LIST,     /* array of structs of @size, their number as size_t at @other */
} FieldType;

typedef struct Values {
        const char *(*name)(unsigned value);
        unsigned n_values;
} Values;

typedef struct Field {
        const char *name; /* NULL ends a table */
        FieldType type;
        size_t offset;
        size_t size;  /* of the member; of an element in a list */
        size_t other; /* offset of the member that goes with it */
        uint64_t max; /* elements of a list, or largest number; 0 for the type's own */
        const Values *values;
        const struct Field *fields;
} Field;

#define VALUES(function, type, count)                                                              \
        static const char *function##_name(unsigned value)                                         \
        {                                                                                          \
                return function##_to_string((type) value);                                         \
        }                                                                                          \
        static const Values function##_values = {function##_name, count}

VALUES(slot, Slot, SLOTS);
VALUES(role_kind, RecordRoleKind, RECORD_ROLE_KINDS);
VALUES(instance_power, InstancePower, POWERS);
VALUES(instance_status, InstanceStatus, STATUSES);
VALUES(operation_kind, OperationKind, OPERATION_KINDS);
VALUES(operation_state, OperationState, OPERATION_STATES);
VALUES(heal_rung, HealRung, HEAL_RUNGS);
VALUES(endpoint_kind, RecordEndpointKind, RECORD_ENDPOINT_KINDS);

#define MEMBER(s, m)        .offset = offsetof(s, m), .size = sizeof(((s *) NULL)->m)
#define PLAIN(s, m, t)      {.name = #m, .type = t, MEMBER(s, m)}
#define NAME(s, m)          PLAIN(s, m, FIELD_NAME)
#define DIGEST(s, m)        PLAIN(s, m, FIELD_DIGEST)
#define TEXT(s, m)          PLAIN(s, m, FIELD_TEXT)
#define OWNED(s, m)         PLAIN(s, m, FIELD_OWNED)
#define BOOL(s, m)          PLAIN(s, m, FIELD_BOOL)
#define UNSIGNED(s, m)      PLAIN(s, m, FIELD_UNSIGNED)
#define ADDRESS(s, m)       PLAIN(s, m, FIELD_ADDRESS)
#define INSTANCE(s, m)      PLAIN(s, m, FIELD_INSTANCE)
#define NUMBER(s, m, limit) {.name = #m, .type = FIELD_UNSIGNED, .max = limit, MEMBER(s, m)}
#define RANGE(s, m, p)      {.name = #m, .type = FIELD_RANGE, .other = offsetof(s, p), MEMBER(s, m)}
#define ENUM(s, m, v)       {.name = #m, .type = FIELD_ENUM, .values = &v##_values, MEMBER(s, m)}
#define OBJECT(s, m, f)     {.name = #m, .type = FIELD_OBJECT, .fields = f, MEMBER(s, m)}
#define NAMES(s, m, limit)                                                                         \
        {.name = #m,                                                                               \
         .type = FIELD_NAMES,                                                                      \
         .offset = offsetof(s, m),                                                                 \
         .size = sizeof(RecordName),                                                               \
         .other = offsetof(s, n_##m),                                                              \
         .max = limit}
#define LIST(s, m, limit, f)                                                                       \
        {.name = #m,                                                                               \
         .type = FIELD_LIST,                                                                       \
         .offset = offsetof(s, m),                                                                 \
         .size = sizeof(((s *) NULL)->m[0]),                                                       \
         .other = offsetof(s, n_##m),                                                              \
         .max = limit,                                                                             \
         .fields = f}

static const Field pool_fields[] = {
        {.name = "first", .type = FIELD_ADDRESS, .offset = 0, .size = sizeof(IpAddress)},
        {.name = "last",
         .type = FIELD_ADDRESS,
         .offset = sizeof(IpAddress),
         .size = sizeof(IpAddress)},
        {},
};

static const Field cluster_fields[] = {
        NAME(ClusterRecord, id),
        OWNED(ClusterRecord, ca),
        OWNED(ClusterRecord, ca_key),
        UNSIGNED(ClusterRecord, created_us),
        LIST(ClusterRecord, vip_pools, RECORD_VIP_POOLS_MAX, pool_fields),
        RANGE(ClusterRecord, overlay, overlay_prefix),
        NUMBER(ClusterRecord, deployment_prefix, 128),
        NUMBER(ClusterRecord, vni_first, (1 << 24) - 1),
        UNSIGNED(ClusterRecord, vcpu_percent),
        UNSIGNED(ClusterRecord, lease_ms),
        UNSIGNED(ClusterRecord, leader_delay_ms),
        UNSIGNED(ClusterRecord, agent_silence_ms),
        UNSIGNED(ClusterRecord, boot_ms),
        UNSIGNED(ClusterRecord, role_ms),
        UNSIGNED(ClusterRecord, stable_ms),
        UNSIGNED(ClusterRecord, brake_window_ms),
        NUMBER(ClusterRecord, brake_percent, 100),
        BOOL(ClusterRecord, braked),
        UNSIGNED(ClusterRecord, drain_ms),
        UNSIGNED(ClusterRecord, stop_ms),
        UNSIGNED(ClusterRecord, operation_ms),
        UNSIGNED(ClusterRecord, keep_ended_ms),
        {},
};

static const Field host_fields[] = {
        NAME(HostRecord, fault_domain),     UNSIGNED(HostRecord, vcpus),
        UNSIGNED(HostRecord, memory_bytes), UNSIGNED(HostRecord, disk_bytes),
        ADDRESS(HostRecord, address),       ADDRESS(HostRecord, uplink),
        NAME(HostRecord, accelerator),      BOOL(HostRecord, cordoned),
        BOOL(HostRecord, draining),         BOOL(HostRecord, written_off),
        UNSIGNED(HostRecord, joined_us),    {},
};

static const Field alive_fields[] = {
        NAME(AliveRecord, boot_id),
        UNSIGNED(AliveRecord, epoch),
        TEXT(AliveRecord, version),
        {},
};

static const Field service_slot_fields[] = {
        {.name = "deployment", .type = FIELD_NAME, .offset = 0, .size = sizeof(RecordId)},
        {.name = "vip",
         .type = FIELD_ADDRESS,
         .offset = offsetof(ServiceRecord, slots[0].vip) - offsetof(ServiceRecord, slots[0]),
         .size = sizeof(IpAddress)},
        {.name = "owner",
         .type = FIELD_NAME,
         .offset = offsetof(ServiceRecord, slots[0].owner) - offsetof(ServiceRecord, slots[0]),
         .size = sizeof(RecordName)},
        {},
};

static const Field service_fields[] = {
        {.name = "production",
         .type = FIELD_OBJECT,
         .fields = service_slot_fields,
         MEMBER(ServiceRecord, slots[SLOT_PRODUCTION])},
        {.name = "staging",
         .type = FIELD_OBJECT,
         .fields = service_slot_fields,
         MEMBER(ServiceRecord, slots[SLOT_STAGING])},
        UNSIGNED(ServiceRecord, created_us),
        {},
};

static const Field role_fields[] = {
        NAME(DeploymentRole, name),
        ENUM(DeploymentRole, kind, role_kind),
        TEXT(DeploymentRole, size),
        NUMBER(DeploymentRole, count, RECORD_COUNT_MAX),
        NUMBER(DeploymentRole, surge, RECORD_COUNT_MAX),
        UNSIGNED(DeploymentRole, vcpus),
        UNSIGNED(DeploymentRole, memory_bytes),
        UNSIGNED(DeploymentRole, disk_bytes),
        UNSIGNED(DeploymentRole, storage_bytes),
        NUMBER(DeploymentRole, upgrade_domains, 20),
        UNSIGNED(DeploymentRole, last_incarnation),
        {},
};

static const Field endpoint_fields[] = {
        NAME(DeploymentEndpoint, name),
        NAME(DeploymentEndpoint, role),
        ENUM(DeploymentEndpoint, kind, endpoint_kind),
        NAME(DeploymentEndpoint, protocol),
        UNSIGNED(DeploymentEndpoint, port),
        UNSIGNED(DeploymentEndpoint, port_last),
        {},
};

static const Field deployment_fields[] = {
        NAME(DeploymentRecord, service),
        TEXT(DeploymentRecord, label),
        DIGEST(DeploymentRecord, package),
        OWNED(DeploymentRecord, definition),
        OWNED(DeploymentRecord, configuration),
        UNSIGNED(DeploymentRecord, configuration_generation),
        NAME(DeploymentRecord, os_family),
        TEXT(DeploymentRecord, os_version),
        NAME(DeploymentRecord, os_current),
        LIST(DeploymentRecord, roles, RECORD_ROLES_MAX, role_fields),
        LIST(DeploymentRecord, endpoints, RECORD_ENDPOINTS_MAX, endpoint_fields),
        NUMBER(DeploymentRecord, vni, (1 << 24) - 1),
        RANGE(DeploymentRecord, network, network_prefix),
        BOOL(DeploymentRecord, ready),
        BOOL(DeploymentRecord, deleting),
        UNSIGNED(DeploymentRecord, created_us),
        {},
};

#define COUNTER(action, index)                                                                     \
        {.name = action,                                                                           \
         .type = FIELD_UNSIGNED,                                                                   \
         .offset = (index) * sizeof(uint64_t),                                                     \
         .size = sizeof(uint64_t)}
static const Field counter_fields[] = {
        COUNTER("reset", ACTION_RESET),
        COUNTER("reboot", ACTION_REBOOT),
        COUNTER("reimage", ACTION_REIMAGE),
        COUNTER("rebuild", ACTION_REBUILD),
        {},
};
_Static_assert(ARRAY_SIZE(counter_fields) == ACTIONS + 1, "each action has its counter");

static const Field instance_fields[] = {
        UNSIGNED(InstanceRecord, incarnation),
        NAME(InstanceRecord, host),
        NAME(InstanceRecord, fault_domain),
        UNSIGNED(InstanceRecord, upgrade_domain),
        DIGEST(InstanceRecord, package),
        NAME(InstanceRecord, os_family),
        NAME(InstanceRecord, os_version),
        ADDRESS(InstanceRecord, address),
        UNSIGNED(InstanceRecord, vcpus),
        UNSIGNED(InstanceRecord, memory_bytes),
        UNSIGNED(InstanceRecord, disk_bytes),
        UNSIGNED(InstanceRecord, storage_bytes),
        ENUM(InstanceRecord, power, instance_power),
        OBJECT(InstanceRecord, wanted, counter_fields),
        ENUM(InstanceRecord, rung, heal_rung),
        UNSIGNED(InstanceRecord, heals),
        UNSIGNED(InstanceRecord, placed_us),
        {},
};

static const Field observed_fields[] = {
        UNSIGNED(ObservedRecord, incarnation),
        ENUM(ObservedRecord, status, instance_status),
        UNSIGNED(ObservedRecord, since_us),
        TEXT(ObservedRecord, detail),
        BOOL(ObservedRecord, in_rotation),
        OBJECT(ObservedRecord, done, counter_fields),
        UNSIGNED(ObservedRecord, configuration_generation),
        UNSIGNED(ObservedRecord, role_starts),
        TEXT(ObservedRecord, last_exit),
        {},
};

static const Field operation_role_fields[] = {
        NAME(OperationRole, name),
        NUMBER(OperationRole, from, RECORD_COUNT_MAX),
        NUMBER(OperationRole, to, RECORD_COUNT_MAX),
        {},
};

static const Field operation_fields[] = {
        ENUM(OperationRecord, kind, operation_kind),
        ENUM(OperationRecord, state, operation_state),
        NAME(OperationRecord, service),
        NAME(OperationRecord, deployment),
        ENUM(OperationRecord, slot, slot),
        INSTANCE(OperationRecord, instance),
        UNSIGNED(OperationRecord, wanted),
        NAME(OperationRecord, host),
        LIST(OperationRecord, roles, RECORD_ROLES_MAX, operation_role_fields),
        UNSIGNED(OperationRecord, done),
        UNSIGNED(OperationRecord, total),
        TEXT(OperationRecord, message),
        NAME(OperationRecord, error),
        UNSIGNED(OperationRecord, started_us),
        UNSIGNED(OperationRecord, ended_us),
        {},
};

static const Field package_fields[] = {
        NAME(PackageRecord, name),
        UNSIGNED(PackageRecord, size_bytes),
        UNSIGNED(PackageRecord, added_us),
        NAMES(PackageRecord, holders, RECORD_HOLDERS_MAX),
        {},
};

static const Field os_file_fields[] = {
        NAME(OsFile, name),
        DIGEST(OsFile, digest),
        UNSIGNED(OsFile, size_bytes),
        {},
};

static const Field os_fields[] = {
        DIGEST(OsRecord, digest),
        LIST(OsRecord, files, RECORD_FILES_MAX, os_file_fields),
        BOOL(OsRecord, disabled),
        UNSIGNED(OsRecord, added_us),
        NAMES(OsRecord, holders, RECORD_HOLDERS_MAX),
        {},
};

static const Field certificate_fields[] = {
        TEXT(CertificateRecord, sha1),
        TEXT(CertificateRecord, subject),
        UNSIGNED(CertificateRecord, expires_us),
        UNSIGNED(CertificateRecord, added_us),
        OWNED(CertificateRecord, chain),
        OWNED(CertificateRecord, key),
        {},
};

static const Field member_fields[] = {
        UNSIGNED(ClusterMember, id),
        NAME(ClusterMember, host),
        ADDRESS(ClusterMember, address),
        BOOL(ClusterMember, learner),
        {},
};

static const Field members_fields[] = {
        LIST(MembersRecord, members, RECORD_MEMBERS_MAX, member_fields),
        {},
};

static const Field token_fields[] = {
        DIGEST(TokenRecord, hash),
        UNSIGNED(TokenRecord, created_us),
        UNSIGNED(TokenRecord, expires_us),
        {},
};

static const Field issued_fields[] = {
        NAME(IssuedRecord, host),
        UNSIGNED(IssuedRecord, issued_us),
        UNSIGNED(IssuedRecord, expires_us),
        BOOL(IssuedRecord, revoked),
        {},
};

/* The struct of each type is a member of Record's union, so its offset is the same for all. */
static const Field *const fields_of[RECORD_TYPES] = {
        [RECORD_CLUSTER] = cluster_fields,
        [RECORD_HOST] = host_fields,
        [RECORD_ALIVE] = alive_fields,
        [RECORD_SERVICE] = service_fields,
        [RECORD_DEPLOYMENT] = deployment_fields,
        [RECORD_INSTANCE] = instance_fields,
        [RECORD_OBSERVED] = observed_fields,
        [RECORD_OPERATION] = operation_fields,
        [RECORD_PACKAGE] = package_fields,
        [RECORD_OS] = os_fields,
        [RECORD_CERTIFICATE] = certificate_fields,
        [RECORD_MEMBERS] = members_fields,
        [RECORD_TOKEN] = token_fields,
        [RECORD_ISSUED] = issued_fields,
};
#define BODY_OFFSET offsetof(Record, cluster)

/* A number of any width, read and written as 64 bits. */
static uint64_t number_get(const void *at, size_t size)
{
        return size == sizeof(uint16_t)   ? *(const uint16_t *) at
               : size == sizeof(uint32_t) ? *(const uint32_t *) at
                                          : *(const uint64_t *) at;
}

static void number_set(void *at, size_t size, uint64_t value)
{
        if (size == sizeof(uint16_t))
                *(uint16_t *) at = (uint16_t) value;
        else if (size == sizeof(uint32_t))
                *(uint32_t *) at = (uint32_t) value;
        else
                *(uint64_t *) at = value;
}

/* ---- writing */

static int encode_object(const Field *fields, const void *object, bool all, sd_json_variant **ret);

static int encode_elements(const Field *field, const void *object, sd_json_variant **ret)
{
        size_t n = *(const size_t *) ((const char *) object + field->other);
        const char *at = (const char *) object + field->offset;
        sd_json_variant *elements[32] = {};
        int r = 0;

        _Static_assert(RECORD_ROLES_MAX <= 32 && RECORD_ENDPOINTS_MAX <= 32 &&
                               RECORD_HOLDERS_MAX <= 32 && RECORD_VIP_POOLS_MAX <= 32,
                       "every list fits");
        assert(n <= field->max && n <= ARRAY_SIZE(elements));
        for (size_t i = 0; i < n && r >= 0; i++, at += field->size)
                r = field->type == FIELD_NAMES
                            ? sd_json_variant_new_string(&elements[i], at)
                            : encode_object(field->fields, at, false, &elements[i]);
        if (r >= 0)
                r = sd_json_variant_new_array(ret, elements, n);
        for (size_t i = 0; i < n; i++)
                sd_json_variant_unref(elements[i]);
        return r;
}

static int encode_address(const Field *field, const void *object, sd_json_variant **ret)
{
        const IpAddress *address = (const void *) ((const char *) object + field->offset);
        char text[IP_TEXT_MAX], range[IP_TEXT_MAX + 4];

        ip_format(address, text);
        if (field->type == FIELD_ADDRESS)
                return sd_json_variant_new_string(ret, text);
        snprintf(range, sizeof(range), "%s/%u", text,
                 *(const unsigned *) ((const char *) object + field->other));
        return sd_json_variant_new_string(ret, range);
}

/* Whether a member says nothing: it is left out then. */
static bool field_is_empty(const Field *field, const void *object)
{
        const char *at = (const char *) object + field->offset;

        switch (field->type) {
        case FIELD_NAME:
        case FIELD_DIGEST:
        case FIELD_TEXT:
                return at[0] == '\0';
        case FIELD_OWNED:
                return !*(char *const *) at;
        case FIELD_BOOL:
                return !*(const bool *) at;
        case FIELD_UNSIGNED:
                return number_get(at, field->size) == 0;
        case FIELD_ADDRESS:
        case FIELD_RANGE:
                return ((const IpAddress *) at)->family == 0;
        case FIELD_INSTANCE:
                return ((const InstanceId *) at)->deployment[0] == '\0';
        case FIELD_NAMES:
        case FIELD_LIST:
                return *(const size_t *) ((const char *) object + field->other) == 0;
        case FIELD_OBJECT:
                for (const Field *f = field->fields; f->name; f++)
                        if (!field_is_empty(f, at))
                                return false;
                return true;
        case FIELD_ENUM:
                break;
        }
        return false;
}

static int encode_field(const Field *field, const void *object, sd_json_variant **ret)
{
        const char *at = (const char *) object + field->offset;
        char text[RECORD_KEY_MAX + 1];

        switch (field->type) {
        case FIELD_NAME:
        case FIELD_DIGEST:
        case FIELD_TEXT:
                return sd_json_variant_new_string(ret, at);
        case FIELD_OWNED:
                return sd_json_variant_new_string(ret, *(char *const *) at ?: "");
        case FIELD_BOOL:
                return sd_json_variant_new_boolean(ret, *(const bool *) at);
        case FIELD_UNSIGNED:
                return sd_json_variant_new_unsigned(ret, number_get(at, field->size));
        case FIELD_ADDRESS:
        case FIELD_RANGE:
                return encode_address(field, object, ret);
        case FIELD_ENUM:
                return sd_json_variant_new_string(ret, field->values->name(*(const unsigned *) at));
        case FIELD_INSTANCE:
                return sd_json_variant_new_string(
                        ret, instance_id_format((const InstanceId *) at, text));
        case FIELD_OBJECT:
                return encode_object(field->fields, at, false, ret);
        case FIELD_NAMES:
        case FIELD_LIST:
                return encode_elements(field, object, ret);
        }
        return -EINVAL;
}

static int encode_object(const Field *fields, const void *object, bool all, sd_json_variant **ret)
{
        sd_json_variant *members[2 * FIELDS_MAX];
        size_t n = 0;
        int r = 0;

        for (const Field *field = fields; field->name && r >= 0; field++) {
                bool number = field->type == FIELD_UNSIGNED || field->type == FIELD_BOOL;

                if (field_is_empty(field, object) && !(all && number))
                        continue;
                assert(n + 2 <= ARRAY_SIZE(members));
                r = sd_json_variant_new_string(&members[n], field->name);
                if (r < 0)
                        break;
                r = encode_field(field, object, &members[n + 1]);
                n += r < 0 ? 1 : 2;
        }
        if (r >= 0)
                r = sd_json_variant_new_object(ret, members, n);
        for (size_t i = 0; i < n; i++)
                sd_json_variant_unref(members[i]);
        return r;
}

int record_encode(const Record *record, char **ret_json)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        _cleanup_free_ char *json = NULL;
        int r;

        r = encode_object(fields_of[record->type], (const char *) record + BODY_OFFSET,
                          record->type == RECORD_CLUSTER, &value);
        if (r < 0)
                return r;
        r = sd_json_variant_format(value, 0, &json);
        if (r < 0)
                return r;
        if (strlen(json) > RECORD_VALUE_MAX)
                return -E2BIG;
        *ret_json = TAKE_PTR(json);
        return 0;
}

/* ---- reading */

/* Where and why reading stopped; @path grows from the inside out. */
typedef struct Complaint {
        char *path;
        const char *why;
} Complaint;

static int complain(Complaint *complaint, const char *why)
{
        complaint->why = why;
        return -EBADMSG;
}

static int complain_at(Complaint *complaint, const char *name, ssize_t index)
{
        _cleanup_free_ char *inner = TAKE_PTR(complaint->path);

        complaint->path =
                index >= 0 ? str_printf("%s[%zd]%s%s", name, index, inner ? "." : "", inner ?: "")
                           : str_printf("%s%s%s", name, inner && inner[0] != '[' ? "." : "",
                                        inner ?: "");
        return complaint->path ? -EBADMSG : -ENOMEM;
}

static int decode_object(const Field *fields, sd_json_variant *value, void *object,
                         Complaint *complaint);

static int decode_text(const Field *field, sd_json_variant *value, char *at, Complaint *complaint)
{
        const char *text;

        if (!sd_json_variant_is_string(value))
                return complain(complaint, "is not a string");
        text = sd_json_variant_string(value);
        if (field->type == FIELD_OWNED) {
                if (strlen(text) > RECORD_TEXT_MAX)
                        return complain(complaint, "is too long");
                return str_set((char **) at, text);
        }
        if (strlen(text) >= field->size)
                return complain(complaint, "is too long");
        if (field->type == FIELD_NAME && text[0] && !str_is_name(text, field->size - 1))
                return complain(complaint, "is not a name");
        if (field->type == FIELD_DIGEST && text[0] &&
            (strlen(text) != RECORD_DIGEST_MAX ||
             strspn(text, "0123456789abcdef") != RECORD_DIGEST_MAX))
                return complain(complaint, "is not a SHA-256 in hexadecimal");
        memset(at, 0, field->size);
        memcpy(at, text, strlen(text));
        return 0;
}

static int decode_number(const Field *field, sd_json_variant *value, void *at, Complaint *complaint)
{
        uint64_t max = field->size == sizeof(uint16_t)   ? UINT16_MAX
                       : field->size == sizeof(uint32_t) ? UINT32_MAX
                                                         : UINT64_MAX;

        if (!sd_json_variant_is_unsigned(value))
                return complain(complaint, "is not a whole number");
        if (sd_json_variant_unsigned(value) > (field->max > 0 ? field->max : max))
                return complain(complaint, "is too large");
        number_set(at, field->size, sd_json_variant_unsigned(value));
        return 0;
}

static int decode_address(const Field *field, sd_json_variant *value, char *object,
                          Complaint *complaint)
{
        IpAddress *address = (IpAddress *) (object + field->offset);
        const char *text;
        int r;

        if (!sd_json_variant_is_string(value))
                return complain(complaint, "is not a string");
        text = sd_json_variant_string(value);
        if (field->type == FIELD_ADDRESS && text[0] == '\0') {
                *address = (IpAddress) {};
                return 0;
        }
        r = field->type == FIELD_ADDRESS
                    ? ip_parse(text, address)
                    : ip_parse_range(text, address, (unsigned *) (object + field->other));
        return r < 0 ? complain(complaint, "is not an address") : 0;
}

static int decode_enum(const Field *field, sd_json_variant *value, unsigned *at,
                       Complaint *complaint)
{
        if (!sd_json_variant_is_string(value))
                return complain(complaint, "is not a string");
        for (unsigned i = 0; i < field->values->n_values; i++)
                if (str_equal(field->values->name(i), sd_json_variant_string(value))) {
                        *at = i;
                        return 0;
                }
        return complain(complaint, "is not one of the values it may have");
}

static int decode_elements(const Field *field, sd_json_variant *value, char *object,
                           Complaint *complaint)
{
        static const Field name = {.type = FIELD_NAME, .size = sizeof(RecordName)};
        char *at = object + field->offset;
        size_t n;

        if (!sd_json_variant_is_array(value))
                return complain(complaint, "is not a list");
        n = sd_json_variant_elements(value);
        if (n > field->max)
                return complain(complaint, "has too many elements");
        for (size_t i = 0; i < n; i++, at += field->size) {
                sd_json_variant *element = sd_json_variant_by_index(value, i);
                int r;

                memset(at, 0, field->size);
                r = field->type == FIELD_NAMES
                            ? decode_text(&name, element, at, complaint)
                            : decode_object(field->fields, element, at, complaint);
                if (r == -EBADMSG)
                        return complain_at(complaint, "", (ssize_t) i);
                if (r < 0)
                        return r;
        }
        *(size_t *) (object + field->other) = n;
        return 0;
}

static int decode_field(const Field *field, sd_json_variant *value, char *object,
                        Complaint *complaint)
{
        char *at = object + field->offset;

        switch (field->type) {
        case FIELD_NAME:
        case FIELD_DIGEST:
        case FIELD_TEXT:
        case FIELD_OWNED:
                return decode_text(field, value, at, complaint);
        case FIELD_BOOL:
                if (!sd_json_variant_is_boolean(value))
                        return complain(complaint, "is not true or false");
                *(bool *) at = sd_json_variant_boolean(value);
                return 0;
        case FIELD_UNSIGNED:
                return decode_number(field, value, at, complaint);
        case FIELD_ADDRESS:
        case FIELD_RANGE:
                return decode_address(field, value, object, complaint);
        case FIELD_ENUM:
                return decode_enum(field, value, (unsigned *) at, complaint);
        case FIELD_INSTANCE:
                if (!sd_json_variant_is_string(value) ||
                    instance_id_parse(sd_json_variant_string(value), (InstanceId *) at) < 0)
                        return complain(complaint, "is not an instance's id");
                return 0;
        case FIELD_OBJECT:
                return decode_object(field->fields, value, at, complaint);
        case FIELD_NAMES:
        case FIELD_LIST:
                return decode_elements(field, value, object, complaint);
        }
        return -EINVAL;
}

static int decode_object(const Field *fields, sd_json_variant *value, void *object,
                         Complaint *complaint)
{
        if (!sd_json_variant_is_object(value))
                return complain(complaint, "is not an object");
        for (const Field *field = fields; field->name; field++) {
                sd_json_variant *member = sd_json_variant_by_key(value, field->name);
                int r = member ? decode_field(field, member, object, complaint) : 0;

                if (r == -EBADMSG)
                        return complain_at(complaint, field->name, -1);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void record_set_key(Record *record, const RecordKey *key)
{
        switch (key->type) {
        case RECORD_INSTANCE:
                record->instance.id = key->instance;
                break;
        case RECORD_OBSERVED:
                memcpy(record->observed.host, key->name, sizeof(RecordName));
                record->observed.id = key->instance;
                break;
        case RECORD_HOST:
                memcpy(record->host.name, key->name, sizeof(RecordName));
                break;
        case RECORD_ALIVE:
                memcpy(record->alive.host, key->name, sizeof(RecordName));
                break;
        case RECORD_SERVICE:
                memcpy(record->service.name, key->name, sizeof(RecordName));
                break;
        case RECORD_OPERATION:
                memcpy(record->operation.id, key->name, sizeof(RecordName));
                break;
        case RECORD_DEPLOYMENT:
                memcpy(record->deployment.id, key->name, sizeof(RecordId));
                break;
        case RECORD_PACKAGE:
                memcpy(record->package.digest, key->name, sizeof(RecordDigest));
                break;
        case RECORD_OS:
                memcpy(record->os.family, key->name, sizeof(RecordVersion));
                memcpy(record->os.version, key->version, sizeof(RecordVersion));
                break;
        case RECORD_CERTIFICATE:
                memcpy(record->certificate.digest, key->name, sizeof(RecordDigest));
                break;
        case RECORD_TOKEN:
                memcpy(record->token.id, key->name, sizeof(RecordName));
                break;
        case RECORD_ISSUED:
                memcpy(record->issued.serial, key->name, sizeof(RecordName));
                break;
        case RECORD_CLUSTER:
        case RECORD_MEMBERS:
        case RECORD_TYPES:
                break;
        }
}

static int decode_value(const char *json, size_t length, Record *record, Complaint *complaint)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        if (length > RECORD_VALUE_MAX)
                return complain(complaint, "is too long");
        if (memchr(json, '\0', length))
                return complain(complaint, "has a zero byte");
        text = strndup(json, length);
        if (!text)
                return -ENOMEM;
        r = sd_json_parse(text, 0, &value, NULL, NULL);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return complain(complaint, "is not JSON");
        return decode_object(fields_of[record->type], value, (char *) record + BODY_OFFSET,
                             complaint);
}

int record_decode(const char *key, const char *json, size_t length, Record *ret_record,
                  char **ret_error)
{
        Complaint complaint = {};
        Record record;
        RecordKey parts;
        int r;

        if (ret_error)
                *ret_error = NULL;
        r = record_key_parse(key, &parts);
        if (r == -ENOENT)
                return r;
        if (r < 0) {
                if (ret_error)
                        *ret_error = str_printf("%s: is not a key that Troupe writes", key);
                return -EBADMSG;
        }
        record_init(&record, parts.type);
        record_set_key(&record, &parts);
        r = decode_value(json, length, &record, &complaint);
        if (r < 0) {
                if (r == -EBADMSG && ret_error)
                        *ret_error = str_printf("%s: %s %s", key, complaint.path ?: "value",
                                                complaint.why);
                free(complaint.path);
                record_deinit(&record);
                return r;
        }
        *ret_record = record;
        return 0;
}
