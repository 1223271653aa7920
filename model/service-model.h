/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The checked service model: what a ServiceDefinition and its ServiceConfiguration say, with every
 * default filled in, every reference resolved and every limit checked. Whoever holds a ServiceModel
 * need not check it again. Strings are never NULL unless the member says so; arrays of length 0 may
 * be NULL.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/sizes.h"
#include "model/verdict.h"

#define MODEL_FILE_BYTES_MAX      (1024U * 1024U)
#define MODEL_ROLES_MAX           25U
#define MODEL_ENDPOINTS_MAX       25U   /* input + internal + instance input, over all roles */
#define MODEL_INSTANCES_MAX       1000U /* of one role */
#define MODEL_UPGRADE_DOMAINS_MAX 20U
#define MODEL_ACCESS_RULES_MAX    50U /* of one AccessControl */
#define MODEL_NAME_MAX            63U /* role, endpoint, probe, certificate and local resource names */
#define MODEL_OS_FAMILY_DEFAULT   "debian-13"
#define MODEL_DYNAMIC_PORT_FIRST                                                                   \
        20000U /* ports that the model chooses (localPort="*") start here */

typedef enum RoleKind { ROLE_WEB, ROLE_WORKER } RoleKind;

typedef enum EndpointKind {
        ENDPOINT_INPUT,          /* a port of the VIP, balanced over the role's instances */
        ENDPOINT_INTERNAL,       /* reachable by instances of the same deployment only */
        ENDPOINT_INSTANCE_INPUT, /* one port of the VIP for each instance */
} EndpointKind;

typedef enum EndpointProtocol {
        PROTOCOL_HTTP,
        PROTOCOL_HTTPS,
        PROTOCOL_TCP,
        PROTOCOL_UDP,
        PROTOCOL_ANY, /* internal endpoints only: every protocol */
} EndpointProtocol;

typedef enum Distribution {
        DISTRIBUTION_FIVE_TUPLE,         /* the default */
        DISTRIBUTION_SOURCE_IP,          /* client and VIP address */
        DISTRIBUTION_SOURCE_IP_PROTOCOL, /* and the protocol */
} Distribution;

typedef enum TaskType { TASK_SIMPLE, TASK_FOREGROUND, TASK_BACKGROUND } TaskType;

/* What the definition asks for; instances hear of changes at once in either case. */
typedef enum TopologyChange { TOPOLOGY_UPGRADE_DOMAIN_WALK, TOPOLOGY_BLAST } TopologyChange;

/**
 * struct AccessRule - One rule of an AccessControl, in rule order
 * @address: IPv4 network address in network byte order
 * @prefix:  0 to 32
 * @permit:  else deny. As soon as there is a permit rule, what no rule matches is denied.
 */
typedef struct AccessRule {
        uint32_t address;
        uint8_t prefix;
        bool permit;
        uint32_t order;
} AccessRule;

/**
 * struct Endpoint - One endpoint of a role
 * @public_first, @public_last: ports of the VIP; equal for an input endpoint; a range, one port for
 * each instance number from the first on, for an instance input endpoint; 0 for an internal one
 * @local_first, @local_last:   ports in the guest; equal but for an internal endpoint with a range
 * @local_dynamic: the model chose the local port (localPort="*", or an internal endpoint without
 * one)
 * @certificate:  name of one of the role's certificates; NULL unless https
 * @probe:        index into the model's probes, -1 if none: then Ready alone decides
 * @rules:        access rules in order; none means everyone
 * @idle_timeout_s: flow timeout for the endpoint, 0 for the default
 */
typedef struct Endpoint {
        char *name;
        EndpointKind kind;
        EndpointProtocol protocol;
        uint16_t public_first, public_last;
        uint16_t local_first, local_last;
        bool local_dynamic;
        char *certificate;
        int probe;
        bool ignore_role_instance_status;
        Distribution distribution;
        uint32_t idle_timeout_s;
        AccessRule *rules;
        size_t n_rules;
        unsigned line;
} Endpoint;

/**
 * struct Probe - A LoadBalancerProbe
 * @http: an HTTP GET of @path must answer 200; else a TCP connect must succeed
 * @path: NULL unless @http
 * @port: 0 means the endpoint's own local port
 */
typedef struct Probe {
        char *name;
        bool http;
        char *path;
        uint16_t port;
        uint32_t interval_s;
        uint32_t timeout_s;
} Probe;

/**
 * struct Variable - One environment variable
 * @value: its value; NULL if it comes from @xpath
 * @xpath: see model_xpath_value(); NULL if there is a @value
 */
typedef struct Variable {
        char *name;
        char *value;
        char *xpath;
} Variable;

typedef struct Environment {
        Variable *variables;
        size_t n_variables;
} Environment;

/**
 * struct StartupTask - A program run before the role
 * @command_line: for /bin/sh -c, in the payload's root directory
 * @elevated: as root, else as the role's unprivileged user
 */
typedef struct StartupTask {
        char *command_line;
        bool elevated;
        TaskType type;
        Environment environment;
} StartupTask;

/**
 * struct LocalResource - A LocalStorage directory
 * @clean_on_recycle: emptied when the role is recycled; else it survives a recycle and a reboot, no
 * more
 */
typedef struct LocalResource {
        char *name;
        uint64_t size_mb;
        bool clean_on_recycle;
} LocalResource;

/**
 * struct Setting - A configuration setting
 * @value: from the configuration; NULL in a model of a definition alone
 */
typedef struct Setting {
        char *name;
        char *value;
} Setting;

/**
 * struct Certificate - A certificate that the role's instances are given
 * @elevated_only: the key is readable by root only
 * @thumbprint: upper-case hex; NULL in a model of a definition alone
 * @sha256: else SHA-1
 */
typedef struct Certificate {
        char *name;
        bool elevated_only;
        char *thumbprint;
        bool sha256;
} Certificate;

/**
 * struct SiteBinding - Where a site listens
 * @endpoint: index into the role's endpoints: an input endpoint, http or https
 * @host:     Host header to match; NULL for any
 */
typedef struct SiteBinding {
        size_t endpoint;
        char *host;
} SiteBinding;

/**
 * struct SiteDirectory - A directory that nginx serves
 * @url:          URL path, "/" for the site's root, without a '/' at its end otherwise
 * @source:       as in the definition, with '/' separators, relative to the definition; NULL for
 * the role's own directory
 * @payload_path: where the packer puts it, relative to the payload's root; "." for the root itself
 */
typedef struct SiteDirectory {
        char *url;
        char *source;
        char *payload_path;
} SiteDirectory;

/**
 * struct Site - One web site of a web role
 * @directories: the root first, then virtual applications and directories, outer before inner
 */
typedef struct Site {
        char *name;
        SiteDirectory *directories;
        size_t n_directories;
        SiteBinding *bindings;
        size_t n_bindings;
} Site;

/**
 * struct Content - A directory that the packer copies into the payload
 * @source: relative to the definition, '/' separators
 * @destination: relative to the payload's root
 */
typedef struct Content {
        char *source;
        char *destination;
} Content;

/**
 * struct Role - A web or worker role
 * @size_name:     canonical name from the catalogue
 * @entry_point:   command line of the role's program, for /bin/sh -c in the payload's root
 * directory; NULL if there is none (a web role of static sites)
 * @ready_on_start: Ready as soon as the program runs; else the program calls SetReady
 * @count:         instances; 1 in a model of a definition alone
 * @sites:         web roles have at least one
 */
typedef struct Role {
        char *name;
        RoleKind kind;
        char *size_name;
        uint32_t vcpus;
        uint64_t memory_bytes;
        uint64_t disk_bytes;
        uint32_t count;
        bool elevated;
        char *entry_point;
        bool ready_on_start;
        Environment environment;
        Endpoint *endpoints;
        size_t n_endpoints;
        StartupTask *tasks;
        size_t n_tasks;
        LocalResource *resources;
        size_t n_resources;
        Setting *settings;
        size_t n_settings;
        Certificate *certificates;
        size_t n_certificates;
        Site *sites;
        size_t n_sites;
        Content *contents;
        size_t n_contents;
        unsigned line;
} Role;

/**
 * struct TrafficRule - OnlyAllowTrafficTo: who may reach one internal endpoint
 * @role, @endpoint: indices of the destination
 * @all:     every role may
 * @sources: indices of the roles that may, unless @all
 *
 * An internal endpoint with no rule is reachable by every role.
 */
typedef struct TrafficRule {
        size_t role, endpoint;
        bool all;
        size_t *sources;
        size_t n_sources;
} TrafficRule;

/**
 * struct ServiceModel - A service, checked
 * @configured:  a configuration was given; else counts are 1 and values are NULL
 * @os_family:   a Troupe guest family, "debian-13"
 * @os_version:  NULL means automatic
 * @dns_servers: IPv4 addresses, network byte order
 */
typedef struct ServiceModel {
        char *name;
        bool configured;
        uint32_t upgrade_domain_count;
        TopologyChange topology_change;
        char *os_family;
        char *os_version;
        Role *roles;
        size_t n_roles;
        Probe *probes;
        size_t n_probes;
        TrafficRule *traffic_rules;
        size_t n_traffic_rules;
        uint32_t *dns_servers;
        size_t n_dns_servers;
} ServiceModel;

/**
 * struct ModelText - A file's text
 * @file: the name for messages
 * @text: need not end with a zero byte
 */
typedef struct ModelText {
        const char *file;
        const char *text;
        size_t length;
} ModelText;

enum {
        MODEL_REFUSED = 1, /* something is refused: the verdicts say what */
        MODEL_BROKEN =
                2, /* a file is not well-formed or breaks the schema: the verdicts say where */
};

/**
 * model_check() - Parse and check a definition and its configuration
 * @definition:    a .csdef
 * @configuration: a .cscfg; NULL checks the definition alone
 * @sizes:         what vmsize may name
 * @verdicts:      every element and attribute of both files is added, in document order, the
 * definition's first, also when the outcome is MODEL_REFUSED or MODEL_BROKEN (of a file that is not
 *                 well-formed: one entry that says where). A zeroed struct is an empty list. NULL
 * is allowed.
 * @ret:           the model, on 0 only; free it with model_free()
 *
 * Costs memory and time linear in the files' length, which is at most MODEL_FILE_BYTES_MAX each;
 * reads no other file and uses no network.
 *
 * Return: 0; MODEL_REFUSED; MODEL_BROKEN; -ENOMEM
 */
int model_check(const ModelText *definition, const ModelText *configuration,
                const SizeCatalogue *sizes, VerdictList *verdicts, ServiceModel **ret);

/**
 * model_free() - Free a model
 * @model: NULL is allowed
 *
 * Return: NULL
 */
ServiceModel *model_free(ServiceModel *model);

/** model_freep() - For _cleanup_(model_freep) */
static inline void model_freep(ServiceModel **model)
{
        model_free(*model);
}

/**
 * model_role() - Look a role up by name
 * @model: borrowed
 * @name:  case-sensitive, as Azure has it
 *
 * Return: borrowed; NULL if there is none
 */
const Role *model_role(const ServiceModel *model, const char *name);

/**
 * role_endpoint() - Look an endpoint of a role up by name
 * @role: borrowed
 * @name: case-sensitive
 *
 * Return: borrowed; NULL if there is none
 */
const Endpoint *role_endpoint(const Role *role, const char *name);

/**
 * protocol_to_string() - The word for a protocol as the definition writes it
 * @protocol: one of the enumeration
 *
 * Return: "http", "https", "tcp", "udp" or "any"
 */
const char *protocol_to_string(EndpointProtocol protocol);

/**
 * struct InstanceFacts - What RoleInstanceValue may ask about an instance
 * @deployment_id: e.g. "d0123abcd"
 * @instance_id:   e.g. "web_IN_0"
 * @address:       the instance's address as text
 * @resource_root: directory that holds a directory for each local resource, named after it
 */
typedef struct InstanceFacts {
        const char *deployment_id;
        const char *instance_id;
        const Role *role;
        uint32_t upgrade_domain;
        uint32_t fault_domain;
        const char *address;
        const char *resource_root;
} InstanceFacts;

/**
 * model_xpath_value() - The value of a RoleInstanceValue
 * @facts: borrowed; @facts->role is a role of a checked model
 * @xpath: as in the definition
 * @ret:   the value, owned by the caller
 *
 * Knows the paths of the published list: the deployment's @id and @emulated (always "false"), the
 * current instance's @id, @roleName, @updateDomain and @faultDomain, its configuration settings'
 * @value, local resources' @path and @sizeInMB, endpoints' @protocol, @address and @port. A checked
 * model has no others.
 *
 * Return: 0; MODEL_XPATH_UNKNOWN, with @ret untouched; -ENOMEM
 * Source: Microsoft, "Expose role configuration settings as an environment variable with XPath"
 */
int model_xpath_value(const InstanceFacts *facts, const char *xpath, char **ret);
enum { MODEL_XPATH_UNKNOWN = 1 };
