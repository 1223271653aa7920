/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The records that tests of fabric/ begin with: a cluster, its hosts, one package, one guest OS,
 * and a deployment of two roles. */

#include <stdio.h>
#include <stdlib.h>

#include "lib/api/records.h"
#include "lib/base/macros.h"

#define SAMPLE_DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/** sample_cluster() - Its VIPs are those from 198.18.0.10 to @last */
static inline void sample_cluster(const char *last, Record *ret)
{
        record_init(ret, RECORD_CLUSTER);
        if (ip_parse("198.18.0.10", &ret->cluster.vip_pools[0].first) < 0 ||
            ip_parse(last, &ret->cluster.vip_pools[0].last) < 0)
                abort();
        ret->cluster.n_vip_pools = 1;
}

/** sample_host() - A host of this size */
static inline void sample_host(const char *name, const char *domain, uint32_t vcpus,
                               uint64_t memory_bytes, uint64_t disk_bytes, Record *ret)
{
        record_init(ret, RECORD_HOST);
        snprintf(ret->host.name, sizeof(RecordName), "%s", name);
        snprintf(ret->host.fault_domain, sizeof(RecordName), "%s", domain);
        ret->host.vcpus = vcpus;
        ret->host.memory_bytes = memory_bytes;
        ret->host.disk_bytes = disk_bytes;
}

/** sample_package() - The package of every deployment */
static inline void sample_package(Record *ret)
{
        record_init(ret, RECORD_PACKAGE);
        snprintf(ret->package.digest, sizeof(RecordDigest), "%s", SAMPLE_DIGEST);
}

/** sample_os() - A version of its guest OS */
static inline void sample_os(const char *version, Record *ret)
{
        record_init(ret, RECORD_OS);
        snprintf(ret->os.family, sizeof(RecordVersion), "debian-13");
        snprintf(ret->os.version, sizeof(RecordVersion), "%s", version);
        snprintf(ret->os.digest, sizeof(RecordDigest), "%s", SAMPLE_DIGEST);
        ret->os.imported = true;
}

/** sample_role() - A role of @count instances with @size vCPU and @size GiB */
static inline DeploymentRole sample_role(const char *name, RecordRoleKind kind, uint32_t count,
                                         uint32_t size)
{
        DeploymentRole role = {.kind = kind,
                               .count = count,
                               .vcpus = size,
                               .memory_bytes = size * GIB,
                               .disk_bytes = GIB,
                               .upgrade_domains = 5};

        snprintf(role.name, sizeof(role.name), "%s", name);
        return role;
}

/** sample_deployment() - Roles web (1 vCPU, 1 GiB, input endpoint on @port) and worker (2, 2 GiB)
 */
static inline void sample_deployment(const char *id, uint32_t webs, uint32_t workers, uint16_t port,
                                     DeploymentRecord *ret)
{
        *ret = (DeploymentRecord) {.n_roles = 2, .n_endpoints = 1};
        snprintf(ret->id, sizeof(RecordId), "%s", id);
        snprintf(ret->package, sizeof(RecordDigest), "%s", SAMPLE_DIGEST);
        snprintf(ret->os_family, sizeof(RecordVersion), "debian-13");
        snprintf(ret->os_version, sizeof(RecordVersion), "*");
        ret->roles[0] = sample_role("web", RECORD_ROLE_WEB, webs, 1);
        ret->roles[1] = sample_role("worker", RECORD_ROLE_WORKER, workers, 2);
        ret->endpoints[0] = (DeploymentEndpoint) {
                .name = "http", .role = "web", .protocol = "http", .port = port, .port_last = port};
}
