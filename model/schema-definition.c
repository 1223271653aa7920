/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The table of the ServiceDefinition: Microsoft's published schema, what real files use beyond it,
 * and Troupe's additions. Inner elements come first, the root is at the end.
 *
 * Source: Microsoft, "Azure Cloud Services Definition Schema (.csdef File)" and the pages it links
 * to
 */

#include "model/schema.h"

#define HONOURED .verdict = VERDICT_HONOURED
#define IGNORED  .verdict = VERDICT_IGNORED
#define REFUSED  .verdict = VERDICT_REFUSED
#define NAME     .type = SCHEMA_NAME, .required = true
#define ANY_TEXT .type = SCHEMA_TEXT, .max = XML_VALUE_BYTES_MAX
#define TITLE    .type = SCHEMA_TEXT, .min = 1, .max = 256
#define PORT     .type = SCHEMA_NUMBER, .min = 1, .max = 65535

#define SECONDS_MAX 86400

static const SchemaAttribute none[] = {{}};

/* ---- environment */

static const SchemaAttribute role_instance_value_attributes[] = {
        {"xpath", .type = SCHEMA_XPATH, .required = true, HONOURED,
         .reason = "the variable gets this value of the instance when it starts"},
        {},
};
static const SchemaElement role_instance_value = {
        "RoleInstanceValue",
        .max = 1,
        HONOURED,
        .reason = "the variable's value comes from the instance",
        .attributes = role_instance_value_attributes,
};
static const SchemaAttribute variable_attributes[] = {
        {"name", .type = SCHEMA_VARIABLE, .required = true, HONOURED,
         .reason = "set in the program's environment"},
        {"value", ANY_TEXT, HONOURED, .reason = "the variable's value"},
        {},
};
static const SchemaElement variable = {
        "Variable",
        HONOURED,
        .reason = "an environment variable",
        .attributes = variable_attributes,
        .children = (const SchemaElement *const[]) {&role_instance_value, NULL},
};
static const SchemaElement environment = {
        "Environment",      .max = 1,
        HONOURED,           .reason = "environment variables",
        .attributes = none, .children = (const SchemaElement *const[]) {&variable, NULL},
};

static const SchemaWord contexts[] = {
        {"limited", VERDICT_HONOURED, "runs as the role's unprivileged user"},
        {"elevated", VERDICT_HONOURED, "runs as root"},
        {},
};

/* ---- startup */

static const SchemaWord task_types[] = {
        {"simple", VERDICT_HONOURED, "must exit with 0 before the next task and the role start"},
        {"foreground", VERDICT_HONOURED, "runs beside the role; stopping waits for it"},
        {"background", VERDICT_HONOURED, "runs beside the role"},
        {},
};
static const SchemaAttribute task_attributes[] = {
        {"commandLine", .type = SCHEMA_COMMAND, .required = true, .replaced_by = "commandLine",
         HONOURED, .reason = "run by /bin/sh in the payload's root directory before the role"},
        {"commandLine", .troupe = true, .type = SCHEMA_COMMAND, HONOURED,
         .reason = "takes the place of commandLine, which another platform may run"},
        {"executionContext", .type = SCHEMA_WORD, .words = contexts, .otherwise = "limited",
         HONOURED, .reason = "who the task runs as"},
        {"taskType", .type = SCHEMA_WORD, .words = task_types, .otherwise = "simple", HONOURED,
         .reason = "whether the role waits for it"},
        {},
};
static const SchemaElement task = {
        "Task",
        .decided_by = "commandLine",
        HONOURED,
        .reason = "a program run before the role",
        .attributes = task_attributes,
        .children = (const SchemaElement *const[]) {&environment, NULL},
};
static const SchemaAttribute startup_attributes[] = {
        {"priority", .type = SCHEMA_NUMBER, .min = INT32_MIN, .max = INT32_MAX, IGNORED,
         .reason = "was for Azure's own use; tasks run in the order of the file"},
        {},
};
static const SchemaElement startup = {
        "Startup",
        .max = 1,
        HONOURED,
        .reason = "tasks run in order before the role",
        .attributes = startup_attributes,
        .children = (const SchemaElement *const[]) {&task, NULL},
};

/* ---- runtime */

#define NET_FX_REASON                                                                              \
        "a .NET Framework assembly needs Windows: write <ProgramEntryPoint commandLine=\"...\"/> " \
        "with a "                                                                                  \
        "Linux program (say, \"dotnet Worker.dll\"), or put <troupe:ProgramEntryPoint> beside it"

static const SchemaAttribute net_fx_entry_point_attributes[] = {
        {"assemblyName", ANY_TEXT, REFUSED, .reason = NET_FX_REASON},
        {"targetFrameworkVersion", ANY_TEXT, REFUSED, .reason = NET_FX_REASON},
        {},
};
static const SchemaElement net_fx_entry_point = {
        "NetFxEntryPoint",
        .max = 1,
        .replaced_by = "ProgramEntryPoint",
        REFUSED,
        .reason = NET_FX_REASON,
        .attributes = net_fx_entry_point_attributes,
};
static const SchemaAttribute program_entry_point_attributes[] = {
        {"commandLine", .type = SCHEMA_COMMAND, .required = true, .replaced_by = "commandLine",
         HONOURED, .reason = "the role's program, run by /bin/sh in the payload's root directory"},
        {"commandLine", .troupe = true, .type = SCHEMA_COMMAND, HONOURED,
         .reason = "takes the place of commandLine, which another platform may run"},
        {"setReadyOnProcessStart", .type = SCHEMA_BOOLEAN, .otherwise = "true", HONOURED,
         .reason = "true: Ready as soon as the program runs; false: the program says when"},
        {},
};
static const SchemaElement program_entry_point = {
        "ProgramEntryPoint",
        .max = 1,
        .decided_by = "commandLine",
        .replaced_by = "ProgramEntryPoint",
        HONOURED,
        .reason = "the role's program",
        .attributes = program_entry_point_attributes,
};
static const SchemaAttribute troupe_program_entry_point_attributes[] = {
        {"commandLine", .type = SCHEMA_COMMAND, .required = true, HONOURED,
         .reason = "the role's program, run by /bin/sh in the payload's root directory"},
        {"setReadyOnProcessStart", .type = SCHEMA_BOOLEAN, .otherwise = "true", HONOURED,
         .reason = "true: Ready as soon as the program runs; false: the program says when"},
        {},
};
static const SchemaElement troupe_program_entry_point = {
        "ProgramEntryPoint",
        .troupe = true,
        .max = 1,
        .decided_by = "commandLine",
        HONOURED,
        .reason = "takes the place of the entry point that another platform would run",
        .attributes = troupe_program_entry_point_attributes,
};
static const SchemaElement entry_point = {
        "EntryPoint",
        .max = 1,
        HONOURED,
        .reason = "the role's program",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&net_fx_entry_point, &program_entry_point,
                                                    &troupe_program_entry_point, NULL},
};
static const SchemaAttribute runtime_attributes[] = {
        {"executionContext", .type = SCHEMA_WORD, .words = contexts, .otherwise = "limited",
         HONOURED, .reason = "who the role's program runs as"},
        {},
};
static const SchemaElement runtime = {
        "Runtime",
        .max = 1,
        HONOURED,
        .reason = "how the role's program runs",
        .attributes = runtime_attributes,
        .children = (const SchemaElement *const[]) {&environment, &entry_point, NULL},
};

/* ---- imports */

static const SchemaWord modules[] = {
        {"RemoteAccess", VERDICT_IGNORED,
         "was Remote Desktop: use `troupectl shell`, which needs no setup"},
        {"RemoteForwarder", VERDICT_IGNORED,
         "was Remote Desktop: use `troupectl shell`, which needs no setup"},
        {"Diagnostics", VERDICT_IGNORED,
         "output and events of roles are kept anyway: use `troupectl logs`"},
        {"WebDeploy", VERDICT_IGNORED, "was for Visual Studio: use `troupectl deploy`"},
        {"Connect", VERDICT_REFUSED,
         "Azure Connect joined machines outside to the service's network, which nothing here does: "
         "remove it and give them an input endpoint"},
        {"Caching", VERDICT_REFUSED,
         "the in-role cache needs Windows: remove it and run a cache server as a worker role"},
        {},
};
static const SchemaAttribute import_attributes[] = {
        {"moduleName", .type = SCHEMA_WORD, .words = modules, .open = true, .required = true,
         REFUSED,
         .reason = "a module of the Windows guest that has no counterpart here: remove it"},
        {},
};
static const SchemaElement import = {
        "Import",
        .decided_by = "moduleName",
        IGNORED,
        .reason = "a module of the Windows guest",
        .attributes = import_attributes,
};
static const SchemaElement imports = {
        "Imports",
        .max = 1,
        IGNORED,
        .reason = "modules of the Windows guest; each has its own verdict",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&import, NULL},
};

/* ---- endpoints */

static const SchemaWord protocols_input[] = {{"http"}, {"https"}, {"tcp"}, {"udp"}, {}};
static const SchemaWord protocols_internal[] = {{"http"}, {"tcp"}, {"udp"}, {"any"}, {}};
static const SchemaWord protocols_instance[] = {{"tcp"}, {"udp"}, {}};
static const SchemaWord distributions[] = {
        {"sourceIP", VERDICT_HONOURED, "connections from one client address go to one instance"},
        {"sourceIPProtocol", VERDICT_HONOURED,
         "connections of one protocol from one client address go to one instance"},
        {},
};

static const SchemaAttribute fixed_port_attributes[] = {
        {"port", PORT, .required = true, HONOURED, .reason = "the port"},
        {},
};
static const SchemaElement fixed_port = {
        "FixedPort",
        .max = 1,
        HONOURED,
        .reason = "a range of one port",
        .attributes = fixed_port_attributes,
};
static const SchemaAttribute fixed_port_range_attributes[] = {
        {"min", PORT, .required = true, HONOURED, .reason = "the first port"},
        {"max", PORT, .required = true, HONOURED, .reason = "the last port"},
        {},
};
static const SchemaElement fixed_port_range = {
        "FixedPortRange",
        .max = 1,
        HONOURED,
        .reason = "a range of ports",
        .attributes = fixed_port_range_attributes,
};

static const SchemaAttribute input_endpoint_attributes[] = {
        {"name", NAME, HONOURED, .reason = "names the endpoint"},
        {"protocol", .type = SCHEMA_WORD, .words = protocols_input, .required = true, HONOURED,
         .reason = "http and https are TCP to the balancer; nginx serves them in a web role"},
        {"port", PORT, .required = true, HONOURED, .reason = "the port of the VIP"},
        {"localPort", .type = SCHEMA_PORT_OR_STAR, .otherwise = "port", HONOURED,
         .reason = "the port in the guest; \"*\" lets Troupe choose"},
        {"certificate", .type = SCHEMA_NAME, HONOURED,
         .reason = "what nginx serves an https endpoint with"},
        {"loadBalancerProbe", TITLE, HONOURED,
         .reason = "an instance is in rotation while this probe answers"},
        {"ignoreRoleInstanceStatus", .type = SCHEMA_BOOLEAN, .otherwise = "false", HONOURED,
         .reason = "true: in rotation also when the instance is not Ready"},
        {"loadBalancerDistribution", .type = SCHEMA_WORD, .words = distributions,
         .otherwise = "5-tuple", HONOURED, .reason = "what the balancer's choice depends on"},
        {"idleTimeoutInMinutes", .type = SCHEMA_NUMBER, .min = 4, .max = 30,
         .otherwise = "Troupe's own", HONOURED,
         .reason = "how long a silent UDP flow is remembered; TCP connections are not cut for "
                   "silence"},
        {"loadBalancer", TITLE, REFUSED,
         .reason = "there are no internal load balancers: make it an InternalEndpoint, or remove "
                   "loadBalancer to make it public"},
        {},
};
static const SchemaElement input_endpoint = {
        "InputEndpoint",
        HONOURED,
        .reason = "a port of the VIP, balanced over the role's instances",
        .attributes = input_endpoint_attributes,
};
static const SchemaAttribute internal_endpoint_attributes[] = {
        {"name", NAME, HONOURED, .reason = "names the endpoint"},
        {"protocol", .type = SCHEMA_WORD, .words = protocols_internal, .required = true, HONOURED,
         .reason = "which protocol the other instances may use"},
        {"port", .type = SCHEMA_PORT_OR_STAR, .otherwise = "Troupe chooses", HONOURED,
         .reason = "the port in the guest"},
        {},
};
static const SchemaElement internal_endpoint = {
        "InternalEndpoint",
        HONOURED,
        .reason = "reachable by the instances of the same deployment",
        .attributes = internal_endpoint_attributes,
        .children = (const SchemaElement *const[]) {&fixed_port, &fixed_port_range, NULL},
};
static const SchemaElement allocate_public_port_from = {
        "AllocatePublicPortFrom",
        .min = 1,
        .max = 1,
        HONOURED,
        .reason = "ports of the VIP, one for each instance",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&fixed_port, &fixed_port_range, NULL},
};
static const SchemaAttribute instance_input_endpoint_attributes[] = {
        {"name", NAME, HONOURED, .reason = "names the endpoint"},
        {"localPort", PORT, .required = true, HONOURED, .reason = "the port in the guest"},
        {"protocol", .type = SCHEMA_WORD, .words = protocols_instance, .required = true, HONOURED,
         .reason = "tcp or udp"},
        {},
};
static const SchemaElement instance_input_endpoint = {
        "InstanceInputEndpoint",
        HONOURED,
        .reason = "a port of the VIP for each instance",
        .attributes = instance_input_endpoint_attributes,
        .children = (const SchemaElement *const[]) {&allocate_public_port_from, NULL},
};
static const SchemaElement endpoints = {
        "Endpoints",
        .max = 1,
        HONOURED,
        .reason = "the role's endpoints",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&input_endpoint, &internal_endpoint,
                                                    &instance_input_endpoint, NULL},
};
/* as SDKs before 1.3 wrote them */
static const SchemaElement input_endpoints = {
        "InputEndpoints",   .max = 1,
        HONOURED,           .reason = "the older form of Endpoints",
        .attributes = none, .children = (const SchemaElement *const[]) {&input_endpoint, NULL},
};

/* ---- what a role has */

static const SchemaAttribute local_storage_attributes[] = {
        {"name", NAME, HONOURED, .reason = "names the directory"},
        {"sizeInMB", .type = SCHEMA_NUMBER, .min = 1, .max = 16 * 1024 * 1024, .otherwise = "100",
         HONOURED, .reason = "how much it may hold; all together must fit the size's disk"},
        {"cleanOnRoleRecycle", .type = SCHEMA_BOOLEAN, .otherwise = "true", HONOURED,
         .reason = "false: kept over a recycle and a reboot, never longer"},
        {},
};
static const SchemaElement local_storage = {
        "LocalStorage",
        HONOURED,
        .reason = "a directory on the instance's own volume",
        .attributes = local_storage_attributes,
};
static const SchemaElement local_resources = {
        "LocalResources",   .max = 1,
        HONOURED,           .reason = "local directories",
        .attributes = none, .children = (const SchemaElement *const[]) {&local_storage, NULL},
};
static const SchemaAttribute setting_attributes[] = {
        {"name", TITLE, .required = true, HONOURED,
         .reason = "the configuration must give it a value"},
        {},
};
static const SchemaElement setting = {
        "Setting",
        HONOURED,
        .reason = "a setting that RoleEnvironment shows the role",
        .attributes = setting_attributes,
};
static const SchemaElement configuration_settings = {
        "ConfigurationSettings",
        .max = 1,
        HONOURED,
        .reason = "the role's settings",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&setting, NULL},
};
static const SchemaWord store_locations[] = {{"LocalMachine"}, {"CurrentUser"}, {}};
static const SchemaWord permission_levels[] = {
        {"limitedOrElevated", VERDICT_HONOURED, "the role's user may read the key"},
        {"elevated", VERDICT_HONOURED, "only root may read the key"},
        {},
};
#define STORE_REASON                                                                               \
        "there is no certificate store: certificates are PEM files that RoleEnvironment points to"
static const SchemaAttribute certificate_attributes[] = {
        {"name", NAME, HONOURED, .reason = "the configuration must give it a thumbprint"},
        {"storeLocation", .type = SCHEMA_WORD, .words = store_locations, IGNORED,
         .reason = STORE_REASON},
        {"storeName", TITLE, IGNORED, .reason = STORE_REASON},
        {"permissionLevel", .type = SCHEMA_WORD, .words = permission_levels,
         .otherwise = "limitedOrElevated", HONOURED, .reason = "who may read the key"},
        {},
};
static const SchemaElement certificate = {
        "Certificate",
        HONOURED,
        .reason = "a certificate with its key, given to each instance",
        .attributes = certificate_attributes,
};
static const SchemaElement certificates = {
        "Certificates",     .max = 1,
        HONOURED,           .reason = "the role's certificates",
        .attributes = none, .children = (const SchemaElement *const[]) {&certificate, NULL},
};
static const SchemaAttribute source_directory_attributes[] = {
        {"path", .type = SCHEMA_PATH, .required = true, HONOURED,
         .reason = "copied into the payload by `troupectl pack`"},
        {},
};
static const SchemaElement source_directory = {
        "SourceDirectory",
        .min = 1,
        .max = 1,
        HONOURED,
        .reason = "what is copied",
        .attributes = source_directory_attributes,
};
static const SchemaAttribute content_attributes[] = {
        {"destination", .type = SCHEMA_DESTINATION, .required = true, HONOURED,
         .reason = "where in the payload it goes"},
        {},
};
static const SchemaElement content = {
        "Content",
        HONOURED,
        .reason = "a directory copied into the payload",
        .attributes = content_attributes,
        .children = (const SchemaElement *const[]) {&source_directory, NULL},
};
static const SchemaElement contents = {
        "Contents",         .max = 1,
        HONOURED,           .reason = "directories copied into the payload",
        .attributes = none, .children = (const SchemaElement *const[]) {&content, NULL},
};

/* ---- sites */

static const SchemaAttribute virtual_directory_attributes[] = {
        {"name", .type = SCHEMA_DESTINATION, .required = true, HONOURED,
         .reason = "its path in the site"},
        {"physicalDirectory", .type = SCHEMA_PATH, HONOURED,
         .reason = "its files; nginx serves them as they are"},
        {"packageDir", .type = SCHEMA_PATH, HONOURED,
         .reason = "an older spelling of physicalDirectory"},
        {},
};
static const SchemaElement virtual_directory = {
        "VirtualDirectory",
        .recursive = true,
        HONOURED,
        .reason = "files served below the site",
        .attributes = virtual_directory_attributes,
};
static const SchemaElement virtual_application = {
        "VirtualApplication",
        .recursive = true,
        HONOURED,
        .reason = "files served below the site",
        .attributes = virtual_directory_attributes,
        .children = (const SchemaElement *const[]) {&virtual_directory, NULL},
};
static const SchemaAttribute binding_attributes[] = {
        {"name", TITLE, .required = true, HONOURED, .reason = "names the binding"},
        {"endpointName", .type = SCHEMA_NAME, .required = true, HONOURED,
         .reason = "the endpoint that nginx listens on for the site"},
        {"hostHeader", .type = SCHEMA_HOST, .otherwise = "any", HONOURED,
         .reason = "the site answers requests for this host"},
        {},
};
static const SchemaElement binding = {
        "Binding",
        HONOURED,
        .reason = "where the site listens",
        .attributes = binding_attributes,
};
static const SchemaElement bindings = {
        "Bindings",         .max = 1,
        HONOURED,           .reason = "where the site listens",
        .attributes = none, .children = (const SchemaElement *const[]) {&binding, NULL},
};
static const SchemaAttribute site_attributes[] = {
        {"name", TITLE, .required = true, HONOURED, .reason = "names the site"},
        {"physicalDirectory", .type = SCHEMA_PATH, .otherwise = "the role's own directory",
         HONOURED,
         .reason = "the site's root; nginx serves it, or passes requests on to the role's program"},
        {"packageDir", .type = SCHEMA_PATH, HONOURED,
         .reason = "an older spelling of physicalDirectory"},
        {},
};
static const SchemaElement site = {
        "Site",
        HONOURED,
        .reason = "a web site that nginx serves",
        .attributes = site_attributes,
        .children = (const SchemaElement *const[]) {&bindings, &virtual_application,
                                                    &virtual_directory, NULL},
};
static const SchemaElement sites = {
        "Sites",
        .max = 1,
        HONOURED,
        .reason = "the web role's sites",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&site, NULL},
};

/* ---- roles */

static const SchemaWord native_code[] = {
        {"true", VERDICT_IGNORED, "programs are always native here"},
        {"1", VERDICT_IGNORED, "programs are always native here"},
        {"false", VERDICT_REFUSED,
         "there is no partial trust: remove it; executionContext=\"limited\" confines the role"},
        {"0", VERDICT_REFUSED,
         "there is no partial trust: remove it; executionContext=\"limited\" confines the role"},
        {},
};
static const SchemaAttribute role_attributes[] = {
        {"name", NAME, HONOURED,
         .reason = "names the role; its instances are NAME_IN_0, NAME_IN_1, ..."},
        {"vmsize", TITLE, .otherwise = "Small", HONOURED,
         .reason = "vCPUs, memory and disk, from the size catalogue"},
        {"enableNativeCodeExecution", .type = SCHEMA_WORD, .words = native_code, IGNORED,
         .reason = "programs are always native here"},
        {},
};
static const SchemaElement web_role = {
        "WebRole",
        HONOURED,
        .reason = "a role with nginx in front",
        .attributes = role_attributes,
        .children = (const SchemaElement *const[]) {&sites, &startup, &runtime, &imports,
                                                    &endpoints, &input_endpoints,
                                                    &internal_endpoint, &local_resources,
                                                    &local_storage, &configuration_settings,
                                                    &certificates, &contents, NULL},
};
static const SchemaElement worker_role = {
        "WorkerRole",
        HONOURED,
        .reason = "a role that is a program",
        .attributes = role_attributes,
        .children = (const SchemaElement *const[]) {&startup, &runtime, &imports, &endpoints,
                                                    &input_endpoints, &internal_endpoint,
                                                    &local_resources, &local_storage,
                                                    &configuration_settings, &certificates,
                                                    &contents, NULL},
};
#define VM_ROLE_REASON                                                                             \
        "a VM role is a Windows disk image: make it a WorkerRole whose startup tasks set it up"
static const SchemaAttribute vm_role_attributes[] = {
        {"name", ANY_TEXT, REFUSED, .reason = VM_ROLE_REASON},
        {"vmsize", ANY_TEXT, REFUSED, .reason = VM_ROLE_REASON},
        {},
};
static const SchemaElement vm_role = {
        "VirtualMachineRole",
        REFUSED,
        .reason = VM_ROLE_REASON,
        .attributes = vm_role_attributes,
        .children = (const SchemaElement *const[]) {&imports, &endpoints, &local_resources,
                                                    &local_storage, &configuration_settings,
                                                    &certificates, NULL},
};

/* ---- probes */

static const SchemaWord protocols_probe[] = {
        {"http", VERDICT_HONOURED, "a GET of path must answer 200"},
        {"tcp", VERDICT_HONOURED, "a connection must be accepted"},
        {},
};
static const SchemaAttribute probe_attributes[] = {
        {"name", TITLE, .required = true, HONOURED, .reason = "names the probe"},
        {"protocol", .type = SCHEMA_WORD, .words = protocols_probe, .required = true, HONOURED,
         .reason = "how it asks"},
        {"path", .type = SCHEMA_URL_PATH, HONOURED, .reason = "what an http probe asks for"},
        {"port", PORT, .otherwise = "the endpoint's", HONOURED, .reason = "the port in the guest"},
        {"intervalInSeconds", .type = SCHEMA_NUMBER, .min = 5, .max = SECONDS_MAX,
         .otherwise = "15", HONOURED, .reason = "how often"},
        {"timeoutInSeconds", .type = SCHEMA_NUMBER, .min = 11, .max = SECONDS_MAX,
         .otherwise = "31", HONOURED,
         .reason = "silence for this long takes the instance out of rotation"},
        {},
};
static const SchemaElement probe = {
        "LoadBalancerProbe",
        HONOURED,
        .reason = "a health check that endpoints can name",
        .attributes = probe_attributes,
};
static const SchemaElement probes = {
        "LoadBalancerProbes",
        .max = 1,
        HONOURED,
        .reason = "health checks",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&probe, NULL},
};

/* ---- traffic rules */

static const SchemaAttribute destination_endpoint_attributes[] = {
        {"endpointName", .type = SCHEMA_NAME, .required = true, HONOURED,
         .reason = "an internal endpoint"},
        {"roleName", .type = SCHEMA_NAME, .required = true, HONOURED,
         .reason = "the role that has it"},
        {},
};
static const SchemaElement destination_endpoint = {
        "RoleEndpoint",
        .min = 1,
        HONOURED,
        .reason = "an endpoint that the rule is about",
        .attributes = destination_endpoint_attributes,
};
static const SchemaElement destinations = {
        "Destinations",
        .min = 1,
        .max = 1,
        HONOURED,
        .reason = "what the rule is about",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&destination_endpoint, NULL},
};
static const SchemaElement allow_all_traffic = {
        "AllowAllTraffic",  .max = 1, HONOURED, .reason = "every role may reach the destinations",
        .attributes = none,
};
static const SchemaWord matches[] = {{"AnyRule"}, {}};
static const SchemaAttribute when_source_attributes[] = {
        {"matches", .type = SCHEMA_WORD, .words = matches, .required = true, HONOURED,
         .reason = "any of the roles"},
        {},
};
static const SchemaAttribute from_role_attributes[] = {
        {"roleName", .type = SCHEMA_NAME, .required = true, HONOURED, .reason = "a role that may"},
        {},
};
static const SchemaElement from_role = {
        "FromRole",
        HONOURED,
        .reason = "a role that may reach the destinations",
        .attributes = from_role_attributes,
};
static const SchemaElement when_source = {
        "WhenSource",
        .max = 1,
        HONOURED,
        .reason = "who may reach the destinations",
        .attributes = when_source_attributes,
        .children = (const SchemaElement *const[]) {&from_role, NULL},
};
static const SchemaElement only_allow_traffic_to = {
        "OnlyAllowTrafficTo",
        HONOURED,
        .reason = "only these roles may reach these internal endpoints",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&destinations, &allow_all_traffic, &when_source,
                                                    NULL},
};
static const SchemaElement network_traffic_rules = {
        "NetworkTrafficRules",
        .max = 1,
        HONOURED,
        .reason = "who may reach internal endpoints",
        .attributes = none,
        .children = (const SchemaElement *const[]) {&only_allow_traffic_to, NULL},
};

/* ---- the root */

static const SchemaWord topology_changes[] = {
        {"Blast", VERDICT_HONOURED, "all instances hear of a change at once"},
        {"UpgradeDomainWalk", VERDICT_IGNORED,
         "all instances hear of a change at once; it restarts nothing, so there is nothing to "
         "walk"},
        {},
};
static const SchemaAttribute service_definition_attributes[] = {
        {"name", TITLE, .required = true, HONOURED,
         .reason = "names the definition; the service is named when it is deployed"},
        {"upgradeDomainCount", .type = SCHEMA_NUMBER, .min = 1, .max = MODEL_UPGRADE_DOMAINS_MAX,
         .otherwise = "5", HONOURED,
         .reason = "how many groups of instances are updated one after the other"},
        {"topologyChangeDiscovery", .type = SCHEMA_WORD, .words = topology_changes,
         .otherwise = "Blast", HONOURED, .reason = "how instances hear of changes"},
        {"schemaVersion", ANY_TEXT, IGNORED, .reason = "only tells editors which schema to use"},
        {},
};
const SchemaElement schema_definition = {
        "ServiceDefinition",
        HONOURED,
        .reason = "the service",
        .attributes = service_definition_attributes,
        .children = (const SchemaElement *const[]) {&probes, &web_role, &worker_role, &vm_role,
                                                    &network_traffic_rules, NULL},
};
