/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What this machine is told about itself: /etc/troupe/hostd.conf, a line `name=value` each, and
 * over it systemd credentials `troupe.name` ($CREDENTIALS_DIRECTORY). All of it has defaults. */

#include "lib/api/records.h"

#define CONFIG_FILE          "/etc/troupe/hostd.conf"
#define CONFIG_BYTES_MAX     (64 * KIB)
#define CONFIG_ENDPOINTS_MAX 8

/* Texts are owned. */
typedef struct Config {
        char *host;         /* host=: name in the cluster; default: the host name */
        char *fault_domain; /* fault-domain=: default: the host's name */
        char *uplink;       /* uplink=: interface that VIPs are on; "": that of the default route */
        IpAddress address;  /* address=: on the network between hosts; none: not known */
        char *etcd[CONFIG_ENDPOINTS_MAX]; /* etcd=: URLs, blanks between, of an etcd that somebody
                                             else looks after */
        size_t n_etcd;                    /* 0: the cluster's own, which hostd takes care of */
        char *join_token;       /* join-token=: joins this cluster rather than making one */
        uint64_t certificate_s; /* certificate=: seconds that certificates of hosts are good, from
                                   60; those that this host gives */
        char *vip_pool;   /* vip-pool=: `198.18.100.0/24` or `FIRST-LAST`, blanks between; used
                             when this host makes the cluster */
        char *overlay;    /* overlay=: network of which each deployment gets a part */
        bool no_watchdog; /* watchdog=: `required`, the default, or `off`: nobody fences */
        uint64_t lease_s; /* lease=: seconds, 2 to 600; of a new cluster */
        uint64_t boot_s;  /* boot=: seconds, 10 to 86400, in which a role VM's agent speaks, or it
                             is healed; of a new cluster; 0: the default. What else waits for
                             a role VM waits longer in proportion, and never shorter */
        uint64_t memory_bytes; /* memory=: MiB that instances may use; 0: all but a reserve */
        uint64_t vcpus;        /* vcpus=: 0: as many as there are */
        uint64_t disk_bytes;   /* disk=: MiB that instances may use; 0: what there is */
} Config;

/**
 * config_load() - Read the file, if there is one, and the credentials
 * @config:      overwritten; free with config_deinit() in any case
 * @path:        file
 * @credentials: directory, or NULL
 * @ret_wrong:   on -EINVAL owned text `WHERE: NAME: why`
 *
 * Names that are not known are an error in the file, and passed over among credentials.
 *
 * Return: 0; -EINVAL; the errno of reading; -ENOMEM.
 */
int config_load(Config *config, const char *path, const char *credentials, char **ret_wrong);

/** config_deinit() - Free what it owns */
void config_deinit(Config *config);

/**
 * config_cluster() - The cluster record that this host makes when there is no cluster yet
 * @config:      borrowed
 * @id:          32 hexadecimal digits
 * @ret_cluster: initialised record, to be freed with record_deinit()
 * @ret_wrong:   on -EINVAL owned text
 *
 * Return: 0; -EINVAL when a pool or the overlay is not right; -ENOMEM.
 */
int config_cluster(const Config *config, const char *id, Record *ret_cluster, char **ret_wrong);
