/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The table of the ServiceConfiguration: Microsoft's published schema, what real files use beyond
 * it, and Troupe's additions. Inner elements come first, the root is at the end.
 *
 * Source: Microsoft, "Azure Cloud Services Config Schema (.cscfg File)" and the pages it links to
 */

#include "model/schema.h"

#define HONOURED .verdict = VERDICT_HONOURED
#define IGNORED  .verdict = VERDICT_IGNORED
#define REFUSED  .verdict = VERDICT_REFUSED
#define ANY_TEXT .type = SCHEMA_TEXT, .max = XML_VALUE_BYTES_MAX
#define TITLE    .type = SCHEMA_TEXT, .min = 1, .max = 256

static const SchemaAttribute none[] = {{}};

/* ---- roles */

static const SchemaAttribute instances_attributes[] = {
        {"count", .type = SCHEMA_NUMBER, .min = 1, .max = MODEL_INSTANCES_MAX, .required = true,
         HONOURED, .reason = "how many instances run"},
        {},
};
static const SchemaElement instances = {
        "Instances",
        .min = 1,
        .max = 1,
        HONOURED,
        .reason = "how many instances run",
        .attributes = instances_attributes,
};
static const SchemaAttribute setting_attributes[] = {
        {"name", TITLE, .required = true, HONOURED,
         .reason = "a setting that the definition declares"},
        {"value", ANY_TEXT, .required = true, HONOURED,
         .reason = "its value; changing it does not restart the role"},
        {},
};
static const SchemaElement setting = {
        "Setting",
        HONOURED,
        .reason = "a setting's value",
        .attributes = setting_attributes,
};
static const SchemaElement configuration_settings = {
        "ConfigurationSettings",
        .max = 1,
        HONOURED,
        .reason = "values of the role's settings",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&setting, NULL},
};
static const SchemaWord algorithms[] = {{"sha1"}, {"sha256"}, {}};
static const SchemaAttribute certificate_attributes[] = {
        {"name", .type = SCHEMA_NAME, .required = true, HONOURED,
         .reason = "a certificate that the definition declares"},
        {"thumbprint", .type = SCHEMA_THUMBPRINT, .required = true, HONOURED,
         .reason = "which of the service's certificates it is"},
        {"thumbprintAlgorithm", .type = SCHEMA_WORD, .words = algorithms, .otherwise = "sha1",
         HONOURED, .reason = "the digest that the thumbprint is of"},
        {},
};
static const SchemaElement certificate = {
        "Certificate",
        HONOURED,
        .reason = "which certificate the role gets",
        .attributes = certificate_attributes,
};
static const SchemaElement certificates = {
        "Certificates",     .max = 1,
        HONOURED,           .reason = "the role's certificates",
        .attributes = none, .children = (const SchemaElement *const[]) {&certificate, NULL},
};
#define OS_IMAGE_REASON                                                                            \
        "belongs to a VM role, a Windows disk image: make it a WorkerRole whose startup tasks "    \
        "set it up"
static const SchemaAttribute os_image_attributes[] = {
        {"href", ANY_TEXT, REFUSED, .reason = OS_IMAGE_REASON},
        {},
};
static const SchemaElement os_image = {
        "OsImage", .max = 1, REFUSED, .reason = OS_IMAGE_REASON, .attributes = os_image_attributes,
};
static const SchemaAttribute role_attributes[] = {
        {"name", .type = SCHEMA_NAME, .required = true, HONOURED,
         .reason = "a role of the definition"},
        {"vmName", ANY_TEXT, IGNORED, .reason = "instances are always named ROLE_IN_NUMBER"},
        {},
};
static const SchemaElement role = {
        "Role",
        .min = 1,
        HONOURED,
        .reason = "a role's configuration",
        .attributes = role_attributes,
        .children = (const SchemaElement *const[]) {&instances, &configuration_settings,
                                                    &certificates, &os_image, NULL},
};

/* ---- access control */

static const SchemaWord actions[] = {
        {"permit", VERDICT_HONOURED, "the subnet may connect; subnets that no rule names may not"},
        {"deny", VERDICT_HONOURED, "the subnet may not connect"},
        {},
};
static const SchemaAttribute rule_attributes[] = {
        {"order", .type = SCHEMA_NUMBER, .min = 0, .max = 65535, .required = true, HONOURED,
         .reason = "the lowest that matches decides"},
        {"action", .type = SCHEMA_WORD, .words = actions, .required = true, HONOURED,
         .reason = "what it decides"},
        {"remoteSubnet", .type = SCHEMA_SUBNET, .required = true, HONOURED,
         .reason = "which client addresses it is about"},
        {"description", ANY_TEXT, IGNORED, .reason = "a note for people"},
        {},
};
static const SchemaElement rule = {
        "Rule",
        HONOURED,
        .reason = "who may connect",
        .attributes = rule_attributes,
};
static const SchemaAttribute access_control_attributes[] = {
        {"name", TITLE, .required = true, HONOURED, .reason = "names the list of rules"},
        {},
};
static const SchemaElement access_control = {
        "AccessControl",
        HONOURED,
        .reason = "rules that endpoints can name",
        .attributes = access_control_attributes,
        .children = (const SchemaElement *const[]) {&rule, NULL},
};
static const SchemaElement access_controls = {
        "AccessControls",   .max = 1,
        HONOURED,           .reason = "lists of rules",
        .attributes = none, .children = (const SchemaElement *const[]) {&access_control, NULL},
};
static const SchemaAttribute endpoint_acl_attributes[] = {
        {"role", .type = SCHEMA_NAME, .required = true, HONOURED,
         .reason = "a role of the definition"},
        {"endpoint", .type = SCHEMA_NAME, .required = true, HONOURED,
         .reason = "one of its public endpoints"},
        {"accessControl", TITLE, .required = true, HONOURED,
         .reason = "the rules that hold for it"},
        {},
};
static const SchemaElement endpoint_acl = {
        "EndpointAcl",
        HONOURED,
        .reason = "enforced before balancing",
        .attributes = endpoint_acl_attributes,
};
static const SchemaElement endpoint_acls = {
        "EndpointAcls",     .max = 1,
        HONOURED,           .reason = "which endpoints the rules are for",
        .attributes = none, .children = (const SchemaElement *const[]) {&endpoint_acl, NULL},
};

/* ---- names and networks */

static const SchemaAttribute dns_server_attributes[] = {
        {"name", ANY_TEXT, IGNORED, .reason = "a note for people"},
        {"IPAddress", .type = SCHEMA_ADDRESS, .required = true, HONOURED,
         .reason = "instances ask this name server"},
        {},
};
static const SchemaElement dns_server = {
        "DnsServer",
        HONOURED,
        .reason = "a name server for the instances",
        .attributes = dns_server_attributes,
};
static const SchemaElement dns_servers = {
        "DnsServers",       .max = 1,
        HONOURED,           .reason = "name servers for the instances",
        .attributes = none, .children = (const SchemaElement *const[]) {&dns_server, NULL},
};
static const SchemaElement dns = {
        "Dns",
        .max = 1,
        HONOURED,
        .reason = "name servers for the instances",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&dns_servers, NULL},
};
#define NETWORK_REASON                                                                             \
        "each deployment has a private network of its own; other services are reached at their "   \
        "VIPs"
static const SchemaAttribute network_name_attributes[] = {
        {"name", ANY_TEXT, IGNORED, .reason = NETWORK_REASON},
        {},
};
static const SchemaElement virtual_network_site = {
        "VirtualNetworkSite",
        .max = 1,
        IGNORED,
        .reason = NETWORK_REASON,
        .attributes = network_name_attributes,
};
static const SchemaElement subnet = {
        "Subnet",
        IGNORED,
        .reason = NETWORK_REASON,
        .attributes = network_name_attributes,
};
static const SchemaElement subnets = {
        "Subnets",
        .max = 1,
        IGNORED,
        .reason = NETWORK_REASON,
        .attributes = none,
        .children = (const SchemaElement *const[]) {&subnet, NULL},
};
#define PUBLIC_IP_REASON                                                                           \
        "instances have no public addresses of their own: remove it, and give the role an "        \
        "InstanceInputEndpoint"
static const SchemaAttribute public_ip_attributes[] = {
        {"name", ANY_TEXT, REFUSED, .reason = PUBLIC_IP_REASON},
        {"idleTimeoutInMinutes", ANY_TEXT, REFUSED, .reason = PUBLIC_IP_REASON},
        {"domainNameLabel", ANY_TEXT, REFUSED, .reason = PUBLIC_IP_REASON},
        {},
};
static const SchemaElement public_ip = {
        "PublicIP",
        REFUSED,
        .reason = PUBLIC_IP_REASON,
        .attributes = public_ip_attributes,
};
static const SchemaElement public_ips = {
        "PublicIPs",
        .max = 1,
        REFUSED,
        .reason = PUBLIC_IP_REASON,
        .attributes = none,
        .children = (const SchemaElement *const[]) {&public_ip, NULL},
};
static const SchemaAttribute instance_address_attributes[] = {
        {"roleName", .type = SCHEMA_NAME, .required = true, IGNORED, .reason = NETWORK_REASON},
        {},
};
static const SchemaElement instance_address = {
        "InstanceAddress",
        IGNORED,
        .reason = NETWORK_REASON,
        .attributes = instance_address_attributes,
        .children = (const SchemaElement *const[]) {&subnets, &public_ips, NULL},
};
#define RESERVED_IP_REASON                                                                         \
        "a slot keeps its VIP until the service is deleted, so nothing needs to be reserved"
static const SchemaAttribute reserved_ip_attributes[] = {
        {"name", ANY_TEXT, IGNORED, .reason = RESERVED_IP_REASON},
        {},
};
static const SchemaElement reserved_ip = {
        "ReservedIP",
        IGNORED,
        .reason = RESERVED_IP_REASON,
        .attributes = reserved_ip_attributes,
};
static const SchemaElement reserved_ips = {
        "ReservedIPs",
        .max = 1,
        IGNORED,
        .reason = RESERVED_IP_REASON,
        .attributes = none,
        .children = (const SchemaElement *const[]) {&reserved_ip, NULL},
};
#define VIRTUAL_IP_REASON                                                                          \
        "a slot has one VIP: remove it, or make each endpoint that needs an address of its own a " \
        "service"
static const SchemaAttribute virtual_ip_attributes[] = {
        {"name", ANY_TEXT, REFUSED, .reason = VIRTUAL_IP_REASON},
        {},
};
static const SchemaElement virtual_ip = {
        "VirtualIP",
        REFUSED,
        .reason = VIRTUAL_IP_REASON,
        .attributes = virtual_ip_attributes,
};
static const SchemaElement virtual_ip_group = {
        "VirtualIPGroup",
        REFUSED,
        .reason = VIRTUAL_IP_REASON,
        .attributes = virtual_ip_attributes,
        .children = (const SchemaElement *const[]) {&virtual_ip, NULL},
};
static const SchemaElement virtual_ips = {
        "VirtualIPs",
        .max = 1,
        REFUSED,
        .reason = VIRTUAL_IP_REASON,
        .attributes = none,
        .children = (const SchemaElement *const[]) {&virtual_ip, &virtual_ip_group, NULL},
};
static const SchemaElement address_assignments = {
        "AddressAssignments",
        .max = 1,
        IGNORED,
        .reason = "Troupe assigns addresses; each element has its own verdict",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&instance_address, &reserved_ips, &virtual_ips,
                                                    NULL},
};
#define BALANCER_REASON                                                                            \
        "there are no internal load balancers: remove it, and make the endpoint an "               \
        "InternalEndpoint"
static const SchemaAttribute frontend_attributes[] = {
        {"type", ANY_TEXT, REFUSED, .reason = BALANCER_REASON},
        {"subnet", ANY_TEXT, REFUSED, .reason = BALANCER_REASON},
        {"staticVirtualNetworkIPAddress", ANY_TEXT, REFUSED, .reason = BALANCER_REASON},
        {},
};
static const SchemaElement frontend = {
        "FrontendIPConfiguration",
        REFUSED,
        .reason = BALANCER_REASON,
        .attributes = frontend_attributes,
};
static const SchemaAttribute load_balancer_attributes[] = {
        {"name", ANY_TEXT, REFUSED, .reason = BALANCER_REASON},
        {},
};
static const SchemaElement load_balancer = {
        "LoadBalancer",
        REFUSED,
        .reason = BALANCER_REASON,
        .attributes = load_balancer_attributes,
        .children = (const SchemaElement *const[]) {&frontend, NULL},
};
static const SchemaElement load_balancers = {
        "LoadBalancers",
        .max = 1,
        REFUSED,
        .reason = BALANCER_REASON,
        .attributes = none,
        .children = (const SchemaElement *const[]) {&load_balancer, NULL},
};
static const SchemaElement network_configuration = {
        "NetworkConfiguration",
        .max = 1,
        HONOURED,
        .reason = "access control and name servers",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&access_controls, &endpoint_acls, &dns,
                                                    &dns_servers, &virtual_network_site,
                                                    &address_assignments, &load_balancers, NULL},
};

/* ---- the root */

#define WINDOWS_REASON                                                                             \
        "a Windows guest OS; roles run on " MODEL_OS_FAMILY_DEFAULT                                \
        " here, which troupe:osFamily can change"
static const SchemaWord os_families[] = {
        {"1", VERDICT_IGNORED, WINDOWS_REASON},
        {"2", VERDICT_IGNORED, WINDOWS_REASON},
        {"3", VERDICT_IGNORED, WINDOWS_REASON},
        {"4", VERDICT_IGNORED, WINDOWS_REASON},
        {"5", VERDICT_IGNORED, WINDOWS_REASON},
        {"6", VERDICT_IGNORED, WINDOWS_REASON},
        {"7", VERDICT_IGNORED, WINDOWS_REASON},
        {"debian-13", VERDICT_HONOURED, "the guest OS"},
        {},
};
static const SchemaWord os_families_troupe[] = {{"debian-13", VERDICT_HONOURED, "the guest OS"},
                                                {}};
#define OS_FAMILY_REASON                                                                           \
        "not a guest OS family that Troupe has: write \"" MODEL_OS_FAMILY_DEFAULT "\""
static const SchemaAttribute service_configuration_attributes[] = {
        {"serviceName", TITLE, .required = true, HONOURED,
         .reason = "must be the definition's name"},
        {"osFamily", .type = SCHEMA_WORD, .words = os_families, .open = true,
         .otherwise = MODEL_OS_FAMILY_DEFAULT, .replaced_by = "osFamily", REFUSED,
         .reason = OS_FAMILY_REASON},
        {"osFamily", .troupe = true, .type = SCHEMA_WORD, .words = os_families_troupe, .open = true,
         REFUSED, .reason = OS_FAMILY_REASON},
        {"osVersion", .type = SCHEMA_VERSION, .otherwise = "*", .replaced_by = "osVersion",
         HONOURED,
         .reason = "\"*\": always the family's newest; else that version until it is disabled"},
        {"osVersion", .troupe = true, .type = SCHEMA_VERSION, HONOURED,
         .reason = "\"*\": always the family's newest; else that version until it is disabled"},
        {"schemaVersion", ANY_TEXT, IGNORED, .reason = "only tells editors which schema to use"},
        {},
};
const SchemaElement schema_configuration = {
        "ServiceConfiguration",
        HONOURED,
        .reason = "the service's configuration",
        .attributes = service_configuration_attributes,
        .children = (const SchemaElement *const[]) {&role, &network_configuration, NULL},
};
