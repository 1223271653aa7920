/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One table of settings for the file and for credentials. */

#include "hostd/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "lib/base/ip.h"
#include "lib/base/name-value.h"
#include "lib/base/str.h"

#define LEASE_S_DEFAULT   10
#define LEASE_S_MIN       2
#define LEASE_S_MAX       600
#define BOOT_S_MIN        10
#define BOOT_S_MAX        86400
#define CERTIFICATE_S     (UINT64_C(365) * 86400)
#define CERTIFICATE_S_MIN 60
#define CERTIFICATE_S_MAX (UINT64_C(3650) * 86400)
#define DELAY_KILL_MS     1000
#define DELAY_DRIFT       50
#define CREDENTIAL_START  "troupe."

typedef struct Setting {
        const char *name;
        int (*set)(Config *config, const char *value);
} Setting;

static int set_host(Config *config, const char *value)
{
        return str_is_name(value, RECORD_NAME_MAX) ? str_set(&config->host, value) : -EINVAL;
}

static int set_fault_domain(Config *config, const char *value)
{
        return str_is_name(value, RECORD_NAME_MAX) ? str_set(&config->fault_domain, value)
                                                   : -EINVAL;
}

static int set_uplink(Config *config, const char *value)
{
        return str_set(&config->uplink, value);
}

static int set_address(Config *config, const char *value)
{
        return ip_parse(value, &config->address);
}

static int set_vip_pool(Config *config, const char *value)
{
        return str_set(&config->vip_pool, value);
}

static int set_overlay(Config *config, const char *value)
{
        return str_set(&config->overlay, value);
}

static int set_etcd(Config *config, const char *value)
{
        _cleanup_free_ char *copy = strdup(value);
        char *save = NULL;
        int r = 0;

        if (!copy)
                return -ENOMEM;
        while (config->n_etcd > 0)
                free(config->etcd[--config->n_etcd]);
        for (char *url = strtok_r(copy, " ,", &save); url && r == 0;
             url = strtok_r(NULL, " ,", &save)) {
                if (config->n_etcd == CONFIG_ENDPOINTS_MAX)
                        return -EINVAL;
                config->etcd[config->n_etcd] = NULL;
                r = str_set(&config->etcd[config->n_etcd], url);
                config->n_etcd += r == 0;
        }
        return r == 0 && config->n_etcd == 0 ? -EINVAL : r;
}

static int set_lease(Config *config, const char *value)
{
        int r = str_to_u64(value, LEASE_S_MAX, &config->lease_s);

        return r < 0 || config->lease_s < LEASE_S_MIN ? -EINVAL : 0;
}

static int set_boot(Config *config, const char *value)
{
        int r = str_to_u64(value, BOOT_S_MAX, &config->boot_s);

        return r < 0 || config->boot_s < BOOT_S_MIN ? -EINVAL : 0;
}

static int set_watchdog(Config *config, const char *value)
{
        config->no_watchdog = str_equal(value, "off");
        return config->no_watchdog || str_equal(value, "required") ? 0 : -EINVAL;
}

static int set_join_token(Config *config, const char *value)
{
        return str_set(&config->join_token, value);
}

static int set_certificate(Config *config, const char *value)
{
        int r = str_to_u64(value, CERTIFICATE_S_MAX, &config->certificate_s);

        return r < 0 || config->certificate_s < CERTIFICATE_S_MIN ? -EINVAL : 0;
}

static int set_vcpus(Config *config, const char *value)
{
        return str_to_u64(value, 65536, &config->vcpus);
}

static int set_mib(uint64_t *target, const char *value)
{
        uint64_t mib;
        int r = str_to_u64(value, UINT64_MAX / MIB, &mib);

        if (r == 0)
                *target = mib * MIB;
        return r;
}

static int set_memory(Config *config, const char *value)
{
        return set_mib(&config->memory_bytes, value);
}

static int set_disk(Config *config, const char *value)
{
        return set_mib(&config->disk_bytes, value);
}

static const Setting settings[] = {
        {"host", set_host},
        {"fault-domain", set_fault_domain},
        {"uplink", set_uplink},
        {"address", set_address},
        {"vip-pool", set_vip_pool},
        {"overlay", set_overlay},
        {"etcd", set_etcd},
        {"lease", set_lease},
        {"boot", set_boot},
        {"vcpus", set_vcpus},
        {"memory", set_memory},
        {"disk", set_disk},
        {"join-token", set_join_token},
        {"certificate", set_certificate},
        {"watchdog", set_watchdog},
};

/* What is being read, and what is wrong with it. */
typedef struct Reading {
        Config *config;
        char **ret_wrong;
} Reading;

static int apply(void *userdata, const char *where, const char *name, const char *value)
{
        Reading *reading = userdata;
        int r;

        for (size_t i = 0; value && i < ARRAY_SIZE(settings); i++) {
                if (!str_equal(settings[i].name, name))
                        continue;
                r = settings[i].set(reading->config, value);
                if (r == -EINVAL || r == -ERANGE) {
                        *reading->ret_wrong = str_printf("%s: %s: \"%s\" is not a value for it",
                                                         where, name, value);
                        return -EINVAL;
                }
                return r;
        }
        *reading->ret_wrong = value ? str_printf("%s: %s: there is no such setting", where, name)
                                    : str_printf("%s: \"%s\" is not NAME=VALUE", where, name);
        return -EINVAL;
}

static int load(Reading *reading, const char *path, const char *credentials)
{
        const char *names[ARRAY_SIZE(settings) + 1] = {};

        for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
                names[i] = settings[i].name;
        return name_value_load(&(NameValueSource) {
                .path = path,
                .credentials = credentials,
                .prefix = CREDENTIAL_START,
                .names = names,
                .bytes_max = CONFIG_BYTES_MAX,
                .set = apply,
                .userdata = reading,
        });
}

int config_load(Config *config, const char *path, const char *credentials, char **ret_wrong)
{
        struct utsname uts;
        int r;

        *config = (Config) {.lease_s = LEASE_S_DEFAULT, .certificate_s = CERTIFICATE_S};
        *ret_wrong = NULL;
        uname(&uts);
        r = str_set(&config->host, uts.nodename);
        if (r == 0)
                r = str_set(&config->uplink, "");
        if (r == 0)
                r = str_set(&config->vip_pool, "");
        if (r == 0)
                r = str_set(&config->overlay, "10.64.0.0/10");
        if (r == 0)
                r = load(&(Reading) {config, ret_wrong}, path, credentials);
        if (r == 0 && !config->fault_domain)
                r = str_set(&config->fault_domain, config->host);
        return r;
}

void config_deinit(Config *config)
{
        free(config->host);
        free(config->fault_domain);
        free(config->uplink);
        free(config->vip_pool);
        free(config->overlay);
        free(config->join_token);
        while (config->n_etcd > 0)
                free(config->etcd[--config->n_etcd]);
        *config = (Config) {};
}

/* `198.18.100.0/24` without its network and broadcast address, `FIRST-LAST`, or one address. */
static int parse_pool(const char *text, IpAddress *ret_first, IpAddress *ret_last)
{
        _cleanup_free_ char *first_text = strdup(text);
        char *dash = first_text ? strchr(first_text, '-') : NULL;
        unsigned prefix;
        uint64_t count;
        int r;

        if (!first_text)
                return -ENOMEM;
        if (dash) {
                *dash = '\0';
                r = ip_parse(first_text, ret_first);
                if (r == 0)
                        r = ip_parse(dash + 1, ret_last);
                return r < 0 || ret_first->family != ret_last->family ||
                                       ip_compare(ret_first, ret_last) > 0
                               ? -EINVAL
                               : 0;
        }
        r = ip_parse_range(text, ret_first, &prefix);
        if (r < 0)
                return r;
        *ret_last = *ret_first;
        if (prefix == ip_bits(ret_first))
                return 0;
        if (ip_bits(ret_first) - prefix > 24 || ip_bits(ret_first) - prefix < 2)
                return -EINVAL;
        count = UINT64_C(1) << (ip_bits(ret_first) - prefix);
        if ((ret_first->bytes[ip_bits(ret_first) / 8 - 1] & MIN(count - 1, UINT64_C(255))) != 0)
                return -EINVAL; /* the address has host bits */
        r = ip_add(ret_last, count - 2, ret_last);
        return r < 0 ? r : ip_add(ret_first, 1, ret_first);
}

/* Where a role VM boots so much more slowly it does all else more slowly, too: its agent is heard
 * less often, its role starts later, an operation gets on later (docs/adr/0157). */
static void set_slowness(ClusterRecord *cluster, uint64_t boot_ms)
{
        uint64_t usual_ms = cluster->boot_ms, slow_ms = MAX(boot_ms, usual_ms);

        cluster->boot_ms = boot_ms;
        cluster->agent_silence_ms = cluster->agent_silence_ms * slow_ms / usual_ms;
        cluster->role_ms = cluster->role_ms * slow_ms / usual_ms;
        cluster->operation_ms = cluster->operation_ms * slow_ms / usual_ms;
}

int config_cluster(const Config *config, const char *id, Record *ret_cluster, char **ret_wrong)
{
        _cleanup_free_ char *pools = strdup(config->vip_pool);
        ClusterRecord *cluster = &ret_cluster->cluster;
        char *save = NULL;

        *ret_wrong = NULL;
        if (!pools)
                return -ENOMEM;
        record_init(ret_cluster, RECORD_CLUSTER);
        snprintf(cluster->id, sizeof(cluster->id), "%s", id);
        for (char *pool = strtok_r(pools, " ,", &save); pool; pool = strtok_r(NULL, " ,", &save)) {
                size_t n = cluster->n_vip_pools;

                if (n == RECORD_VIP_POOLS_MAX || parse_pool(pool, &cluster->vip_pools[n].first,
                                                            &cluster->vip_pools[n].last) < 0) {
                        *ret_wrong = str_printf("vip-pool: \"%s\" is not a NETWORK/LENGTH of 4 to "
                                                "2^24 addresses or FIRST-LAST, or there are too "
                                                "many",
                                                pool);
                        record_deinit(ret_cluster);
                        return -EINVAL;
                }
                cluster->n_vip_pools++;
        }
        if (ip_parse_range(config->overlay, &cluster->overlay, &cluster->overlay_prefix) < 0) {
                *ret_wrong = str_printf("overlay: \"%s\" is not NETWORK/LENGTH", config->overlay);
                record_deinit(ret_cluster);
                return -EINVAL;
        }
        cluster->lease_ms = config->lease_s * 1000;
        if (config->boot_s > 0)
                set_slowness(cluster, config->boot_s * 1000);
        /* what the watchdog demands: the kill time, and what clocks may drift apart in a lease */
        cluster->leader_delay_ms =
                MAX(cluster->leader_delay_ms, DELAY_KILL_MS + cluster->lease_ms / DELAY_DRIFT);
        return 0;
}
