/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/holders.h"

#include "lib/base/hash.h"
#include "lib/base/str.h"

typedef struct Names {
        RecordName *names;
        size_t *n;
} Names;

static Names holders_of(Record *record)
{
        if (record->type == RECORD_PACKAGE)
                return (Names) {record->package.holders, &record->package.n_holders};
        assert(record->type == RECORD_OS);
        return (Names) {record->os.holders, &record->os.n_holders};
}

static bool is_among(const RecordName *names, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (str_equal(names[i], name))
                        return true;
        return false;
}

/* ---- the rule */

/* Copies there are, and those that are decided on. */
typedef struct Copies {
        const HoldersHost *on[HOLDERS_COPIES];
        size_t n;         /* as many as are looked at */
        size_t n_domains; /* that these are in */
} Copies;

static bool in_domain(const Copies *copies, const char *domain)
{
        for (size_t i = 0; i < copies->n; i++)
                if (str_equal(copies->on[i]->fault_domain, domain))
                        return true;
        return false;
}

/* A copy beyond HOLDERS_COPIES is of interest only for its fault domain. */
static void add(Copies *copies, const HoldersHost *host)
{
        bool new_domain = !in_domain(copies, host->fault_domain);

        if (copies->n < HOLDERS_COPIES)
                copies->on[copies->n++] = host;
        else if (new_domain && copies->n_domains < HOLDERS_COPIES)
                copies->on[copies->n - 1] = host;
        else
                return;
        copies->n_domains += new_domain;
}

/* The next host to have a copy; NULL when there is none left. */
static const HoldersHost *choose(const Copies *copies, const char *digest, const HoldersHost *hosts,
                                 size_t n_hosts, const RecordName *holders, size_t n_holders)
{
        const HoldersHost *best = NULL;
        bool best_new = false;
        uint64_t best_rank = 0, seed = hash_text(digest, 0);

        for (size_t i = 0; i < n_hosts; i++) {
                const HoldersHost *host = &hosts[i];
                bool new_domain = !in_domain(copies, host->fault_domain);
                uint64_t rank = hash_text(host->name, seed);

                if (!host->counts || is_among(holders, n_holders, host->name) ||
                    (copies->n > 0 && copies->on[copies->n - 1] == host))
                        continue;
                if (!best || (new_domain && !best_new) ||
                    (new_domain == best_new && rank < best_rank)) {
                        best = host;
                        best_new = new_domain;
                        best_rank = rank;
                }
        }
        return best;
}

/* As good as it can be: enough of them, and another one would not be in another fault domain. */
static bool is_enough(const Copies *copies, const HoldersHost *next)
{
        return copies->n_domains == HOLDERS_COPIES || !next ||
               (copies->n == HOLDERS_COPIES && in_domain(copies, next->fault_domain));
}

bool holders_should_fetch(const char *digest, const HoldersHost *hosts, size_t n_hosts,
                          const RecordName *holders, size_t n_holders, const char *self)
{
        Copies copies = {};

        for (size_t i = 0; i < n_hosts; i++)
                if (hosts[i].counts && is_among(holders, n_holders, hosts[i].name))
                        add(&copies, &hosts[i]);
        if (copies.n == 0)
                return false;
        for (;;) {
                const HoldersHost *next =
                        choose(&copies, digest, hosts, n_hosts, holders, n_holders);

                if (is_enough(&copies, next))
                        return false;
                if (str_equal(next->name, self))
                        return true;
                add(&copies, next);
        }
}

/* ---- who holds what */

/* Removes a name, or the first one that @is_useless says yes to. */
static void remove_at(Names list, size_t index)
{
        memmove(list.names[index], list.names[index + 1],
                (*list.n - index - 1) * sizeof(RecordName));
        (*list.n)--;
        memset(list.names[*list.n], 0, sizeof(RecordName));
}

static bool remove_unregistered(Fabric *fabric, Names list)
{
        bool changed = false;

        for (size_t i = *list.n; i-- > 0;) {
                if (state_get_named(fabric, RECORD_HOST, list.names[i]))
                        continue;
                remove_at(list, i);
                changed = true;
        }
        return changed;
}

static bool make_room(Fabric *fabric, Names list)
{
        if (*list.n < RECORD_HOLDERS_MAX)
                return true;
        for (size_t i = 0; i < *list.n; i++) {
                const Host *host = map_get(&fabric->hosts, list.names[i]);

                if (host && host->alive)
                        continue;
                remove_at(list, i);
                return true;
        }
        return false;
}

void holders_request(Fabric *fabric, Record *record, const Host *host, bool holds)
{
        Names list = holders_of(record);
        bool changed = remove_unregistered(fabric, list);

        if (holds && !is_among(list.names, *list.n, host->name) && make_room(fabric, list)) {
                SET_NAME(list.names[*list.n], host->name);
                (*list.n)++;
                changed = true;
        }
        for (size_t i = *list.n; !holds && i-- > 0;) {
                if (!str_equal(list.names[i], host->name))
                        continue;
                remove_at(list, i);
                changed = true;
        }
        if (changed)
                state_touch(fabric, ITEM_OF(record));
}

void holders_keep(const Record *old, Record *record)
{
        bool package = old->type == RECORD_PACKAGE;
        const RecordName *before = package ? old->package.holders : old->os.holders;
        size_t n_before = package ? old->package.n_holders : old->os.n_holders;
        Names list = holders_of(record);

        for (size_t i = 0; i < n_before && *list.n < RECORD_HOLDERS_MAX; i++) {
                if (is_among(list.names, *list.n, before[i]))
                        continue;
                SET_NAME(list.names[*list.n], before[i]);
                (*list.n)++;
        }
}
