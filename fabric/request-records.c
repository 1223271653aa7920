/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Requests about records that are written as they are told: what hosts are, which packages and
 * guest operating systems they hold, certificates. */

#include <string.h>

#include "fabric/deployment.h"
#include "fabric/guest-os.h"
#include "fabric/holders.h"
#include "fabric/hosts.h"
#include "fabric/request-internal.h"
#include "lib/base/str.h"

static void register_host(Fabric *fabric, const Record *record)
{
        Record *there = state_get_named(fabric, RECORD_HOST, record->host.name);
        HostRecord old = there ? there->host : (HostRecord) {.joined_us = fabric->realtime_us};
        Item *item = state_put(fabric, record);
        Host *host = state_host(fabric, record->host.name);

        if (!item || !host)
                return;
        item->record.host.cordoned = old.cordoned;
        item->record.host.draining = old.draining;
        item->record.host.written_off = old.written_off;
        item->record.host.joined_us = old.joined_us;
        item->record.host.update = old.update;
        host->record = &item->record.host;
        host_refresh(fabric, host);
        state_touch(fabric, item);
}

/* A version of a guest OS that others have is not replaced by other files under its name. */
static int check_os(Fabric *fabric, const OsRecord *os, const OsRecord *old)
{
        if (str_equal(os->digest, old->digest))
                return 0;
        for (size_t i = 0; i < old->n_holders; i++)
                if (!str_equal(old->holders[i], os->holders[0]) &&
                    state_get_named(fabric, RECORD_HOST, old->holders[i]))
                        return refuse(fabric, FABRIC_REFUSED_NOW,
                                      "guest operating system %s version %s is in the cluster "
                                      "already, with other files, on host %s: give the new one "
                                      "another version",
                                      os->family, os->version, old->holders[i]);
        return 0;
}

/* What is registered anew keeps those who hold it. */
static int register_held(Fabric *fabric, const Record *record)
{
        RecordKey key = record_key_of(record);
        Record *there = state_get(fabric, &key), old;
        bool same = false;
        Item *item;

        if (there) {
                int r = record->type == RECORD_OS ? check_os(fabric, &record->os, &there->os) : 0;

                if (r != 0)
                        return r;
                /* the mirror keeps no more of a record than its type has; it owns nothing */
                memcpy(&old, there, record_size(there->type));
                same = record->type == RECORD_PACKAGE ||
                       str_equal(record->os.digest, there->os.digest);
        }
        item = state_put(fabric, record);
        if (!item)
                return 0;
        if (same)
                holders_keep(&old, &item->record);
        if (same && record->type == RECORD_OS) {
                item->record.os.disabled = old.os.disabled;
                item->record.os.imported |= old.os.imported;
        }
        if (record->type == RECORD_OS)
                guest_os_changed(fabric);
        state_touch(fabric, item);
        if (record->type == RECORD_PACKAGE)
                package_refresh(fabric, record->package.digest);
        return 0;
}

static int hold(Fabric *fabric, const FabricRequest *request)
{
        RecordKey key = record_key_of(request->record);
        Record *record = state_get(fabric, &key);
        Host *host;
        int r;

        assert(key.type == RECORD_PACKAGE || key.type == RECORD_OS);
        if (!record)
                return refuse(fabric, FABRIC_NO_SUCH_PACKAGE,
                              "%s %.63s%s%.63s is not in the cluster",
                              key.type == RECORD_OS ? "guest operating system" : "package",
                              key.name, key.type == RECORD_OS ? " version " : "", key.version);
        r = request_find_host(fabric, request->host, &host);
        if (r != 0)
                return r;
        holders_request(fabric, record, host, request->kind == FABRIC_HOLD);
        fabric->os_changed |= record->type == RECORD_OS;
        return 0;
}

static int register_record(Fabric *fabric, const Record *record)
{
        Item *item;

        assert(record->type == RECORD_HOST || record->type == RECORD_PACKAGE ||
               record->type == RECORD_OS || record->type == RECORD_CERTIFICATE);
        if (record->type == RECORD_HOST) {
                register_host(fabric, record);
                return 0;
        }
        if (record->type != RECORD_CERTIFICATE)
                return register_held(fabric, record);
        item = state_put(fabric, record);
        if (item)
                state_touch(fabric, item);
        return 0;
}

/* ---- guest operating systems */

static int find_os(Fabric *fabric, const Record *record, OsRecord **ret)
{
        *ret = guest_os_find(fabric, record->os.family, record->os.version);
        if (!*ret)
                return refuse(fabric, FABRIC_NO_GUEST_OS,
                              "there is no guest operating system %s version %s", record->os.family,
                              record->os.version);
        return 0;
}

static int switch_os(Fabric *fabric, const FabricRequest *request)
{
        OsRecord *os;
        int r = find_os(fabric, request->record, &os);

        if (r != 0)
                return r;
        os->disabled = request->kind == FABRIC_DISABLE_OS;
        state_touch(fabric, ITEM_OF(CONTAINER_OF(os, Record, os)));
        guest_os_changed(fabric);
        return 0;
}

static int remove_os(Fabric *fabric, const Record *record)
{
        const DeploymentRecord *user;
        const char *holder;
        OsRecord *os;
        Item *item;
        int r = find_os(fabric, record, &os);

        if (r != 0)
                return r;
        user = guest_os_user(fabric, os);
        if (user)
                return refuse(fabric, FABRIC_REFUSED_NOW,
                              "deployment %s of service '%s' uses guest operating system %s "
                              "version %s: disable it, and it goes when nothing uses it",
                              user->id, user->service, os->family, os->version);
        holder = guest_os_holder(fabric, os);
        if (!os->imported && holder)
                return refuse(fabric, FABRIC_REFUSED_NOW,
                              "guest operating system %s version %s comes with the image of host "
                              "'%s': disable it instead",
                              os->family, os->version, holder);
        item = ITEM_OF(CONTAINER_OF(os, Record, os));
        state_timer(fabric, &CONTAINER_OF(item, GuestOs, item)->timer, FABRIC_NEVER);
        state_drop(fabric, item);
        guest_os_changed(fabric);
        return 0;
}

static int unregister_record(Fabric *fabric, const Record *record)
{
        RecordKey key = record_key_of(record);
        Record *there = state_get(fabric, &key);

        if (record->type == RECORD_OS)
                return remove_os(fabric, record);
        assert(record->type == RECORD_CERTIFICATE);
        if (there)
                state_drop(fabric, ITEM_OF(there));
        return 0;
}

int request_record(Fabric *fabric, const FabricRequest *request)
{
        switch (request->kind) {
        case FABRIC_REGISTER:
                return register_record(fabric, request->record);
        case FABRIC_UNREGISTER:
                return unregister_record(fabric, request->record);
        case FABRIC_HOLD:
        case FABRIC_UNHOLD:
                return hold(fabric, request);
        default:
                assert(request->kind == FABRIC_DISABLE_OS || request->kind == FABRIC_ENABLE_OS);
                return switch_os(fabric, request);
        }
}
