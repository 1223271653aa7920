/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* This host's own member of etcd: the unit troupe-etcd.service, which runs while there is a file
 * `etcd.env` that says how. hostd writes the file and asks systemd to start, restart or stop. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "hostd/identity.h"
#include "lib/base/ip.h"

#define ETCD_UNIT_CHANGED 1 /* outcome: the file is another one now: restart the unit */
#define ETCD_UNIT_NONE    2 /* outcome: this host has no member */

#define ETCD_CLIENT_PORT 2379
#define ETCD_PEER_PORT   2380
#define ETCD_URL_MAX     64

typedef char EtcdUrl[ETCD_URL_MAX];

typedef struct EtcdUnit {
        uint64_t id;     /* etcd's number of it; 0: not known yet */
        RecordName data; /* directory of its data, never used by another member before */
        char *members;   /* owned: `h1=https://192.0.2.1:2380,...` to begin with */
        bool joins;      /* a cluster that is there, rather than beginning one */
        bool alone;      /* when it starts it forgets all other members, whatever its data says */
} EtcdUnit;

/** etcd_unit_deinit() - Free what it owns */
void etcd_unit_deinit(EtcdUnit *unit);

/** etcd_unit_peer_url() - Where other members reach the one on a host; @url is returned */
const char *etcd_unit_peer_url(const IpAddress *address, EtcdUrl url);

/** etcd_unit_client_url() - Where clients on other hosts reach it; @url is returned */
const char *etcd_unit_client_url(const IpAddress *address, EtcdUrl url);

/**
 * etcd_unit_load() - What the file says
 * @state_dir: directory of the file
 * @ret_unit:  owned, free with etcd_unit_deinit()
 *
 * Return: 0; ETCD_UNIT_NONE when there is no file; negative errno.
 */
int etcd_unit_load(const char *state_dir, EtcdUnit *ret_unit);

/**
 * etcd_unit_save() - Write the file
 * @state_dir: directory of the file
 * @unit:      what the member is
 * @identity:  its certificates
 * @address:   where it listens besides the loopback
 *
 * Return: 0 when it was so already; ETCD_UNIT_CHANGED; negative errno.
 */
int etcd_unit_save(const char *state_dir, const EtcdUnit *unit, const Identity *identity,
                   const IpAddress *address);

/** etcd_unit_remove() - Remove the file: this host has no member. 0; negative errno */
int etcd_unit_remove(const char *state_dir);

/**
 * etcd_unit_ask() - Ask systemd to do something with the unit
 * @bus:      system bus, or NULL: nothing happens
 * @verb:     StartUnit, RestartUnit or StopUnit
 * @answered: gets the answer; NULL: a failure is logged
 * @userdata: for @answered
 * @ret_slot: owned; @answered is not called once it was unreferenced. NULL without @answered
 */
void etcd_unit_ask(sd_bus *bus, const char *verb, sd_bus_message_handler_t answered, void *userdata,
                   sd_bus_slot **ret_slot);
