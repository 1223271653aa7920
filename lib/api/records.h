/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The cluster's state: one struct for each kind of key under /troupe/1/ (docs/state.md), and the
 * keys themselves. Texts with a bound are arrays, so that most records are copied by assignment;
 * what can be long is owned and freed with record_deinit(). Included by the deciding core: libc
 * only. The JSON codec is records-json.h.
 *
 * Times in records end in _us and are CLOCK_REALTIME: for people, nobody decides by them.
 * Spans end in _ms and are counted by each reader on its own CLOCK_BOOTTIME. */

#include <stdbool.h>

#include "lib/base/ip.h"
#include "lib/base/macros.h"

#define RECORD_PREFIX        "/troupe/1/"
#define RECORD_LEADER_PREFIX RECORD_PREFIX "leader" /* the election: not a record */
/* Each host's last renewal: not a record, and not where all hosts watch (docs/adr/0124). */
#define RECORD_RENEWAL_PREFIX "/troupe/renewals/1/"

/* Characters, without the NUL. */
#define RECORD_NAME_MAX    63 /* services, roles, hosts, fault domains, endpoints, operations */
#define RECORD_ID_MAX      15 /* deployments: `d` and 8 hexadecimal digits */
#define RECORD_DIGEST_MAX  64 /* SHA-256 in hexadecimal */
#define RECORD_SHA1_MAX    40 /* in hexadecimal */
#define RECORD_VERSION_MAX 63 /* guest OS versions and families */
#define RECORD_LABEL_MAX   128
#define RECORD_DETAIL_MAX  511 /* texts for people */
#define RECORD_URL_MAX     255
#define RECORD_KEY_MAX     320 /* a whole key */

#define RECORD_TEXT_MAX      (1 * MIB)    /* a csdef or cscfg in a deployment */
#define RECORD_VALUE_MAX     (1400 * KIB) /* an encoded value; etcd refuses 1.5 MiB */
#define RECORD_ROLES_MAX     25
#define RECORD_ENDPOINTS_MAX 25
#define RECORD_COUNT_MAX     1000 /* instances of a role */
#define RECORD_VIP_POOLS_MAX 16
#define RECORD_HOLDERS_MAX   16
#define RECORD_FILES_MAX     8
#define RECORD_PEM_MAX       (64 * KIB) /* of a certificate with its chain, and of a key */
#define RECORD_MEMBERS_MAX   15         /* of etcd, learners included */

typedef char RecordName[RECORD_NAME_MAX + 1];
typedef char RecordId[RECORD_ID_MAX + 1];
typedef char RecordDigest[RECORD_DIGEST_MAX + 1];
typedef char RecordVersion[RECORD_VERSION_MAX + 1];
typedef char RecordDetail[RECORD_DETAIL_MAX + 1];
typedef char RecordLabel[RECORD_LABEL_MAX + 1];

typedef enum RecordType {
        RECORD_CLUSTER,
        RECORD_HOST,
        RECORD_ALIVE,
        RECORD_SERVICE,
        RECORD_DEPLOYMENT,
        RECORD_INSTANCE,
        RECORD_OBSERVED,
        RECORD_OPERATION,
        RECORD_PACKAGE,
        RECORD_OS,
        RECORD_CERTIFICATE,
        RECORD_MEMBERS,
        RECORD_TOKEN,
        RECORD_ISSUED,
        RECORD_TYPES, /* how many there are */
} RecordType;

typedef enum Slot {
        SLOT_PRODUCTION,
        SLOT_STAGING,
        SLOTS, /* how many there are */
} Slot;

typedef enum RecordRoleKind {
        RECORD_ROLE_WEB,
        RECORD_ROLE_WORKER,
        RECORD_ROLE_KINDS,
} RecordRoleKind;

/* What an instance is to do. */
typedef enum InstancePower {
        POWER_RUNNING,
        POWER_STOPPING, /* leave rotation, drain, Stopping event, off, all of it removed */
        POWER_STOPPED,  /* the same at once: the guest is taken for hung */
        POWERS,
} InstancePower;

/* What can be asked of a running instance; each has a counter in the instance record, and the
 * observed record says up to which count it has been done. */
typedef enum InstanceAction {
        ACTION_RESET,   /* by healing: the guest is silent, no drain, power cycle, same disks */
        ACTION_REBOOT,  /* leave rotation, drain, restart the guest, same disks */
        ACTION_REIMAGE, /* fresh overlay; local storage is kept */
        ACTION_REBUILD, /* fresh overlay and local storage */
        ACTIONS,
} InstanceAction;

/* Azure's names, as StatusCreatingVM -> "CreatingVM". */
typedef enum InstanceStatus {
        STATUS_UNKNOWN,
        STATUS_CREATING_VM,
        STATUS_STARTING_VM,
        STATUS_CREATING_ROLE,
        STATUS_STARTING_ROLE,
        STATUS_READY_ROLE,
        STATUS_BUSY_ROLE,
        STATUS_STOPPING_ROLE,
        STATUS_STOPPING_VM,
        STATUS_DELETING_VM,
        STATUS_STOPPED_VM,
        STATUS_RESTARTING_ROLE,
        STATUS_CYCLING_ROLE,
        STATUS_FAILED_STARTING_VM,
        STATUS_UNRESPONSIVE_ROLE,
        STATUSES,
} InstanceStatus;

typedef enum OperationKind {
        OPERATION_DEPLOY,
        OPERATION_SCALE,
        OPERATION_CONFIGURE,
        OPERATION_SWAP,
        OPERATION_UPDATE, /* package or guest OS, an upgrade domain at a time */
        OPERATION_DELETE,
        OPERATION_REBOOT,
        OPERATION_REIMAGE,
        OPERATION_REBUILD,
        OPERATION_DRAIN,
        OPERATION_UPDATE_HOSTS, /* their own system, a fault domain at a time */
        OPERATION_KINDS,
} OperationKind;

typedef enum OperationState {
        OPERATION_RUNNING,
        OPERATION_SUCCEEDED,
        OPERATION_FAILED,
        OPERATION_STATES,
} OperationState;

/* Which rung of the healing ladder an instance stands on: the last thing that was tried. */
typedef enum HealRung {
        HEAL_NONE,
        HEAL_RESET,
        HEAL_REIMAGE,
        HEAL_REPLACE,
        HEAL_RUNGS,
} HealRung;

typedef enum RecordEndpointKind {
        RECORD_ENDPOINT_INPUT,    /* one public port, balanced over the role's instances */
        RECORD_ENDPOINT_INSTANCE, /* a public port for each instance, out of a range */
        RECORD_ENDPOINT_INTERNAL, /* inside the deployment */
        RECORD_ENDPOINT_KINDS,
} RecordEndpointKind;

/* One VM of a role. Its text is `DEPLOYMENT/ROLE_IN_N`. */
typedef struct InstanceId {
        RecordId deployment;
        RecordName role;
        uint32_t number;
} InstanceId;

/* cluster: made by `troupectl cluster init`; the leader only sets @braked. */
typedef struct ClusterRecord {
        RecordName id; /* 32 hexadecimal digits */
        char *ca;      /* certificate of the cluster's CA, PEM; NULL for none */
        char *ca_key;  /* its private key, PEM: any host signs for one that joins (docs/adr/0100);
                          NULL for none */
        uint64_t created_us;
        struct {
                IpAddress first, last;
        } vip_pools[RECORD_VIP_POOLS_MAX];
        size_t n_vip_pools;
        IpAddress overlay; /* each deployment has a network of it */
        unsigned overlay_prefix;
        unsigned deployment_prefix; /* prefix length of a deployment's network */
        uint32_t vni_first;         /* VNIs from here on are the deployments' */
        uint32_t vcpu_percent;      /* vCPUs given out for each 100 there are; memory is never
                                       overcommitted */
        /* fencing: fabric.md's L and D */
        uint64_t lease_ms;
        uint64_t leader_delay_ms;
        /* healing */
        uint64_t agent_silence_ms; /* hostd calls an agent UnresponsiveRole after this */
        uint64_t boot_ms;          /* from the VM's start (or a rung) to an agent that speaks */
        uint64_t role_ms;          /* after a rung: from a speaking agent to Ready */
        uint64_t stable_ms;        /* Ready for so long: what was tried before is forgotten */
        uint64_t brake_window_ms;
        uint32_t brake_percent;
        bool braked; /* healing stopped itself */
        /* stopping and operations */
        uint64_t drain_ms;      /* out of rotation: how long connections may go on */
        uint64_t stop_ms;       /* Stopping: then the role is killed */
        uint64_t operation_ms;  /* an operation that is not done by then has failed */
        uint64_t keep_ended_ms; /* how long ended operations are kept */
} ClusterRecord;

/* A host's part in an update of hosts' own system: `waiting` for its turn, then, when it has
 * @begun, being emptied, then, with a @boot, told to fetch the new version and to restart. */
typedef struct HostUpdate {
        RecordName operation; /* "" for none, and then so is all that follows */
        bool begun;
        bool cordoned;                /* it was, before */
        bool draining;                /* likewise */
        RecordName boot;              /* boot id before */
        RecordName version;           /* of its system, before */
        char url[RECORD_URL_MAX + 1]; /* "" for where it looks by itself */
} HostUpdate;

/* hosts/<host> */
typedef struct HostRecord {
        RecordName name;
        RecordName fault_domain;
        uint32_t vcpus;
        uint64_t memory_bytes; /* what instances may use, likewise */
        uint64_t disk_bytes;
        IpAddress address;      /* between hosts */
        IpAddress uplink;       /* where the public side reaches it; may be the same */
        RecordName accelerator; /* "kvm" or "tcg" */
        bool cordoned;          /* nothing new is placed here */
        bool draining;          /* what is here is moved away; cordoned as well */
        bool written_off; /* lost, and an operator released the brake: it counts as gone for good
                             until it is alive again */
        uint64_t joined_us;
        HostUpdate update;
} HostRecord;

/* What a host says of the update that its host record tells it of. */
typedef struct HostUpdateReport {
        RecordName operation; /* "" for none, and then so is all that follows */
        bool current;         /* there is no newer version */
        bool healthy;         /* it has restarted, and all of it works */
        RecordDetail problem; /* why it cannot; "" for nothing */
} HostUpdateReport;

/* alive/<host>: written by the host under its lease, gone when the lease has expired */
typedef struct AliveRecord {
        RecordName host;
        RecordName boot_id;
        uint64_t epoch;     /* grows with each start of hostd */
        RecordName version; /* of the host image; "" when it runs none */
        HostUpdateReport update;
} AliveRecord;

/* services/<service>. A VIP belongs to the slot: a swap exchanges the deployments only. */
typedef struct ServiceRecord {
        RecordName name;
        struct {
                RecordId deployment; /* "" when empty */
                IpAddress vip;       /* none while the slot has never been used */
                RecordName owner;    /* the host that announces the VIP; "" while there is none */
        } slots[SLOTS];
        uint64_t created_us;
} ServiceRecord;

typedef struct DeploymentRole {
        RecordName name;
        RecordRoleKind kind;
        RecordName size; /* Azure's name, for people */
        uint32_t count;  /* wanted; counts more than the configuration's text */
        uint32_t surge;  /* instances beyond @count, while a drain moves others */
        uint32_t vcpus;  /* of an instance */
        uint64_t memory_bytes;
        uint64_t disk_bytes;       /* overlay */
        uint64_t storage_bytes;    /* all local storage */
        uint32_t upgrade_domains;  /* 1 to 20 */
        uint64_t last_incarnation; /* highest of the instances that were removed: a number that is
                                      used again goes on from there */
} DeploymentRole;

typedef struct DeploymentEndpoint {
        RecordName name;
        RecordName role;
        RecordEndpointKind kind;
        char protocol[8];   /* http, https, tcp, udp, any */
        uint16_t port;      /* public; internal: the port inside; 0 for any */
        uint16_t port_last; /* end of the range of an instance or internal endpoint, else @port */
} DeploymentEndpoint;

/* deployments/<id> */
typedef struct DeploymentRecord {
        RecordId id;
        RecordName service;
        RecordLabel label;
        RecordDigest package;
        char *definition;                  /* text of the csdef; owned */
        char *configuration;               /* text of the cscfg; owned */
        uint64_t configuration_generation; /* grows with each configure */
        RecordVersion os_family;
        RecordVersion os_version; /* as asked for; "*" follows the newest */
        RecordVersion os_current; /* what new instances start with; never "*" */
        RecordVersion os_next;    /* what its instances are being walked to; "" for nothing */
        RecordVersion os_failed;  /* with which they did not become Ready; not tried again */
        uint32_t os_walks;        /* begun so far: part of their operations' ids */
        DeploymentRole roles[RECORD_ROLES_MAX];
        size_t n_roles;
        DeploymentEndpoint endpoints[RECORD_ENDPOINTS_MAX];
        size_t n_endpoints;
        uint32_t vni;
        IpAddress network; /* .1 is the gateway, instances from .4 on */
        unsigned network_prefix;
        bool ready; /* all its instances have once been Ready: "running" rather than "starting" */
        bool deleting; /* counts are 0, and it goes with its last instance */
        uint64_t created_us;
} DeploymentRecord;

/* instances/<deployment>/<role>/<n>: what is wanted. Complete in itself for placement. */
typedef struct InstanceRecord {
        InstanceId id;
        uint64_t incarnation; /* from 1, grows with each placement; hosts ignore a lower one */
        RecordName host;
        RecordName fault_domain; /* of that host */
        uint32_t upgrade_domain;
        RecordDigest package;
        RecordVersion os_family;
        RecordVersion os_version; /* resolved, never "*" */
        IpAddress address;
        uint32_t vcpus;
        uint64_t memory_bytes;
        uint64_t disk_bytes;
        uint64_t storage_bytes;
        InstancePower power;
        uint64_t wanted[ACTIONS]; /* counters; never fall, also over incarnations */
        HealRung rung;
        uint32_t heals; /* rungs tried since it was last stable: deadlines double with each round */
        uint64_t placed_us;
} InstanceRecord;

/* observed/<host>/<deployment>/<role>/<n>: what the host sees.
 *
 * Written with CreatingVM before anything is made for the instance. When the instance record says
 * POWER_STOPPING or POWER_STOPPED and nothing of the instance is left on the host (or never was),
 * the host writes StoppedVM with the record's incarnation: its word that this incarnation never
 * runs again. It deletes the key when the instance record is gone or names another host, and
 * nothing of the instance is left here. */
typedef struct ObservedRecord {
        RecordName host;
        InstanceId id;
        uint64_t incarnation;
        InstanceStatus status;
        uint64_t since_us;
        RecordDetail detail;
        bool in_rotation;
        uint64_t done[ACTIONS]; /* up to which of the instance record's counters; a new VM has done
                                   all that were wanted when it was made */
        uint64_t configuration_generation; /* that the role runs with */
        uint32_t role_starts;              /* of the role's process, in this boot of the guest */
        RecordDetail last_exit;            /* how the role's process ended last; "" if it has not */
} ObservedRecord;

typedef struct OperationRole {
        RecordName name;
        uint32_t from; /* count before */
        uint32_t to;
} OperationRole;

/* operations/<id> */
typedef struct OperationRecord {
        RecordName id;
        OperationKind kind;
        OperationState state;
        RecordName service;  /* "" for a drain */
        RecordId deployment; /* "" for a drain */
        Slot slot;
        InstanceId instance; /* reboot, reimage, rebuild; else all zero */
        uint64_t wanted; /* reboot, reimage, rebuild: done when observed.done has come to this */
        RecordName host; /* drain */
        OperationRole roles[RECORD_ROLES_MAX];
        size_t n_roles;
        uint32_t done; /* of @total steps; never falls */
        uint32_t total;
        RecordDetail message;
        RecordName error; /* a refusal's name when failed */
        uint64_t started_us;
        uint64_t ended_us; /* 0 while it runs */
} OperationRecord;

/* packages/<digest> */
typedef struct PackageRecord {
        RecordDigest digest;
        RecordName name; /* of the service definition */
        uint64_t size_bytes;
        uint64_t added_us;
        RecordName holders[RECORD_HOLDERS_MAX]; /* hosts that have the bytes */
        size_t n_holders;
} PackageRecord;

typedef struct OsFile {
        RecordName name; /* vmlinuz, initrd, root.raw, ... */
        RecordDigest digest;
        uint64_t size_bytes;
} OsFile;

/* os/<family>/<version> */
typedef struct OsRecord {
        RecordVersion family;
        RecordVersion version;
        RecordDigest digest; /* over the files' digests: names the whole */
        OsFile files[RECORD_FILES_MAX];
        size_t n_files;
        bool disabled; /* nothing new starts with it, and what runs with it is walked away */
        bool imported; /* by an operator, beside the host image: it goes when nothing uses it */
        uint64_t added_us;
        RecordName holders[RECORD_HOLDERS_MAX];
        size_t n_holders;
} OsRecord;

/* certificates/<digest>: given by an operator, for the roles whose configurations name it by its
 * thumbprint. Whoever reads the cluster's state has @key; it goes to instances' agents and nowhere
 * else, neither into a log nor onto the bus. */
typedef struct CertificateRecord {
        RecordDigest digest;            /* SHA-256 of the certificate */
        char sha1[RECORD_SHA1_MAX + 1]; /* the thumbprint as Azure has it, in lower case */
        RecordDetail subject;           /* for people */
        uint64_t expires_us;
        uint64_t added_us;
        char *chain; /* PEM: the certificate, then those that vouch for it; owned */
        char *key;   /* PEM: its private key; owned, wiped when it is freed */
} CertificateRecord;

/* One member of etcd. Its URLs follow from the address: https://ADDRESS:2379 and :2380. */
typedef struct ClusterMember {
        uint64_t id; /* etcd's */
        RecordName host;
        IpAddress address;
        bool learner; /* copies the log, but has no vote yet */
} ClusterMember;

/* members: who carries etcd; written by the leader after etcd has agreed. Each host finds here
 * whether it is to run a member, and where to find the others. */
typedef struct MembersRecord {
        ClusterMember members[RECORD_MEMBERS_MAX]; /* in the order of their host names */
        size_t n_members;
} MembersRecord;

/* tokens/<id>: lets one host join, once. Written and deleted by any host, in transactions guarded
 * by the key itself. The secret is nowhere but in the token that was printed. */
typedef struct TokenRecord {
        RecordName id;     /* 16 hexadecimal digits */
        RecordDigest hash; /* SHA-256 of the secret */
        uint64_t created_us;
        uint64_t expires_us; /* the one moment that is decided by CLOCK_REALTIME */
} TokenRecord;

/* issued/<serial>: a certificate that a host was given, until it expires. Written by the host that
 * signed it, before it is handed out. */
typedef struct IssuedRecord {
        RecordName serial; /* 32 lower-case hexadecimal digits */
        RecordName host;
        uint64_t issued_us;
        uint64_t expires_us;
        bool revoked; /* by the leader, when the host is not a member any more */
} IssuedRecord;

/* Any record, by the type of its key. */
typedef struct Record {
        RecordType type;
        union {
                ClusterRecord cluster;
                HostRecord host;
                AliveRecord alive;
                ServiceRecord service;
                DeploymentRecord deployment;
                InstanceRecord instance;
                ObservedRecord observed;
                OperationRecord operation;
                PackageRecord package;
                OsRecord os;
                CertificateRecord certificate;
                MembersRecord members;
                TokenRecord token;
                IssuedRecord issued;
        };
} Record;

/* A key, taken apart. Members that a type does not use are empty. */
typedef struct RecordKey {
        RecordType type;
        char name[RECORD_DIGEST_MAX + 1]; /* host, service, deployment, operation, digest, OS
                                             family, token, serial; observed: host */
        RecordVersion version;            /* os */
        InstanceId instance;              /* instance, observed */
} RecordKey;

/**
 * record_key_of() - The key that a record is stored under
 * @record: borrowed
 */
RecordKey record_key_of(const Record *record);

/**
 * record_key_format() - Write a key as etcd has it
 * @key:  key
 * @text: room for RECORD_KEY_MAX + 1 bytes
 *
 * Return: @text, `/troupe/1/instances/d0a1b2c3d/web/0`.
 */
const char *record_key_format(const RecordKey *key, char text[static RECORD_KEY_MAX + 1]);

/**
 * record_key_parse() - Take a key apart
 * @text:    whole key, with RECORD_PREFIX
 * @ret_key: parts
 *
 * Names must be names (str_is_name()), digests 64 hexadecimal digits, numbers below
 * RECORD_COUNT_MAX.
 *
 * Return: 0; -ENOENT when it is no record's key (the leader's, say); -EINVAL when a part is wrong.
 */
int record_key_parse(const char *text, RecordKey *ret_key);

/**
 * record_init() - An empty record of a type; a cluster gets the default settings
 * @record: overwritten
 * @type:   type
 */
void record_init(Record *record, RecordType type);

/** record_size() - Bytes of a Record that a type uses: where many are kept, so much is allocated */
size_t record_size(RecordType type);

/** record_deinit() - Free what a record owns; what it owned is NULL afterwards */
void record_deinit(Record *record);

/**
 * record_copy() - Deep copy
 * @record:   borrowed
 * @ret_copy: owned, free with record_deinit(); record_size() bytes of it are written
 *
 * Return: 0; -ENOMEM.
 */
int record_copy(const Record *record, Record *ret_copy);

/**
 * instance_id_format() - Write an instance's id
 * @id:   id
 * @text: room for RECORD_KEY_MAX + 1 bytes
 *
 * Return: @text, `d0a1b2c3d/web_IN_0`.
 */
const char *instance_id_format(const InstanceId *id, char text[static RECORD_KEY_MAX + 1]);

/**
 * instance_id_parse() - Read an instance's id
 * @text:   `d0a1b2c3d/web_IN_0`
 * @ret_id: id
 *
 * Return: 0; -EINVAL.
 */
int instance_id_parse(const char *text, InstanceId *ret_id);

/** instance_id_equal() - Whether both are the same instance */
bool instance_id_equal(const InstanceId *a, const InstanceId *b);

/** certificate_is() - Whether a thumbprint, SHA-1 or SHA-256 in either case, is this certificate's
 */
bool certificate_is(const CertificateRecord *certificate, const char *thumbprint);

/** deployment_role() - A deployment's role by its name, or NULL */
const DeploymentRole *deployment_role(const DeploymentRecord *deployment, const char *name);

/** record_type_to_string() - `cluster`, `hosts`, ...: the key's part behind the prefix */
const char *record_type_to_string(RecordType type);

/** slot_to_string() - `production` or `staging` */
const char *slot_to_string(Slot slot);

/** slot_from_string() - 0 and the value, or -EINVAL */
int slot_from_string(const char *text, Slot *ret_slot);

/** role_kind_to_string() - `web` or `worker` */
const char *role_kind_to_string(RecordRoleKind kind);

/** role_kind_from_string() - 0 and the value, or -EINVAL */
int role_kind_from_string(const char *text, RecordRoleKind *ret_kind);

/** instance_power_to_string() - `running`, `stopping`, `stopped` */
const char *instance_power_to_string(InstancePower power);

/** instance_power_from_string() - 0 and the value, or -EINVAL */
int instance_power_from_string(const char *text, InstancePower *ret_power);

/** instance_action_to_string() - `reset`, `reboot`, `reimage`, `rebuild` */
const char *instance_action_to_string(InstanceAction action);

/** instance_status_to_string() - Azure's name, `ReadyRole` */
const char *instance_status_to_string(InstanceStatus status);

/** instance_status_from_string() - 0 and the value, or -EINVAL */
int instance_status_from_string(const char *text, InstanceStatus *ret_status);

/** operation_kind_to_string() - `deploy`, `scale`, ... */
const char *operation_kind_to_string(OperationKind kind);

/** operation_kind_from_string() - 0 and the value, or -EINVAL */
int operation_kind_from_string(const char *text, OperationKind *ret_kind);

/** operation_state_to_string() - `running`, `succeeded`, `failed` */
const char *operation_state_to_string(OperationState state);

/** operation_state_from_string() - 0 and the value, or -EINVAL */
int operation_state_from_string(const char *text, OperationState *ret_state);

/** heal_rung_to_string() - `none`, `reset`, `reimage`, `replace` */
const char *heal_rung_to_string(HealRung rung);

/** heal_rung_from_string() - 0 and the value, or -EINVAL */
int heal_rung_from_string(const char *text, HealRung *ret_rung);

/** endpoint_kind_to_string() - `input`, `instance`, `internal` */
const char *endpoint_kind_to_string(RecordEndpointKind kind);

/** endpoint_kind_from_string() - 0 and the value, or -EINVAL */
int endpoint_kind_from_string(const char *text, RecordEndpointKind *ret_kind);
