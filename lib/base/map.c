/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The hash map: entries in order of insertion, and an open-addressed table of indices into them.
 * Removing leaves a hole in the entries and a slot that points to it; both go at the next growth.
 */

#include "lib/base/map.h"

#include <string.h>

#include "lib/base/hash.h"

#define MAP_MIN_SLOTS 8u

static void map_free_entry(Map *map, MapEntry *entry)
{
        if (entry->key && map->value_free)
                map->value_free(entry->value);
        free(entry->key);
}

void map_deinit(Map *map)
{
        for (size_t i = 0; i < map->n_entries; i++)
                map_free_entry(map, &map->entries[i]);
        free(map->entries);
        free(map->slots);
        *map = (Map) {.seed = map->seed, .value_free = map->value_free};
}

static MapEntry *map_find(const Map *map, const char *key, uint64_t hash)
{
        for (size_t i = hash & (map->n_slots - 1); map->n_slots > 0;
             i = (i + 1) & (map->n_slots - 1)) {
                MapEntry *entry;

                if (map->slots[i] == 0)
                        return NULL;
                entry = &map->entries[map->slots[i] - 1];
                if (entry->key && entry->hash == hash && strcmp(entry->key, key) == 0)
                        return entry;
        }
        return NULL;
}

void *map_get(const Map *map, const char *key)
{
        const MapEntry *entry = map_find(map, key, hash_text(key, map->seed));

        return entry ? entry->value : NULL;
}

bool map_contains(const Map *map, const char *key)
{
        return map_find(map, key, hash_text(key, map->seed));
}

static void map_link(Map *map, size_t index)
{
        size_t i = map->entries[index].hash & (map->n_slots - 1);

        while (map->slots[i] != 0)
                i = (i + 1) & (map->n_slots - 1);
        map->slots[i] = (uint32_t) index + 1;
}

/* Makes the table at most half full and drops the holes. */
static int map_rebuild(Map *map)
{
        size_t n_slots = MAP_MIN_SLOTS, kept = 0;
        MapEntry *entries;
        uint32_t *slots;

        while (n_slots < 4 * (map->n_live + 1))
                n_slots *= 2;
        entries = malloc(n_slots / 2 * sizeof(*entries));
        slots = calloc(n_slots, sizeof(*slots));
        if (!entries || !slots) {
                free(entries);
                free(slots);
                return -ENOMEM;
        }
        for (size_t i = 0; i < map->n_entries; i++)
                if (map->entries[i].key)
                        entries[kept++] = map->entries[i];
        free(map->entries);
        free(map->slots);
        map->entries = entries;
        map->slots = slots;
        map->n_entries = kept;
        map->n_slots = n_slots;
        for (size_t i = 0; i < kept; i++)
                map_link(map, i);
        return 0;
}

int map_put(Map *map, const char *key, void *value)
{
        uint64_t hash = hash_text(key, map->seed);
        MapEntry *entry = map_find(map, key, hash);
        char *copy;

        if (entry) {
                if (map->value_free && entry->value != value)
                        map->value_free(entry->value);
                entry->value = value;
                return 0;
        }
        if (map->n_entries + 1 > map->n_slots / 2 && map_rebuild(map) < 0)
                return -ENOMEM;
        copy = strdup(key);
        if (!copy)
                return -ENOMEM;
        map->entries[map->n_entries] = (MapEntry) {.key = copy, .hash = hash, .value = value};
        map_link(map, map->n_entries++);
        map->n_live++;
        return 0;
}

void *map_remove(Map *map, const char *key)
{
        MapEntry *entry = map_find(map, key, hash_text(key, map->seed));
        void *value;

        if (!entry)
                return NULL;
        value = entry->value;
        free(entry->key);
        entry->key = NULL;
        entry->value = NULL;
        map->n_live--;
        return value;
}

uint64_t *map_number(Map *map, const char *key, uint64_t initial)
{
        uint64_t *number = map_get(map, key);

        if (number)
                return number;
        number = malloc(sizeof(*number));
        if (!number || map_put(map, key, number) < 0) {
                free(number);
                return NULL;
        }
        *number = initial;
        return number;
}
