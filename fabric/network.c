/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Lowest-free allocation, always computed from the records: nothing to leak and nothing to store.
 */

#include "fabric/network.h"

#include <string.h>

bool network_pick_vip(const Fabric *fabric, IpAddress *ret_vip)
{
        const ClusterRecord *cluster = fabric->cluster;
        size_t n_used = 0, n_slots = SLOTS * map_size(&fabric->records[RECORD_SERVICE]);

        for (size_t p = 0; p < cluster->n_vip_pools; p++) {
                IpAddress vip = cluster->vip_pools[p].first;

                /* each round passes over a used one, so there are at most as many rounds */
                for (bool taken = true; taken && n_used <= n_slots && vip.family != 0 &&
                                        ip_compare(&vip, &cluster->vip_pools[p].last) <= 0;) {
                        taken = false;
                        RECORDS_FOREACH(entry, fabric, RECORD_SERVICE)
                        {
                                const ServiceRecord *s = &((Record *) entry->value)->service;

                                taken |= ip_compare(&s->slots[0].vip, &vip) == 0 ||
                                         ip_compare(&s->slots[1].vip, &vip) == 0;
                        }
                        if (!taken) {
                                *ret_vip = vip;
                                return true;
                        }
                        n_used++;
                        if (ip_add(&vip, 1, &vip) < 0)
                                break;
                }
        }
        return false;
}

bool network_pick(Fabric *fabric, DeploymentRecord *deployment)
{
        const ClusterRecord *cluster = fabric->cluster;
        unsigned bits = cluster->deployment_prefix - cluster->overlay_prefix;
        size_t n = map_size(&fabric->records[RECORD_DEPLOYMENT]) + 2;
        _cleanup_free_ bool *used = calloc(n, 1);

        if (!used) {
                fabric->failed = true;
                return false;
        }
        if (cluster->deployment_prefix <= cluster->overlay_prefix ||
            cluster->deployment_prefix > ip_bits(&cluster->overlay))
                return false;
        used[0] = true;
        RECORDS_FOREACH(entry, fabric, RECORD_DEPLOYMENT)
        {
                const DeploymentRecord *other = &((Record *) entry->value)->deployment;

                if (other->vni >= cluster->vni_first && other->vni - cluster->vni_first < n)
                        used[other->vni - cluster->vni_first] = true;
        }
        for (uint32_t i = 1; i < n && (bits >= 24 || i < UINT32_C(1) << bits); i++) {
                unsigned shift = ip_bits(&cluster->overlay) - cluster->deployment_prefix;

                if (used[i])
                        continue;
                if (shift >= 40 ||
                    ip_add(&cluster->overlay, (uint64_t) i << shift, &deployment->network) < 0)
                        return false;
                deployment->network_prefix = cluster->deployment_prefix;
                deployment->vni = cluster->vni_first + i;
                return true;
        }
        return false;
}

/* One more than the highest address number that may be given out. */
static uint32_t address_end(const IpAddress *network, unsigned prefix)
{
        unsigned bits = ip_bits(network) - prefix;

        if (network->family == 0 || prefix > ip_bits(network))
                return 0;
        return bits >= 16 ? NETWORK_ADDRESSES_MAX : (UINT32_C(1) << bits) - 1; /* not broadcast */
}

uint32_t network_capacity(const IpAddress *network, unsigned prefix)
{
        uint32_t end = address_end(network, prefix);

        return end > NETWORK_FIRST_ADDRESS ? end - NETWORK_FIRST_ADDRESS : 0;
}

void network_open(Fabric *fabric, Deployment *deployment)
{
        const DeploymentRecord *record = deployment_record(deployment);
        uint32_t n = address_end(&record->network, record->network_prefix);
        uint64_t *addresses = calloc(n / 64 + 1, sizeof(uint64_t));

        if (!addresses) {
                fabric->failed = true;
                return;
        }
        free(deployment->addresses);
        deployment->addresses = addresses;
        deployment->n_addresses = n;
}

void network_mark(Deployment *deployment, const IpAddress *address, bool used)
{
        const DeploymentRecord *record = deployment_record(deployment);
        size_t last = ip_bits(&record->network) / 8;
        uint64_t bit;
        uint32_t n;

        if (address->family == 0 || address->family != record->network.family ||
            !ip_in_network(address, &record->network, record->network_prefix))
                return;
        n = (uint32_t) ((address->bytes[last - 2] << 8 | address->bytes[last - 1]) -
                        (record->network.bytes[last - 2] << 8 | record->network.bytes[last - 1]));
        if (n >= deployment->n_addresses)
                return;
        bit = UINT64_C(1) << (n % 64);
        if (used)
                deployment->addresses[n / 64] |= bit;
        else
                deployment->addresses[n / 64] &= ~bit;
}

bool network_pick_address(Deployment *deployment, IpAddress *ret_address)
{
        const DeploymentRecord *record = deployment_record(deployment);

        for (uint32_t n = NETWORK_FIRST_ADDRESS; n < deployment->n_addresses; n++) {
                uint64_t word = deployment->addresses[n / 64];

                if (word == UINT64_MAX) {
                        n |= 63;
                        continue;
                }
                if ((word >> (n % 64) & 1) == 0)
                        return ip_add(&record->network, n, ret_address) == 0;
        }
        return false;
}
