/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The agent channel's codec. Every object is described once, by a table of its members with their
 * types and bounds; encoding, decoding and freeing walk the tables. A pointer or count that a
 * decoder has not reached yet is zero, so a half-decoded message can be freed. */

#include "lib/api/agent-protocol.h"

#include <systemd/sd-json.h>

#define FRAME_BEGIN '\x1e'
#define FRAME_END   '\n'

/* A kept buffer larger than this is freed after its message. */
#define STREAM_KEEP_BYTES (4 * KIB)

typedef enum MemberKind {
        MEMBER_END,
        MEMBER_TEXT,  /* char *: one line, no control characters */
        MEMBER_LINES, /* char *: newlines and tabs as well */
        MEMBER_RAW,   /* char *: any text */
        MEMBER_BYTES, /* uint8_t * and a count: base64 */
        MEMBER_NUMBER,
        MEMBER_BOOL,
        MEMBER_WORD,   /* unsigned: one of a list of words */
        MEMBER_OBJECT, /* a struct inside the struct */
        MEMBER_LIST,   /* pointer to structs and a count */
        MEMBER_TEXTS,  /* char ** and a count */
} MemberKind;

typedef struct Member Member;

struct Member {
        MemberKind kind;
        bool optional;
        const char *name;
        size_t offset;
        size_t count_offset;
        uint64_t max;             /* value, bytes or entries */
        const char *const *words; /* max of them */
        const Member *members;    /* of the object or of each entry */
        size_t size;              /* of an entry */
};

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

static const struct {
        const char *word;
        unsigned speakers;
        const Member *members;
} message_types[AGENT_MESSAGE_TYPES] = {
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

const char *agent_status_to_string(AgentStatus status)
{
        return status < AGENT_STATUSES ? status_words[status] : "Unknown";
}

const char *agent_message_type_to_string(AgentMessageType type)
{
        return type < AGENT_MESSAGE_TYPES ? message_types[type].word : "unknown";
}

static size_t message_bytes_max(AgentDirection from)
{
        return from == AGENT_FROM_GUEST ? AGENT_FROM_GUEST_BYTES_MAX : AGENT_FROM_HOST_BYTES_MAX;
}

/* The name on the wire: that of the struct's member, "text" for "log.text". */
static const char *wire_name(const Member *member)
{
        const char *dot = strrchr(member->name, '.');

        return dot ? dot + 1 : member->name;
}

/* ---- freeing */

static void free_members(const Member *member, void *object)
{
        for (; member->kind != MEMBER_END; member++) {
                void *at = (char *) object + member->offset;
                size_t count = member->count_offset > 0
                                       ? *(size_t *) ((char *) object + member->count_offset)
                                       : 0;

                switch (member->kind) {
                case MEMBER_OBJECT:
                        free_members(member->members, at);
                        break;
                case MEMBER_LIST:
                        for (size_t i = 0; i < count; i++)
                                free_members(member->members, *(char **) at + i * member->size);
                        free(*(void **) at);
                        break;
                case MEMBER_TEXTS:
                        for (size_t i = 0; i < count; i++)
                                free((*(char ***) at)[i]);
                        free(*(void **) at);
                        break;
                case MEMBER_TEXT:
                case MEMBER_LINES:
                case MEMBER_RAW:
                case MEMBER_BYTES:
                        free(*(void **) at);
                        break;
                default:
                        break;
                }
        }
}

void agent_message_deinit(AgentMessage *message)
{
        assert(message->type < AGENT_MESSAGE_TYPES);
        free_members(message_types[message->type].members, message);
        *message = (AgentMessage) {};
}

void agent_config_deinit(AgentConfig *config)
{
        free_members(config_members, config);
        *config = (AgentConfig) {};
}

/* ---- encoding */

static int encode_object(const Member *members, const void *object, const char *type,
                         sd_json_variant **ret);

/* Collects the entries first: appending to a JSON array one by one would copy it each time. */
static int encode_list(const Member *member, const void *at, size_t count, sd_json_variant **ret)
{
        sd_json_variant **entries = calloc(count + 1, sizeof(*entries));
        size_t n = 0;
        int r = 0;

        if (!entries)
                return -ENOMEM;
        for (; n < count && r >= 0; n++)
                if (member->kind == MEMBER_TEXTS)
                        r = sd_json_variant_new_string(&entries[n], (*(char ***) at)[n]);
                else
                        r = encode_object(member->members,
                                          *(const char *const *) at + n * member->size, NULL,
                                          &entries[n]);
        if (r >= 0)
                r = sd_json_variant_new_array(ret, entries, count);
        sd_json_variant_unref_many(entries, n); /* frees the array as well */
        return r;
}

static int encode_member(const Member *member, const void *object, sd_json_variant **ret)
{
        const void *at = (const char *) object + member->offset;
        size_t count = member->count_offset > 0
                               ? *(const size_t *) ((const char *) object + member->count_offset)
                               : 0;
        unsigned word;

        switch (member->kind) {
        case MEMBER_TEXT:
        case MEMBER_LINES:
        case MEMBER_RAW:
                if (!*(char *const *) at)
                        return member->optional ? sd_json_variant_new_null(ret) : -EINVAL;
                return sd_json_variant_new_string(ret, *(char *const *) at);
        case MEMBER_BYTES:
                return sd_json_variant_new_base64(ret, *(uint8_t *const *) at, count);
        case MEMBER_NUMBER:
                return sd_json_variant_new_unsigned(ret, *(const uint64_t *) at);
        case MEMBER_BOOL:
                return sd_json_variant_new_boolean(ret, *(const bool *) at);
        case MEMBER_WORD:
                word = *(const unsigned *) at;
                assert(word < member->max);
                return sd_json_variant_new_string(ret, member->words[word]);
        case MEMBER_OBJECT:
                return encode_object(member->members, at, NULL, ret);
        default:
                return encode_list(member, at, count, ret);
        }
}

#define MEMBERS_MAX 40

static int encode_object(const Member *members, const void *object, const char *type,
                         sd_json_variant **ret)
{
        sd_json_variant *parts[2 * MEMBERS_MAX] = {};
        size_t n = 0;
        int r = 0;

        if (type) {
                n = 2;
                r = sd_json_variant_new_string(&parts[0], "type");
                if (r >= 0)
                        r = sd_json_variant_new_string(&parts[1], type);
        }
        for (const Member *member = members; member->kind != MEMBER_END && r >= 0; member++) {
                assert(n + 2 <= 2 * MEMBERS_MAX);
                r = sd_json_variant_new_string(&parts[n++], wire_name(member));
                if (r >= 0)
                        r = encode_member(member, object, &parts[n++]);
        }
        if (r >= 0)
                r = sd_json_variant_new_object(ret, parts, n);
        while (n > 0)
                sd_json_variant_unref(parts[--n]);
        return r;
}

int agent_message_encode(const AgentMessage *message, AgentDirection from, char **ret_data,
                         size_t *ret_length)
{
        sd_json_variant *object = NULL;
        _cleanup_free_ char *text = NULL;
        StrBuffer frame = {};
        int r;

        assert(message->type < AGENT_MESSAGE_TYPES);
        assert(message_types[message->type].speakers & (1U << from));
        r = encode_object(message_types[message->type].members, message,
                          message_types[message->type].word, &object);
        if (r >= 0)
                r = sd_json_variant_format(object, 0, &text);
        sd_json_variant_unref(object);
        if (r < 0)
                return r == -ENOMEM ? r : -EINVAL;
        if (strlen(text) > message_bytes_max(from))
                return -EMSGSIZE;

        str_buffer_append(&frame, "\x1e", 1);
        str_buffer_add(&frame, text);
        str_buffer_append(&frame, "\n", 1);
        *ret_length = frame.length;
        r = str_buffer_take(&frame, ret_data);
        str_buffer_deinit(&frame);
        return r;
}

/* ---- decoding */

static int decode_object(const Member *members, sd_json_variant *value, void *object,
                         const char **problem);

static bool text_allowed(const char *text, MemberKind kind)
{
        if (kind == MEMBER_RAW)
                return true;
        for (; *text; text++) {
                unsigned char c = (unsigned char) *text;

                if ((c < 0x20 || c == 0x7f) && !(kind == MEMBER_LINES && (c == '\n' || c == '\t')))
                        return false;
        }
        return true;
}

static int decode_text(const Member *member, sd_json_variant *value, char **ret)
{
        const char *text;

        if (!sd_json_variant_is_string(value))
                return AGENT_MESSAGE_REFUSED;
        text = sd_json_variant_string(value);
        if (strlen(text) > member->max || !text_allowed(text, member->kind))
                return AGENT_MESSAGE_REFUSED;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static int decode_bytes(const Member *member, sd_json_variant *value, void *object)
{
        void *bytes = NULL;
        size_t n = 0;
        int r;

        if (!sd_json_variant_is_string(value) ||
            strlen(sd_json_variant_string(value)) > member->max * 4 / 3 + 4)
                return AGENT_MESSAGE_REFUSED;
        r = sd_json_variant_unbase64(value, &bytes, &n);
        if (r < 0)
                return r == -ENOMEM ? r : AGENT_MESSAGE_REFUSED;
        if (n > member->max) {
                free(bytes);
                return AGENT_MESSAGE_REFUSED;
        }
        *(void **) ((char *) object + member->offset) = bytes;
        *(size_t *) ((char *) object + member->count_offset) = n;
        return 0;
}

static int decode_list(const Member *member, sd_json_variant *value, void *object,
                       const char **problem)
{
        size_t count = sd_json_variant_is_array(value) ? sd_json_variant_elements(value) : SIZE_MAX;
        size_t size = member->kind == MEMBER_TEXTS ? sizeof(char *) : member->size;
        size_t *ret_count = (size_t *) ((char *) object + member->count_offset);
        char *entries;
        int r = 0;

        if (count > AGENT_LIST_MAX)
                return AGENT_MESSAGE_REFUSED;
        if (count == 0)
                return 0;
        entries = calloc(count, size);
        if (!entries)
                return -ENOMEM;
        *(char **) ((char *) object + member->offset) = entries;
        *ret_count = count;
        for (size_t i = 0; i < count && r == 0; i++) {
                sd_json_variant *entry = sd_json_variant_by_index(value, i);

                if (member->kind == MEMBER_TEXTS)
                        r = decode_text(&(Member) {.kind = MEMBER_TEXT, .max = member->max}, entry,
                                        (char **) (entries + i * size));
                else
                        r = decode_object(member->members, entry, entries + i * size, problem);
        }
        return r;
}

static int decode_word(const Member *member, sd_json_variant *value, unsigned *ret)
{
        if (!sd_json_variant_is_string(value))
                return AGENT_MESSAGE_REFUSED;
        for (unsigned i = 0; i < member->max; i++)
                if (str_equal(member->words[i], sd_json_variant_string(value))) {
                        *ret = i;
                        return 0;
                }
        return AGENT_MESSAGE_REFUSED;
}

static int decode_member(const Member *member, sd_json_variant *value, void *object,
                         const char **problem)
{
        void *at = (char *) object + member->offset;

        switch (member->kind) {
        case MEMBER_TEXT:
        case MEMBER_LINES:
        case MEMBER_RAW:
                return decode_text(member, value, at);
        case MEMBER_BYTES:
                return decode_bytes(member, value, object);
        case MEMBER_NUMBER:
                if (!sd_json_variant_is_unsigned(value) ||
                    sd_json_variant_unsigned(value) > member->max)
                        return AGENT_MESSAGE_REFUSED;
                *(uint64_t *) at = sd_json_variant_unsigned(value);
                return 0;
        case MEMBER_BOOL:
                if (!sd_json_variant_is_boolean(value))
                        return AGENT_MESSAGE_REFUSED;
                *(bool *) at = sd_json_variant_boolean(value);
                return 0;
        case MEMBER_WORD:
                return decode_word(member, value, at);
        case MEMBER_OBJECT:
                return decode_object(member->members, value, at, problem);
        default:
                return decode_list(member, value, object, problem);
        }
}

static int decode_object(const Member *members, sd_json_variant *value, void *object,
                         const char **problem)
{
        if (!sd_json_variant_is_object(value))
                return AGENT_MESSAGE_REFUSED;
        for (const Member *member = members; member->kind != MEMBER_END; member++) {
                sd_json_variant *part = sd_json_variant_by_key(value, wire_name(member));
                int r;

                if (!part || sd_json_variant_is_null(part)) {
                        if (member->optional)
                                continue;
                        *problem = member->name;
                        return AGENT_MESSAGE_REFUSED;
                }
                *problem = NULL;
                r = decode_member(member, part, object, problem);
                if (r != 0) {
                        if (!*problem)
                                *problem = member->name;
                        return r;
                }
        }
        return 0;
}

static int decode_type(sd_json_variant *value, AgentDirection from, AgentMessageType *ret)
{
        sd_json_variant *word = sd_json_variant_by_key(value, "type");

        for (AgentMessageType i = 0; i < AGENT_MESSAGE_TYPES; i++)
                if (word && sd_json_variant_is_string(word) &&
                    str_equal(message_types[i].word, sd_json_variant_string(word)) &&
                    (message_types[i].speakers & (1U << from))) {
                        *ret = i;
                        return 0;
                }
        return AGENT_MESSAGE_REFUSED;
}

int agent_message_decode(const char *text, AgentDirection from, AgentMessage *ret_message,
                         const char **ret_problem)
{
        sd_json_variant *value = NULL;
        AgentMessage message = {};
        const char *problem = "not JSON";
        int r;

        r = strlen(text) > message_bytes_max(from) ? -EMSGSIZE
                                                   : sd_json_parse(text, 0, &value, NULL, NULL);
        if (r < 0) {
                r = r == -ENOMEM ? r : AGENT_MESSAGE_REFUSED;
        } else if (!sd_json_variant_is_object(value) ||
                   decode_type(value, from, &message.type) != 0) {
                problem = "type";
                r = AGENT_MESSAGE_REFUSED;
        } else {
                r = decode_object(message_types[message.type].members, value, &message, &problem);
        }
        sd_json_variant_unref(value);
        if (r != 0) {
                agent_message_deinit(&message);
                if (ret_problem)
                        *ret_problem = problem ?: "type";
                return r;
        }
        *ret_message = message;
        return 0;
}

/* ---- framing */

void agent_stream_deinit(AgentStream *stream)
{
        AgentDirection from = stream->from;

        str_buffer_deinit(&stream->buffer);
        *stream = (AgentStream) {.from = from};
}

static int stream_refuse(AgentStream *stream, const char *problem)
{
        stream->problem = problem;
        stream->n_refused++;
        return AGENT_STREAM_REFUSED;
}

/* Makes the buffer empty, and keeps its memory when that is little. */
static void stream_empty(AgentStream *stream, bool inside)
{
        stream->inside = inside;
        if (stream->buffer.failed || stream->buffer.allocated > STREAM_KEEP_BYTES)
                str_buffer_deinit(&stream->buffer);
        stream->buffer.length = 0;
        if (stream->buffer.data)
                stream->buffer.data[0] = '\0';
}

static int stream_finish(AgentStream *stream, AgentMessage *ret_message)
{
        const char *text = stream->buffer.data ?: "", *problem = "not JSON";
        int r;

        if (stream->buffer.failed)
                r = -ENOMEM;
        else if (memchr(text, 0, stream->buffer.length))
                r = AGENT_MESSAGE_REFUSED;
        else
                r = agent_message_decode(text, stream->from, ret_message, &problem);
        stream_empty(stream, false);
        if (r == AGENT_MESSAGE_REFUSED)
                return stream_refuse(stream, problem);
        return r < 0 ? r : AGENT_STREAM_MESSAGE;
}

int agent_stream_next(AgentStream *stream, const char **data, size_t *length,
                      AgentMessage *ret_message)
{
        while (*length > 0) {
                const char *begin = *data, *at;
                size_t n;

                if (*begin == FRAME_BEGIN || *begin == FRAME_END) {
                        bool was_inside = stream->inside;

                        (*data)++, (*length)--;
                        if (*begin == FRAME_END && was_inside)
                                return stream_finish(stream, ret_message);
                        stream_empty(stream, *begin == FRAME_BEGIN);
                        if (was_inside)
                                return stream_refuse(stream, "cut off");
                        continue;
                }
                for (at = begin, n = 0; n < *length && *at != FRAME_BEGIN && *at != FRAME_END; n++)
                        at++;
                *data += n, *length -= n;
                if (!stream->inside)
                        continue;
                if (stream->buffer.length + n > message_bytes_max(stream->from)) {
                        stream_empty(stream, false);
                        return stream_refuse(stream, "too long");
                }
                str_buffer_append(&stream->buffer, begin, n);
        }
        return 0;
}
