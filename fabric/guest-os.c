/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Guest operating systems. There are few versions, so all of them are looked at each time. */

#include "fabric/guest-os.h"

#include <string.h>

#include "lib/base/str.h"

int guest_os_compare(const char *a, const char *b)
{
        while (*a && *b) {
                size_t n_a, n_b;

                if (*a < '0' || *a > '9' || *b < '0' || *b > '9') {
                        if (*a != *b)
                                return *a < *b ? -1 : 1;
                        a++;
                        b++;
                        continue;
                }
                a += strspn(a, "0");
                b += strspn(b, "0");
                n_a = strspn(a, "0123456789");
                n_b = strspn(b, "0123456789");
                if (n_a != n_b)
                        return n_a < n_b ? -1 : 1;
                if (strncmp(a, b, n_a) != 0)
                        return strncmp(a, b, n_a);
                a += n_a;
                b += n_b;
        }
        return *a ? 1 : *b ? -1 : 0;
}

OsRecord *guest_os_find(const Fabric *fabric, const char *family, const char *version)
{
        RecordKey key = {.type = RECORD_OS};
        Record *record;

        if (strlen(family) > RECORD_VERSION_MAX || strlen(version) > RECORD_VERSION_MAX)
                return NULL;
        SET_NAME(key.name, family);
        SET_NAME(key.version, version);
        record = state_get(fabric, &key);
        return record ? &record->os : NULL;
}

const OsRecord *guest_os_newest(const Fabric *fabric, const char *family)
{
        const OsRecord *best = NULL;

        RECORDS_FOREACH(entry, fabric, RECORD_OS)
        {
                const OsRecord *os = &((Record *) entry->value)->os;

                if (!os->disabled && str_equal(os->family, family) &&
                    (!best || guest_os_compare(best->version, os->version) < 0))
                        best = os;
        }
        return best;
}

const OsRecord *guest_os_pick(const Fabric *fabric, const char *family, const char *version)
{
        const OsRecord *os;

        if (str_equal(version, "*"))
                return guest_os_newest(fabric, family);
        os = guest_os_find(fabric, family, version);
        return os && !os->disabled ? os : NULL;
}

/* ---- what a deployment is to run with */

bool guest_os_is_disabled(const Fabric *fabric, const char *family, const char *version)
{
        const OsRecord *os = guest_os_find(fabric, family, version);

        return os && os->disabled;
}

const OsRecord *guest_os_next(const Fabric *fabric, const DeploymentRecord *deployment)
{
        const char *family = deployment->os_family, *current = deployment->os_current;
        const OsRecord *os = guest_os_pick(fabric, family, deployment->os_version);
        bool follows = str_equal(deployment->os_version, "*");

        if (!os && guest_os_is_disabled(fabric, family, deployment->os_version))
                os = guest_os_newest(fabric, family);
        if (!os || str_equal(os->version, current) || str_equal(os->version, deployment->os_failed))
                return NULL;
        if (follows && guest_os_compare(os->version, current) < 0 &&
            !guest_os_is_disabled(fabric, family, current))
                return NULL;
        return os;
}

void guest_os_ask(Fabric *fabric, DeploymentRecord *deployment, const char *version)
{
        bool stood_still = deployment->os_next[0];
        const OsRecord *os;

        if (str_equal(deployment->os_version, version))
                return;
        SET_NAME(deployment->os_version, version);
        memset(deployment->os_failed, 0, sizeof(RecordVersion));
        fabric->os_changed = true; /* what is used now is not what was */
        if (!stood_still)
                return;
        os = guest_os_next(fabric, deployment);
        if (os)
                SET_NAME(deployment->os_next, os->version);
        else
                memset(deployment->os_next, 0, sizeof(RecordVersion));
}

/* ---- what is used */

static bool uses(const DeploymentRecord *deployment, const OsRecord *os)
{
        return str_equal(deployment->os_family, os->family) &&
               (str_equal(deployment->os_version, os->version) ||
                str_equal(deployment->os_current, os->version) ||
                str_equal(deployment->os_next, os->version));
}

const DeploymentRecord *guest_os_user(const Fabric *fabric, const OsRecord *os)
{
        RECORDS_FOREACH(entry, fabric, RECORD_DEPLOYMENT)
        {
                const DeploymentRecord *deployment = &((Record *) entry->value)->deployment;

                if (uses(deployment, os))
                        return deployment;
        }
        return NULL;
}

const char *guest_os_holder(const Fabric *fabric, const OsRecord *os)
{
        for (size_t i = 0; i < os->n_holders; i++)
                if (state_get_named(fabric, RECORD_HOST, os->holders[i]))
                        return os->holders[i];
        return NULL;
}

static bool is_kept(const Fabric *fabric, const OsRecord *os)
{
        return guest_os_newest(fabric, os->family) == os || guest_os_user(fabric, os) ||
               (!os->imported && guest_os_holder(fabric, os));
}

void guest_os_check(Fabric *fabric)
{
        fabric->os_changed = false;
        RECORDS_FOREACH(entry, fabric, RECORD_OS)
        {
                GuestOs *os = HOLDER_OF(entry->value, GuestOs);

                if (is_kept(fabric, &os->item.record.os))
                        state_timer(fabric, &os->timer, FABRIC_NEVER);
                else if (os->timer.place == 0)
                        state_timer(fabric, &os->timer,
                                    state_after(fabric->now_ns, GUEST_OS_KEEP_MS));
        }
}

void guest_os_changed(Fabric *fabric)
{
        fabric->os_changed = true;
        RECORDS_FOREACH(entry, fabric, RECORD_DEPLOYMENT)
        state_queue(fabric, HOLDER_OF(entry->value, Deployment));
}
