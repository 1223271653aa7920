/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* One host's way through an update of its own system; which host's turn it is rollout.h decides.
 *
 *   waiting ─its turn─► draining ─empty─► updating ─another boot and version, healthy─► done
 *                                            ├─it cannot fetch it─► refused
 *                                            └─another boot, the old version─► failed
 *
 * HostRecord.update says how far it is, so the next leader goes on from there, also when the last
 * one was on the very host. The host finds in its own record that it is to update itself, and says
 * in its alive record what came of it. */

#include "fabric/drain.h"

typedef enum HostUpdateOutcome {
        HOST_UPDATE_GOES_ON,
        HOST_UPDATE_DONE,
        HOST_UPDATE_REFUSED, /* by the host itself, which is as it was */
        HOST_UPDATE_FAILED,  /* it has restarted for nothing */
} HostUpdateOutcome;

/**
 * host_update_join() - Make a host part of an update; it waits for its turn
 * @fabric:    state
 * @host:      registered, and part of none
 * @operation: its id
 * @url:       where the new version is, at most RECORD_URL_MAX; "" for where the host looks by
 * itself
 */
void host_update_join(Fabric *fabric, Host *host, const char *operation, const char *url);

/** host_update_begin() - It is a waiting host's turn: it is emptied */
void host_update_begin(Fabric *fabric, Host *host);

/**
 * host_update_advance() - Do what can be done now
 * @fabric:   state
 * @pass:     begun
 * @host:     its turn has come
 * @ret_text: what it waits for, or why it failed
 */
HostUpdateOutcome host_update_advance(Fabric *fabric, DrainPass *pass, Host *host,
                                      RecordDetail ret_text);

/**
 * host_update_leave() - End a host's part in an update
 * @fabric: state
 * @host:   part of one
 * @usable: whether it is as it was before; otherwise it stays cordoned, for somebody to look
 */
void host_update_leave(Fabric *fabric, Host *host, bool usable);
