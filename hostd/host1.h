/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* org.troupe.Host1 on the system bus: the objects of lib/api/org.troupe.Host1.xml, shown from the
 * store. This file owns the connection; each interface has its own *-bus.c file. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "hostd/content.h"
#include "hostd/controller.h"
#include "hostd/events.h"
#include "hostd/fence.h"
#include "hostd/forward.h"
#include "hostd/host-half.h"
#include "hostd/intake.h"
#include "hostd/membership.h"
#include "hostd/os-source.h"
#include "hostd/recovery.h"
#include "hostd/shells.h"
#include "hostd/store.h"
#include "hostd/updater.h"
#include "lib/base/map.h"
#include "lib/io/bus.h"

#define HOST1_NAME    "org.troupe.Host1"
#define HOST1_PATH    "/org/troupe/Host1"
#define HOST1_VERSION "1"

#define HOST1_INSPECT    "org.troupe.Host1.inspect"
#define HOST1_OPERATE    "org.troupe.Host1.operate"
#define HOST1_DEPLOY     "org.troupe.Host1.deploy"
#define HOST1_ADMINISTER "org.troupe.Host1.administer"

#define HOST1_PATH_MAX 512

/* For the tables of members. Every method asks polkit itself, so the bus lets everyone call it. */
#define HOST1_CONST  SD_BUS_VTABLE_PROPERTY_CONST
#define HOST1_CHANGE SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define HOST1_ANYONE SD_BUS_VTABLE_UNPRIVILEGED

/* The kinds of objects below HOST1_PATH. */
typedef enum Host1Kind {
        HOST1_SERVICE,
        HOST1_DEPLOYMENT,
        HOST1_INSTANCE,
        HOST1_HOST,
        HOST1_OPERATION,
        HOST1_KINDS,
} Host1Kind;

typedef char Host1Path[HOST1_PATH_MAX];

/* What sd-bus reads the properties of an object from: filled in when the object is looked up, used
 * before the next one is. Texts are borrowed from the store. */
typedef struct ServiceView {
        struct Host1 *host1;
        const ServiceRecord *record;
        const char *name, *vips[SLOTS], *deployments[SLOTS], *operation;
        char vip_texts[SLOTS][IP_TEXT_MAX];
        Host1Path deployment_paths[SLOTS], operation_path;
} ServiceView;

typedef struct DeploymentView {
        struct Host1 *host1;
        const DeploymentRecord *record;
        const char *id, *service, *slot, *vip, *package, *label, *state, *os_family, *os_version,
                *os_current, *os_next, *os_failed;
        uint64_t created_us;
        char vip_text[IP_TEXT_MAX];
} DeploymentView;

typedef struct InstanceView {
        struct Host1 *host1;
        const InstanceRecord *record;
        const char *id, *name, *service, *deployment, *role, *status, *detail, *host, *fault_domain,
                *address;
        uint32_t number, upgrade_domain;
        uint64_t incarnation, since_us;
        int in_rotation;
        char id_text[RECORD_KEY_MAX + 1], address_text[IP_TEXT_MAX];
        Host1Path deployment_path;
} InstanceView;

typedef struct HostView {
        const char *name, *fault_domain, *state, *address, *accelerator, *version;
        int cordoned, draining, leader;
        uint32_t vcpus, vcpus_used, instances;
        uint64_t memory_bytes, memory_used_bytes, disk_bytes, disk_used_bytes;
        char address_text[IP_TEXT_MAX];
} HostView;

typedef struct OperationView {
        const char *id, *kind, *service, *target, *state, *message, *error;
        double progress;
        uint64_t started_us, ended_us;
        char target_text[RECORD_KEY_MAX + 1];
} OperationView;

typedef struct Host1Config {
        sd_event *event;
        const char *address; /* of the bus; NULL: the system bus */
        const char *host;    /* this host's name */
        Store *store;
        Controller *controller;
        HostHalf *host_half;
        Content *content;
        const char *state_dir;      /* NULL in tests of other things */
        const char *update_keyring; /* NULL: the host's */
        Fence *fence;               /* or NULL */
        Updater *updater;           /* or NULL */
        Shells *shells;
        Events *events;
        Membership *membership;
        Forward *forward;
        Peers *peers;
        Etcd *etcd;
        const Config *config;
} Host1Config;

typedef struct OsImporting OsImporting; /* os-bus.c */

typedef struct Host1 {
        sd_event *event;
        char *address;
        char *host;
        Store *store;
        Controller *controller;
        HostHalf *host_half;
        Content *content; /* NULL in tests of other things */
        char *state_dir;
        Fence *fence;     /* or NULL */
        Updater *updater; /* or NULL */
        Shells *shells;
        Events *events;
        Membership *membership; /* NULL in tests of other things */
        Forward *forward;       /* likewise */
        Peers *peers;           /* likewise */
        Etcd *etcd;
        const Config *config;
        Worker *worker; /* intakes only: a slow sender stops nothing else */
        unsigned n_intakes;
        OsSource *source;           /* of guest operating systems; NULL without a state_dir */
        OsImporting *imports;       /* of guest operating systems that are being registered */
        OsImporting *fetching;      /* the one that comes from the source; or NULL */
        Recovery *recovery;         /* NULL: none is under way */
        sd_bus_message *recovering; /* the call that waits for it */
        sd_bus *bus;
        sd_event_source *reconnect;
        BusPolkit *polkit;
        Map taken; /* digests of packages that wait for their deployment's record */
        Map dirty; /* path to interface: PropertiesChanged is to be sent */
        bool reachable;
        char *unreachable; /* why */
        ServiceView service;
        DeploymentView deployment;
        InstanceView instance;
        HostView host_view;
        OperationView operation;
} Host1;

/* What a request's caller is answered with. */
typedef enum Host1Reply {
        HOST1_REPLY_OPERATION, /* its path */
        HOST1_REPLY_EMPTY,
} Host1Reply;

/**
 * host1_new() - Make the bus side; nothing is connected yet
 * @config:    borrowed; what it points to outlives it
 * @ret_host1: owned
 *
 * Return: 0; negative errno.
 */
int host1_new(const Host1Config *config, Host1 **ret_host1);

/** host1_free() - Leave the bus; open calls stay unanswered */
Host1 *host1_free(Host1 *host1);
DEFINE_CLEANUP(Host1 *, host1_free)

/** host1_connect() - Connect now and again whenever the bus comes back; failures are logged */
void host1_connect(Host1 *host1);

/** host1_record_put() - The store has a new record: objects appear and change */
void host1_record_put(Host1 *host1, const Record *record, const Record *before);

/** host1_record_deleted() - A record is gone: objects disappear and change */
void host1_record_deleted(Host1 *host1, const RecordKey *key, const Record *before);

/** host1_leader_changed() - Another host leads */
void host1_leader_changed(Host1 *host1);

/** host1_reachable() - Whether the cluster's state can be reached */
void host1_reachable(Host1 *host1, bool reachable, const char *detail);

/** host1_flush() - Send the change signals that have gathered */
void host1_flush(Host1 *host1);

/* ---- for the *-bus.c files */

/** host1_object_path() - Path of an object; @path is returned, "/" for an empty id */
const char *host1_object_path(Host1Kind kind, const char *id, Host1Path path);

/** host1_instance_path() - Path of an instance */
const char *host1_instance_path(const InstanceId *id, Host1Path path);

/** host1_object_id() - The id in a path of this kind, owned; NULL when it is not such a path */
char *host1_object_id(Host1Kind kind, const char *path);

/** host1_find_service() - For a name from outside: its record, or NULL with @error set */
const ServiceRecord *host1_find_service(Host1 *host1, const char *name, sd_bus_error *error);

/** host1_find_deployment() - The deployment in a slot, or NULL with @error set */
const DeploymentRecord *host1_find_deployment(Host1 *host1, const char *service, const char *slot,
                                              sd_bus_error *error);

/** host1_find_instance() - An instance by its name `web_IN_0`, or NULL with @error set */
const InstanceRecord *host1_find_instance(Host1 *host1, const char *service, const char *slot,
                                          const char *name, sd_bus_error *error);

/**
 * host1_forward_files() - Carry a call that hands over files to the host that decides
 * @host1:   host1
 * @message: method call, authorised and checked
 * @limits:  how many bytes the leader takes of each of its descriptors
 * @error:   set on failure
 *
 * Return: 1: it will be answered; 0: this host decides; negative errno: neither.
 */
int host1_forward_files(Host1 *host1, sd_bus_message *message,
                        const uint64_t limits[FORWARD_FILES_MAX], sd_bus_error *error);

/** host1_check_leads() - 0 when this host decides; else an errno with @error set */
int host1_check_leads(Host1 *host1, sd_bus_error *error);

/**
 * host1_request() - Give a request to the core, and answer the call when it is accepted or refused
 *
 * Return: 1, for the method's handler to return; negative errno with @error set. @request is
 * consumed in any case.
 */
int host1_request(Host1 *host1, sd_bus_message *message, ControllerRequest *request,
                  Host1Reply reply, sd_bus_error *error);

/** host1_act() - Reboot, reimage or rebuild an instance, as host1_request() */
int host1_act(Host1 *host1, sd_bus_message *message, FabricRequestKind kind, const InstanceId *id,
              sd_bus_error *error);

/** host1_open_shell() - Open a shell and answer the call with it */
int host1_open_shell(Host1 *host1, sd_bus_message *message, const InstanceRecord *instance,
                     unsigned rows, unsigned columns, sd_bus_error *error);

/** host1_enumerate() - The paths of all objects of a kind, as a node enumerator gives them */
int host1_enumerate(Host1 *host1, Host1Kind kind, char ***ret_nodes);

/** host1_add_kind() - Add the interface of a kind of objects to a fresh connection */
int host1_add_kind(Host1 *host1, Host1Kind kind, const sd_bus_vtable *vtable,
                   sd_bus_object_find_t find, sd_bus_node_enumerator_t enumerate);

/** manager_bus_add() - Add the Manager's interface to a fresh connection */
int manager_bus_add(Host1 *host1);

/** intake_bus_deploy() - Method Deploy */
int intake_bus_deploy(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** intake_bus_configure() - Method Configure */
int intake_bus_configure(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** intake_bus_check() - Method CheckPackage */
int intake_bus_check(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** intake_bus_deployed() - A deployment refers to this package: it need not be held any more */
void intake_bus_deployed(Host1 *host1, const char *digest);

/** certificate_bus_add() - Method AddCertificate */
int certificate_bus_add(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** certificate_bus_remove() - Method RemoveCertificate */
int certificate_bus_remove(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** certificate_bus_list() - Method ListCertificates */
int certificate_bus_list(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** certificate_bus_has() - Whether there is a certificate with this thumbprint */
bool certificate_bus_has(Host1 *host1, const char *thumbprint);

/** os_bus_import() - Method ImportGuestOs */
int os_bus_import(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** os_bus_fetch() - Method FetchGuestOs */
int os_bus_fetch(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** os_bus_fetched() - What came of it */
void os_bus_fetched(void *userdata, const OsOfferResult *result);

/** os_bus_get_fetch() - Property GuestOsFetch */
int os_bus_get_fetch(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error);

/** os_bus_registered() - The store has a guest OS's record: whoever imported it is answered */
void os_bus_registered(Host1 *host1, const OsRecord *os);

/** os_bus_drop() - Forget the imports that wait for an answer */
void os_bus_drop(Host1 *host1);

/** os_bus_remove() - Method RemoveGuestOs */
int os_bus_remove(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** os_bus_disable() - Method DisableGuestOs */
int os_bus_disable(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** os_bus_enable() - Method EnableGuestOs */
int os_bus_enable(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** os_bus_list() - Method ListGuestOs */
int os_bus_list(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** cluster_bus_token() - Method MakeJoinToken */
int cluster_bus_token(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** cluster_bus_init() - Method InitCluster */
int cluster_bus_init(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** cluster_bus_leave() - Method LeaveCluster */
int cluster_bus_leave(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** cluster_bus_join() - Method JoinCluster */
int cluster_bus_join(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** cluster_bus_recover() - Method RecoverCluster */
int cluster_bus_recover(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** cluster_bus_members() - Method ListMembers */
int cluster_bus_members(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** streams_bus_logs() - Method ReadLogs */
int streams_bus_logs(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** streams_bus_events() - Method ReadEvents */
int streams_bus_events(sd_bus_message *message, void *userdata, sd_bus_error *error);

/** service_bus_add() - Add the interface of services */
int service_bus_add(Host1 *host1);

/** deployment_bus_add() - Add the interface of deployments */
int deployment_bus_add(Host1 *host1);

/** instance_bus_add() - Add the interface of instances */
int instance_bus_add(Host1 *host1);

/** host_bus_add() - Add the interface of hosts */
int host_bus_add(Host1 *host1);

/** operation_bus_add() - Add the interface of operations */
int operation_bus_add(Host1 *host1);

/** host_bus_state() - `joining`, `up`, `cordoned`, `draining` or `lost` */
const char *host_bus_state(Host1 *host1, const HostRecord *host);

/** service_bus_slot() - In which slot a deployment is, and that slot's VIP; SLOTS when in none */
Slot service_bus_slot(Host1 *host1, const DeploymentRecord *deployment, const IpAddress **ret_vip);
