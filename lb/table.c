/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Maglev's population by turns, with weights: in each round a member takes a bucket when it has
 * collected the heaviest member's weight. Sizes over 8 are prime, so that every stride walks the
 * whole table. */

#include "lb/table.h"

#include "lib/base/hash.h"

#define EXACT_MAX 8 /* groups up to this have a table of their own size */
#define FREE      UINT16_MAX

static const uint32_t sizes[LB_SIZES_MAX] = {1, 2, 3, 4, 5, 6, 7, 8, 61, 421, 2521, LB_TABLE_MAX};

typedef struct Turn {
        uint64_t hash;
        uint16_t member;
        uint32_t position; /* of its next wish */
        uint32_t stride;
        uint64_t collected;
        uint32_t weight;
} Turn;

uint32_t lb_size(unsigned index)
{
        assert(index < LB_SIZES_MAX);
        return sizes[index];
}

unsigned lb_size_index(size_t n_members, bool sticky)
{
        assert(n_members >= 1 && n_members <= LB_MEMBERS_MAX);
        if (n_members == 1)
                return 0;
        if (n_members <= EXACT_MAX)
                return sticky ? 8 : (unsigned) n_members - 1;
        return n_members <= 32 ? 9 : n_members <= 128 ? 10 : 11;
}

static int turn_compare(const void *a, const void *b)
{
        const Turn *x = a, *y = b;

        return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static size_t turns_begin(Turn *turns, const LbMember *members, size_t n_members, uint32_t size)
{
        size_t n = 0;

        for (size_t i = 0; i < n_members; i++) {
                uint64_t offset = hash_mix(members[i].hash);
                uint64_t skip = hash_mix(offset);

                if (members[i].weight == 0)
                        continue;
                turns[n++] = (Turn) {
                        .hash = members[i].hash,
                        .member = (uint16_t) i,
                        .position = (uint32_t) (offset % size),
                        .stride = size <= EXACT_MAX ? 1 : 1 + (uint32_t) (skip % (size - 1)),
                        .weight = members[i].weight,
                };
        }
        qsort(turns, n, sizeof(*turns), turn_compare);
        return n;
}

static void turn_take(Turn *turn, uint16_t *table, uint32_t size)
{
        while (table[turn->position] != FREE)
                turn->position = (turn->position + turn->stride) % size;
        table[turn->position] = turn->member;
}

static uint32_t heaviest(const Turn *turns, size_t n)
{
        uint32_t weight = 0;

        for (size_t i = 0; i < n; i++)
                weight = MAX(weight, turns[i].weight);
        return weight;
}

int lb_table_fill(const LbMember *members, size_t n_members, uint16_t *table, uint32_t size)
{
        _cleanup_free_ Turn *turns = NULL;
        uint32_t most, filled = 0;
        size_t n;

        assert(n_members <= LB_MEMBERS_MAX && size <= LB_TABLE_MAX);
        turns = calloc(n_members ?: 1, sizeof(*turns));
        if (!turns)
                return -ENOMEM;
        n = turns_begin(turns, members, n_members, size);
        if (n == 0)
                return -ENOENT;
        most = heaviest(turns, n);
        for (uint32_t i = 0; i < size; i++)
                table[i] = FREE;
        while (filled < size)
                for (size_t i = 0; i < n && filled < size; i++) {
                        turns[i].collected += turns[i].weight;
                        if (turns[i].collected < most)
                                continue;
                        turns[i].collected -= most;
                        turn_take(&turns[i], table, size);
                        filled++;
                }
        return 0;
}
