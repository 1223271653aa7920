/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The members of each message of the agent channel, with their types and bounds. A message or
 * member that agent-protocol.h gets, gets a line here. */

#include "lib/api/agent-members.h"

_Static_assert(AGENT_LIST_MAX <= MEMBERS_LIST_MAX, "a configuration's lists can be read");

#define TEXT(type, member, limit)                                                                  \
        {.kind = MEMBER_TEXT, .name = #member, .offset = offsetof(type, member), .max = (limit)}
#define TEXT_OPT(type, member, limit)                                                              \
        {.kind = MEMBER_TEXT,                                                                      \
         .optional = true,                                                                         \
         .name = #member,                                                                          \
         .offset = offsetof(type, member),                                                         \
         .max = (limit)}
#define RAW(type, member, limit, may_be_null)                                                      \
        {.kind = MEMBER_RAW,                                                                       \
         .optional = (may_be_null),                                                                \
         .name = #member,                                                                          \
         .offset = offsetof(type, member),                                                         \
         .max = (limit)}
#define NUMBER(type, member, limit)                                                                \
        {.kind = MEMBER_NUMBER, .name = #member, .offset = offsetof(type, member), .max = (limit)}
#define NUMBER_OPT(type, member, limit)                                                            \
        {.kind = MEMBER_NUMBER,                                                                    \
         .optional = true,                                                                         \
         .name = #member,                                                                          \
         .offset = offsetof(type, member),                                                         \
         .max = (limit)}
#define BOOL(type, member) {.kind = MEMBER_BOOL, .name = #member, .offset = offsetof(type, member)}
#define WORD(type, member, list)                                                                   \
        {.kind = MEMBER_WORD,                                                                      \
         .name = #member,                                                                          \
         .offset = offsetof(type, member),                                                         \
         .max = ARRAY_SIZE(list),                                                                  \
         .words = (list)}
#define LIST(type, member, entry, table)                                                           \
        {.kind = MEMBER_LIST,                                                                      \
         .name = #member,                                                                          \
         .offset = offsetof(type, member),                                                         \
         .count_offset = offsetof(type, n_##member),                                               \
         .max = AGENT_LIST_MAX,                                                                    \
         .members = (table),                                                                       \
         .size = sizeof(entry)}

static const char *const status_words[AGENT_STATUSES] = {
        [AGENT_STARTING_VM] = "StartingVM",     [AGENT_CREATING_ROLE] = "CreatingRole",
        [AGENT_STARTING_ROLE] = "StartingRole", [AGENT_READY_ROLE] = "ReadyRole",
        [AGENT_BUSY_ROLE] = "BusyRole",         [AGENT_STOPPING_ROLE] = "StoppingRole",
        [AGENT_STOPPING_VM] = "StoppingVM",     [AGENT_RESTARTING_ROLE] = "RestartingRole",
        [AGENT_CYCLING_ROLE] = "CyclingRole",   [AGENT_UNRESPONSIVE_ROLE] = "UnresponsiveRole",
};

static const char *const log_stream_words[AGENT_LOG_STREAMS] = {
        [AGENT_LOG_OUT] = "out",
        [AGENT_LOG_ERR] = "err",
        [AGENT_LOG_AGENT] = "agent",
};

static const char *const outcome_words[AGENT_CONFIG_OUTCOMES] = {
        [AGENT_CONFIG_APPLIED] = "applied",
        [AGENT_CONFIG_RECYCLING] = "recycling",
        [AGENT_CONFIG_REFUSED] = "refused",
};

static const char *const task_words[AGENT_TASK_TYPES] = {
        [AGENT_TASK_SIMPLE] = "simple",
        [AGENT_TASK_FOREGROUND] = "foreground",
        [AGENT_TASK_BACKGROUND] = "background",
};

static const char *const kind_words[AGENT_ROLE_KINDS] = {
        [AGENT_ROLE_WEB] = "web",
        [AGENT_ROLE_WORKER] = "worker",
};

static const Member pair_members[] = {
        TEXT(AgentPair, name, AGENT_NAME_BYTES_MAX),
        RAW(AgentPair, value, AGENT_TEXT_BYTES_MAX, false),
        {},
};

static const Member task_members[] = {
        RAW(AgentTask, command, AGENT_TEXT_BYTES_MAX, false),
        BOOL(AgentTask, elevated),
        WORD(AgentTask, type, task_words),
        LIST(AgentTask, environment, AgentPair, pair_members),
        {},
};

static const Member endpoint_members[] = {
        TEXT(AgentEndpoint, name, AGENT_NAME_BYTES_MAX),
        TEXT(AgentEndpoint, kind, AGENT_NAME_BYTES_MAX),
        TEXT(AgentEndpoint, protocol, AGENT_NAME_BYTES_MAX),
        NUMBER(AgentEndpoint, port, UINT16_MAX),
        NUMBER(AgentEndpoint, port_last, UINT16_MAX),
        NUMBER(AgentEndpoint, public_port, UINT16_MAX),
        TEXT_OPT(AgentEndpoint, certificate, AGENT_NAME_BYTES_MAX),
        {},
};

static const Member binding_members[] = {
        TEXT(AgentBinding, protocol, AGENT_NAME_BYTES_MAX),
        NUMBER(AgentBinding, port, UINT16_MAX),
        TEXT_OPT(AgentBinding, host, AGENT_NAME_BYTES_MAX),
        TEXT_OPT(AgentBinding, certificate, AGENT_NAME_BYTES_MAX),
        {},
};

static const Member directory_members[] = {
        TEXT(AgentDirectory, url, AGENT_TEXT_BYTES_MAX),
        TEXT(AgentDirectory, path, AGENT_TEXT_BYTES_MAX),
        {},
};

static const Member site_members[] = {
        TEXT(AgentSite, name, AGENT_NAME_BYTES_MAX),
        LIST(AgentSite, directories, AgentDirectory, directory_members),
        LIST(AgentSite, bindings, AgentBinding, binding_members),
        {},
};

static const Member resource_members[] = {
        TEXT(AgentResource, name, AGENT_NAME_BYTES_MAX),
        NUMBER(AgentResource, size_mb, UINT32_MAX),
        BOOL(AgentResource, clean_on_recycle),
        {},
};

static const Member certificate_members[] = {
        TEXT(AgentCertificate, name, AGENT_NAME_BYTES_MAX),
        TEXT_OPT(AgentCertificate, thumbprint, AGENT_NAME_BYTES_MAX),
        RAW(AgentCertificate, certificate, AGENT_CERTIFICATE_BYTES_MAX, false),
        RAW(AgentCertificate, key, AGENT_CERTIFICATE_BYTES_MAX, true),
        BOOL(AgentCertificate, elevated_only),
        {},
};

static const Member instance_members[] = {
        TEXT(AgentInstance, id, AGENT_NAME_BYTES_MAX),
        TEXT(AgentInstance, address, AGENT_NAME_BYTES_MAX),
        NUMBER(AgentInstance, upgrade_domain, UINT32_MAX),
        NUMBER(AgentInstance, fault_domain, UINT32_MAX),
        LIST(AgentInstance, endpoints, AgentEndpoint, endpoint_members),
        {},
};

static const Member role_members[] = {
        TEXT(AgentRole, name, AGENT_NAME_BYTES_MAX),
        LIST(AgentRole, instances, AgentInstance, instance_members),
        {},
};

static const Member network_members[] = {
        TEXT_OPT(AgentNetwork, mac, AGENT_NAME_BYTES_MAX),
        TEXT_OPT(AgentNetwork, address, AGENT_NAME_BYTES_MAX),
        NUMBER(AgentNetwork, prefix, 128),
        TEXT_OPT(AgentNetwork, gateway, AGENT_NAME_BYTES_MAX),
        NUMBER(AgentNetwork, mtu, UINT16_MAX),
        {.kind = MEMBER_TEXTS,
         .name = "dns",
         .offset = offsetof(AgentNetwork, dns),
         .count_offset = offsetof(AgentNetwork, n_dns),
         .max = AGENT_NAME_BYTES_MAX},
        {},
};

static const Member config_members[] = {
        NUMBER(AgentConfig, serial, UINT64_MAX),
        TEXT(AgentConfig, service, AGENT_NAME_BYTES_MAX),
        TEXT(AgentConfig, slot, AGENT_NAME_BYTES_MAX),
        TEXT(AgentConfig, deployment, AGENT_NAME_BYTES_MAX),
        TEXT(AgentConfig, role, AGENT_NAME_BYTES_MAX),
        TEXT(AgentConfig, instance, AGENT_NAME_BYTES_MAX),
        NUMBER(AgentConfig, incarnation, UINT64_MAX),
        NUMBER(AgentConfig, upgrade_domain, UINT32_MAX),
        NUMBER(AgentConfig, fault_domain, UINT32_MAX),
        WORD(AgentConfig, kind, kind_words),
        TEXT(AgentConfig, hostname, 64),
        {.kind = MEMBER_OBJECT,
         .name = "network",
         .offset = offsetof(AgentConfig, network),
         .members = network_members},
        RAW(AgentConfig, entry_point, AGENT_TEXT_BYTES_MAX, true),
        BOOL(AgentConfig, elevated),
        BOOL(AgentConfig, ready_on_start),
        BOOL(AgentConfig, has_payload),
        LIST(AgentConfig, environment, AgentPair, pair_members),
        LIST(AgentConfig, tasks, AgentTask, task_members),
        LIST(AgentConfig, endpoints, AgentEndpoint, endpoint_members),
        LIST(AgentConfig, sites, AgentSite, site_members),
        LIST(AgentConfig, settings, AgentPair, pair_members),
        LIST(AgentConfig, resources, AgentResource, resource_members),
        LIST(AgentConfig, certificates, AgentCertificate, certificate_members),
        LIST(AgentConfig, topology, AgentRole, role_members),
        NUMBER(AgentConfig, memory_bytes, UINT64_MAX),
        NUMBER(AgentConfig, tasks_max, UINT32_MAX),
        {},
};

static const Member hello_members[] = {
        NUMBER(AgentMessage, hello.protocol, UINT32_MAX),
        TEXT(AgentMessage, hello.agent_version, AGENT_NAME_BYTES_MAX),
        TEXT_OPT(AgentMessage, hello.os_version, AGENT_NAME_BYTES_MAX),
        TEXT_OPT(AgentMessage, hello.boot_id, AGENT_NAME_BYTES_MAX),
        TEXT_OPT(AgentMessage, hello.instance, AGENT_NAME_BYTES_MAX),
        NUMBER(AgentMessage, hello.incarnation, UINT64_MAX),
        NUMBER(AgentMessage, hello.serial, UINT64_MAX),
        {},
};

static const Member heartbeat_members[] = {
        WORD(AgentMessage, heartbeat.status, status_words),
        TEXT_OPT(AgentMessage, heartbeat.detail, AGENT_DETAIL_BYTES_MAX),
        NUMBER(AgentMessage, heartbeat.since_ms, UINT64_MAX),
        NUMBER(AgentMessage, heartbeat.serial, UINT64_MAX),
        NUMBER(AgentMessage, heartbeat.restarts, UINT64_MAX),
        NUMBER(AgentMessage, heartbeat.load_milli, UINT32_MAX),
        NUMBER(AgentMessage, heartbeat.memory_used_bytes, UINT64_MAX),
        NUMBER(AgentMessage, heartbeat.memory_total_bytes, UINT64_MAX),
        {},
};

static const Member config_ack_members[] = {
        NUMBER(AgentMessage, config_ack.serial, UINT64_MAX),
        WORD(AgentMessage, config_ack.outcome, outcome_words),
        TEXT_OPT(AgentMessage, config_ack.detail, AGENT_DETAIL_BYTES_MAX),
        {},
};

static const Member log_members[] = {
        WORD(AgentMessage, log.stream, log_stream_words),
        TEXT(AgentMessage, log.source, AGENT_NAME_BYTES_MAX),
        {.kind = MEMBER_LINES,
         .name = "log.text",
         .offset = offsetof(AgentMessage, log.text),
         .max = AGENT_LOG_TEXT_BYTES_MAX},
        NUMBER(AgentMessage, log.dropped, UINT64_MAX),
        {},
};

static const Member exit_members[] = {
        TEXT(AgentMessage, exit.source, AGENT_NAME_BYTES_MAX),
        NUMBER(AgentMessage, exit.code, UINT32_MAX),
        NUMBER(AgentMessage, exit.signal, UINT32_MAX),
        TEXT(AgentMessage, exit.cause, AGENT_NAME_BYTES_MAX),
        NUMBER(AgentMessage, exit.ran_ms, UINT64_MAX),
        NUMBER(AgentMessage, exit.restart_ms, UINT64_MAX),
        BOOL(AgentMessage, exit.restarts),
        {},
};

static const Member shell_members[] = {
        NUMBER(AgentMessage, shell.session, UINT64_MAX),
        NUMBER_OPT(AgentMessage, shell.rows, UINT16_MAX),
        NUMBER_OPT(AgentMessage, shell.columns, UINT16_MAX),
        TEXT_OPT(AgentMessage, shell.term, AGENT_NAME_BYTES_MAX),
        {.kind = MEMBER_BYTES,
         .optional = true,
         .name = "shell.data",
         .offset = offsetof(AgentMessage, shell.data),
         .count_offset = offsetof(AgentMessage, shell.n_data),
         .max = AGENT_SHELL_DATA_BYTES_MAX},
        NUMBER_OPT(AgentMessage, shell.credit, UINT32_MAX),
        NUMBER_OPT(AgentMessage, shell.code, UINT32_MAX),
        TEXT_OPT(AgentMessage, shell.detail, AGENT_DETAIL_BYTES_MAX),
        {},
};

static const Member configuration_members[] = {
        {.kind = MEMBER_OBJECT,
         .name = "config",
         .offset = offsetof(AgentMessage, config),
         .members = config_members},
        {},
};

static const Member stop_members[] = {NUMBER(AgentMessage, deadline_s, AGENT_STOP_DEADLINE_S_MAX),
                                      {}};
static const Member token_members[] = {NUMBER(AgentMessage, token, UINT64_MAX), {}};
static const Member clock_members[] = {NUMBER(AgentMessage, realtime_us, UINT64_MAX), {}};
static const Member no_members[] = {{}};

#define BY_GUEST (1U << AGENT_FROM_GUEST)
#define BY_HOST  (1U << AGENT_FROM_HOST)

static const AgentMessageShape shapes[AGENT_MESSAGE_TYPES] = {
        [AGENT_HELLO] = {"hello", BY_GUEST | BY_HOST, hello_members},
        [AGENT_HEARTBEAT] = {"heartbeat", BY_GUEST, heartbeat_members},
        [AGENT_CONFIG_ACK] = {"config-ack", BY_GUEST, config_ack_members},
        [AGENT_LOG] = {"log", BY_GUEST, log_members},
        [AGENT_EXIT] = {"exit", BY_GUEST, exit_members},
        [AGENT_STOPPED] = {"stopped", BY_GUEST, no_members},
        [AGENT_PONG] = {"pong", BY_GUEST, token_members},
        [AGENT_SHELL_OPENED] = {"shell-opened", BY_GUEST, shell_members},
        [AGENT_SHELL_CLOSED] = {"shell-closed", BY_GUEST, shell_members},
        [AGENT_SHELL_DATA] = {"shell-data", BY_GUEST | BY_HOST, shell_members},
        [AGENT_SHELL_CREDIT] = {"shell-credit", BY_GUEST | BY_HOST, shell_members},
        [AGENT_CONFIG] = {"config", BY_HOST, configuration_members},
        [AGENT_STOP] = {"stop", BY_HOST, stop_members},
        [AGENT_RECYCLE] = {"recycle", BY_HOST, no_members},
        [AGENT_PING] = {"ping", BY_HOST, token_members},
        [AGENT_CLOCK] = {"clock", BY_HOST, clock_members},
        [AGENT_SHELL_OPEN] = {"shell-open", BY_HOST, shell_members},
        [AGENT_SHELL_RESIZE] = {"shell-resize", BY_HOST, shell_members},
        [AGENT_SHELL_CLOSE] = {"shell-close", BY_HOST, shell_members},
};

const AgentMessageShape *agent_message_shape(AgentMessageType type)
{
        assert(type < AGENT_MESSAGE_TYPES);
        return &shapes[type];
}

const char *agent_status_to_string(AgentStatus status)
{
        return status < AGENT_STATUSES ? status_words[status] : "Unknown";
}

const Member *agent_config_members(void)
{
        return config_members;
}
