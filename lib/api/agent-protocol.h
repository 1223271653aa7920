/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The agent channel: what hostd and a guest's agent say to each other over the virtio-serial port
 * org.troupe.agent.0.
 *
 * Both directions are a sequence of JSON texts as RFC 7464 frames them: 0x1e, one JSON object,
 * 0x0a. A reader that comes in the middle, or meets garbage, goes on at the next 0x1e: neither byte
 * can occur inside a JSON text that we write. A message is `{"type": "heartbeat", ...}`; members
 * that a reader does not know are ignored, so a newer side may add some; a change that an older
 * side would misunderstand raises AGENT_PROTOCOL_VERSION.
 *
 *   hostd  hello{protocol}                  at every (re)connection: who are you?
 *   agent  hello{versions, boot, serial}    the answer, and unasked when the agent has started
 *   hostd  clock{realtime_us}, config{serial, ...}   when the serial in hello is not the wanted one
 *   agent  config-ack{serial, outcome}
 *   agent  heartbeat{status, detail, load}  each AGENT_HEARTBEAT_INTERVAL_S, and at each change
 *   agent  log{stream, text, dropped}, exit{what, code, signal}
 *   hostd  stop{deadline_s}; agent  stopped{} when nothing of the role runs any more
 *   hostd  recycle{}, ping{token}; agent  pong{token}
 *   hostd  shell-open/-data/-resize/-credit/-close{session}; agent
 * shell-opened/-data/-credit/-closed
 *
 * Shell data is flow-controlled: each side may send AGENT_SHELL_WINDOW bytes beyond what the other
 * has given credit for since the session was opened (credit = bytes taken off one's hands).
 *
 * The guest is hostile to the host: agent_message_decode() with AGENT_FROM_GUEST checks the type
 * and the bound of every member, allows no control characters in texts, and costs memory in
 * proportion to the message, which is at most AGENT_FROM_GUEST_BYTES_MAX. How often a guest may
 * speak is limited by hostd.
 *
 * Source: RFC 7464, "JavaScript Object Notation (JSON) Text Sequences"
 */

#include <stdbool.h>

#include "lib/base/macros.h"
#include "lib/base/str.h"

#define AGENT_PROTOCOL_VERSION      1
#define AGENT_PORT_NAME             "org.troupe.agent.0"
#define AGENT_FROM_GUEST_BYTES_MAX  (64 * KIB)
#define AGENT_FROM_HOST_BYTES_MAX   (4 * MIB)
#define AGENT_HEARTBEAT_INTERVAL_S  5
#define AGENT_SHELL_SESSIONS_MAX    8
#define AGENT_SHELL_WINDOW          (64 * KIB)
#define AGENT_SHELL_DATA_BYTES_MAX  (16 * KIB)
#define AGENT_LOG_TEXT_BYTES_MAX    (16 * KIB)
#define AGENT_DETAIL_BYTES_MAX      1024
#define AGENT_NAME_BYTES_MAX        255
#define AGENT_TEXT_BYTES_MAX        (32 * KIB) /* command lines, values of settings and variables */
#define AGENT_CERTIFICATE_BYTES_MAX (64 * KIB)
#define AGENT_LIST_MAX              1000 /* entries of any list in a configuration */
#define AGENT_STOP_DEADLINE_S_MAX   3600

/* Where things are in the guest; hostd writes them into environment variables. */
#define AGENT_PAYLOAD_ROOT  "/srv/role"  /* the role's payload, read-only; working directory */
#define AGENT_RESOURCE_ROOT "/srv/local" /* holds a directory for each local resource */

typedef enum AgentMessageType {
        AGENT_HELLO, /* both ways */
        AGENT_HEARTBEAT,
        AGENT_CONFIG_ACK,
        AGENT_LOG,
        AGENT_EXIT,
        AGENT_STOPPED,
        AGENT_PONG,
        AGENT_SHELL_OPENED,
        AGENT_SHELL_CLOSED,
        AGENT_SHELL_DATA,   /* both ways */
        AGENT_SHELL_CREDIT, /* both ways */
        AGENT_CONFIG,       /* from here on: from the host */
        AGENT_STOP,
        AGENT_RECYCLE,
        AGENT_PING,
        AGENT_CLOCK,
        AGENT_SHELL_OPEN,
        AGENT_SHELL_RESIZE,
        AGENT_SHELL_CLOSE,
        AGENT_MESSAGE_TYPES,
} AgentMessageType;

typedef enum AgentDirection { AGENT_FROM_GUEST, AGENT_FROM_HOST } AgentDirection;

/* What a guest may say of itself; the other names Azure has are the host's to give. */
typedef enum AgentStatus {
        AGENT_STARTING_VM, /* no configuration yet */
        AGENT_CREATING_ROLE,
        AGENT_STARTING_ROLE,
        AGENT_READY_ROLE,
        AGENT_BUSY_ROLE,
        AGENT_STOPPING_ROLE,
        AGENT_STOPPING_VM, /* the role has stopped; nothing of it runs */
        AGENT_RESTARTING_ROLE,
        AGENT_CYCLING_ROLE,
        AGENT_UNRESPONSIVE_ROLE,
        AGENT_STATUSES,
} AgentStatus;

typedef enum AgentLogStream {
        AGENT_LOG_OUT, /* the role's or a task's standard output */
        AGENT_LOG_ERR,
        AGENT_LOG_AGENT, /* the agent about the role */
        AGENT_LOG_STREAMS,
} AgentLogStream;

typedef enum AgentConfigOutcome {
        AGENT_CONFIG_APPLIED,   /* told to the running role, or being started */
        AGENT_CONFIG_RECYCLING, /* needs a new start of the role, which has begun */
        AGENT_CONFIG_REFUSED,   /* detail says why; the old one stays */
        AGENT_CONFIG_OUTCOMES,
} AgentConfigOutcome;

typedef enum AgentTaskType {
        AGENT_TASK_SIMPLE,     /* must exit 0 before anything else happens */
        AGENT_TASK_FOREGROUND, /* not waited for; holds the stop back until it has ended */
        AGENT_TASK_BACKGROUND, /* neither */
        AGENT_TASK_TYPES,
} AgentTaskType;

typedef enum AgentRoleKind { AGENT_ROLE_WEB, AGENT_ROLE_WORKER, AGENT_ROLE_KINDS } AgentRoleKind;

/* ---- the parts of a configuration; all memory is the message's own */

typedef struct AgentPair {
        char *name;
        char *value;
} AgentPair;

typedef struct AgentTask {
        char *command; /* for /bin/sh -c in AGENT_PAYLOAD_ROOT */
        bool elevated; /* as root, else as troupe-role */
        unsigned type; /* AgentTaskType */
        AgentPair *environment;
        size_t n_environment;
} AgentTask;

/* An endpoint of an instance, its own or another's. */
typedef struct AgentEndpoint {
        char *name;
        char *kind;     /* "input", "internal", "instance-input" */
        char *protocol; /* "http", "https", "tcp", "udp", "any" */
        uint64_t port;  /* in the guest */
        uint64_t port_last;
        uint64_t public_port; /* at the VIP; 0 for an internal one */
        char *certificate;    /* name, NULL unless https */
} AgentEndpoint;

typedef struct AgentBinding {
        char *protocol;    /* "http" or "https" */
        uint64_t port;     /* local port */
        char *host;        /* Host header, NULL for any */
        char *certificate; /* name, NULL unless https */
} AgentBinding;

typedef struct AgentDirectory {
        char *url;  /* "/" for the site's root, "/shop" */
        char *path; /* relative to the payload, "." for all of it */
} AgentDirectory;

typedef struct AgentSite {
        char *name;
        AgentDirectory *directories; /* the root first */
        size_t n_directories;
        AgentBinding *bindings;
        size_t n_bindings;
} AgentSite;

typedef struct AgentResource {
        char *name;
        uint64_t size_mb;
        bool clean_on_recycle;
} AgentResource;

typedef struct AgentCertificate {
        char *name;
        char *thumbprint;
        char *certificate; /* PEM, with its chain */
        char *key;         /* PEM; NULL when only the certificate is given */
        bool elevated_only;
} AgentCertificate;

typedef struct AgentInstance {
        char *id; /* "web_IN_0" */
        char *address;
        uint64_t upgrade_domain, fault_domain;
        AgentEndpoint *endpoints;
        size_t n_endpoints;
} AgentInstance;

typedef struct AgentRole {
        char *name;
        AgentInstance *instances;
        size_t n_instances;
} AgentRole;

typedef struct AgentNetwork {
        char *mac;     /* of the device; NULL: the only one there is */
        char *address; /* IPv4 or IPv6; NULL: the guest has no network */
        uint64_t prefix;
        char *gateway; /* NULL for none */
        uint64_t mtu;  /* 0: leave it */
        char **dns;
        size_t n_dns;
} AgentNetwork;

/* What the agent is to make of its guest. */
typedef struct AgentConfig {
        uint64_t serial; /* grows with every change; not 0 */
        char *service, *slot, *deployment, *role;
        char *instance; /* "web_IN_0" */
        uint64_t incarnation;
        uint64_t upgrade_domain, fault_domain;
        unsigned kind; /* AgentRoleKind */
        char *hostname;
        AgentNetwork network;
        char *entry_point;   /* for /bin/sh -c in AGENT_PAYLOAD_ROOT; NULL for none */
        bool elevated;       /* the role runs as root, else as troupe-role */
        bool ready_on_start; /* Ready once the program runs; else it calls SetReady */
        bool has_payload;
        AgentPair *environment; /* resolved: no XPath is left */
        size_t n_environment;
        AgentTask *tasks;
        size_t n_tasks;
        AgentEndpoint *endpoints;
        size_t n_endpoints;
        AgentSite *sites;
        size_t n_sites;
        AgentPair *settings;
        size_t n_settings;
        AgentResource *resources;
        size_t n_resources;
        AgentCertificate *certificates;
        size_t n_certificates;
        AgentRole *topology;
        size_t n_topology;
        uint64_t memory_bytes; /* for the role and its tasks; 0: what the guest has */
        uint64_t tasks_max;    /* processes; 0: systemd's default */
} AgentConfig;

/* ---- messages */

typedef struct AgentHello {
        uint64_t protocol;
        char *agent_version; /* of hostd when it speaks */
        char *os_version;    /* NULL from hostd, as the rest is */
        char *boot_id;
        char *instance; /* the configuration it has; NULL for none */
        uint64_t incarnation;
        uint64_t serial; /* 0: it has no configuration and waits for one */
} AgentHello;

typedef struct AgentHeartbeat {
        unsigned status;   /* AgentStatus */
        char *detail;      /* for a person; may be NULL */
        uint64_t since_ms; /* how long it has had this status */
        uint64_t serial;   /* of the configuration in force */
        uint64_t restarts; /* of the role's program since the guest booted */
        uint64_t load_milli;
        uint64_t memory_used_bytes;
        uint64_t memory_total_bytes;
} AgentHeartbeat;

typedef struct AgentConfigAck {
        uint64_t serial;
        unsigned outcome; /* AgentConfigOutcome */
        char *detail;
} AgentConfigAck;

typedef struct AgentLog {
        unsigned stream;  /* AgentLogStream */
        char *source;     /* "role", "nginx", "task-0", "agent" */
        char *text;       /* one or more lines, '\n' between them; no other control characters but
                             tabs */
        uint64_t dropped; /* lines lost to the rate limit since the last log message */
} AgentLog;

typedef struct AgentExit {
        char *source;        /* as in AgentLog */
        uint64_t code;       /* exit code; 0 when a signal ended it */
        uint64_t signal;     /* 0 when it exited */
        char *cause;         /* "exited", "signal", "oom", "timeout", "start" */
        uint64_t ran_ms;     /* how long it had run */
        uint64_t restart_ms; /* when it is started again; 0 also when it is not */
        bool restarts;       /* it will be */
} AgentExit;

typedef struct AgentShell {
        uint64_t session; /* chosen by hostd */
        uint64_t rows, columns;
        char *term;    /* of shell-open; NULL: "xterm" */
        uint8_t *data; /* of shell-data */
        size_t n_data;
        uint64_t credit; /* of shell-credit: bytes */
        uint64_t code;   /* of shell-closed */
        char *detail;    /* of shell-opened and -closed: why not; NULL when all is well */
} AgentShell;

typedef struct AgentMessage {
        AgentMessageType type;
        union {
                AgentHello hello;
                AgentHeartbeat heartbeat;
                AgentConfigAck config_ack;
                AgentLog log;
                AgentExit exit;
                AgentShell shell; /* all of AGENT_SHELL_ */
                AgentConfig config;
                uint64_t token;       /* AGENT_PING, AGENT_PONG */
                uint64_t deadline_s;  /* AGENT_STOP */
                uint64_t realtime_us; /* AGENT_CLOCK: microseconds since the epoch */
        };
} AgentMessage;

enum {
        AGENT_MESSAGE_REFUSED = 1, /* not a message, or one that breaks a rule */
};

/** agent_status_to_string() - Azure's name of a status, "ReadyRole" */
const char *agent_status_to_string(AgentStatus status);

/** agent_message_type_to_string() - The word for a message type, "config-ack" */
const char *agent_message_type_to_string(AgentMessageType type);

/**
 * agent_message_encode() - Write a message with its frame
 * @message:  texts that it needs are not NULL; texts that JSON cannot hold (not UTF-8) are an error
 * @from:     who speaks
 * @ret_data: owned bytes, to be sent as they are
 * @ret_length: their number
 *
 * Return: 0; -EMSGSIZE when it is longer than @from may send; -EINVAL when a text is not UTF-8;
 * -ENOMEM
 */
int agent_message_encode(const AgentMessage *message, AgentDirection from, char **ret_data,
                         size_t *ret_length);

/**
 * agent_message_decode() - Read one JSON text, without its frame
 * @text:        zero-terminated; needs not be a message at all
 * @from:        who spoke: types that the other side alone may send are refused
 * @ret_message: owned, to be freed with agent_message_deinit(); on 0 only
 * @ret_problem: on AGENT_MESSAGE_REFUSED the member that is wrong or what is, static text; may be
 * NULL
 *
 * Return: 0; AGENT_MESSAGE_REFUSED; -ENOMEM
 */
int agent_message_decode(const char *text, AgentDirection from, AgentMessage *ret_message,
                         const char **ret_problem);

/** agent_message_bytes_max() - How long the JSON of a message may be */
size_t agent_message_bytes_max(AgentDirection from);

/** agent_message_deinit() - Free what a message owns; it is all zeroes afterwards */
void agent_message_deinit(AgentMessage *message);

/** agent_config_deinit() - Free what a configuration owns; it is all zeroes afterwards */
void agent_config_deinit(AgentConfig *config);
