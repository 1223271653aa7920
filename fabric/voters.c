/* SPDX-License-Identifier: GPL-3.0-or-later */
/* First it is chosen who should vote, preferring those who do, so that nothing moves without need.
 * Then the members are brought there one step at a time. A learner costs nothing, so it comes first
 * and catches up; votes change only when the next change can follow.
 *
 * Source: etcd, "Learner" and "Runtime reconfiguration": a member that cannot start must not count
 */

#include "fabric/voters.h"

#include <string.h>

#define FEW          3
#define MANY         5
#define LEARNERS_MAX 1 /* at once: as many as etcd 3.5 takes */

/* What the rules look at. */
typedef struct Tally {
        const bool *chosen;
        size_t voters, alive;       /* members that vote, and those of them that live */
        size_t learners, caught_up; /* of hosts that are chosen and live */
        size_t surplus;             /* voters that are not chosen */
        size_t newcomers;           /* chosen, alive, and not even learners */
} Tally;

static bool learns(const VoterHost *host)
{
        return host->role == VOTER_ADDED || host->role == VOTER_CAUGHT_UP;
}

/* Hosts of a fault domain, up to and without @end, that @counts says are to be counted. */
static size_t count_domain(const VoterHost *hosts, const bool *chosen, size_t end,
                           const char *domain)
{
        size_t n = 0;

        for (size_t i = 0; i < end; i++)
                n += (chosen ? chosen[i] : hosts[i].wanted) &&
                     strcmp(hosts[i].fault_domain, domain) == 0;
        return n;
}

unsigned voters_target(const VoterHost *hosts, size_t n_hosts)
{
        size_t wanted = 0, domains = 0;

        for (size_t i = 0; i < n_hosts; i++) {
                if (!hosts[i].wanted)
                        continue;
                wanted++;
                if (domains < FEW)
                        domains += count_domain(hosts, NULL, i, hosts[i].fault_domain) == 0;
        }
        return wanted >= MANY && domains >= FEW ? MANY : wanted >= FEW ? FEW : 1;
}

/* Whether @a is chosen rather than @b, as far as their fault domains are equally full. */
static bool before(const VoterHost *a, const VoterHost *b)
{
        if ((a->role == VOTER_VOTES) != (b->role == VOTER_VOTES))
                return a->role == VOTER_VOTES;
        if (learns(a) != learns(b))
                return learns(a);
        return strcmp(a->name, b->name) < 0;
}

/* Picks one more of those that may be; false when there is none. */
static bool choose_one(const VoterHost *hosts, size_t n_hosts, const bool *may, bool *chosen)
{
        size_t best = n_hosts, best_full = 0;

        for (size_t i = 0; i < n_hosts; i++) {
                size_t full;

                if (!may[i] || chosen[i])
                        continue;
                full = count_domain(hosts, chosen, n_hosts, hosts[i].fault_domain);
                if (best == n_hosts || full < best_full ||
                    (full == best_full && before(&hosts[i], &hosts[best]))) {
                        best = i;
                        best_full = full;
                }
        }
        if (best < n_hosts)
                chosen[best] = true;
        return best < n_hosts;
}

static bool votes(const VoterHost *host)
{
        return host->wanted && host->role == VOTER_VOTES;
}

/* Whether it can be reckoned with: it lives, or is a voter that was lost only just now. */
static bool is_there(const VoterHost *host, const VoterSettings *settings, uint64_t now_ns)
{
        return host->wanted && (host->alive || (host->role == VOTER_VOTES &&
                                                now_ns - host->lost_ns < settings->patience_ns));
}

static unsigned choose_up_to(const VoterHost *hosts, size_t n_hosts, unsigned left, const bool *may,
                             bool *chosen)
{
        while (left > 0 && choose_one(hosts, n_hosts, may, chosen))
                left--;
        return left;
}

/* Those that are there and stay; where these are too few, those that are drained and vote, so that
 * a drain alone costs no vote; then voters that were lost long ago: they may come back. */
static void choose(const VoterHost *hosts, size_t n_hosts, const VoterSettings *settings,
                   uint64_t now_ns, bool *may, bool *chosen)
{
        unsigned left = voters_target(hosts, n_hosts), n_may = 0;

        for (size_t i = 0; i < n_hosts; i++) {
                may[i] = is_there(&hosts[i], settings, now_ns) && !hosts[i].draining;
                n_may += may[i] || (votes(&hosts[i]) && hosts[i].alive);
        }
        if (n_may <= FEW) /* three that live survive a loss; three of five with two dead do not */
                left = MIN(left, (unsigned) FEW);
        left = choose_up_to(hosts, n_hosts, left, may, chosen);
        for (size_t i = 0; i < n_hosts; i++)
                may[i] = votes(&hosts[i]) && hosts[i].alive;
        left = choose_up_to(hosts, n_hosts, left, may, chosen);
        for (size_t i = 0; i < n_hosts; i++)
                may[i] = votes(&hosts[i]);
        choose_up_to(hosts, n_hosts, left, may, chosen);
}

static Tally count(const VoterHost *hosts, size_t n_hosts, const bool *chosen)
{
        Tally tally = {.chosen = chosen};

        for (size_t i = 0; i < n_hosts; i++) {
                const VoterHost *host = &hosts[i];

                tally.voters += host->role == VOTER_VOTES;
                tally.alive += host->role == VOTER_VOTES && host->alive;
                tally.surplus += host->role == VOTER_VOTES && !chosen[i];
                tally.newcomers += chosen[i] && host->alive && host->role == VOTER_NONE;
                tally.learners += chosen[i] && host->alive && learns(host);
                tally.caught_up += chosen[i] && host->alive && host->role == VOTER_CAUGHT_UP;
        }
        return tally;
}

static bool find_stale_learner(const VoterHost *hosts, size_t n_hosts, const Tally *tally,
                               size_t *ret_index)
{
        for (size_t i = 0; i < n_hosts; i++)
                if (learns(&hosts[i]) && !tally->chosen[i]) {
                        *ret_index = i;
                        return true;
                }
        return false;
}

static bool find_newcomer(const VoterHost *hosts, size_t n_hosts, const Tally *tally,
                          size_t *ret_index)
{
        for (size_t i = 0; tally->learners < LEARNERS_MAX && i < n_hosts; i++)
                if (tally->chosen[i] && hosts[i].alive && hosts[i].role == VOTER_NONE) {
                        *ret_index = i;
                        return true;
                }
        return false;
}

static bool stays(const VoterHost *host)
{
        return host->wanted && !host->draining;
}

/* The voter to take out next: the dead before the living, those that go before the others. */
static const VoterHost *find_surplus(const VoterHost *hosts, size_t n_hosts, const Tally *tally)
{
        const VoterHost *worst = NULL;

        for (size_t i = 0; i < n_hosts; i++) {
                const VoterHost *host = &hosts[i];

                if (host->role != VOTER_VOTES || tally->chosen[i])
                        continue;
                if (!worst || (worst->alive && !host->alive) ||
                    (worst->alive == host->alive && stays(worst) && !stays(host)))
                        worst = host;
        }
        return worst;
}

/* Whether the living are a majority without it, and taking it out leaves no even number of voters
 * for long: something follows at once, or it is dead and was of no use, or nobody will follow. */
static bool may_remove(const VoterHost *host, const Tally *tally)
{
        size_t alive = tally->alive - host->alive, voters = tally->voters - 1;

        if (voters == 0 || alive < voters / 2 + 1)
                return false;
        if (voters % 2 == 1 || tally->surplus > 1 || tally->caught_up > 0)
                return true;
        if (!host->alive && tally->newcomers > 0) /* etcd takes nobody new while one is away */
                return true;
        return tally->learners == 0 && !host->wanted;
}

/* The same the other way round. */
static bool may_promote(const Tally *tally)
{
        size_t voters = tally->voters + 1;

        return tally->caught_up > 0 && tally->alive + 1 >= voters / 2 + 1 &&
               (voters % 2 == 1 || tally->newcomers > 0 || tally->surplus > 0);
}

static VoterStep promote(const VoterHost *hosts, size_t n_hosts, const Tally *tally,
                         size_t *ret_index)
{
        for (size_t i = 0; i < n_hosts; i++)
                if (tally->chosen[i] && hosts[i].alive && hosts[i].role == VOTER_CAUGHT_UP) {
                        *ret_index = i;
                        return VOTER_PROMOTE;
                }
        return VOTER_REST;
}

static VoterStep decide(const VoterHost *hosts, size_t n_hosts, const Tally *tally,
                        size_t *ret_index)
{
        const VoterHost *surplus = find_surplus(hosts, n_hosts, tally);
        bool dead = surplus && !surplus->alive;

        if (find_stale_learner(hosts, n_hosts, tally, ret_index))
                return VOTER_REMOVE;
        if (tally->voters % 2 == 0 && may_promote(tally)) /* what was begun is ended first */
                return promote(hosts, n_hosts, tally, ret_index);
        if (dead && may_remove(surplus, tally)) {
                *ret_index = (size_t) (surplus - hosts);
                return VOTER_REMOVE;
        }
        if (find_newcomer(hosts, n_hosts, tally, ret_index))
                return VOTER_ADD;
        if (!dead && may_promote(tally))
                return promote(hosts, n_hosts, tally, ret_index);
        if (surplus && may_remove(surplus, tally)) {
                *ret_index = (size_t) (surplus - hosts);
                return VOTER_REMOVE;
        }
        return may_promote(tally) ? promote(hosts, n_hosts, tally, ret_index) : VOTER_REST;
}

VoterStep voters_step(const VoterHost *hosts, size_t n_hosts, const VoterSettings *settings,
                      uint64_t now_ns, size_t *ret_index)
{
        _cleanup_free_ bool *may = calloc(n_hosts + 1, sizeof(*may));
        _cleanup_free_ bool *chosen = calloc(n_hosts + 1, sizeof(*chosen));
        Tally tally;

        assert(n_hosts <= VOTERS_HOSTS_MAX);
        if (!may || !chosen)
                return VOTER_REST;
        choose(hosts, n_hosts, settings, now_ns, may, chosen);
        tally = count(hosts, n_hosts, chosen);
        return decide(hosts, n_hosts, &tally, ret_index);
}

bool voters_in_haste(const VoterHost *hosts, size_t n_hosts)
{
        size_t voters = 0, learners = 0;

        for (size_t i = 0; i < n_hosts; i++) {
                voters += hosts[i].role == VOTER_VOTES;
                learners += learns(&hosts[i]) && hosts[i].alive;
        }
        return voters % 2 == 0 && learners > 0;
}

const char *voter_step_to_string(VoterStep step)
{
        static const char *const names[] = {
                [VOTER_REST] = "rest",
                [VOTER_ADD] = "add",
                [VOTER_PROMOTE] = "promote",
                [VOTER_REMOVE] = "remove",
        };

        assert((size_t) step < ARRAY_SIZE(names));
        return names[step];
}
