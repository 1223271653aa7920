/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The leader half: while this host leads, the deciding core (fabric.h) is fed from the store and
 * from requests, and what it plans is written to etcd, each transaction guarded by the create
 * revision of the election key. Whatever goes wrong with a write, the core is dropped and made anew
 * from what the store holds. */

#include "fabric/fabric.h"
#include "hostd/pulses.h"
#include "hostd/store.h"
#include "lib/io/etcd.h"

typedef struct Controller Controller;

/* Why a request was not accepted: `org.troupe.Error.` and this name; NULL: it was accepted. */
typedef void (*ControllerDone)(void *userdata, const char *error, const char *message);

/* A request with all it needs; given to controller_request(), which then owns it. */
typedef struct ControllerRequest {
        FabricRequestKind kind;
        RecordName operation; /* filled in by controller_request() */
        RecordName service;
        Slot slot;
        Record record; /* DEPLOY: a deployment; REGISTER: any; else all zero */
        struct {
                RecordName role;
                uint32_t count;
        } counts[RECORD_ROLES_MAX];
        size_t n_counts;
        char *configuration;
        InstanceId instance;
        RecordName host;
        char *hosts; /* names with commas between; NULL for all */
        char *url;
        bool force;
        ControllerDone done; /* called once, never from within controller_request() */
        void *userdata;
        struct ControllerRequest *next; /* the controller's own, as what follows */
        int64_t written;                /* revision at which it was stored */
} ControllerRequest;

typedef struct ControllerHandlers {
        void *userdata;
        /* the outcome of a write is not known: presence_renew() */
        void (*renew)(void *userdata);
        /* the core is running now: time to register what this host has */
        void (*leading)(void *userdata);
        /* this host was removed from the cluster: others are to decide; may be NULL */
        void (*removed)(void *userdata);
} ControllerHandlers;

/**
 * controller_request_new() - An empty request
 *
 * Return: owned; NULL when memory is short.
 */
ControllerRequest *controller_request_new(FabricRequestKind kind);

/** controller_request_free() - Free a request that was not given away */
ControllerRequest *controller_request_free(ControllerRequest *request);
DEFINE_CLEANUP(ControllerRequest *, controller_request_free)

/**
 * controller_new() - Make a controller that follows
 * @etcd:           client, borrowed
 * @store:          store, borrowed
 * @pulses:       borrowed; to be followed before controller_elected()
 * @host:           this host's name, borrowed
 * @handlers:       copied
 * @ret_controller: owned
 *
 * Return: 0; -ENOMEM.
 */
int controller_new(Etcd *etcd, Store *store, const Pulses *pulses, const char *host,
                   const ControllerHandlers *handlers, Controller **ret_controller);

/** controller_free() - Drop the core; open requests end as Unavailable */
Controller *controller_free(Controller *controller);
DEFINE_CLEANUP(Controller *, controller_free)

/** controller_elected() - This host was elected; what it writes is guarded by @create_revision */
void controller_elected(Controller *controller, int64_t create_revision);

/** controller_deposed() - This host does not lead any more */
void controller_deposed(Controller *controller);

/** controller_record_put() - The store has a new record; borrowed */
void controller_record_put(Controller *controller, const Record *record);

/** controller_record_deleted() - A record is gone from the store */
void controller_record_deleted(Controller *controller, const RecordKey *key);

/** controller_silent() - A host has not renewed its lease for the whole of it */
void controller_silent(Controller *controller, const char *host);

/** controller_heard() - A host that was silent has renewed its lease */
void controller_heard(Controller *controller, const char *host);

/** controller_pulses_synced() - All renewals there are have been read */
void controller_pulses_synced(Controller *controller);

/** controller_synced() - The store is complete up to a revision; @reloaded: it was read anew */
void controller_synced(Controller *controller, int64_t revision, bool reloaded);

/**
 * controller_request() - Ask the core for something
 * @controller: controller
 * @request:    owned from now on; its done() is called when the request is refused, or when what it
 *              changes has been written
 *
 * Return: the operation's id, which the request has from now on; borrowed until done().
 */
const char *controller_request(Controller *controller, ControllerRequest *request);

/** controller_leads() - Whether requests belong here; they wait while the core is made anew */
bool controller_leads(const Controller *controller);
