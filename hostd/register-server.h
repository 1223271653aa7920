/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Other hosts tell the leader what they have: `POST /1/register/KEY`, KEY being a record's key
 * behind RECORD_PREFIX (`hosts/h2`, `os/debian-13/1`, `packages/DIGEST`), with the record as its
 * body.
 *
 * `POST /1/release/KEY` takes back that a host holds something.
 *
 *   200 written
 *   403 the record is not the peer's to write
 *   503 this host does not lead, or cannot write now: ask again */

#include "hostd/controller.h"
#include "hostd/peers.h"

#define REGISTER_PATH "/1/register/"
#define RELEASE_PATH  "/1/release/"

typedef struct RegisterServer RegisterServer;

/**
 * register_server_new() - Take what others register
 * @peers:      borrowed
 * @store:      borrowed
 * @controller: borrowed
 * @ret_server: owned; freed after @peers
 *
 * Return: 0; negative errno.
 */
int register_server_new(Peers *peers, const Store *store, Controller *controller,
                        RegisterServer **ret_server);

/** register_server_free() - Free it */
RegisterServer *register_server_free(RegisterServer *server);
DEFINE_CLEANUP(RegisterServer *, register_server_free)

/**
 * register_server_tell() - Tell the leader, which is another host, what this one has
 * @peers:  peers
 * @record: of this host, or of what it holds
 * @holds:  false: it does not hold it any more
 *
 * A failure is logged: it is told again when that is looked at the next time.
 */
void register_server_tell(Peers *peers, const Record *record, bool holds);

/**
 * register_server_ask() - Tell a leader what this host has, and hear what comes of it
 * @peers:       peers
 * @leader:      peers_leader_address(), not none
 * @record:      of this host, or of what it holds
 * @holds:       false: it does not hold it any more
 * @done:        status 200: it is written, or was so already; else the body says why it is not
 * @userdata:    for @done
 * @ret_request: may be NULL
 *
 * Return: 0; negative errno.
 */
int register_server_ask(Peers *peers, const IpAddress *leader, const Record *record, bool holds,
                        HttpDone done, void *userdata, HttpRequest **ret_request);

/**
 * register_merge() - What is to be written when a host registers a record
 * @before: what the store has, or NULL
 * @host:   who registers
 * @record: what it says; changed in place: of what hosts hold together (packages, guest operating
 *          systems) the other holders are kept, of a host what the leader decides
 *
 * Return: whether it differs from @before, and is to be written.
 */
bool register_merge(const Record *before, const char *host, Record *record);
