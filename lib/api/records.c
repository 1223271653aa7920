/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Records and their keys: names of enumerations, making, copying and freeing, and the text of keys.
 * Nothing here reads JSON. */

#include "lib/api/records.h"

#include <stdio.h>
#include <strings.h>

#include "lib/base/str.h"

#define INSTANCE_INFIX "_IN_"
#define OWNED_MAX      2 /* texts that a record owns */

static const char *const record_types[RECORD_TYPES] = {
        [RECORD_CLUSTER] = "cluster",
        [RECORD_HOST] = "hosts",
        [RECORD_ALIVE] = "alive",
        [RECORD_SERVICE] = "services",
        [RECORD_DEPLOYMENT] = "deployments",
        [RECORD_INSTANCE] = "instances",
        [RECORD_OBSERVED] = "observed",
        [RECORD_OPERATION] = "operations",
        [RECORD_PACKAGE] = "packages",
        [RECORD_OS] = "os",
        [RECORD_CERTIFICATE] = "certificates",
        [RECORD_MEMBERS] = "members",
        [RECORD_TOKEN] = "tokens",
        [RECORD_ISSUED] = "issued",
};

static const char *const slots[SLOTS] = {
        [SLOT_PRODUCTION] = "production",
        [SLOT_STAGING] = "staging",
};

static const char *const role_kinds[RECORD_ROLE_KINDS] = {
        [RECORD_ROLE_WEB] = "web",
        [RECORD_ROLE_WORKER] = "worker",
};

static const char *const powers[POWERS] = {
        [POWER_RUNNING] = "running",
        [POWER_STOPPING] = "stopping",
        [POWER_STOPPED] = "stopped",
};

static const char *const actions[ACTIONS] = {
        [ACTION_RESET] = "reset",
        [ACTION_REBOOT] = "reboot",
        [ACTION_REIMAGE] = "reimage",
        [ACTION_REBUILD] = "rebuild",
};

static const char *const statuses[STATUSES] = {
        [STATUS_UNKNOWN] = "Unknown",
        [STATUS_CREATING_VM] = "CreatingVM",
        [STATUS_STARTING_VM] = "StartingVM",
        [STATUS_CREATING_ROLE] = "CreatingRole",
        [STATUS_STARTING_ROLE] = "StartingRole",
        [STATUS_READY_ROLE] = "ReadyRole",
        [STATUS_BUSY_ROLE] = "BusyRole",
        [STATUS_STOPPING_ROLE] = "StoppingRole",
        [STATUS_STOPPING_VM] = "StoppingVM",
        [STATUS_DELETING_VM] = "DeletingVM",
        [STATUS_STOPPED_VM] = "StoppedVM",
        [STATUS_RESTARTING_ROLE] = "RestartingRole",
        [STATUS_CYCLING_ROLE] = "CyclingRole",
        [STATUS_FAILED_STARTING_VM] = "FailedStartingVM",
        [STATUS_UNRESPONSIVE_ROLE] = "UnresponsiveRole",
};

static const char *const operation_kinds[OPERATION_KINDS] = {
        [OPERATION_DEPLOY] = "deploy",
        [OPERATION_SCALE] = "scale",
        [OPERATION_CONFIGURE] = "configure",
        [OPERATION_SWAP] = "swap",
        [OPERATION_UPDATE] = "update",
        [OPERATION_DELETE] = "delete",
        [OPERATION_REBOOT] = "reboot",
        [OPERATION_REIMAGE] = "reimage",
        [OPERATION_REBUILD] = "rebuild",
        [OPERATION_DRAIN] = "drain",
        [OPERATION_UPDATE_HOSTS] = "update-hosts",
};

static const char *const operation_states[OPERATION_STATES] = {
        [OPERATION_RUNNING] = "running",
        [OPERATION_SUCCEEDED] = "succeeded",
        [OPERATION_FAILED] = "failed",
};

static const char *const heal_rungs[HEAL_RUNGS] = {
        [HEAL_NONE] = "none",
        [HEAL_RESET] = "reset",
        [HEAL_REIMAGE] = "reimage",
        [HEAL_REPLACE] = "replace",
};

static const char *const endpoint_kinds[RECORD_ENDPOINT_KINDS] = {
        [RECORD_ENDPOINT_INPUT] = "input",
        [RECORD_ENDPOINT_INSTANCE] = "instance",
        [RECORD_ENDPOINT_INTERNAL] = "internal",
};

static int table_find(const char *const *table, size_t n, const char *text, unsigned *ret_value)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(table[i], text) == 0) {
                        *ret_value = (unsigned) i;
                        return 0;
                }
        return -EINVAL;
}

#define DEFINE_TO_STRING(function, type, table)                                                    \
        const char *function##_to_string(type value)                                               \
        {                                                                                          \
                assert((size_t) value < ARRAY_SIZE(table));                                        \
                return table[value];                                                               \
        }
#define DEFINE_STRINGS(function, type, table)                                                      \
        DEFINE_TO_STRING(function, type, table)                                                    \
        int function##_from_string(const char *text, type *ret_value)                              \
        {                                                                                          \
                unsigned value;                                                                    \
                int r = table_find(table, ARRAY_SIZE(table), text, &value);                        \
                                                                                                   \
                if (r < 0)                                                                         \
                        return r;                                                                  \
                *ret_value = (type) value;                                                         \
                return 0;                                                                          \
        }

DEFINE_TO_STRING(record_type, RecordType, record_types)
DEFINE_TO_STRING(instance_action, InstanceAction, actions)
DEFINE_STRINGS(slot, Slot, slots)
DEFINE_STRINGS(role_kind, RecordRoleKind, role_kinds)
DEFINE_STRINGS(instance_power, InstancePower, powers)
DEFINE_STRINGS(instance_status, InstanceStatus, statuses)
DEFINE_STRINGS(operation_kind, OperationKind, operation_kinds)
DEFINE_STRINGS(operation_state, OperationState, operation_states)
DEFINE_STRINGS(heal_rung, HealRung, heal_rungs)
DEFINE_STRINGS(endpoint_kind, RecordEndpointKind, endpoint_kinds)

static const ClusterRecord cluster_defaults = {
        .overlay = {.family = 4, .bytes = {10, 64}},
        .overlay_prefix = 10,
        .deployment_prefix = 24,
        .vni_first = 4096,
        .vcpu_percent = 400,
        .lease_ms = 10000,
        .leader_delay_ms = 2000,
        .agent_silence_ms = 30000,
        .boot_ms = 180000,
        .role_ms = 900000,
        .stable_ms = 600000,
        .brake_window_ms = 60000,
        .brake_percent = 20,
        .drain_ms = 30000,
        .stop_ms = 300000,
        .operation_ms = 1800000,
        .keep_ended_ms = 600000,
};

void record_init(Record *record, RecordType type)
{
        *record = (Record) {.type = type};
        if (type == RECORD_CLUSTER)
                record->cluster = cluster_defaults;
}

size_t record_size(RecordType type)
{
        static const size_t sizes[RECORD_TYPES] = {
                [RECORD_CLUSTER] = sizeof(ClusterRecord),
                [RECORD_HOST] = sizeof(HostRecord),
                [RECORD_ALIVE] = sizeof(AliveRecord),
                [RECORD_SERVICE] = sizeof(ServiceRecord),
                [RECORD_DEPLOYMENT] = sizeof(DeploymentRecord),
                [RECORD_INSTANCE] = sizeof(InstanceRecord),
                [RECORD_OBSERVED] = sizeof(ObservedRecord),
                [RECORD_OPERATION] = sizeof(OperationRecord),
                [RECORD_PACKAGE] = sizeof(PackageRecord),
                [RECORD_OS] = sizeof(OsRecord),
                [RECORD_CERTIFICATE] = sizeof(CertificateRecord),
                [RECORD_MEMBERS] = sizeof(MembersRecord),
                [RECORD_TOKEN] = sizeof(TokenRecord),
                [RECORD_ISSUED] = sizeof(IssuedRecord),
        };

        assert(type < RECORD_TYPES);
        return offsetof(Record, cluster) + sizes[type];
}

/* The texts that a record of its type owns. */
static size_t owned_texts(Record *record, char **ret_texts[static OWNED_MAX])
{
        switch (record->type) {
        case RECORD_CLUSTER:
                ret_texts[0] = &record->cluster.ca;
                ret_texts[1] = &record->cluster.ca_key;
                return 2;
        case RECORD_DEPLOYMENT:
                ret_texts[0] = &record->deployment.definition;
                ret_texts[1] = &record->deployment.configuration;
                return 2;
        case RECORD_CERTIFICATE:
                ret_texts[0] = &record->certificate.chain;
                ret_texts[1] = &record->certificate.key;
                return 2;
        default:
                return 0;
        }
}

/* The private key that a record holds, or NULL. */
static char *secret_text(Record *record)
{
        return record->type == RECORD_CERTIFICATE ? record->certificate.key
               : record->type == RECORD_CLUSTER   ? record->cluster.ca_key
                                                  : NULL;
}

void record_deinit(Record *record)
{
        char **texts[OWNED_MAX];
        size_t n = owned_texts(record, texts);
        char *secret = secret_text(record);

        if (secret)
                explicit_bzero(secret, strlen(secret));
        for (size_t i = 0; i < n; i++)
                free(TAKE_PTR(*texts[i]));
}

/* Gives a record that is a bitwise copy its own texts; on failure it owns none. */
static int copy_owned(Record *record)
{
        char **texts[OWNED_MAX], *copies[OWNED_MAX] = {};
        size_t n = owned_texts(record, texts);

        for (size_t i = 0; i < n; i++)
                if (str_set(&copies[i], *texts[i]) < 0) {
                        while (i > 0)
                                free(copies[--i]);
                        return -ENOMEM;
                }
        for (size_t i = 0; i < n; i++)
                *texts[i] = copies[i];
        return 0;
}

int record_copy(const Record *record, Record *ret_copy)
{
        memcpy(ret_copy, record, record_size(record->type));
        return copy_owned(ret_copy);
}

/* Texts come from records, whose arrays bound them; a key's name array is at least as long. */
static void key_set_name(RecordKey *key, const char *name)
{
        snprintf(key->name, sizeof(key->name), "%s", name);
}

RecordKey record_key_of(const Record *record)
{
        RecordKey key = {.type = record->type};

        switch (record->type) {
        case RECORD_HOST:
                key_set_name(&key, record->host.name);
                break;
        case RECORD_ALIVE:
                key_set_name(&key, record->alive.host);
                break;
        case RECORD_SERVICE:
                key_set_name(&key, record->service.name);
                break;
        case RECORD_DEPLOYMENT:
                key_set_name(&key, record->deployment.id);
                break;
        case RECORD_INSTANCE:
                key.instance = record->instance.id;
                break;
        case RECORD_OBSERVED:
                key_set_name(&key, record->observed.host);
                key.instance = record->observed.id;
                break;
        case RECORD_OPERATION:
                key_set_name(&key, record->operation.id);
                break;
        case RECORD_PACKAGE:
                key_set_name(&key, record->package.digest);
                break;
        case RECORD_OS:
                key_set_name(&key, record->os.family);
                memcpy(key.version, record->os.version, sizeof(key.version));
                break;
        case RECORD_CERTIFICATE:
                key_set_name(&key, record->certificate.digest);
                break;
        case RECORD_TOKEN:
                key_set_name(&key, record->token.id);
                break;
        case RECORD_ISSUED:
                key_set_name(&key, record->issued.serial);
                break;
        case RECORD_CLUSTER:
        case RECORD_MEMBERS:
        case RECORD_TYPES:
                break;
        }
        return key;
}

/* Appends text or a decimal number; faster than snprintf(), and keys are made by the hundred
 * thousand. */
static char *key_add(char *at, const char *text)
{
        size_t length = strlen(text);

        memcpy(at, text, length + 1);
        return at + length;
}

static char *key_add_number(char *at, uint32_t number)
{
        char digits[11];
        size_t i = sizeof(digits);

        digits[--i] = '\0';
        do {
                digits[--i] = (char) ('0' + number % 10);
                number /= 10;
        } while (number > 0);
        return key_add(at, &digits[i]);
}

static char *key_add_instance(char *at, const InstanceId *id)
{
        at = key_add(key_add(at, id->deployment), "/");
        at = key_add(key_add(at, id->role), "/");
        return key_add_number(at, id->number);
}

const char *record_key_format(const RecordKey *key, char text[static RECORD_KEY_MAX + 1])
{
        char *at = key_add(key_add(text, RECORD_PREFIX), record_types[key->type]);

        switch (key->type) {
        case RECORD_CLUSTER:
        case RECORD_MEMBERS:
                break;
        case RECORD_INSTANCE:
                key_add_instance(key_add(at, "/"), &key->instance);
                break;
        case RECORD_OBSERVED:
                at = key_add(key_add(key_add(at, "/"), key->name), "/");
                key_add_instance(at, &key->instance);
                break;
        case RECORD_OS:
                at = key_add(key_add(key_add(at, "/"), key->name), "/");
                key_add(at, key->version);
                break;
        default:
                key_add(key_add(at, "/"), key->name);
                break;
        }
        return text;
}

/* Takes the next part of a key, up to a '/' or the end, as a name of at most @size - 1 characters.
 */
static int key_take(const char **at, char *part, size_t size)
{
        size_t length = strcspn(*at, "/");

        if (length >= size)
                return -EINVAL;
        memcpy(part, *at, length);
        part[length] = '\0';
        *at += length + ((*at)[length] == '/');
        return str_is_name(part, size - 1) ? 0 : -EINVAL;
}

static int parse_number(const char *text, uint32_t *ret_number)
{
        uint64_t number;
        int r = str_to_u64(text, RECORD_COUNT_MAX - 1, &number);

        if (r < 0 || (text[0] == '0' && text[1] != '\0'))
                return -EINVAL;
        *ret_number = (uint32_t) number;
        return 0;
}

static int key_take_instance(const char **at, InstanceId *id)
{
        char number[8];
        int r;

        r = key_take(at, id->deployment, sizeof(id->deployment));
        if (r == 0)
                r = key_take(at, id->role, sizeof(id->role));
        if (r == 0)
                r = key_take(at, number, sizeof(number));
        if (r == 0)
                r = parse_number(number, &id->number);
        return r;
}

static bool is_digest(const char *text)
{
        return strlen(text) == RECORD_DIGEST_MAX &&
               strspn(text, "0123456789abcdef") == RECORD_DIGEST_MAX;
}

static int key_take_parts(const char **at, RecordKey *key)
{
        int r;

        switch (key->type) {
        case RECORD_CLUSTER:
        case RECORD_MEMBERS:
                return 0;
        case RECORD_INSTANCE:
                return key_take_instance(at, &key->instance);
        case RECORD_OBSERVED:
                r = key_take(at, key->name, RECORD_NAME_MAX + 1);
                return r < 0 ? r : key_take_instance(at, &key->instance);
        case RECORD_OS:
                r = key_take(at, key->name, RECORD_VERSION_MAX + 1);
                return r < 0 ? r : key_take(at, key->version, sizeof(key->version));
        case RECORD_DEPLOYMENT:
                return key_take(at, key->name, RECORD_ID_MAX + 1);
        case RECORD_PACKAGE:
        case RECORD_CERTIFICATE:
                r = key_take(at, key->name, sizeof(key->name));
                return r < 0 || !is_digest(key->name) ? -EINVAL : 0;
        default:
                return key_take(at, key->name, RECORD_NAME_MAX + 1);
        }
}

int record_key_parse(const char *text, RecordKey *ret_key)
{
        const char *at = str_after(text, RECORD_PREFIX), *rest = NULL;
        RecordKey key = {};
        unsigned type;
        int r;

        for (type = 0; at && type < RECORD_TYPES; type++) {
                rest = str_after(at, record_types[type]);
                if (rest && (*rest == '\0' || *rest == '/'))
                        break;
        }
        if (!at || type == RECORD_TYPES)
                return -ENOENT;
        key.type = type;
        if ((*rest == '/') == (type == RECORD_CLUSTER || type == RECORD_MEMBERS))
                return -EINVAL;
        at = rest + (*rest == '/');
        r = key_take_parts(&at, &key);
        if (r < 0)
                return r;
        if (*at != '\0' || at[-1] == '/')
                return -EINVAL;
        *ret_key = key;
        return 0;
}

const char *instance_id_format(const InstanceId *id, char text[static RECORD_KEY_MAX + 1])
{
        char *at = key_add(key_add(text, id->deployment), "/");

        key_add_number(key_add(key_add(at, id->role), INSTANCE_INFIX), id->number);
        return text;
}

int instance_id_parse(const char *text, InstanceId *ret_id)
{
        const char *at = text, *infix = NULL;
        InstanceId id = {};
        int r;

        r = key_take(&at, id.deployment, sizeof(id.deployment));
        if (r < 0)
                return r;
        for (const char *next = strstr(at, INSTANCE_INFIX); next;
             next = strstr(next + 1, INSTANCE_INFIX))
                infix = next; /* the last one: a role may be called a_IN_b */
        if (!infix || (size_t) (infix - at) >= sizeof(id.role))
                return -EINVAL;
        memcpy(id.role, at, (size_t) (infix - at));
        if (!str_is_name(id.role, RECORD_NAME_MAX) ||
            parse_number(infix + strlen(INSTANCE_INFIX), &id.number) < 0)
                return -EINVAL;
        *ret_id = id;
        return 0;
}

bool instance_id_equal(const InstanceId *a, const InstanceId *b)
{
        return a->number == b->number && strcmp(a->deployment, b->deployment) == 0 &&
               strcmp(a->role, b->role) == 0;
}

bool certificate_is(const CertificateRecord *certificate, const char *thumbprint)
{
        return strcasecmp(thumbprint, certificate->sha1) == 0 ||
               strcasecmp(thumbprint, certificate->digest) == 0;
}

const DeploymentRole *deployment_role(const DeploymentRecord *deployment, const char *name)
{
        for (size_t i = 0; i < deployment->n_roles; i++)
                if (strcmp(deployment->roles[i].name, name) == 0)
                        return &deployment->roles[i];
        return NULL;
}
