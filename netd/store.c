/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Lines of fields parted by tabs: no text that object.c lets through has a tab or a newline. The
 * first field is the kind's letter; the rest are the contract's fields in their order, lists with
 * their length before them. Reading goes through the same checks as the bus. */

#include "netd/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/array.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "netd/export.h"

#define FILE_NAME     "state"
#define FILE_BAD      "state.bad"
#define HEADER        "troupe-netd 1\n"
#define COMPACT_SLACK (1 * MIB)
#define FIELDS_MAX    (16 + 4 * NET1_BACKENDS_MAX)

struct Store {
        int dir_fd;
        int fd;
        off_t length;
        off_t undo;    /* length before the last change */
        off_t compact; /* length after the last compaction */
};

/* ---- writing */

static void put_endpoint(StrBuffer *out, const Net1Endpoint *e)
{
        const Net1Probe *p = &e->probe;

        str_buffer_addf(out, "E\t%s\t%s\t%u\t%u\t%u\t%d\t%u\t%u\t%u\t%s\t%u\t%u\t%zu", e->id,
                        e->vip, e->protocol, e->port, e->balancing, e->ignore_status,
                        e->idle_timeout_s, p->kind, p->port, p->path, p->interval_ms, p->timeout_ms,
                        e->n_acl);
        for (size_t i = 0; i < e->n_acl; i++)
                str_buffer_addf(out, "\t%d\t%s", e->acl[i].permit, e->acl[i].network);
        str_buffer_addf(out, "\t%zu", e->n_backends);
        for (size_t i = 0; i < e->n_backends; i++)
                str_buffer_addf(out, "\t%s\t%u\t%d", e->backends[i].instance, e->backends[i].port,
                                e->backends[i].ready);
        str_buffer_add(out, "\n");
}

static void put_reach(StrBuffer *out, const Net1Reach *r)
{
        str_buffer_addf(out, "R\t%s\t%s\t%u\t%u\t%u\t%zu", r->network, r->group, r->protocol,
                        r->first, r->last, r->n_from);
        for (size_t i = 0; i < r->n_from; i++)
                str_buffer_addf(out, "\t%s", r->from[i]);
        str_buffer_add(out, "\n");
}

static void put_share(StrBuffer *out, const Net1Share *s)
{
        str_buffer_addf(out, "S\t%s\t%zu", s->endpoint, s->n_weights);
        for (size_t i = 0; i < s->n_weights; i++)
                str_buffer_addf(out, "\t%s\t%u", s->weights[i].peer, s->weights[i].weight);
        str_buffer_add(out, "\n");
}

static void put_state(StrBuffer *out, const Net1State *s)
{
        for (size_t i = 0; i < s->n_networks; i++)
                str_buffer_addf(out, "N\t%s\t%s\t%u\t%s\t%u\n", s->networks[i].id,
                                s->networks[i].bridge, s->networks[i].vni, s->networks[i].gateway,
                                s->networks[i].mtu_bytes);
        for (size_t i = 0; i < s->n_instances; i++)
                str_buffer_addf(out, "I\t%s\t%s\t%s\t%s\t%s\t%s\t%u\n", s->instances[i].id,
                                s->instances[i].network, s->instances[i].group, s->instances[i].tap,
                                s->instances[i].mac, s->instances[i].address,
                                s->instances[i].owner);
        for (size_t i = 0; i < s->n_vips; i++)
                str_buffer_addf(out, "V\t%s\t%s\t%d\t%u\n", s->vips[i].address, s->vips[i].uplink,
                                s->vips[i].owned, s->vips[i].new_per_second);
        for (size_t i = 0; i < s->n_endpoints; i++)
                put_endpoint(out, &s->endpoints[i]);
        for (size_t i = 0; i < s->n_reaches; i++)
                put_reach(out, &s->reaches[i]);
        for (size_t i = 0; i < s->n_peers; i++)
                str_buffer_addf(out, "P\t%s\t%s\t%d\t%d\n", s->peers[i].id, s->peers[i].address,
                                s->peers[i].self, s->peers[i].alive);
        for (size_t i = 0; i < s->n_shares; i++)
                put_share(out, &s->shares[i]);
        for (size_t i = 0; i < s->n_remotes; i++)
                str_buffer_addf(out, "T\t%s\t%s\t%s\t%s\t%s\t%s\n", s->remotes[i].id,
                                s->remotes[i].network, s->remotes[i].group, s->remotes[i].mac,
                                s->remotes[i].address, s->remotes[i].peer);
}

static int put_change(StrBuffer *out, const StateChange *change)
{
        _cleanup_(export_deinit) Export export = {};
        int r = 0;

        for (size_t i = 0; r == 0 && i < change->n_objects; i++) {
                const ObjectChange *c = &change->objects[i];

                if (c->after)
                        r = export_object(&export, c->after);
                else
                        str_buffer_addf(out, "G\t%s\t%s\n", state_kind_name(c->before->kind),
                                        c->before->key);
        }
        put_state(out, &export.state);
        return r;
}

static int append(Store *store, StrBuffer *out, uint64_t generation)
{
        int r;

        str_buffer_addf(out, "C\t%llu\n", (unsigned long long) generation);
        if (out->failed)
                return -ENOMEM;
        if (store->length + (off_t) out->length > (off_t) STORE_MAX_BYTES)
                return -EFBIG;
        r = file_write_all(store->fd, out->data, out->length);
        if (r < 0) {
                if (ftruncate(store->fd, store->length) < 0)
                        return -errno;
                return r;
        }
        store->undo = store->length;
        store->length += (off_t) out->length;
        return 0;
}

int store_append(Store *store, const StateChange *change, uint64_t generation)
{
        _cleanup_(str_buffer_deinit) StrBuffer out = {};
        int r;

        r = put_change(&out, change);
        return r < 0 ? r : append(store, &out, generation);
}

int store_undo(Store *store)
{
        if (ftruncate(store->fd, store->undo) < 0)
                return -errno;
        store->length = store->undo;
        return 0;
}

static int reopen(Store *store)
{
        struct stat status;

        fd_close(store->fd);
        store->fd = openat(store->dir_fd, FILE_NAME, O_WRONLY | O_APPEND | O_CLOEXEC);
        if (store->fd < 0 || fstat(store->fd, &status) < 0)
                return -errno;
        store->length = store->undo = status.st_size;
        return 0;
}

static int rewrite(Store *store, const State *state, uint64_t generation)
{
        _cleanup_(str_buffer_deinit) StrBuffer out = {};
        _cleanup_(export_deinit) Export export = {};
        int r;

        str_buffer_add(&out, HEADER);
        r = export_state(&export, state);
        if (r < 0)
                return r;
        put_state(&out, &export.state);
        if (generation > 0)
                str_buffer_addf(&out, "C\t%llu\n", (unsigned long long) generation);
        if (out.failed)
                return -ENOMEM;
        r = file_write_atomic(store->dir_fd, FILE_NAME, out.data, out.length, 0600);
        if (r == 0)
                r = reopen(store);
        if (r == 0)
                store->compact = store->length;
        return r;
}

int store_compact(Store *store, const State *state, uint64_t generation)
{
        if (store->length < 3 * store->compact + (off_t) COMPACT_SLACK)
                return 0;
        return rewrite(store, state, generation);
}

/* ---- reading */

typedef struct Fields {
        char **at;
        size_t n;
        size_t next;
        bool bad;
} Fields;

static const char *take_text(Fields *fields)
{
        if (fields->next >= fields->n) {
                fields->bad = true;
                return "";
        }
        return fields->at[fields->next++];
}

static uint32_t take_number(Fields *fields, uint64_t max)
{
        uint64_t value = 0;

        if (str_to_u64(take_text(fields), max, &value) < 0)
                fields->bad = true;
        return (uint32_t) value;
}

static int take_endpoint(Fields *f, Net1State *s)
{
        Net1Endpoint e = {.id = take_text(f), .vip = take_text(f)}, *last;
        size_t n;
        int r;

        e.protocol = (uint8_t) take_number(f, UINT8_MAX);
        e.port = (uint16_t) take_number(f, UINT16_MAX);
        e.balancing = (uint8_t) take_number(f, UINT8_MAX);
        e.ignore_status = take_number(f, 1);
        e.idle_timeout_s = take_number(f, UINT32_MAX);
        e.probe.kind = (uint8_t) take_number(f, UINT8_MAX);
        e.probe.port = (uint16_t) take_number(f, UINT16_MAX);
        e.probe.path = take_text(f);
        e.probe.interval_ms = take_number(f, UINT32_MAX);
        e.probe.timeout_ms = take_number(f, UINT32_MAX);
        r = ARRAY_APPEND(s->endpoints, s->n_endpoints, e);
        if (r < 0)
                return r;
        last = &s->endpoints[s->n_endpoints - 1];
        n = take_number(f, NET1_ACL_MAX);
        for (size_t i = 0; r == 0 && i < n; i++) {
                Net1Rule rule = {.permit = take_number(f, 1)};

                rule.network = take_text(f);
                r = ARRAY_APPEND(last->acl, last->n_acl, rule);
        }
        n = take_number(f, NET1_BACKENDS_MAX);
        for (size_t i = 0; r == 0 && i < n; i++) {
                Net1Backend b = {.instance = take_text(f)};

                b.port = (uint16_t) take_number(f, UINT16_MAX);
                b.ready = take_number(f, 1);
                r = ARRAY_APPEND(last->backends, last->n_backends, b);
        }
        return r;
}

static int take_reach(Fields *f, Net1State *s)
{
        Net1Reach reach = {.network = take_text(f), .group = take_text(f)}, *last;
        size_t n;
        int r;

        reach.protocol = (uint8_t) take_number(f, UINT8_MAX);
        reach.first = (uint16_t) take_number(f, UINT16_MAX);
        reach.last = (uint16_t) take_number(f, UINT16_MAX);
        r = ARRAY_APPEND(s->reaches, s->n_reaches, reach);
        if (r < 0)
                return r;
        last = &s->reaches[s->n_reaches - 1];
        n = take_number(f, NET1_FROM_MAX);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = ARRAY_APPEND(last->from, last->n_from, take_text(f));
        return r;
}

static int take_share(Fields *f, Net1State *s)
{
        Net1Share share = {.endpoint = take_text(f)}, *last;
        size_t n;
        int r;

        r = ARRAY_APPEND(s->shares, s->n_shares, share);
        if (r < 0)
                return r;
        last = &s->shares[s->n_shares - 1];
        n = take_number(f, NET1_PEERS_MAX);
        for (size_t i = 0; r == 0 && i < n; i++) {
                Net1Weight weight = {.peer = take_text(f)};

                weight.weight = take_number(f, UINT32_MAX);
                r = ARRAY_APPEND(last->weights, last->n_weights, weight);
        }
        return r;
}

static int take_network(Fields *f, Net1State *s)
{
        Net1Network n = {.id = take_text(f), .bridge = take_text(f)};

        n.vni = take_number(f, UINT32_MAX);
        n.gateway = take_text(f);
        n.mtu_bytes = take_number(f, UINT32_MAX);
        return ARRAY_APPEND(s->networks, s->n_networks, n);
}

static int take_instance(Fields *f, Net1State *s)
{
        Net1Instance n = {.id = take_text(f), .network = take_text(f), .group = take_text(f)};

        n.tap = take_text(f);
        n.mac = take_text(f);
        n.address = take_text(f);
        n.owner = take_number(f, UINT32_MAX);
        return ARRAY_APPEND(s->instances, s->n_instances, n);
}

static int take_vip(Fields *f, Net1State *s)
{
        Net1Vip v = {.address = take_text(f), .uplink = take_text(f)};

        v.owned = take_number(f, 1);
        v.new_per_second = take_number(f, UINT32_MAX);
        return ARRAY_APPEND(s->vips, s->n_vips, v);
}

static int take_peer(Fields *f, Net1State *s)
{
        Net1Peer p = {.id = take_text(f), .address = take_text(f)};

        p.self = take_number(f, 1);
        p.alive = f->next == f->n || take_number(f, 1); /* a log from before peers could be dead */
        return ARRAY_APPEND(s->peers, s->n_peers, p);
}

static int take_remote(Fields *f, Net1State *s)
{
        Net1Remote n = {.id = take_text(f), .network = take_text(f), .group = take_text(f)};

        n.mac = take_text(f);
        n.address = take_text(f);
        n.peer = take_text(f);
        return ARRAY_APPEND(s->remotes, s->n_remotes, n);
}

static int take_gone(Fields *f, Net1State *s)
{
        Net1Gone g = {.kind = take_text(f), .key = take_text(f)};

        return ARRAY_APPEND(s->gone, s->n_gone, g);
}

static int commit(Fields *f, Net1State *group, State *state, uint64_t *generation)
{
        _cleanup_(state_change_deinit) StateChange change = {};
        StateError error;
        int r;

        *generation = take_number(f, UINT32_MAX);
        r = f->bad ? -EBADMSG : state_plan(state, group, false, &change, &error);
        if (r == 0)
                r = state_apply(state, &change, &error);
        net1_state_deinit(group);
        return r > 0 ? -EBADMSG : r;
}

static int take_line(Fields *f, Net1State *group, State *state, uint64_t *generation)
{
        static const struct {
                char letter;
                int (*take)(Fields *, Net1State *);
        } kinds[] = {
                {'N', take_network},  {'I', take_instance}, {'V', take_vip},
                {'E', take_endpoint}, {'R', take_reach},    {'P', take_peer},
                {'S', take_share},    {'T', take_remote},   {'G', take_gone},
        };
        const char *letter = take_text(f);
        int r;

        if (strcmp(letter, "C") == 0)
                return commit(f, group, state, generation);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (letter[0] == kinds[i].letter && !letter[1]) {
                        r = kinds[i].take(f, group);
                        return r < 0 ? r : f->bad || f->next != f->n ? -EBADMSG : 0;
                }
        return -EBADMSG;
}

static void split(char *line, Fields *fields)
{
        *fields = (Fields) {.at = fields->at};
        for (char *field; fields->n < FIELDS_MAX && (field = strsep(&line, "\t"));)
                fields->at[fields->n++] = field;
        fields->bad = line != NULL;
}

static int read_log(char *data, State *state, uint64_t *ret_generation)
{
        _cleanup_(net1_state_deinit) Net1State group = {};
        _cleanup_free_ char **at = calloc(FIELDS_MAX, sizeof(*at));
        Fields fields = {.at = at};
        uint64_t generation = 0;
        int r = 0;

        if (!at)
                return -ENOMEM;
        if (!str_after(data, HEADER))
                return -EBADMSG;
        data += strlen(HEADER);
        for (char *end; r == 0 && (end = strchr(data, '\n')); data = end + 1) {
                *end = '\0';
                split(data, &fields);
                r = fields.bad ? -EBADMSG : take_line(&fields, &group, state, &generation);
        }
        *ret_generation = generation;
        return r;
}

static int load(Store *store, State *state, uint64_t *ret_generation)
{
        _cleanup_free_ char *data = NULL;
        int r;

        r = file_read(store->dir_fd, FILE_NAME, STORE_MAX_BYTES, &data, NULL);
        if (r == -ENOENT)
                return 0;
        if (r == 0)
                r = read_log(data, state, ret_generation);
        if (r == -ENOMEM || r == 0)
                return r;
        log_error_errno(r, "the state in %s is not readable: set aside as %s", FILE_NAME, FILE_BAD);
        state_deinit(state);
        *ret_generation = 0;
        return renameat(store->dir_fd, FILE_NAME, store->dir_fd, FILE_BAD) < 0 ? -errno : 0;
}

int store_open(const char *directory, State *state, uint64_t *ret_generation, Store **ret_store)
{
        _cleanup_(store_freep) Store *store = calloc(1, sizeof(*store));
        uint64_t generation = 0;
        int r;

        if (!store)
                return -ENOMEM;
        store->fd = -1;
        store->dir_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (store->dir_fd < 0)
                return -errno;
        r = load(store, state, &generation);
        if (r == 0)
                r = rewrite(store, state, generation);
        if (r < 0)
                return r;
        *ret_generation = generation;
        *ret_store = TAKE_PTR(store);
        return 0;
}

void store_free(Store *store)
{
        if (!store)
                return;
        fd_close(store->fd);
        fd_close(store->dir_fd);
        free(store);
}
