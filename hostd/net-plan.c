/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Plans are compared object by object: each is written as a text that says all of it, under the key
 * that netd knows it by, and two objects are the same when their texts are. */

#include "hostd/net-plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/base/map.h"
#include "lib/base/str.h"

void net_plan_deinit(NetPlan *plan)
{
        net1_state_deinit(&plan->state);
        for (size_t i = 0; i < plan->n_texts; i++)
                free(plan->texts[i]);
        free(plan->texts);
        *plan = (NetPlan) {};
}

const char *net_plan_text(NetPlan *plan, const char *format, ...)
{
        char *text = NULL;
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (n < 0)
                return NULL;
        if (ARRAY_APPEND(plan->texts, plan->n_texts, text) < 0) {
                free(text);
                return NULL;
        }
        return text;
}

/* ---- objects as texts: the key, a newline, all the rest */

static void write_network(StrBuffer *out, const void *object)
{
        const Net1Network *network = object;

        str_buffer_addf(out, "%s\n%s %u %s %u", network->id, network->bridge, network->vni,
                        network->gateway, network->mtu_bytes);
}

static void write_instance(StrBuffer *out, const void *object)
{
        const Net1Instance *instance = object;

        str_buffer_addf(out, "%s\n%s %s %s %s %s %u", instance->id, instance->network,
                        instance->group, instance->tap, instance->mac, instance->address,
                        instance->owner);
}

static void write_vip(StrBuffer *out, const void *object)
{
        const Net1Vip *vip = object;

        str_buffer_addf(out, "%s\n%s %d %u", vip->address, vip->uplink, vip->owned,
                        vip->new_per_second);
}

static void write_endpoint(StrBuffer *out, const void *object)
{
        const Net1Endpoint *endpoint = object;

        str_buffer_addf(out, "%s\n%s %u %u %u %d %u %u %u %s %u %u", endpoint->id, endpoint->vip,
                        endpoint->protocol, endpoint->port, endpoint->balancing,
                        endpoint->ignore_status, endpoint->idle_timeout_s, endpoint->probe.kind,
                        endpoint->probe.port, endpoint->probe.path, endpoint->probe.interval_ms,
                        endpoint->probe.timeout_ms);
        for (size_t i = 0; i < endpoint->n_acl; i++)
                str_buffer_addf(out, "\n%d %s", endpoint->acl[i].permit, endpoint->acl[i].network);
        for (size_t i = 0; i < endpoint->n_backends; i++)
                str_buffer_addf(out, "\n%s %u %d", endpoint->backends[i].instance,
                                endpoint->backends[i].port, endpoint->backends[i].ready);
}

static void write_reach(StrBuffer *out, const void *object)
{
        const Net1Reach *reach = object;

        str_buffer_addf(out, "%s %s %u %u %u\n", reach->network, reach->group, reach->protocol,
                        reach->first, reach->last);
        for (size_t i = 0; i < reach->n_from; i++)
                str_buffer_addf(out, "%s ", reach->from[i]);
}

static void write_peer(StrBuffer *out, const void *object)
{
        const Net1Peer *peer = object;

        str_buffer_addf(out, "%s\n%s %d %d", peer->id, peer->address, peer->self, peer->alive);
}

static void write_share(StrBuffer *out, const void *object)
{
        const Net1Share *share = object;

        str_buffer_addf(out, "%s\n", share->endpoint);
        for (size_t i = 0; i < share->n_weights; i++)
                str_buffer_addf(out, "%s %u ", share->weights[i].peer, share->weights[i].weight);
}

static void write_remote(StrBuffer *out, const void *object)
{
        const Net1Remote *remote = object;

        str_buffer_addf(out, "%s\n%s %s %s %s %s", remote->id, remote->network, remote->group,
                        remote->mac, remote->address, remote->peer);
}

/* One of the state's arrays, whatever it is of. */
typedef struct Part {
        const char *kind;
        size_t array; /* offsets in Net1State */
        size_t count;
        size_t size;
        void (*write)(StrBuffer *out, const void *object);
} Part;

#define PART(kind, member, type, write)                                                            \
        {kind, offsetof(Net1State, member), offsetof(Net1State, n_##member), sizeof(type), write}

static const Part parts[] = {
        PART("network", networks, Net1Network, write_network),
        PART("instance", instances, Net1Instance, write_instance),
        PART("vip", vips, Net1Vip, write_vip),
        PART("endpoint", endpoints, Net1Endpoint, write_endpoint),
        PART("reach", reaches, Net1Reach, write_reach),
        PART("peer", peers, Net1Peer, write_peer),
        PART("share", shares, Net1Share, write_share),
        PART("remote", remotes, Net1Remote, write_remote),
};

static char **part_array(Net1State *state, const Part *part)
{
        return (char **) (void *) ((char *) state + part->array);
}

static size_t *part_count(Net1State *state, const Part *part)
{
        return (size_t *) (void *) ((char *) state + part->count);
}

static int append(Net1State *state, const Part *part, const void *object)
{
        char **array = part_array(state, part);
        size_t *count = part_count(state, part);
        char *grown = array_grow(*array, *count, part->size);

        if (!grown)
                return -ENOMEM;
        *array = grown;
        memcpy(grown + *count * part->size, object, part->size);
        (*count)++;
        return 0;
}

/* Splits a written object in its key and the rest. */
static int describe(const Part *part, const void *object, char **ret_key, char **ret_rest)
{
        StrBuffer out = {};
        char *text, *rest;
        int r;

        part->write(&out, object);
        r = str_buffer_take(&out, &text);
        str_buffer_deinit(&out);
        if (r < 0)
                return r;
        rest = strchr(text, '\n');
        *rest++ = '\0';
        rest = strdup(rest);
        if (!rest) {
                free(text);
                return -ENOMEM;
        }
        *ret_key = text;
        *ret_rest = rest;
        return 0;
}

static int read_part(Net1State *state, const Part *part, Map *ret_map)
{
        for (size_t i = 0; i < *part_count(state, part); i++) {
                _cleanup_free_ char *key = NULL;
                char *rest;
                int r;

                r = describe(part, *part_array(state, part) + i * part->size, &key, &rest);
                if (r < 0)
                        return r;
                r = map_put(ret_map, key, rest);
                if (r < 0) {
                        free(rest);
                        return r;
                }
        }
        return 0;
}

/* What is in @to and is not so in @before, whose keys are taken out as they are met. */
static int diff_added(const Part *part, NetPlan *to, Map *before, NetPlan *update)
{
        for (size_t i = 0; i < *part_count(&to->state, part); i++) {
                const char *object = *part_array(&to->state, part) + i * part->size;
                _cleanup_free_ char *key = NULL, *rest = NULL, *old = NULL;
                int r;

                r = describe(part, object, &key, &rest);
                if (r < 0)
                        return r;
                old = map_remove(before, key);
                r = str_equal(old, rest) ? 0 : append(&update->state, part, object);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int diff_gone(const Part *part, const Map *left, NetPlan *update)
{
        MAP_FOREACH (entry, left) {
                Net1Gone gone = {.kind = part->kind,
                                 .key = net_plan_text(update, "%s", entry->key)};

                if (!gone.key || ARRAY_APPEND(update->state.gone, update->state.n_gone, gone) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int net_plan_diff(NetPlan *from, NetPlan *to, NetPlan *ret_update)
{
        NetPlan update = {};
        size_t n_changes = 0;
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(parts) && r == 0; i++) {
                Map before = {.value_free = free};

                r = read_part(&from->state, &parts[i], &before);
                if (r == 0)
                        r = diff_added(&parts[i], to, &before, &update);
                if (r == 0)
                        r = diff_gone(&parts[i], &before, &update);
                n_changes += *part_count(&update.state, &parts[i]);
                map_deinit(&before);
        }
        n_changes += update.state.n_gone;
        if (r == 0 && n_changes > 0) {
                *ret_update = update;
                return 0;
        }
        net_plan_diff_deinit(&update);
        return r < 0 ? r : NET_PLAN_SAME;
}

void net_plan_diff_deinit(NetPlan *update)
{
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                free(*part_array(&update->state, &parts[i]));
        free(update->state.gone);
        update->state = (Net1State) {};
        net_plan_deinit(update);
}
