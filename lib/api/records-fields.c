/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The fields of each type of record, as they are in its JSON. A struct of records.h that gets a
 * member gets a line here. */

#include "lib/api/records-fields.h"

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

static const Field host_update_fields[] = {
        NAME(HostUpdate, operation), BOOL(HostUpdate, begun),
        BOOL(HostUpdate, cordoned),  BOOL(HostUpdate, draining),
        NAME(HostUpdate, boot),      TEXT(HostUpdate, version),
        TEXT(HostUpdate, url),       {},
};

static const Field host_fields[] = {
        NAME(HostRecord, fault_domain),
        UNSIGNED(HostRecord, vcpus),
        UNSIGNED(HostRecord, memory_bytes),
        UNSIGNED(HostRecord, disk_bytes),
        ADDRESS(HostRecord, address),
        ADDRESS(HostRecord, uplink),
        NAME(HostRecord, accelerator),
        BOOL(HostRecord, cordoned),
        BOOL(HostRecord, draining),
        BOOL(HostRecord, written_off),
        UNSIGNED(HostRecord, joined_us),
        OBJECT(HostRecord, update, host_update_fields),
        {},
};

static const Field host_update_report_fields[] = {
        NAME(HostUpdateReport, operation),
        BOOL(HostUpdateReport, current),
        BOOL(HostUpdateReport, healthy),
        TEXT(HostUpdateReport, problem),
        {},
};

static const Field alive_fields[] = {
        NAME(AliveRecord, boot_id),
        UNSIGNED(AliveRecord, epoch),
        TEXT(AliveRecord, version),
        OBJECT(AliveRecord, update, host_update_report_fields),
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
        NAME(DeploymentRecord, os_next),
        NAME(DeploymentRecord, os_failed),
        UNSIGNED(DeploymentRecord, os_walks),
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
        BOOL(OsRecord, imported),
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

const Field *record_fields(RecordType type)
{
        assert(type < RECORD_TYPES);
        return fields_of[type];
}
